# What login and logout refuse, and what they do without a registry. setsid: there is no terminal to ask at.
try() {
	status=0
	setsid -w ggbuild "$@" 2>&1 || status=$?
	echo "exit $status"
}
ggbuild login --help
ggbuild logout --help
try login
try login registry.example -u me -p secret
try login registry.example:0 -u me --password-stdin
try login registry.example/App:1.0 -u me --password-stdin
try login registry.example
try login registry.example -u me
try login registry.example --password-stdin
try login registry.example -u me:you --password-stdin
try login registry.example -u me --password-stdin </dev/null
try login registry.example --get-login -u me
try login registry.example --tls-verify=no

# bWU6c2VjcmV0 is me:secret
export REGISTRY_AUTH_FILE=$PWD/auth.json
echo '{ "auths": { "registry.example/team": { "auth": "bWU6c2VjcmV0" }, "https://index.docker.io/v1/": { "auth":
	"bWU6c2VjcmV0" } }, "other": [ 1 ] }' >auth.json
chmod 600 auth.json
try login registry.example/team --get-login
try login https://registry.example/v2/ --get-login
try login docker.io --get-login
try logout registry.example
try logout
try logout --all registry.example/team
try logout registry.example/team
try login registry.example/team --get-login
try logout --all
cat auth.json
stat -c %a auth.json
echo '{ "auths": { "registry.example": { "auth": "secret' >auth.json
try login registry.example --get-login
try logout registry.example
try login registry.example --get-login --authfile absent.json

unset REGISTRY_AUTH_FILE
mkdir -p "$HOME/.docker"
echo '{ "auths": { "registry.example": { "auth": "bWU6c2VjcmV0" } } }' >"$HOME/.docker/config.json"
try logout registry.example

printf '[[registry]]\nprefix = "registry.example"\nlocation = "mirror.example"\n' >registries.conf
try login registry.example -u me --registries-conf registries.conf
printf '[[registry]]\nlocation = "registry.example"\nblocked = true\n' >registries.conf
try login registry.example -u me --registries-conf registries.conf
printf '[[registry]\n' >registries.conf
try login registry.example -u me --registries-conf registries.conf
