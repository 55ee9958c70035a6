/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/oci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "layers/base/fd.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"

static struct gg_digest digest(const char *hex)
{
	struct gg_digest d;

	assert_int_equal(gg_digest_from_hex(hex, &d), 0);
	return d;
}

#define STRINGS(...)                                                                               \
	((struct oci_strings){ .v = (const char *const[]){ __VA_ARGS__ },                          \
			       .n = GG_LEN(((const char *const[]){ __VA_ARGS__ })) })

/* An image that has everything; two layers. */
static struct oci_image everything(struct oci_layer layers[2])
{
	layers[0] = (struct oci_layer){ .media_type = GZIP,
					.digest = digest(A64),
					.diff_id = digest(B64),
					.size = 12,
					.created_by = "base/1" };
	layers[1] = (struct oci_layer){ .media_type = ZSTD,
					.digest = digest(B64),
					.diff_id = digest(A64),
					.size = 0x100000000 };
	return (struct oci_image){
		.architecture = "amd64",
		.os = "linux",
		.created = 1582934399,
		.author = "A \"B\" <c@d>",
		.user = "1000:1000",
		.workdir = "/w",
		.stop_signal = "SIGTERM",
		.layers = layers,
		.n_layers = 2,
	};
}

/* The schemas of the image specification, as a program that is not ours reads them. */
static void check_schema(const char *kind, const char *text)
{
	char path[] = "/tmp/gg-oci-XXXXXX";
	_cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
	_cleanup_free_ char *command =
		gg_asprintf(TESTS_DIR "/schema/check_oci.py %s %s", kind, path);
	struct gg_err err = GG_ERR_INIT;

	assert_true(fd >= 0);
	assert_int_equal(gg_write_all(fd, text, strlen(text), &err), 0);
	if (system(command) != 0)
		fail_msg("%s: %s", kind, text);
	assert_int_equal(remove(path), 0);
}

static void test_config(void **state)
{
	struct oci_layer layers[2];
	struct oci_image image = everything(layers);
	_cleanup_free_ char *config = NULL;

	(void)state;
	image.env = STRINGS("PATH=/bin", "A=b=c");
	image.entrypoint = STRINGS("/bin/a", "");
	image.cmd = STRINGS("-v");
	image.ports = STRINGS("53/udp", "8080/tcp");
	image.volumes = STRINGS("/data", "/tmp");
	image.labels = STRINGS("b=2", "a=x=y", "empty=");
	image.annotations = STRINGS("not=here");
	image.health = (struct oci_health){ .present = true,
					    .test = STRINGS("CMD", "true"),
					    .interval = 30000000000,
					    .timeout = 1,
					    .start_period = 2,
					    .start_interval = 3,
					    .retries = 4 };
	config = oci_config(&image);
	assert_string_equal(
		config,
		"{\"architecture\":\"amd64\",\"author\":\"A \\\"B\\\" "
		"<c@d>\",\"config\":{\"Cmd\":[\"-v\"],"
		"\"Entrypoint\":[\"/bin/a\",\"\"],\"Env\":[\"PATH=/bin\",\"A=b=c\"],"
		"\"ExposedPorts\":{\"53/udp\":{},\"8080/tcp\":{}},"
		"\"Healthcheck\":{\"Interval\":30000000000,\"Retries\":4,\"StartInterval\":3,"
		"\"StartPeriod\":2,"
		"\"Test\":[\"CMD\",\"true\"],\"Timeout\":1},"
		"\"Labels\":{\"a\":\"x=y\",\"b\":\"2\",\"empty\":\"\"},\"StopSignal\":\"SIGTERM\","
		"\"User\":\"1000:1000\","
		"\"Volumes\":{\"/data\":{},\"/tmp\":{}},\"WorkingDir\":\"/"
		"w\"},\"created\":\"2020-02-28T23:59:59Z\","
		"\"history\":[{\"created\":\"2020-02-28T23:59:59Z\",\"created_by\":\"base/1\"},"
		"{\"created\":\"2020-02-28T23:59:59Z\"}],\"os\":\"linux\","
		"\"rootfs\":{\"diff_ids\":[\"sha256:" B64 "\",\"sha256:" A64
		"\"],\"type\":\"layers\"}}");
	check_schema("config", config);
}

/* What was not given is not there. */
static void test_smallest_documents(void **state)
{
	const struct oci_image image = { .architecture = "arm64", .os = "linux" };
	const struct gg_digest a = digest(A64);
	_cleanup_free_ char *config = oci_config(&image), *manifest = oci_manifest(&image, &a, 2);

	(void)state;
	assert_string_equal(
		config,
		"{\"architecture\":\"arm64\",\"config\":{},\"created\":\"1970-01-01T00:00:00Z\","
		"\"history\":[],\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[],\"type\":\"layers\"}"
		"}");
	assert_string_equal(
		manifest, "{\"config\":{\"digest\":\"sha256:" A64 "\",\"mediaType\":"
			  "\"application/vnd.oci.image.config.v1+json\",\"size\":2},\"layers\":[],"
			  "\"mediaType\":\"application/"
			  "vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}");
	check_schema("config", config);
}

static void test_manifest(void **state)
{
	struct oci_layer layers[2];
	struct oci_image image = everything(layers);
	const struct gg_digest a = digest(A64);
	_cleanup_free_ char *manifest = NULL;

	(void)state;
	image.annotations = STRINGS("org.example.b=2", "org.example.a=x=y");
	manifest = oci_manifest(&image, &a, 345);
	assert_string_equal(manifest,
			    "{\"annotations\":{\"org.example.a\":\"x=y\",\"org.example.b\":\"2\"},"
			    "\"config\":{\"digest\":\"sha256:" A64
			    "\",\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
			    "\"size\":345},\"layers\":[{\"digest\":\"sha256:" A64
			    "\",\"mediaType\":\"" GZIP "\",\"size\":12},"
			    "{\"digest\":\"sha256:" B64 "\",\"mediaType\":\"" ZSTD
			    "\",\"size\":4294967296}],"
			    "\"mediaType\":\"application/"
			    "vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}");
	check_schema("manifest", manifest);
}

static void test_index(void **state)
{
	struct oci_layer layers[2];
	struct oci_image image = everything(layers);
	const struct gg_digest a = digest(A64), b = digest(B64);
	struct gg_json *list = gg_json_array();
	_cleanup_json_ struct gg_json *index = oci_index(list);
	_cleanup_free_ char *text = NULL;

	(void)state;
	gg_json_append_take(list, oci_descriptor(&image, &a, 345, "v1"));
	gg_json_append_take(list, oci_descriptor(&image, &b, 0, NULL));
	text = gg_json_compact(index);
	assert_string_equal(
		text,
		"{\"manifests\":[{\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"},"
		"\"digest\":\"sha256:" A64
		"\",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"},\"size\":345},"
		"{\"digest\":\"sha256:" B64
		"\",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"},\"size\":0}],"
		"\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}");
	check_schema("index", text);
	check_schema("layout", OCI_LAYOUT_TEXT);
}

/* A checker that takes everything would show nothing. */
static void test_the_schemas_refuse(void **state)
{
	static const char *const bad[][2] = {
		{ "config", "{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}" },
		{ "config", "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":"
			    "\"layer\",\"diff_ids\":[]}}" },
		{ "manifest", "{\"schemaVersion\":1,\"layers\":[]}" },
		{ "index", "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"md5\",\"size\":1,"
			   "\"mediaType\":\"a/b\"}]}" },
		{ "layout", "{\"imageLayoutVersion\":\"2.0.0\"}" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(bad); i++) {
		_cleanup_free_ char *command = gg_asprintf(
			"echo '%s' | " TESTS_DIR "/schema/check_oci.py %s /dev/stdin 2>/dev/null",
			bad[i][1], bad[i][0]);
		int status = system(command);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != 3)
			fail_msg("%s: status %d for %s", bad[i][0], status, bad[i][1]);
	}
}

static void test_times(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} times[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ -1, "1969-12-31T23:59:59Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" },
		{ 253402300799, "9999-12-31T23:59:59Z" },
	};

	(void)state;
	assert_int_equal(setenv("TZ", "Asia/Tokyo", 1), 0);
	for (size_t i = 0; i < GG_LEN(times); i++) {
		_cleanup_free_ char *text = oci_time(times[i].seconds);

		assert_string_equal(text, times[i].text);
	}
}

/* annotations.md: ref ::= component ("/" component)*, component ::= alphanum (separator alphanum)*,
 * separator ::= [-._:@+] | "--" */
static void test_reference_grammar(void **state)
{
	static const char *const good[] = {
		"a",
		"A9",
		"latest",
		"v1.2.3-rc+1",
		"a--b",
		"a/b/c",
		"reg.example.com:5000/name/app:v1",
		"x@sha256:00",
		"1_0",
	};
	static const char *const bad[] = {
		"",     "/",        "a/",   "/a",   "a//b", "-a",   "a-",
		"a..b", "a---b",    "a--",  "a-.b", "a-/b", "a/-b", "a b",
		"a\n",  "\xc3\xa9", "a__b", "a#b",  "a%b",  "a,b",  "@0",
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(good); i++)
		if (!oci_ref_valid(good[i]))
			fail_msg("refused: '%s'", good[i]);
	for (size_t i = 0; i < GG_LEN(bad); i++)
		if (oci_ref_valid(bad[i]))
			fail_msg("taken: '%s'", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_smallest_documents),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_the_schemas_refuse),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_reference_grammar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
