/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/bundle_private.h"
#include "layers/oci.h"
#include "layers/tar.h"

#define MAGIC "ustar"
enum { SIZE_AT = 124, MAGIC_AT = 257 };

bool bundle_recognise(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char head[TAR_BLOCK] = "";
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    pread(fd, head, sizeof(head), 0) <= 0)
		return false;
	return !memcmp(head, BUNDLE_SPLIT_PREFIX, strlen(BUNDLE_SPLIT_PREFIX)) ||
	       !memcmp(head + MAGIC_AT, MAGIC, strlen(MAGIC));
}

int bundle_bad_part(const struct bundle_part *p, const char *why, struct gg_err *err)
{
	gg_fail(err, GG_INTEGRITY, "%s", why);
	return bundle_blame(p, err);
}

/* Where the reading of an archive is. */
struct walk {
	struct bundle *b;
	uint64_t at;
};

/* The header that has to come here. */
static int expect(struct walk *w, const char *path, bool directory, unsigned mode, uint64_t size,
		  struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf want = { 0 };
	_cleanup_free_ char *is = NULL;

	if (bundle_member(path, directory, mode, size, &want, err) < 0)
		return -1;
	is = gg_alloc(want.len);
	if (bundle_file_get(w->b->file, is, want.len, w->at, err) < 0)
		return -1;
	if (memcmp(is, want.data, want.len) != 0)
		return gg_fail(err, GG_INTEGRITY, "the entry '%s' is not where it has to be", path);
	w->at += want.len;
	return 0;
}

static void skip(struct walk *w, uint64_t size)
{
	w->at += size + tar_padding(size);
}

int bundle_zeros(const struct bundle_file *f, uint64_t at, size_t len, struct gg_err *err)
{
	char is[TAR_END];

	if (bundle_file_get(f, is, len, at, err) < 0)
		return -1;
	if (memcmp(is, tar_zeros, len) != 0)
		return gg_fail(err, GG_INTEGRITY, "there is something between two entries");
	return 0;
}

/* A small file's text. */
static int expect_text(struct walk *w, const char *path, uint64_t size, struct gg_buf *ret,
		       struct gg_err *err)
{
	if (expect(w, path, false, 0644, size, err) < 0)
		return -1;
	gg_buf_reserve(ret, (size_t)size + 1);
	ret->len = (size_t)size;
	ret->data[ret->len] = '\0';
	if (bundle_file_get(w->b->file, ret->data, ret->len, w->at, err) < 0 ||
	    bundle_zeros(w->b->file, w->at + size, tar_padding(size), err) < 0)
		return -1;
	skip(w, size);
	return 0;
}

/* The size that the next header gives. */
static int next_size(const struct walk *w, uint64_t max, uint64_t *ret, struct gg_err *err)
{
	char header[TAR_BLOCK];

	if (bundle_file_get(w->b->file, header, sizeof(header), w->at, err) < 0)
		return -1;
	*ret = 0;
	for (int i = 0; i < 11; i++) {
		char c = header[SIZE_AT + i];

		if (c < '0' || c > '7')
			return gg_fail(err, GG_INTEGRITY, "an entry without a size");
		*ret = *ret * 8 + (uint64_t)(c - '0');
	}
	if (*ret > max)
		return gg_fail(err, GG_INTEGRITY, "an entry that is too large");
	return 0;
}

static int read_head(struct walk *w, uint64_t *ret_manifest_size, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf layout = { 0 }, index = { 0 };
	_cleanup_free_ char *want = NULL;
	uint64_t size;

	if (expect_text(w, "oci-layout", strlen(OCI_LAYOUT_TEXT), &layout, err) < 0)
		return -1;
	if (memcmp(layout.data, OCI_LAYOUT_TEXT, layout.len) != 0)
		return gg_fail(err, GG_INTEGRITY, "oci-layout is of another version");
	if (next_size(w, BUNDLE_MAX_INDEX, &size, err) < 0 ||
	    expect_text(w, "index.json", size, &index, err) < 0 ||
	    bundle_index_parse(index.data, index.len, &w->b->manifest, ret_manifest_size, err) < 0)
		return -1;
	want = bundle_index(&w->b->manifest, *ret_manifest_size);
	if (strlen(want) != index.len || memcmp(want, index.data, index.len) != 0)
		return gg_fail(err, GG_INTEGRITY, "index.json is not as ggbuild writes it");
	return 0;
}

/* The program stands before the manifest, which alone says how large it is; here its header does. */
static int read_program(struct walk *w, uint64_t *ret_size, struct gg_err *err)
{
	char name[sizeof(BUNDLE_PROGRAM)];

	*ret_size = UINT64_MAX;
	if (bundle_file_get(w->b->file, name, sizeof(name), w->at, err) < 0)
		return -1;
	if (memcmp(name, BUNDLE_PROGRAM, sizeof(name)) != 0)
		return 0;
	if (next_size(w, INT64_MAX / 4, ret_size, err) < 0 ||
	    expect(w, BUNDLE_PROGRAM, false, 0755, *ret_size, err) < 0)
		return -1;
	w->b->program_offset = w->at;
	skip(w, *ret_size);
	return 0;
}

int bundle_check_digest(const void *bytes, size_t len, const struct gg_digest *want,
			struct gg_err *err)
{
	struct gg_digest is;

	gg_digest_of(bytes, len, &is);
	if (gg_digest_eq(&is, want))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "it is damaged: its content has another digest");
}

static int read_manifest(struct walk *w, uint64_t size, struct gg_err *err)
{
	_cleanup_free_ char *path = bundle_blob_path(&w->b->manifest), *config_path = NULL;
	_cleanup_buf_ struct gg_buf text = { 0 }, config = { 0 };
	struct gg_digest empty;

	if (expect(w, "blobs", true, 0755, 0, err) < 0 ||
	    expect(w, "blobs/sha256", true, 0755, 0, err) < 0)
		return -1;
	if (expect_text(w, path, size, &text, err) < 0 ||
	    bundle_check_digest(text.data, text.len, &w->b->manifest, err) < 0)
		return gg_context(err, "the manifest");
	w->b->manifest_offset = w->at - size - tar_padding(size);
	w->b->manifest_size = size;
	if (bundle_manifest_parse(text.data, text.len, w->b->arena, &w->b->own, err) < 0)
		return -1;
	gg_digest_of(BUNDLE_EMPTY_CONFIG, strlen(BUNDLE_EMPTY_CONFIG), &empty);
	config_path = bundle_blob_path(&empty);
	if (expect_text(w, config_path, strlen(BUNDLE_EMPTY_CONFIG), &config, err) < 0 ||
	    bundle_check_digest(config.data, config.len, &empty, err) < 0)
		return gg_context(err, "the config");
	return 0;
}

static int compare_digests(const void *a, const void *b)
{
	const struct bundle_part *const *x = a, *const *y = b;
	int order = memcmp((*x)->digest.bytes, (*y)->digest.bytes, GG_DIGEST_LEN);

	return order ? order : *x < *y ? -1 : *x > *y;
}

/* For each part the first one of the same blob, which is where it is. */
static struct bundle_part **first_of_blob(struct bundle_info *info)
{
	struct bundle_part **sorted = gg_calloc(info->n_parts + 1, sizeof(*sorted));
	struct bundle_part **first = gg_calloc(info->n_parts + 1, sizeof(*first));

	for (size_t i = 0; i < info->n_parts; i++)
		sorted[i] = &info->parts[i];
	qsort(sorted, info->n_parts, sizeof(*sorted), compare_digests);
	for (size_t i = 0; i < info->n_parts; i++) {
		bool again = i > 0 && gg_digest_eq(&sorted[i]->digest, &sorted[i - 1]->digest);

		first[sorted[i] - info->parts] =
			again ? first[sorted[i - 1] - info->parts] : sorted[i];
	}
	free(sorted);
	return first;
}

static int place_parts(struct walk *w, struct gg_err *err)
{
	struct bundle_info *info = &w->b->own;
	_cleanup_free_ struct bundle_part **first = first_of_blob(info);

	for (size_t i = 0; i < info->n_parts; i++) {
		struct bundle_part *p = &info->parts[i];
		_cleanup_free_ char *path = bundle_blob_path(&p->digest);

		if (first[i] != p) {
			if (first[i]->size != p->size)
				return bundle_bad_part(p, "one blob has two sizes", err);
			p->again = true;
			p->offset = first[i]->offset;
			p->file = first[i]->file;
			continue;
		}
		if (expect(w, path, false, 0644, p->size, err) < 0)
			return bundle_blame(p, err);
		p->file = w->b->file;
		p->offset = w->at;
		skip(w, p->size);
		if (w->at > w->b->file->size) {
			gg_fail(err, GG_INTEGRITY, "it ends early: the file has %" PRIu64 " bytes",
				w->b->file->size);
			return bundle_blame(p, err);
		}
	}
	if (bundle_zeros(w->b->file, w->at, TAR_END, err) < 0)
		return -1;
	w->at += TAR_END;
	if (w->at != w->b->file->size)
		return gg_fail(err, GG_INTEGRITY, "something follows its end");
	return 0;
}

/* A delta's list of all, in which what is here finds its place. */
static int read_whole(struct bundle *b, const struct bundle_part *whole, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (bundle_read(whole, &text, err) < 0)
		return -1;
	if (bundle_manifest_parse(text.data ? text.data : "", text.len, b->arena, &b->info, err) <
	    0)
		return bundle_blame(whole, err);
	if (!gg_streq(b->info.platform, b->own.platform) || !gg_streq(b->info.name, b->own.name) ||
	    !gg_digest_is_zero(&b->info.base))
		return bundle_bad_part(whole, "it is the list of another bundle", err);
	return 0;
}

static const struct bundle_part *find_blob(const struct bundle_info *info,
					   const struct gg_digest *d)
{
	for (size_t i = 0; i < info->n_parts; i++)
		if (gg_digest_eq(&info->parts[i].digest, d))
			return &info->parts[i];
	return NULL;
}

static int compare_part(const void *key, const void *element)
{
	const struct gg_digest *d = key;
	const struct bundle_part *const *p = element;

	return memcmp(d->bytes, (*p)->digest.bytes, GG_DIGEST_LEN);
}

/* What is described and not there yet is taken from what `from` has. */
void bundle_fill_in(struct bundle *b, const struct bundle_info *from)
{
	_cleanup_free_ const struct bundle_part **sorted =
		gg_calloc(from->n_parts + 1, sizeof(*sorted));

	for (size_t i = 0; i < from->n_parts; i++)
		sorted[i] = &from->parts[i];
	qsort(sorted, from->n_parts, sizeof(*sorted), compare_digests);
	for (size_t i = 0; i < b->info.n_parts; i++) {
		struct bundle_part *p = &b->info.parts[i];
		const struct bundle_part **found =
			p->file ? NULL
				: bsearch(&p->digest, sorted, from->n_parts, sizeof(*sorted),
					  compare_part);

		if (found && (*found)->file && (*found)->size == p->size) {
			p->file = (*found)->file;
			p->offset = (*found)->offset;
		}
	}
}

static int check_delta(struct bundle *b, struct gg_err *err)
{
	const struct bundle_part *whole = NULL;

	for (size_t i = 0; i < b->own.n_parts; i++)
		if (b->own.parts[i].role == BUNDLE_WHOLE)
			whole = &b->own.parts[i];
	if (!whole != gg_digest_is_zero(&b->own.base))
		return gg_fail(err, GG_INTEGRITY, "a delta without its base or its list");
	if (!whole) {
		b->info = b->own;
		return 0;
	}
	if (read_whole(b, whole, err) < 0)
		return -1;
	for (size_t i = 0; i < b->own.n_parts; i++)
		if (&b->own.parts[i] != whole && !find_blob(&b->info, &b->own.parts[i].digest))
			return bundle_bad_part(&b->own.parts[i], "the list of all parts lacks it",
					       err);
	bundle_fill_in(b, &b->own);
	return 0;
}

int bundle_check_program(const struct bundle *b, uint64_t size, struct gg_err *err)
{
	const struct bundle_part *p = NULL;

	for (size_t i = 0; i < b->own.n_parts; i++)
		if (b->own.parts[i].role == BUNDLE_PROGRAM_FILE)
			p = &b->own.parts[i];
	if ((p ? p->size : UINT64_MAX) != size)
		return gg_fail(err, GG_INTEGRITY, "the program is not the one that it lists");
	return 0;
}

/* Ours begin with this very block; an archive that does not is another tool's. */
static bool is_ours(struct bundle *b)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	struct walk w = { .b = b };

	return b->file->size < TAR_BLOCK ||
	       expect(&w, "oci-layout", false, 0644, strlen(OCI_LAYOUT_TEXT), &ignored) == 0;
}

static int read_ours(struct bundle *b, struct gg_err *err)
{
	struct walk w = { .b = b };
	uint64_t manifest_size, program_size;

	if (read_head(&w, &manifest_size, err) < 0 || read_program(&w, &program_size, err) < 0 ||
	    read_manifest(&w, manifest_size, err) < 0 ||
	    bundle_check_program(b, program_size, err) < 0)
		return -1;
	return place_parts(&w, err);
}

static int check_magic(const struct bundle *b, struct gg_err *err)
{
	char magic[sizeof(MAGIC) - 1] = "";

	if (bundle_file_read(b->file, magic, sizeof(magic), MAGIC_AT) < 0)
		return gg_fail_errno(err, "read");
	if (!memcmp(magic, MAGIC, sizeof(magic)))
		return 0;
	gg_fail(err, GG_INTEGRITY, "it does not begin like a bundle");
	return gg_hint(err, "`ggbuild bundle RECIPE -o FILE` makes one");
}

static int read_all(struct bundle *b, struct gg_err *err)
{
	if (bundle_file_open(b->path, &b->file, err) < 0 || check_magic(b, err) < 0 ||
	    (is_ours(b) ? read_ours(b, err) : bundle_read_foreign(b, err)) < 0)
		return -1;
	return check_delta(b, err);
}

int bundle_open(const char *path, struct bundle **ret, struct gg_err *err)
{
	_cleanup_bundle_ struct bundle *b = gg_zalloc(sizeof(*b));

	b->arena = gg_arena_new();
	b->path = gg_strdup(path);
	b->program_offset = BUNDLE_ABSENT;
	if (read_all(b, err) < 0)
		return gg_context(err, "bundle '%s'", path);
	*ret = gg_steal(&b);
	return 0;
}
