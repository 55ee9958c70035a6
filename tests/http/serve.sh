# SPDX-License-Identifier: Apache-2.0
# For CLI cases: `. "$TESTS/http/serve.sh"`, then `serve DIR` starts file_server.py on that directory and sets $url.
# `say WORDS` marks a place in both outputs.
# Rules go to ../server/wrong by `wrong PATTERN HOW` (`wrong` alone: none), what was asked for is in ../server/requests.

serve() {
	mkdir -p ../server
	: >../server/requests
	"$TESTS/http/file_server.py" "$1" ../server >../server/log 2>&1 &
	server=$!
	trap 'kill $server 2>/dev/null || :' EXIT
	until [ -s ../server/port ]; do
		kill -0 $server || {
			cat ../server/log >&2
			exit 1
		}
		sleep 0.05
	done
	url=http://127.0.0.1:$(cat ../server/port)
}

wrong() {
	echo "$*" >../server/wrong
}

say() {
	echo "== $*"
	echo "== $*" >&2
}
