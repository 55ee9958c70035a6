# SPDX-License-Identifier: Apache-2.0
# An engine that is no engine: what is sent to it, what of that is left out, and what happens when it refuses.
cat >make.py <<"END"
import images
from images import Layout, compressed, digest, docker_files, layer, write_tar

tars = [layer({name: name.encode()}) for name in ("one", "two", "three")]
Layout(*tars, compress=compressed, kind="+gzip").write("image")
Layout(tars[0], compress=compressed, kind="+gzip").write("damaged")
write_tar("export", docker_files(*tars, tags=("name:v1",)))
for n in (1, 2, 3):
    with open("has-%d" % n, "w") as f:
        # Another image, and one with the same layers in another place of the chain, are no help.
        f.write(" ".join(digest(tar) for tar in reversed(tars)) + "\n")
        f.write(" ".join(digest(tar) for tar in tars[:n]) + " sha256:" + "0" * 64 + "\n")
END
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 make.py
for blob in damaged/blobs/sha256/*; do
	# The layer, which is the one that is no JSON.
	[ "$(head -c 1 "$blob")" = "{" ] || truncate -s -1 "$blob"
	[ "$(head -c 1 "$blob")" = "{" ] || echo >>"$blob"
done
mkdir state
mv export state
: >state/requests
"$TESTS/http/fake_engine.py" "$PWD/engine.sock" state &
engine=$!
trap 'kill $engine' EXIT
export DOCKER_HOST="unix://$PWD/engine.sock"
until [ -S engine.sock ]; do sleep 0.05; done

exec 2>&1
# to HOW [IMAGE]: what comes of sending an image to such an engine.
to() {
	echo "== $1"
	echo "$1" >state/how
	: >state/requests
	ggbuild copy --progress none "${2:-image}" docker-daemon:name:v1 || echo "exit $?"
	# The engine writes down on its own time what it saw of one who hung up.
	sleep 0.2
	# Which of its images are asked for first is nobody's business.
	grep -v images/sha256 state/requests || :
}
to good
for n in 1 2 3; do
	cp has-$n state/has
	to "good $n"
done
to whole
to refuse
to gone
to podman
to error
to hangup
to garbage
to sick
rm state/has
to damaged damaged

echo "== from"
echo good >state/how
: >state/requests
ggbuild copy --progress none docker-daemon:name:v1 oci:back
ggbuild diff image back --ignore compression && echo "the same image"
cat state/requests
echo dies >state/how
ggbuild copy --progress none docker-daemon:name:v1 oci:back || echo "exit $?"

echo "== places"
for ref in docker-daemon: docker-daemon:Name docker-daemon:name@sha256:0000000000000000000000000000000000000000000000000000000000000000; do
	ggbuild copy image "$ref" || echo "exit $?"
done
for host in unix:///nowhere unix://relative ssh://somewhere tcp:// tcp://a@b:1 fd://; do
	DOCKER_HOST=$host ggbuild copy image docker-daemon:name || echo "exit $?"
done
DOCKER_HOST="unix://$PWD/image/oci-layout" ggbuild copy image docker-daemon:name || echo "exit $?"
