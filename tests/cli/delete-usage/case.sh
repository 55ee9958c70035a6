# What `delete` is, and what it does not take.
ggbuild delete --help
for image in oci:out app docker://UPPER/Name/x docker://reg.example/app@sha256:short; do
	ggbuild delete "$image" || echo "exit $?"
done
ggbuild delete || echo "exit $?"
GGBUILD_TEST_RETRY_MS=1 ggbuild delete --tls-verify=false docker://127.0.0.1:1/app:1 || echo "exit $?"
