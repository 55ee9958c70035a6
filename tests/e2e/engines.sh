# shellcheck shell=sh disable=SC2154 # $work is the test's
# SPDX-License-Identifier: Apache-2.0
# Engines that run an image, for the tests to source: nothing of ours is in their way. $work is a private directory
# whose path is in lower case, for podman takes a layout's path for a name.

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

podman_here() {
	podman --root "$work/podman" --runroot "$work/podman-run" --tmpdir "$work/podman-tmp" --storage-driver vfs --runtime runc "$@"
}

# podman_run LAYOUT[:REF] ARGUMENT...: what the image prints without a network, capabilities and a writable root.
podman_run() {
	podman_layout=$1
	shift
	podman_here run --rm --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network none --read-only \
		--cap-drop all "oci:$podman_layout" "$@" 2>"$work/podman.log" || fail "podman: $(cat "$work/podman.log")"
}

# crun_run LAYOUT:REF ARGUMENT...: the same under crun, from a bundle that umoci unpacks.
crun_run() {
	crun_layout=$1
	shift
	rm -rf "$work/bundle"
	umoci unpack --image "$crun_layout" "$work/bundle" >"$work/umoci.log" 2>&1 || fail "umoci: $(cat "$work/umoci.log")"
	python3 - "$work/bundle/config.json" "$@" <<'END'
import json, sys
path, *args = sys.argv[1:]
with open(path) as f:
    config = json.load(f)
process = config["process"]
process.update(terminal=False, args=args, noNewPrivileges=True, capabilities={})
config["root"]["readonly"] = True
config["linux"].pop("resources", None)
config["mounts"] = [m for m in config["mounts"] if m["type"] != "cgroup"]
with open(path, "w") as f:
    json.dump(config, f)
END
	# crun refuses hosts that have both kinds of cgroups, even when it is told to use neither.
	unshare --mount sh -c 'umount -l /sys/fs/cgroup/unified 2>/dev/null || :; exec "$@"' sh \
		crun --cgroup-manager=disabled --root "$work/crun" run --bundle "$work/bundle" "gg-$$" 2>"$work/crun.log" ||
		fail "crun: $(cat "$work/crun.log")"
}
