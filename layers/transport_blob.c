/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs of an image that is written: opened, verified, copied.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/interrupt.h"
#include "layers/spool.h"
#include "layers/transport_private.h"

enum { HASH_STEP = 256 * 1024, WORTH_A_THREAD = 1 << 20 };

static int blob_context(const struct image_blob *b, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];

	return gg_context(err, "blob %s", gg_digest_text(&b->digest, text));
}

int transport_open_blob(const struct transport_image *image, const struct image_blob *b,
			struct image_bytes *ret, struct gg_err *err)
{
	if (image->open(image->ctx, b, ret, err) < 0)
		return blob_context(b, err);
	if (ret->size == b->size)
		return 0;
	gg_fail(err, GG_INTEGRITY, "it has %" PRIu64 " bytes, and the descriptor says %" PRIu64,
		ret->size, b->size);
	return blob_context(b, err);
}

/* ---- verifying ---- */

struct verification {
	const struct image_bytes *bytes;
	const struct image_blob *blob;
	struct gg_err err;
};

static int hash_bytes(const struct image_bytes *b, struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_hash_ struct gg_hash *hash = gg_hash_new();
	_cleanup_free_ char *block = gg_alloc(HASH_STEP);
	uint64_t done = 0;

	while (done < b->size) {
		uint64_t left = b->size - done;
		ssize_t n = gg_interrupted(err) < 0
				    ? -1
				    : pread(b->fd, block, left < HASH_STEP ? left : HASH_STEP,
					    (off_t)(b->offset + done));

		if (n < 0 && err->kind == GG_OK && errno == EINTR)
			continue;
		if (n < 0)
			return err->kind ? -1 : gg_fail_errno(err, "read");
		if (n == 0)
			return gg_fail(err, GG_INTEGRITY, "it ends %" PRIu64 " bytes early", left);
		gg_hash_add(hash, block, (size_t)n);
		done += (uint64_t)n;
	}
	gg_hash_end(hash, ret);
	return 0;
}

static int compare(const struct image_blob *b, const struct gg_digest *found, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];

	if (gg_digest_eq(&b->digest, found))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "its digest is %s", gg_digest_text(found, text));
}

static void *verify(void *ctx)
{
	struct verification *v = ctx;
	struct gg_digest found;

	if (hash_bytes(v->bytes, &found, &v->err) == 0)
		compare(v->blob, &found, &v->err);
	return NULL;
}

int transport_verify(const struct image_bytes *bytes, const struct image_blob *b,
		     struct gg_err *err)
{
	struct verification v = { .bytes = bytes, .blob = b };

	verify(&v);
	if (v.err.kind == GG_OK)
		return 0;
	gg_err_move(err, &v.err);
	return blob_context(b, err);
}

int transport_read_blob(const struct transport_image *image, const struct image_blob *b, size_t max,
			struct gg_buf *ret, struct gg_err *err)
{
	_cleanup_image_bytes_ struct image_bytes bytes = IMAGE_BYTES_INIT;
	struct gg_digest found;

	if (transport_open_blob(image, b, &bytes, err) < 0)
		return -1;
	if (b->size > max) {
		gg_fail(err, GG_INTEGRITY, "it has %" PRIu64 " bytes, more than %zu", b->size, max);
		return blob_context(b, err);
	}
	gg_buf_reserve(ret, b->size + 1);
	while (ret->len < b->size) {
		ssize_t n = pread(bytes.fd, ret->data + ret->len, b->size - ret->len,
				  (off_t)(bytes.offset + ret->len));

		if (n <= 0)
			return n < 0 ? gg_fail_errno(err, "read")
				     : gg_fail(err, GG_INTEGRITY, "a blob ends early");
		ret->len += (size_t)n;
	}
	ret->data[ret->len] = '\0';
	gg_digest_of(ret->data, ret->len, &found);
	return compare(b, &found, err) < 0 ? blob_context(b, err) : 0;
}

/* ---- copying ---- */

/* The bytes are in the page cache once: whoever comes second, the copy or the hash, finds them there. */
static int copy_and_verify(const struct image_bytes *bytes, const struct image_blob *b, int to,
			   struct gg_err *err)
{
	struct verification v = { .bytes = bytes, .blob = b };
	sigset_t all, old;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, NULL, verify, &v);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0) {
		errno = r;
		return gg_fail_errno(err, "start a thread");
	}
	r = gg_copy_range(bytes->fd, bytes->offset, to, b->size, err);
	pthread_join(thread, NULL);
	if (r == 0 && v.err.kind)
		gg_err_move(err, &v.err);
	gg_err_done(&v.err);
	return err->kind ? -1 : 0;
}

static int copy(const struct transport_image *image, const struct image_bytes *bytes,
		const struct image_blob *b, int to, struct gg_err *err)
{
	struct gg_digest found;

	if (!image->verified && b->size >= WORTH_A_THREAD)
		return copy_and_verify(bytes, b, to, err);
	if (!image->verified && (hash_bytes(bytes, &found, err) < 0 || compare(b, &found, err) < 0))
		return -1;
	return gg_copy_range(bytes->fd, bytes->offset, to, b->size, err);
}

int transport_copy_blob(const struct transport_image *image, const struct image_blob *b, int to,
			struct gg_err *err)
{
	_cleanup_image_bytes_ struct image_bytes bytes = IMAGE_BYTES_INIT;

	if (transport_open_blob(image, b, &bytes, err) < 0)
		return -1;
	return copy(image, &bytes, b, to, err) < 0 ? blob_context(b, err) : 0;
}

/* ---- gathering ---- */

void transport_gathered_done(struct transport_gathered *g)
{
	for (size_t i = 0; g->fds && i < g->n; i++)
		gg_close(g->fds[i]);
	free(g->fds);
	*g = (struct transport_gathered)TRANSPORT_GATHERED_INIT;
}

static int open_gathered(void *ctx, const struct image_blob *b, struct image_bytes *ret,
			 struct gg_err *err)
{
	const struct transport_gathered *g = ctx;
	size_t i = 0;

	while (i < g->n && !gg_digest_eq(&g->blobs[i].digest, &b->digest))
		i++;
	if (i == g->n)
		return gg_fail(err, GG_INTERNAL, "it was not gathered");
	ret->fd = fcntl(g->fds[i], F_DUPFD_CLOEXEC, 3);
	ret->offset = 0;
	ret->size = g->blobs[i].size;
	return ret->fd < 0 ? gg_fail_errno(err, "duplicate a descriptor") : 0;
}

static int open_file(int dir, struct gg_err *err)
{
	int fd = dir < 0 ? -1 : openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : spool_open(err);
}

int transport_gather(const struct transport_image *image, const struct image_blob *blobs, size_t n,
		     int dir, struct transport_gathered *ret, struct gg_err *err)
{
	_cleanup_free_ struct image_get *gets = gg_calloc(n, sizeof(*gets));

	ret->image = *image;
	if (!image->get)
		return 0;
	ret->blobs = blobs;
	ret->fds = gg_calloc(n, sizeof(*ret->fds));
	for (; ret->n < n; ret->n++) {
		ret->fds[ret->n] = open_file(dir, err);
		if (ret->fds[ret->n] < 0)
			return -1;
		gets[ret->n] =
			(struct image_get){ .blob = &blobs[ret->n], .outfd = ret->fds[ret->n] };
	}
	if (image->get(image->ctx, gets, n, err) < 0)
		return -1;
	ret->image.get = NULL;
	ret->image.open = open_gathered;
	ret->image.ctx = ret;
	ret->image.verified = true;
	return 0;
}
