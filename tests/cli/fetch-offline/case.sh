# What is missing is told, and so is what to do.
mkdir root
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C root -cf root.tar .
recipe() {
	cat <<END
recipe: 1
name: small
stages:
  builder:
    from: { rootfs: $1 }
    steps:
      - fetch: numbers
        run: [/bin/true]
        output: /numbers
END
}
recipe root.tar >local.recipe
recipe "\"http://127.0.0.1:1/root.tar\", sha256: $(echo | sha256sum | cut -c 1-64)" >url.recipe
ggbuild fetch local.recipe --offline --progress none || echo "exit $?"
ggbuild fetch local.recipe --locked --progress none || echo "exit $?"
ggbuild fetch url.recipe --offline --progress none || echo "exit $?"
