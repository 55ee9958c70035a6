/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/oci.h"

enum { INDEX_MAX = 4 << 20 };

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

static int copy_bytes(int from, int to, uint64_t size, struct gg_err *err)
{
	while (size > 0) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
			break;
		if (n < 0)
			return gg_fail_errno(err, "copy");
		if (n == 0)
			return gg_fail(err, GG_INTEGRITY, "the blob ends %llu bytes early", (unsigned long long)size);
		size -= (uint64_t)n;
	}
	/* Between file systems that cannot: by hand. */
	while (size > 0) {
		char block[64 * 1024];
		ssize_t n = gg_read_full(from, block, size < sizeof(block) ? size : sizeof(block), err);

		if (n < 0)
			return -1;
		if (n == 0)
			return gg_fail(err, GG_INTEGRITY, "the blob ends %llu bytes early", (unsigned long long)size);
		if (gg_write_all(to, block, (size_t)n, err) < 0)
			return -1;
		size -= (uint64_t)n;
	}
	return 0;
}

static bool blob_there(int blobs, const char *hex, uint64_t size)
{
	struct stat st;

	return fstatat(blobs, hex, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

static int write_blob(int blobs, const struct layout_image *image, const struct layout_blob *b, struct gg_err *err)
{
	_cleanup_newfile_ struct gg_newfile f = GG_NEWFILE_INIT;
	_cleanup_close_ int from = -1;
	char hex[GG_DIGEST_HEX];

	gg_digest_hex(&b->digest, hex);
	if (blob_there(blobs, hex, b->size))
		return 0;
	from = image->open(image->ctx, &b->digest, err);
	if (from < 0 || gg_newfile_open(&f, blobs, 0644, err) < 0 || copy_bytes(from, f.fd, b->size, err) < 0)
		return gg_context(err, "blob sha256:%s", hex);
	return gg_newfile_commit(&f, hex, GG_COMMIT_REPLACE, err);
}

static const char *ref_of(const struct gg_json *descriptor)
{
	return gg_json_get_str(gg_json_get(descriptor, "annotations"), OCI_REF_NAME, "");
}

static int read_index(int dir, struct gg_json **ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int fd = openat(dir, "index.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return gg_fail_errno(err, "open 'index.json'");
	if (gg_read_fd(fd, INDEX_MAX, &text, err) < 0)
		return -1;
	*ret = gg_json_parse(text.data ? text.data : "", text.len, err);
	if (!*ret)
		return gg_context(err, "'index.json'");
	return 0;
}

/* The new index: the others that stay, in their order, and ours in its old place or at the end. */
static struct gg_json *new_index(const struct gg_json *old, struct gg_json *ours, bool keep_others)
{
	struct gg_json *index = gg_json_object(), *list = gg_json_array();
	const struct gg_json *manifests = gg_json_get(old, "manifests");
	bool placed = false;

	for (size_t i = 0; keep_others && i < gg_json_len(manifests); i++) {
		struct gg_json *m = gg_json_at(manifests, i);

		if (!gg_streq(ref_of(m), ref_of(ours))) {
			gg_json_append_take(list, gg_json_ref(m));
		} else if (!placed) {
			gg_json_append_take(list, gg_json_ref(ours));
			placed = true;
		}
	}
	if (!placed)
		gg_json_append_take(list, gg_json_ref(ours));
	gg_json_set_int(index, "schemaVersion", 2);
	gg_json_set_str(index, "mediaType", OCI_INDEX_TYPE);
	gg_json_take(index, "manifests", list);
	return index;
}

static int fill(int dir, const struct layout_image *image, bool keep_others, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *old = NULL, *index = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int blobs = -1;

	if (read_index(dir, &old, err) < 0 || gg_mkdirs(dir, "blobs/sha256", 0755, err) < 0)
		return -1;
	blobs = gg_openat(dir, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (blobs < 0)
		return -1;
	for (size_t i = 0; i < image->n_blobs; i++)
		if (write_blob(blobs, image, &image->blobs[i], err) < 0)
			return -1;
	index = new_index(old, image->descriptor, keep_others);
	if (old && gg_json_eq(old, index))
		return 0;
	text = gg_json_compact(index);
	if (gg_write_file(dir, "oci-layout", layout_text, strlen(layout_text), 0644, 0, err) < 0)
		return -1;
	return gg_write_file(dir, "index.json", text, strlen(text), 0644, GG_COMMIT_REPLACE, err);
}

static int write_fresh(int parent, const char *name, const struct layout_image *image, bool keep_others,
		       struct gg_err *err)
{
	_cleanup_free_ char *prefix = gg_asprintf(".%s.ggtmp", name), *temp = gg_temp_name(prefix);
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_close_ int dir = -1;
	int r;

	if (mkdirat(parent, temp, 0755) < 0)
		return gg_fail_errno(err, "mkdir '%s'", temp);
	/* The umask must not reach the layout. */
	if (fchmodat(parent, temp, 0755, 0) < 0)
		gg_fail_errno(err, "chmod '%s'", temp);
	dir = gg_openat(parent, temp, O_RDONLY | O_DIRECTORY, 0, err);
	r = dir < 0 || err->kind != GG_OK ? -1 : fill(dir, image, keep_others, err);
	if (r == 0 && renameat2(parent, temp, parent, name, RENAME_NOREPLACE) < 0)
		r = gg_fail_errno(err, "rename to '%s'", name);
	if (r == 0)
		return gg_fsync_dir(parent, err);
	if (gg_remove_tree(parent, temp, &ignored) < 0)
		gg_context(err, "'%s' was left behind", temp);
	return r;
}

/* An empty directory or a layout may be written into; anything else is somebody's. */
static int check_target(int dir, const char *path, struct gg_err *err)
{
	struct stat st;

	if (fstatat(dir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		return 0;
	if (fstatat(dir, "index.json", &st, AT_SYMLINK_NOFOLLOW) == 0 || fstatat(dir, "blobs", &st, 0) == 0 ||
	    unlinkat(AT_FDCWD, path, AT_REMOVEDIR) < 0) {
		gg_fail(err, GG_USAGE, "'%s' exists and is not an OCI layout", path);
		return gg_hint(err, "choose another directory, or remove this one");
	}
	/* It was empty: made anew, whole. */
	return 1;
}

int layout_write(const char *path, const struct layout_image *image, bool keep_others, struct gg_err *err)
{
	_cleanup_free_ char *parent_path = gg_strdup(path);
	_cleanup_close_ int dir = -1, parent = -1;
	size_t len = strlen(parent_path);
	char *slash;
	int r;

	while (len > 1 && parent_path[len - 1] == '/')
		parent_path[--len] = '\0';
	dir = open(parent_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 && errno != ENOENT)
		return gg_fail_errno(err, "open '%s'", path);
	r = dir < 0 ? 1 : check_target(dir, parent_path, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return fill(dir, image, keep_others, err);
	slash = strrchr(parent_path, '/');
	if (slash)
		*slash = '\0';
	parent = gg_openat(AT_FDCWD, !slash ? "." : slash == parent_path ? "/" : parent_path, O_RDONLY | O_DIRECTORY, 0,
			   err);
	if (parent < 0)
		return -1;
	return write_fresh(parent, slash ? slash + 1 : parent_path, image, keep_others, err);
}
