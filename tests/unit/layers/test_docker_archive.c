/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/docker_archive.h"

#include "layers/compress.h"
#include "layers/docker_archive_write.h"
#include "tests/unit/layers/output_fixture.h"

/* The layers of the fixture are plain: their digests are their diffIDs. */
static void make_plain(struct fixture_image *a)
{
	make_image(a, "a");
	for (size_t i = 0; i < 2; i++)
		a->layers[i].diff_id = a->layers[i].blob.digest;
	a->image.verified = false;
}

static char *digest_of_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct gg_err err = GG_ERR_INIT;
	char hex[GG_DIGEST_HEX];
	struct gg_digest d;

	assert_true(fd >= 0);
	assert_int_equal(gg_digest_fd(fd, &d, NULL, &err), 0);
	return gg_strdup(gg_digest_hex(&d, hex));
}

struct stream {
	struct gg_buf bytes;
	size_t left_out; /* which layer; 9: none */
	int fd;
};

static int take(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	struct stream *s = ctx;

	(void)err;
	gg_buf_add(&s->bytes, bytes, len);
	return 0;
}

static bool leave_out(void *ctx, size_t layer)
{
	const struct stream *s = ctx;

	return layer == s->left_out;
}

static int to_stream(struct fixture *f, struct fixture_image *a, struct stream *s, const char *name)
{
	struct docker_archive_options o = {
		.name = name, .write = take, .ctx = s, .fd = -1, .dir = -1, .leave_out = leave_out
	};

	gg_err_done(&f->err);
	f->err = (struct gg_err)GG_ERR_INIT;
	return docker_archive_write(&a->image, &o, &f->err);
}

static size_t members(const char *path)
{
	_cleanup_free_ char *command = gg_asprintf("test \"$(tar -tf %s | wc -l)\" -ge 1", path);
	size_t n = 0;

	assert_int_equal(system(command), 0);
	for (n = 1; n < 9; n++) {
		free(gg_steal(&command));
		command = gg_asprintf("test \"$(tar -tf %s | wc -l)\" = %zu", path, n);
		if (system(command) == 0)
			break;
	}
	return n;
}

/* The digest is that of the archive that another writer makes of these members by tar.h's text. */
static void test_bytes(void **state)
{
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	_cleanup_free_ char *file = NULL, *again = NULL;
	struct stream s = { .left_out = 9 };
	mode_t mask;

	make_plain(&a);
	assert_written(f, &a, "docker-archive:a.tar:name:v1");
	file = digest_of_file("a.tar");
	assert_string_equal(file,
			    "f31aec8c9080de268ccacdc214a666fc70d69bc3c0104c58e6c0516940fbff78");
	mask = umask(077);
	assert_written(f, &a, "docker-archive:b.tar:name:v1");
	umask(mask);
	again = digest_of_file("b.tar");
	assert_string_equal(file, again);
	assert_int_equal(members("a.tar"), 4);
	/* A stream has the same bytes. */
	assert_int_equal(to_stream(f, &a, &s, "name:v1"), 0);
	put_file("c.tar", "");
	assert_int_equal(gg_write_file(AT_FDCWD, "c.tar", s.bytes.data, s.bytes.len, 0644,
				       GG_COMMIT_REPLACE, &f->err),
			 0);
	assert_int_equal(system("cmp a.tar c.tar"), 0);
	gg_buf_done(&s.bytes);
}

static void test_names(void **state)
{
	static const char *const names[][2] = {
		{ "docker-archive:a.tar", "\"RepoTags\":[]" },
		{ "docker-archive:a.tar:name", "\"RepoTags\":[\"name:latest\"]" },
		{ "docker-archive:a.tar:host.example:5000/a/b:v1",
		  "\"RepoTags\":[\"host.example:5000/a/b:v1\"]" },
	};
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };

	make_plain(&a);
	for (size_t i = 0; i < GG_LEN(names); i++) {
		_cleanup_free_ char *command =
			gg_asprintf("tar -xOf a.tar manifest.json | grep -qF '%s'", names[i][1]);

		assert_written(f, &a, names[i][0]);
		assert_int_equal(system(command), 0);
	}
	assert_int_equal(output(f, &a,
				"docker-archive:a.tar:name@sha256:"
				"0000000000000000000000000000000000000000000000000000000000000000"),
			 -1);
	assert_int_equal(f->err.kind, GG_USAGE);
}

/* The engine has one of the layers: its name stays in the list, its member is left out. */
static void test_a_layer_is_left_out(void **state)
{
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };

	make_plain(&a);
	for (size_t i = 0; i < 2; i++) {
		struct stream s = { .left_out = i };
		int before = a.calls;

		assert_int_equal(to_stream(f, &a, &s, NULL), 0);
		assert_int_equal(a.calls - before, 2);
		assert_int_equal(gg_write_file(AT_FDCWD, "c.tar", s.bytes.data, s.bytes.len, 0644,
					       GG_COMMIT_REPLACE, &f->err),
				 0);
		assert_int_equal(members("c.tar"), 3);
		gg_buf_done(&s.bytes);
	}
}

static void test_a_layer_comes_once(void **state)
{
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };

	make_plain(&a);
	a.layers[1] = a.layers[0];
	assert_written(f, &a, "docker-archive:a.tar");
	assert_int_equal(members("a.tar"), 3);
}

static int collect(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	(void)err;
	gg_buf_add(ctx, bytes, len);
	return 0;
}

/* Compressed layers: tars inside, and as they are only where that is asked for. */
static void test_compressed(void **state)
{
	static const char content[] = "the tar of a layer, which may be anything here";
	static const enum compress_kind kinds[] = { COMPRESS_GZIP, COMPRESS_ZSTD };
	struct fixture *f = *state;

	for (size_t k = 0; k < GG_LEN(kinds); k++) {
		_cleanup_fixture_image_ struct fixture_image a = { 0 };
		_cleanup_compress_ struct compress *c = NULL;
		_cleanup_buf_ struct gg_buf b = { 0 };
		struct compress_options how = { .kind = kinds[k], .sink = collect, .ctx = &b };
		struct docker_archive_options o = {
			.write = take, .fd = -1, .dir = -1, .as_is = true
		};
		struct stream s = { .left_out = 9 };
		_cleanup_free_ char *member = NULL;
		char hex[GG_DIGEST_HEX];

		make_plain(&a);
		assert_int_equal(compress_new(&how, &c, &f->err), 0);
		assert_int_equal(compress_add(c, content, strlen(content), &f->err), 0);
		assert_int_equal(compress_end(c, &f->err), 0);
		assert_true(b.len <= sizeof(a.text[1]) * 2);
		a.bytes[1] = b.data;
		a.blobs[1].size = b.len;
		gg_digest_of(b.data, b.len, &a.blobs[1].digest);
		a.layers[1].blob = a.blobs[1];
		gg_digest_of(content, strlen(content), &a.layers[1].diff_id);
		assert_written(f, &a, "docker-archive:a.tar");
		assert_int_equal(system("tar -xf a.tar"), 0);
		gg_digest_hex(&a.layers[1].diff_id, hex);
		member = gg_asprintf("%s.tar", hex);
		assert_file(member, content);
		o.ctx = &s;
		assert_int_equal(docker_archive_write(&a.image, &o, &f->err), 0);
		assert_int_equal(memmem(s.bytes.data, s.bytes.len, b.data, b.len) != NULL,
				 kinds[k] == COMPRESS_GZIP);
		gg_buf_done(&s.bytes);
	}
}

/* What is not what the documents say is not written, and nothing is left behind. */
static void test_damaged(void **state)
{
	static const char *const why[] = { "its digest is", "its diffID is", "its digest is" };
	struct fixture *f = *state;

	for (size_t i = 0; i < GG_LEN(why); i++)
		for (size_t stream = 0; stream < 2; stream++) {
			_cleanup_fixture_image_ struct fixture_image a = { 0 };
			_cleanup_free_ char *after = NULL;
			struct stream s = { .left_out = 9 };

			make_plain(&a);
			if (i == 0)
				a.text[1][2] ^= 1;
			else if (i == 1)
				a.layers[1].diff_id = a.layers[0].diff_id, a.image.layers++,
				a.image.n_layers--;
			else
				a.text[2][0] ^= 1;
			if (stream)
				assert_int_equal(to_stream(f, &a, &s, NULL), -1);
			else
				assert_int_equal(output(f, &a, "docker-archive:a.tar"), -1);
			assert_int_equal(f->err.kind, GG_INTEGRITY);
			if (!strstr(f->err.text, why[i]))
				fail_msg("%s", f->err.text);
			after = listing(".");
			assert_null(strstr(after, "tar"));
			assert_null(strstr(after, "ggtmp"));
			gg_buf_done(&s.bytes);
		}
}

static void test_what_was_there(void **state)
{
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	_cleanup_free_ char *names = NULL;

	make_plain(&a);
	for (int call = 1; call <= 3; call++) {
		put_file("a.tar", "old");
		kill_at(f, &a, call, "docker-archive:a.tar");
		assert_file("a.tar", "old");
	}
	assert_written(f, &a, "docker-archive:a.tar");
	assert_int_equal(members("a.tar"), 4);
	names = listing(".");
	assert_null(strstr(names, "ggtmp"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_layer_is_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_layer_comes_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compressed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_was_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
