# The host's loopback from a fetch step, with each network. The machine seems to have no name servers: nobody is asked.
mkdir -p root/bin root/tmp www
cp "$(command -v busybox)" root/bin/busybox
ln -s busybox root/bin/sh
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C root -cf root.tar .
echo "of the host" >www/page
python3 -u -m http.server --bind 127.0.0.1 --directory www 0 >port 2>/dev/null &
server=$!
trap 'kill $server' EXIT
until grep -qs port port; do sleep 0.05; done
url=http://127.0.0.1:$(sed 's/.* port \([0-9]*\) .*/\1/' port)/page
cat >net.recipe <<END
recipe: 1
name: net
stages:
  builder:
    from: { rootfs: root.tar, sha256: $(sha256sum <root.tar | cut -c 1-64) }
    steps:
      - fetch: page
        run: |
          # The host of http://HOST:PORT/page
          at=\${URL#http://} at=\${at%/page}
          /bin/busybox mkdir /out
          printf 'GET /page HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 5 \${at%:*} \${at#*:} >/tmp/answer
          /bin/busybox tail -n 1 /tmp/answer >/out/page
          /bin/busybox cat /out/page
        output: /out
END
echo "# no name servers" >resolv.conf
path=$PATH
program=$(command -v ggbuild)
attempt() {
	echo "== $*" >&2
	rm -rf net.lock store
	status=0
	unshare --mount sh -ec 'mount --bind resolv.conf /etc/resolv.conf; PATH=$1; shift; exec "$@"' - "$path" \
		"$program" net.recipe --target builder --store store --progress none "$@" 2>stderr || status=$?
	cat stderr >&2
	echo "exit $status" >&2
	[ ! -d store/logs ] || cat store/logs/* >&2
}
attempt --fetch-env "URL=$url"
attempt --fetch-env "URL=$url" --fetch-network host
attempt --fetch-env "URL=$url" --fetch-network isolated
path=/nowhere
attempt --fetch-env "URL=$url" --fetch-network isolated
attempt --fetch-network bridge
