/* SPDX-License-Identifier: Apache-2.0
 *
 * Images for the transports' tests, made of small blobs in memory, in a directory of their own.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/oci.h"
#include "layers/transport.h"

enum { BLOBS = 4 }; /* two layers, config, manifest */

struct fixture_image {
	struct transport_image image;
	struct oci_image oci;
	struct oci_layer oci_layers[2];
	struct image_layer layers[2];
	char text[BLOBS][64];
	const char *bytes[BLOBS]; /* instead of `text`; NULL: that */
	struct image_blob blobs[BLOBS], *listed;
	struct gg_json *descriptor;
	int calls;         /* of open */
	int fail_at;       /* which of them fails, 0: none */
	bool die;          /* by SIGKILL instead */
	int stored[BLOBS]; /* the bytes, before a limit of file sizes; 0: made when asked */
};

struct fixture {
	char dir[32];
	struct gg_err err;
};

static int fixture_bytes(const struct fixture_image *f, size_t i)
{
	int fd = memfd_create("blob", MFD_CLOEXEC);

	assert_int_equal(write(fd, f->bytes[i] ? f->bytes[i] : f->text[i], f->blobs[i].size),
			 f->blobs[i].size);
	return fd;
}

static int fixture_open(void *ctx, const struct image_blob *b, struct image_bytes *ret,
			struct gg_err *err)
{
	struct fixture_image *f = ctx;
	size_t i = 0;

	if (++f->calls == f->fail_at) {
		if (f->die)
			raise(SIGKILL);
		errno = EIO;
		return gg_fail_errno(err, "open a blob");
	}
	while (i < BLOBS && !gg_digest_eq(&b->digest, &f->blobs[i].digest))
		i++;
	assert_true(i < BLOBS);
	ret->fd = f->stored[i] ? dup(f->stored[i]) : fixture_bytes(f, i);
	ret->offset = 0;
	ret->size = f->blobs[i].size;
	return 0;
}

static void image_done(struct fixture_image *f)
{
	gg_json_unref(f->descriptor);
	free(f->listed);
}

/* Also over an old one. The first layer is the same in all of them. */
static void make_image(struct fixture_image *f, const char *name)
{
	static const char *const types[BLOBS] = { "application/vnd.oci.image.layer.v1.tar",
						  "application/vnd.oci.image.layer.v1.tar",
						  OCI_CONFIG_TYPE, OCI_MANIFEST_TYPE };

	image_done(f);
	*f = (struct fixture_image){ 0 };
	for (size_t i = 0; i < BLOBS; i++) {
		snprintf(f->text[i], sizeof(f->text[i]), "blob %zu of %s\n", i, i ? name : "all");
		f->blobs[i] = (struct image_blob){ .media_type = types[i],
						   .addressed = true,
						   .size = strlen(f->text[i]) };
		gg_digest_of(f->text[i], strlen(f->text[i]), &f->blobs[i].digest);
	}
	for (size_t i = 0; i < 2; i++) {
		f->oci_layers[i] = (struct oci_layer){ .media_type = types[i],
						       .digest = f->blobs[i].digest,
						       .size = f->blobs[i].size };
		f->layers[i].blob = f->blobs[i];
	}
	f->oci = (struct oci_image){
		.architecture = "amd64", .os = "linux", .layers = f->oci_layers, .n_layers = 2
	};
	f->descriptor = oci_descriptor(&f->oci, &f->blobs[3].digest, f->blobs[3].size, NULL);
	f->image = (struct transport_image){ .root = f->blobs[3],
					     .descriptor = f->descriptor,
					     .config = f->blobs[2],
					     .layers = f->layers,
					     .n_layers = 2,
					     .verified = true,
					     .open = fixture_open,
					     .ctx = f };
	f->listed = transport_image_list(&f->image);
}

#define _cleanup_fixture_image_ GG_CLEANUP(image_done)

/* Runs in the fixture's directory, so outputs are relative. */
static int setup(void **state)
{
	struct fixture *f = gg_zalloc(sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/gg-output-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(chmod(f->dir, 0755), 0);
	assert_int_equal(chdir(f->dir), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	gg_err_done(&f->err);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(gg_remove_tree(AT_FDCWD, f->dir, &f->err), 0);
	free(f);
	return 0;
}

/* Parses, checks, writes. */
static int output(struct fixture *f, struct fixture_image *image, const char *text)
{
	struct transport_target t = TRANSPORT_TARGET_INIT;
	int r;

	gg_err_done(&f->err);
	f->err = (struct gg_err)GG_ERR_INIT;
	if (transport_parse(text, &t, &f->err) < 0)
		return -1;
	r = transport_check(&t, 1, &f->err);
	if (r == 0)
		r = transport_write(&t, &image->image, &f->err);
	transport_target_done(&t);
	return r;
}

static void assert_written(struct fixture *f, struct fixture_image *image, const char *text)
{
	if (output(f, image, text) < 0)
		fail_msg("%s: %s", text, f->err.text);
}

/* In a child that ends by SIGKILL at the given call of open. */
static void kill_at(struct fixture *f, struct fixture_image *image, int call, const char *text)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		image->calls = 0;
		image->fail_at = call;
		image->die = true;
		_exit(output(f, image, text) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Every name below the fixture's directory with modes and links, as a text; by a shell, so not by our own code. */
static char *listing(const char *below)
{
	_cleanup_free_ char *command =
		gg_asprintf("find %s -printf '%%p %%y %%m %%n %%l\\n' | sort", below);
	FILE *pipe = popen(command, "re");
	_cleanup_buf_ struct gg_buf b = { 0 };
	struct gg_err err = GG_ERR_INIT;

	assert_non_null(pipe);
	assert_int_equal(gg_read_fd(fileno(pipe), 1 << 20, &b, &err), 0);
	assert_int_equal(pclose(pipe), 0);
	return gg_buf_steal(&b);
}

static void assert_file(const char *path, const char *want)
{
	_cleanup_buf_ struct gg_buf b = { 0 };
	struct gg_err err = GG_ERR_INIT;

	if (gg_read_file(AT_FDCWD, path, 1 << 20, &b, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(b.data, want);
}

static void put_file(const char *path, const char *text)
{
	struct gg_err err = GG_ERR_INIT;

	assert_int_equal(
		gg_write_file(AT_FDCWD, path, text, strlen(text), 0644, GG_COMMIT_REPLACE, &err),
		0);
}
