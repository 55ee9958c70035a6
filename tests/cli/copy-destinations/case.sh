# Destinations that clash: with each other, with what is below, with what a path can hold.
. "$TESTS/tools/cases.sh"
layer() { # NAME, the layer's keys on standard input
	{
		stage <<'E'
- make:
    - { directory: /d/sub }
    - { file: /d/file, content: "1" }
    - { file: /d/sub/file, content: "2" }
    - { symlink: /d/link, target: /etc }
E
		printf 'image:\n  from: base\n  layers:\n    - name: files\n'
		sed 's/^/      /'
	} >"$1.recipe"
	try "$1.recipe" --progress none -o oci:out
}
layer same <<'E'
copy: [ { from: base, path: /d/file, to: /x }, { from: base, path: /d/sub/file, to: /x } ]
E
layer same-inside <<'E'
copy: [ { from: base, path: /d/sub, to: /x }, { from: base, path: /d/file, to: /x/file } ]
E
layer same-in-directories <<'E'
copy: [ { from: base, path: /d, to: /x }, { from: base, path: /d/sub, to: /x } ]
E
layer same-by-pattern <<'E'
copy: [ { from: base, path: /d/file, to: /x/sub }, { from: base, path: "/d/s*", to: /x/ } ]
E
layer below-file <<'E'
copy: [ { from: base, path: /d/file, to: /x }, { from: base, path: /d/file, to: /x/y } ]
E
layer below-file-of-base <<'E'
copy: [ { from: base, path: /d/sub, to: /d/file/sub } ]
E
layer file-over-directory <<'E'
copy: [ { from: base, path: /d/file, to: /d/sub } ]
E
layer directory-over-file <<'E'
copy: [ { from: base, path: /d/sub, to: /d/file } ]
E
layer make-below-file <<'E'
make: [ { file: /d/file/x, content: "" } ]
E
layer through-new-link <<'E'
make: [ { symlink: /new, target: /etc }, { file: /new/passwd, content: "" } ]
E
layer several <<'E'
copy: [ { from: base, path: "/d/{file,link}", to: /x } ]
E
layer unknown-owner <<'E'
copy: [ { from: base, path: /d/file, to: /x, owner: nobody } ]
E
layer unknown-group <<'E'
copy: [ { from: base, path: /d/file, to: /x, owner: "root:staff" } ]
E
layer owner-range <<'E'
copy: [ { from: base, path: /d/file, to: /x, owner: "65536:0" } ]
make: [ { directory: /y, owner: "0:4294967296" }, { directory: /z, owner: "-1" } ]
E
layer escape <<'E'
copy: [ { from: base, path: /d/file, to: /../x }, { from: base, path: /d/file, to: x } ]
E
[ ! -e out ]
# A link of the base is followed inside the image, as every program in it would.
layer through-link <<'E'
copy: [ { from: base, path: /d/file, to: /d/link/file } ]
E
"$TESTS/tools/layer_list" out etc/file
