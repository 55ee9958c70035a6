# Outputs in registries: what is refused before anything is made, what is found out before the work is done, and what is
# written down beside.
cat >some.recipe <<'EOF'
recipe: 1
name: some
stages: { one: { from: scratch } }
image: { from: one, layers: [ { name: file, make: [ { file: /file, content: "here\n" } ] } ] }
EOF
grep -v ^image: some.recipe >stages.recipe
# setsid: there is no terminal to ask at.
refused() { setsid -w ggbuild "$@" --progress none || echo "exit $?"; }
refused some.recipe -o docker:app
refused some.recipe -o docker://app/Upper
refused some.recipe -o docker://localhost:1/app -o docker://localhost:1/app:latest
refused some.recipe -o docker://localhost:1/app --offline
refused some.recipe -o docker://localhost:1/app --creds :password
refused some.recipe -o docker://localhost:1/app --creds user
refused some.recipe -o docker://localhost:1/app --tls-verify=perhaps
refused some.recipe --target one --digestfile digest
refused stages.recipe --iidfile id

echo "== nobody is there"
GGBUILD_TEST_RETRY_MS=1 refused some.recipe --tls-verify=false -o docker://127.0.0.1:1/app:1
echo "== files"
ggbuild some.recipe --progress none --digestfile digest --iidfile id --metadata-file metadata.json -o oci:out
cat digest && echo
cat id && echo
cat metadata.json
refused some.recipe --progress none --iidfile missing/id
