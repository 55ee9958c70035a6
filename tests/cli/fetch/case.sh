# Everything that comes from outside is brought in; then the server goes away and a build has all that it needs.
mkdir www
"$TESTS/tools/busybox_rootfs" www/root.tar
echo data >www/data
: >port
python3 -u -m http.server --bind 127.0.0.1 --directory www 0 >port 2>/dev/null &
server=$!
until grep -q port port; do sleep 0.05; done
base=http://127.0.0.1:$(sed 's/.* port \([0-9]*\) .*/\1/' port)
cat >small.recipe <<END
recipe: 1
name: small
inputs:
  data: { url: $base/data, sha256: $(sha256sum <www/data | cut -c 1-64) }
stages:
  unused:
    from: { rootfs: $base/absent.tar, sha256: $(echo | sha256sum | cut -c 1-64) }
  builder:
    from: { rootfs: $base/root.tar, sha256: $(sha256sum <www/root.tar | cut -c 1-64) }
    steps:
      - fetch: numbers
        run: [/bin/busybox, sh, -c, "/bin/busybox mkdir /numbers && echo 1 >/numbers/one"]
        output: /numbers
      - run: /bin/busybox cat /numbers/one /data >/result
        inputs: { data: /data }
image:
  layers:
    - { name: result, copy: [ { from: builder, path: /result, to: /result } ] }
END
ggbuild fetch small.recipe --progress none
kill -KILL $server
wait $server 2>/dev/null || :
grep -c numbers small.lock
ggbuild fetch small.recipe --offline --locked --progress plain
ggbuild build small.recipe --offline --locked --no-cache -o oci:out --progress none | sed 's/:.*//'
ggbuild fetch small.recipe --target builder --offline --locked --progress none
ggbuild fetch small.recipe --target biulder --offline --locked --progress none || echo "exit $?"
