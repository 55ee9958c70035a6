# Copies of what is not there, leads out, or is no file. The help names what is nearest.
. "$TESTS/tools/cases.sh"
layer() { # NAME, the copy on standard input
	{
		stage <<'E'
- run: |
    mkdir -p /d/sub /d/pipes
    echo 1 >/d/file
    echo 2 >/d/sub/inner
    mkfifo /d/pipes/fifo
    ln -s /etc /d/absolute
    ln -s ../../../../etc /d/up
    ln -s ../../../../../nowhere /d/out
    ln -s loop /d/loop
    ln -s sub /d/link
E
		printf 'image:\n  layers:\n    - name: files\n      copy: '
		cat
	} >"$1.recipe"
	try "$1.recipe" --progress none -o oci:out
}
layer nearest <<'E'
[ { from: base, path: /d/fiel, to: /x } ]
E
layer nearest-parent <<'E'
[ { from: base, path: /dd/file, to: /x } ]
E
layer no-parent <<'E'
[ { from: base, path: /usr/lib/libfoo.so, to: /x } ]
E
layer below-file <<'E'
[ { from: base, path: /d/file/more, to: /x } ]
E
layer fifo <<'E'
[ { from: base, path: /d/pipes/fifo, to: /x } ]
E
layer fifo-inside <<'E'
[ { from: base, path: /d/pipes, to: /x } ]
E
layer dots <<'E'
[ { from: base, path: /d/../etc/passwd, to: /x } ]
E
layer glob <<'E'
[ { from: base, path: "/d/*.so", to: /x/ } ]
E
layer leads-out <<'E'
[ { from: base, path: /d/out/secret, to: /x } ]
E
layer loop <<'E'
[ { from: base, path: /d/loop/file, to: /x } ]
E
layer parent-link <<'E'
[ { from: base, path: /d/link/outer, to: /x } ]
E
[ ! -e out ]
# Links that leave the root from the outside lead to the root's own files.
layer inside <<'E'
[ { from: base, path: /d/absolute/passwd, to: /one }, { from: base, path: /d/up/passwd, to: /two } ]
E
"$TESTS/tools/layer_list" out
# A socket is no part of a local input.
mkdir source
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("source/socket")'
echo 1 >source/file
cat >socket.recipe <<'E'
recipe: 1
name: socket
inputs: { source: { local: source } }
image: { layers: [ { name: files, copy: [ { from: source, path: /socket, to: /socket } ] } ] }
E
try socket.recipe --progress none -o oci:none
