/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/bundle_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/bundle_private.h"
#include "layers/oci.h"
#include "layers/tar.h"
#include "layers/transport_private.h"

#define WORK "bundle"

struct bundle_writer {
	struct bundle_info *info; /* borrowed */
	char *path, *name;
	int dir, fd;
	struct transport_temp temp;
	size_t *first;       /* of each part: the first one of the same blob */
	uint64_t *headers;   /* where a first part's header is */
	size_t program;      /* its part, SIZE_MAX: there is none */
	uint64_t program_at; /* of the entry that has its name */
	uint64_t index_at, blobs_at, end;
	uint64_t split; /* bytes of a piece, 0: one file */
};

int bundle_write_check(const char *path, struct gg_err *err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int dir = transport_open_file(path, &name, err);

	return dir < 0 ? gg_context(err, "output '%s'", path) : 0;
}

/* Contents without a digest yet are the same when their trees are. */
static bool same_blob(const struct bundle_part *a, const struct bundle_part *b)
{
	if (gg_digest_is_zero(&a->digest) || gg_digest_is_zero(&b->digest))
		return !gg_digest_is_zero(&a->tree) && gg_digest_eq(&a->tree, &b->tree) &&
		       a->zstd == b->zstd;
	return gg_digest_eq(&a->digest, &b->digest);
}

static int compare_blobs(const void *a, const void *b, void *ctx)
{
	const struct bundle_part *parts = ctx;
	const size_t *i = a, *j = b;
	const struct bundle_part *x = &parts[*i], *y = &parts[*j];
	int order = memcmp(x->digest.bytes, y->digest.bytes, GG_DIGEST_LEN);

	order = order ? order : memcmp(x->tree.bytes, y->tree.bytes, GG_DIGEST_LEN);
	return order ? order : *i < *j ? -1 : *i > *j;
}

static void find_first(struct bundle_writer *w)
{
	size_t n = w->info->n_parts;
	_cleanup_free_ size_t *sorted = gg_calloc(n + 1, sizeof(*sorted));

	w->first = gg_calloc(n + 1, sizeof(*w->first));
	for (size_t i = 0; i < n; i++)
		sorted[i] = i;
	qsort_r(sorted, n, sizeof(*sorted), compare_blobs, w->info->parts);
	for (size_t i = 0; i < n; i++) {
		bool again = i > 0 &&
			     same_blob(&w->info->parts[sorted[i - 1]], &w->info->parts[sorted[i]]);

		w->first[sorted[i]] = again ? w->first[sorted[i - 1]] : sorted[i];
	}
}

static int add_member(uint64_t *at, const char *path, bool directory, unsigned mode, uint64_t size,
		      struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf header = { 0 };

	if (bundle_member(path, directory, mode, size, &header, err) < 0)
		return -1;
	*at += header.len + size + tar_padding(size);
	return 0;
}

/* What is written can be read. */
static int check_parts(const struct bundle_info *info, struct gg_err *err)
{
	if (info->n_parts > BUNDLE_MAX_PARTS)
		return gg_fail(err, GG_USAGE, "there are %zu parts, and a bundle has at most %d",
			       info->n_parts, BUNDLE_MAX_PARTS);
	for (size_t i = 0; i < info->n_parts; i++)
		if (info->parts[i].role <= BUNDLE_TREE && info->parts[i].size > BUNDLE_MAX_TEXT)
			return gg_fail(err, GG_USAGE, "part '%s' has more than %d bytes",
				       info->parts[i].title, BUNDLE_MAX_TEXT);
	return 0;
}

/* Digests have one length, so what is not known yet changes no size. */
static int lay_out(struct bundle_writer *w, struct gg_err *err)
{
	_cleanup_free_ char *manifest = bundle_manifest(w->info), *index = NULL, *path = NULL;
	struct gg_digest any = { 0 };
	uint64_t at = 0;

	path = bundle_blob_path(&any);
	index = bundle_index(&any, strlen(manifest));
	if (add_member(&at, "oci-layout", false, 0644, strlen(OCI_LAYOUT_TEXT), err) < 0)
		return -1;
	w->index_at = at;
	if (add_member(&at, "index.json", false, 0644, strlen(index), err) < 0)
		return -1;
	w->program_at = at;
	if (w->program != SIZE_MAX &&
	    add_member(&at, BUNDLE_PROGRAM, false, 0755, w->info->parts[w->program].size, err) < 0)
		return -1;
	w->blobs_at = at;
	if (add_member(&at, "blobs", true, 0755, 0, err) < 0 ||
	    add_member(&at, "blobs/sha256", true, 0755, 0, err) < 0 ||
	    add_member(&at, path, false, 0644, strlen(manifest), err) < 0 ||
	    add_member(&at, path, false, 0644, strlen(BUNDLE_EMPTY_CONFIG), err) < 0)
		return -1;
	for (size_t i = 0; i < w->info->n_parts; i++) {
		struct bundle_part *p = &w->info->parts[i];

		if (w->first[i] != i) {
			p->offset = w->info->parts[w->first[i]].offset;
			continue;
		}
		w->headers[i] = at;
		if (add_member(&at, path, false, 0644, p->size, err) < 0)
			return -1;
		p->offset = at - p->size - tar_padding(p->size);
	}
	w->end = at;
	return 0;
}

static uint64_t pieces_of(const struct bundle_writer *w)
{
	return (w->end + TAR_END + w->split - 1) / w->split;
}

static int check_split(const struct bundle_writer *w, struct gg_err *err)
{
	if (!w->split || pieces_of(w) <= BUNDLE_MAX_SEGMENTS)
		return 0;
	gg_fail(err, GG_USAGE, "the bundle of %llu bytes would have %llu pieces",
		(unsigned long long)w->end + TAR_END, (unsigned long long)pieces_of(w));
	return gg_hint(err, "there can be %d: choose a larger --split", BUNDLE_MAX_SEGMENTS);
}

int bundle_writer_open(const char *path, struct bundle_info *info, uint64_t split,
		       struct bundle_writer **ret, struct gg_err *err)
{
	_cleanup_bundle_writer_ struct bundle_writer *w = gg_zalloc(sizeof(*w));

	*w = (struct bundle_writer){ .info = info,
				     .split = split,
				     .path = gg_strdup(path),
				     .fd = -1,
				     .temp = TRANSPORT_TEMP_INIT,
				     .program = SIZE_MAX };
	w->headers = gg_calloc(info->n_parts + 1, sizeof(*w->headers));
	for (size_t i = 0; i < info->n_parts; i++)
		if (info->parts[i].role == BUNDLE_PROGRAM_FILE)
			w->program = i;
	find_first(w);
	w->dir = transport_open_file(path, &w->name, err);
	if (w->dir < 0 || check_parts(info, err) < 0 || lay_out(w, err) < 0 ||
	    check_split(w, err) < 0 || transport_temp_open(w->dir, w->name, &w->temp, err) < 0)
		return gg_context(err, "output '%s'", path);
	w->fd = gg_openat(w->temp.fd, WORK, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
	if (w->fd < 0)
		return gg_context(err, "output '%s'", path);
	*ret = gg_steal(&w);
	return 0;
}

void bundle_writer_free(struct bundle_writer *w)
{
	if (!w)
		return;
	gg_close(w->fd);
	transport_temp_done(&w->temp);
	gg_close(w->dir);
	free(w->first);
	free(w->headers);
	free(w->path);
	free(w->name);
	free(w);
}

void bundle_writer_freep(struct bundle_writer **w)
{
	bundle_writer_free(*w);
}

bool bundle_writer_has(const struct bundle_writer *w, size_t part)
{
	return w->first[part] != part;
}

static int open_at(const struct bundle_writer *w, uint64_t offset, struct gg_err *err)
{
	_cleanup_close_ int fd = gg_openat(w->temp.fd, WORK, O_RDWR | O_NOFOLLOW, 0, err);

	if (fd >= 0 && lseek(fd, (off_t)offset, SEEK_SET) < 0)
		return gg_fail_errno(err, "lseek");
	return gg_steal_fd(&fd);
}

int bundle_writer_fd(const struct bundle_writer *w, size_t part, struct gg_err *err)
{
	return open_at(w, w->info->parts[part].offset, err);
}

void bundle_writer_set(struct bundle_writer *w, size_t part, const struct gg_digest *d)
{
	for (size_t i = 0; i < w->info->n_parts; i++)
		if (w->first[i] == w->first[part])
			w->info->parts[i].digest = *d;
}

static int put(struct bundle_writer *w, const char *path, bool directory, unsigned mode,
	       uint64_t size, const char *text, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf header = { 0 };

	if (bundle_member(path, directory, mode, size, &header, err) < 0 ||
	    gg_write_all(w->fd, header.data, header.len, err) < 0)
		return -1;
	if (!text)
		return 0;
	return gg_write_all(w->fd, text, size, err) < 0
		       ? -1
		       : gg_write_all(w->fd, tar_zeros, tar_padding(size), err);
}

static int put_blob(struct bundle_writer *w, const char *text, struct gg_digest *ret,
		    struct gg_err *err)
{
	_cleanup_free_ char *path = NULL;

	gg_digest_of(text, strlen(text), ret);
	path = bundle_blob_path(ret);
	return put(w, path, false, 0644, strlen(text), text, err);
}

static int seek(struct bundle_writer *w, uint64_t at, struct gg_err *err)
{
	return lseek(w->fd, (off_t)at, SEEK_SET) < 0 ? gg_fail_errno(err, "lseek") : 0;
}

static int put_program(struct bundle_writer *w, struct gg_err *err)
{
	const struct bundle_part *p = &w->info->parts[w->program];
	_cleanup_close_ int from = bundle_writer_fd(w, w->program, err);

	if (from < 0 || seek(w, w->program_at, err) < 0 ||
	    put(w, BUNDLE_PROGRAM, false, 0755, p->size, NULL, err) < 0)
		return -1;
	return gg_copy_bytes(from, w->fd, p->size, err);
}

static int put_head(struct bundle_writer *w, struct gg_digest *ret_manifest, struct gg_err *err)
{
	_cleanup_free_ char *manifest = bundle_manifest(w->info), *index = NULL;
	_cleanup_arena_ struct gg_arena *arena = gg_arena_new();
	struct bundle_info read;
	struct gg_digest config;

	/* A name that a reader would refuse. */
	if (bundle_manifest_parse(manifest, strlen(manifest), arena, &read, err) < 0)
		return -1;
	gg_digest_of(manifest, strlen(manifest), ret_manifest);
	index = bundle_index(ret_manifest, strlen(manifest));
	if (seek(w, 0, err) < 0 ||
	    put(w, "oci-layout", false, 0644, strlen(OCI_LAYOUT_TEXT), OCI_LAYOUT_TEXT, err) < 0 ||
	    put(w, "index.json", false, 0644, strlen(index), index, err) < 0)
		return -1;
	if (w->program != SIZE_MAX && put_program(w, err) < 0)
		return -1;
	if (seek(w, w->blobs_at, err) < 0 || put(w, "blobs", true, 0755, 0, NULL, err) < 0 ||
	    put(w, "blobs/sha256", true, 0755, 0, NULL, err) < 0 ||
	    put_blob(w, manifest, ret_manifest, err) < 0)
		return -1;
	return put_blob(w, BUNDLE_EMPTY_CONFIG, &config, err);
}

static int put_headers(struct bundle_writer *w, struct gg_err *err)
{
	for (size_t i = 0; i < w->info->n_parts; i++) {
		const struct bundle_part *p = &w->info->parts[i];
		_cleanup_free_ char *path = bundle_blob_path(&p->digest);

		if (w->first[i] != i)
			continue;
		if (seek(w, w->headers[i], err) < 0 ||
		    put(w, path, false, 0644, p->size, NULL, err) < 0)
			return -1;
	}
	/* What nobody wrote is zero: the padding, and the end. */
	if (ftruncate(w->fd, (off_t)(w->end + TAR_END)) < 0)
		return gg_fail_errno(err, "ftruncate");
	return 0;
}

/* A reader takes one digest for one blob, in the place of the first part that has it. */
static int check_blobs(const struct bundle_writer *w, struct gg_err *err)
{
	_cleanup_free_ size_t *sorted = gg_calloc(w->info->n_parts + 1, sizeof(*sorted));

	for (size_t i = 0; i < w->info->n_parts; i++)
		sorted[i] = i;
	qsort_r(sorted, w->info->n_parts, sizeof(*sorted), compare_blobs, w->info->parts);
	for (size_t i = 1; i < w->info->n_parts; i++)
		if (gg_digest_eq(&w->info->parts[sorted[i]].digest,
				 &w->info->parts[sorted[i - 1]].digest) &&
		    w->first[sorted[i]] != w->first[sorted[i - 1]])
			return gg_fail(err, GG_SYSTEM, "'%s' and '%s' are one and the same archive",
				       w->info->parts[sorted[i - 1]].title,
				       w->info->parts[sorted[i]].title);
	return 0;
}

static int commit(struct bundle_writer *w, int fd, int fromdir, const char *from, const char *to,
		  struct gg_err *err)
{
	/* The umask must not reach the file. */
	if (fchmod(fd, 0644) < 0 || fsync(fd) < 0)
		return gg_fail_errno(err, "fsync '%s'", to);
	if (renameat(fromdir, from, w->dir, to) < 0)
		return gg_fail_errno(err, "rename to '%s'", to);
	return 0;
}

static char *piece_name(const struct bundle_writer *w, uint64_t i)
{
	return gg_asprintf("%s.%03llu", w->name, (unsigned long long)i + 1);
}

static int cut_piece(struct bundle_writer *w, const char *name, uint64_t at, uint64_t size,
		     struct gg_json *list, struct gg_err *err)
{
	_cleanup_close_ int from = open_at(w, at, err);
	_cleanup_close_ int fd =
		gg_openat(w->temp.fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
	struct gg_json *o = gg_json_object();
	char hex[GG_DIGEST_HEX];
	struct gg_digest d;

	gg_json_append_take(list, o);
	if (from < 0 || fd < 0 || gg_copy_bytes(from, fd, size, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return gg_fail_errno(err, "lseek");
	if (gg_digest_fd(fd, &d, NULL, err) < 0)
		return -1;
	gg_json_set_str(o, "name", name);
	gg_json_set_int(o, "size", (int64_t)size);
	gg_json_set_str(o, "sha256", gg_digest_hex(&d, hex));
	return 0;
}

static int commit_pieces(struct bundle_writer *w, uint64_t n, struct gg_err *err)
{
	for (uint64_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = piece_name(w, i);
		_cleanup_close_ int fd = gg_openat(w->temp.fd, name, O_RDONLY, 0, err);

		if (fd < 0 || commit(w, fd, w->temp.fd, name, name, err) < 0)
			return -1;
	}
	/* Those of an earlier, longer bundle would get into `cat FILE.*`. */
	for (uint64_t i = n; i < BUNDLE_MAX_SEGMENTS; i++) {
		_cleanup_free_ char *name = piece_name(w, i);

		if (unlinkat(w->dir, name, 0) < 0)
			break;
	}
	return gg_fsync_dir(w->dir, err);
}

static int split_file(struct bundle_writer *w, struct gg_err *err)
{
	uint64_t size = w->end + TAR_END, n = pieces_of(w), split = w->split;
	_cleanup_json_ struct gg_json *o = gg_json_object();
	struct gg_json *list = gg_json_array();
	_cleanup_free_ char *text = NULL;

	gg_json_set_int(o, "ggbuild-split", 1);
	gg_json_set_int(o, "size", (int64_t)size);
	gg_json_take(o, "parts", list);
	for (uint64_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = piece_name(w, i);
		uint64_t at = i * split, left = size - at;

		if (cut_piece(w, name, at, left < split ? left : split, list, err) < 0)
			return gg_context(err, "piece '%s'", name);
	}
	if (commit_pieces(w, n, err) < 0)
		return -1;
	text = gg_json_compact(o);
	return gg_write_file(w->dir, w->name, text, strlen(text), 0644, GG_COMMIT_REPLACE, err);
}

static int end(struct bundle_writer *w, struct gg_digest *ret, struct gg_err *err)
{
	if (check_blobs(w, err) < 0 || put_head(w, ret, err) < 0 || put_headers(w, err) < 0)
		return -1;
	if (w->split)
		return split_file(w, err);
	if (commit(w, w->fd, w->temp.fd, WORK, w->name, err) < 0)
		return -1;
	return gg_fsync_dir(w->dir, err);
}

int bundle_writer_end(struct bundle_writer *w, struct gg_digest *ret_manifest, struct gg_err *err)
{
	return end(w, ret_manifest, err) == 0 ? 0 : gg_context(err, "output '%s'", w->path);
}
