/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/layout_read.h"
#include "layers/oci.h"
#include "layers/transport_private.h"

enum { INDEX_MAX = 4 << 20, LAYOUT_MAX = 4096 };

static const char temporary[] = ".ggtmp-"; /* gg_newfile's */

/* One write into a directory. */
struct layout_writer {
	const struct transport_image *image;
	int dir, blobs;       /* the layout, its blobs/sha256; -1 */
	struct gg_strv names; /* of the image's blobs, hex */
	struct gg_strv added; /* those that were not there */
	bool was_empty;
};

static void writer_done(struct layout_writer *w)
{
	gg_close(w->dir);
	gg_close(w->blobs);
	gg_strv_done(&w->names);
	gg_strv_done(&w->added);
}

static int read_json(int dir, const char *name, size_t max, struct gg_json **ret,
		     struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return gg_fail_errno(err, "open '%s'", name);
	if (gg_read_fd(fd, max, &text, err) < 0)
		return gg_context(err, "'%s'", name);
	*ret = gg_json_parse(text.data ? text.data : "", text.len, err);
	if (*ret)
		return 0;
	gg_context(err, "'%s'", name);
	return gg_hint(err, "the layout is damaged; choose another directory, or remove this one");
}

static int refuse(const char *path, struct gg_err *err)
{
	gg_fail(err, GG_USAGE, "'%s' exists and is not an OCI layout", path);
	return gg_hint(err, "choose another directory, or remove this one");
}

/* What a writer that died left behind does not count. */
static int not_empty(void *ctx, int dir, const char *name, struct gg_err *err)
{
	(void)dir;
	(void)err;
	if (!gg_starts(name, temporary))
		*(bool *)ctx = true;
	return 0;
}

/* An empty directory or a layout may be written into; anything else is somebody's. */
static int inspect(int dir, const char *path, bool *ret_empty, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *layout = NULL, *index = NULL;
	const char *version;
	bool full = false;

	*ret_empty = false;
	if (faccessat(dir, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		*ret_empty = true;
		if (transport_each_name(dir, not_empty, &full, err) < 0)
			return -1;
		return full ? refuse(path, err) : 0;
	}
	if (read_json(dir, "oci-layout", LAYOUT_MAX, &layout, err) < 0 ||
	    read_json(dir, "index.json", INDEX_MAX, &index, err) < 0)
		return gg_context(err, "'%s'", path);
	version = gg_json_get_str(layout, "imageLayoutVersion", "");
	if (!gg_streq(version, OCI_LAYOUT_VERSION)) {
		gg_fail(err, GG_USAGE, "'%s' is a layout of version '%s'", path, version);
		return gg_hint(err, "version %s is what can be written; choose another directory",
			       OCI_LAYOUT_VERSION);
	}
	if (!index || gg_json_is_array(gg_json_get(index, "manifests")))
		return 0;
	gg_fail(err, GG_INTEGRITY, "'%s': 'index.json' lists no manifests", path);
	return gg_hint(err, "the layout is damaged; choose another directory, or remove this one");
}

/* Absent: 0 and *ret -1. */
static int open_layout(const char *path, int *ret, struct gg_err *err)
{
	struct stat st;

	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret >= 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return gg_fail_errno(err, "open '%s'", path);
	if (lstat(path, &st) == 0) /* a file, or a symlink to nothing */
		return refuse(path, err);
	return errno == ENOENT ? 0 : gg_fail_errno(err, "open '%s'", path);
}

static int check(const struct transport_target *t, struct gg_err *err)
{
	_cleanup_free_ char *path = transport_without_slashes(t->place), *name = NULL;
	_cleanup_close_ int dir = -1, parent = -1;
	bool empty;

	if (open_layout(path, &dir, err) < 0)
		return -1;
	if (dir >= 0 && inspect(dir, path, &empty, err) < 0)
		return -1;
	if (dir < 0)
		parent = transport_open_parent(path, &name, err);
	if (dir < 0 && parent < 0)
		return -1;
	return transport_check_writable(dir >= 0 ? dir : parent, path, err);
}

static const char *ref_of(const struct gg_json *descriptor)
{
	return gg_json_get_str(gg_json_get(descriptor, "annotations"), OCI_REF_NAME, "");
}

/* The new index: the others that stay, in their order, and ours in its old place or at the end. */
static struct gg_json *new_index(const struct gg_json *old, const struct transport_target *t,
				 const struct transport_image *image)
{
	struct gg_json *ours = transport_descriptor(t, image), *list = gg_json_array(),
		       *index = oci_index(list);
	const struct gg_json *manifests = t->ref ? gg_json_get(old, "manifests") : NULL;
	struct gg_json *annotations = t->ref ? gg_json_get(old, "annotations") : NULL;
	bool placed = false;

	for (size_t i = 0; i < gg_json_len(manifests); i++) {
		struct gg_json *m = gg_json_at(manifests, i);

		if (!gg_streq(ref_of(m), t->ref)) {
			gg_json_append_take(list, gg_json_ref(m));
		} else if (!placed) {
			gg_json_append_take(list, gg_json_ref(ours));
			placed = true;
		}
	}
	if (!placed)
		gg_json_append_take(list, gg_json_ref(ours));
	if (annotations)
		gg_json_take(index, "annotations", gg_json_ref(annotations));
	gg_json_unref(ours);
	return index;
}

/* A directory below the layout, made when absent; never through a symlink. */
static int open_dir(int dir, const char *name, struct gg_err *err)
{
	if (mkdirat(dir, name, 0755) == 0) {
		if (gg_fsync_dir(dir, err) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return gg_fail_errno(err, "mkdir '%s'", name);
	}
	return gg_openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
}

static bool blob_there(int blobs, const char *hex, uint64_t size)
{
	struct stat st;

	return fstatat(blobs, hex, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size;
}

static int write_blob(struct layout_writer *w, const struct image_blob *b, const char *hex,
		      struct gg_err *err)
{
	_cleanup_newfile_ struct gg_newfile f = GG_NEWFILE_INIT;

	if (gg_newfile_open(&f, w->blobs, 0644, err) < 0 ||
	    transport_copy_blob(w->image, b, f.fd, err) < 0)
		return -1;
	gg_strv_add(&w->added, hex);
	return gg_newfile_commit(&f, hex, GG_COMMIT_REPLACE, err);
}

/* Files that are filled together. */
struct arrivals {
	struct gg_newfile *files;
	struct image_get *gets;
	size_t n;
};

static void arrivals_done(struct arrivals *a)
{
	for (size_t i = 0; i < a->n; i++)
		gg_newfile_done(&a->files[i]);
	free(a->files);
	free(a->gets);
}

static int receive(struct layout_writer *w, struct arrivals *a, struct gg_err *err)
{
	if (a->n == 0)
		return 0;
	if (w->image->get(w->image->ctx, a->gets, a->n, err) < 0)
		return -1;
	for (size_t i = 0; i < a->n; i++) {
		char hex[GG_DIGEST_HEX];

		gg_strv_add(&w->added, gg_digest_hex(&a->gets[i].blob->digest, hex));
		if (gg_newfile_commit(&a->files[i], hex, GG_COMMIT_REPLACE, err) < 0)
			return -1;
	}
	return 0;
}

/* What is not there. */
static int write_missing(struct layout_writer *w, struct gg_err *err)
{
	size_t n = w->image->n_blobs;
	GG_CLEANUP(arrivals_done)
	struct arrivals a = { .files = gg_calloc(n, sizeof(*a.files)),
			      .gets = gg_calloc(n, sizeof(*a.gets)) };

	for (size_t i = 0; i < n; i++) {
		const struct image_blob *b = &w->image->blobs[i];
		char hex[GG_DIGEST_HEX];

		gg_strv_add(&w->names, gg_digest_hex(&b->digest, hex));
		if (blob_there(w->blobs, hex, b->size))
			continue;
		if (!w->image->get) {
			if (write_blob(w, b, hex, err) < 0)
				return -1;
			continue;
		}
		a.files[a.n] = (struct gg_newfile)GG_NEWFILE_INIT;
		if (gg_newfile_open(&a.files[a.n], w->blobs, 0644, err) < 0)
			return -1;
		a.gets[a.n] = (struct image_get){ .blob = b, .outfd = a.files[a.n].fd };
		a.n++;
	}
	return receive(w, &a, err);
}

/* Without a reference everything goes but this image; with one, only what dead writers left. */
struct sweep {
	const struct layout_writer *writer;
	bool alone;
};

static int sweep_blob(void *ctx, int dir, const char *name, struct gg_err *err)
{
	const struct sweep *s = ctx;

	if (!gg_starts(name, temporary) && (!s->alone || gg_strv_has(&s->writer->names, name)))
		return 0;
	return gg_remove_tree(dir, name, err);
}

static int sweep_algorithm(void *ctx, int dir, const char *name, struct gg_err *err)
{
	const struct sweep *s = ctx;

	return !s->alone || gg_streq(name, "sha256") ? 0 : gg_remove_tree(dir, name, err);
}

static int sweep_temporary(void *ctx, int dir, const char *name, struct gg_err *err)
{
	(void)ctx;
	return gg_starts(name, temporary) ? gg_remove_tree(dir, name, err) : 0;
}

static int sweep(const struct layout_writer *w, bool alone, struct gg_err *err)
{
	struct sweep s = { .writer = w, .alone = alone };
	_cleanup_close_ int algorithms =
		gg_openat(w->dir, "blobs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);

	if (algorithms < 0 || transport_each_name(w->dir, sweep_temporary, &s, err) < 0 ||
	    transport_each_name(algorithms, sweep_algorithm, &s, err) < 0)
		return -1;
	return transport_each_name(w->blobs, sweep_blob, &s, err);
}

/* Before index.json was replaced: nothing refers to what was added. */
static void undo(const struct layout_writer *w)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	for (size_t i = 0; i < w->added.n; i++)
		unlinkat(w->blobs, w->added.v[i], 0);
	if (w->was_empty && (gg_remove_tree(w->dir, "blobs", &ignored) < 0 ||
			     gg_remove_tree(w->dir, "oci-layout", &ignored) < 0))
		gg_context(&ignored, "some of it was left behind");
}

static int write_blobs(struct layout_writer *w, struct gg_err *err)
{
	_cleanup_close_ int algorithms = -1;

	/* First, so that a later run knows a directory for its own in which this one died. */
	if (w->was_empty &&
	    gg_write_file(w->dir, "oci-layout", OCI_LAYOUT_TEXT, strlen(OCI_LAYOUT_TEXT), 0644,
			  GG_COMMIT_REPLACE, err) < 0)
		return -1;
	algorithms = open_dir(w->dir, "blobs", err);
	w->blobs = algorithms < 0 ? -1 : open_dir(algorithms, "sha256", err);
	if (w->blobs < 0)
		return -1;
	return write_missing(w, err);
}

static int write_index(struct layout_writer *w, const struct transport_target *t, bool *ret_written,
		       struct gg_err *err)
{
	_cleanup_newfile_ struct gg_newfile f = GG_NEWFILE_INIT;
	_cleanup_json_ struct gg_json *old = NULL, *index = NULL;
	_cleanup_free_ char *text = NULL;
	int r;

	if (read_json(w->dir, "index.json", INDEX_MAX, &old, err) < 0)
		return -1;
	index = new_index(old, t, w->image);
	if (old && gg_json_eq(old, index))
		return 0;
	text = gg_json_compact(index);
	if (gg_newfile_open(&f, w->dir, 0644, err) < 0 ||
	    gg_write_all(f.fd, text, strlen(text), err) < 0)
		return gg_context(err, "'index.json'");
	r = gg_newfile_commit(&f, "index.json", GG_COMMIT_REPLACE, err);
	*ret_written = f.temp == NULL;
	return r;
}

static int fill(struct layout_writer *w, const struct transport_target *t, struct gg_err *err)
{
	bool written = false;

	if (write_blobs(w, err) < 0 || write_index(w, t, &written, err) < 0) {
		if (!written)
			undo(w);
		return -1;
	}
	return sweep(w, !t->ref, err);
}

static int write_existing(int dir, const struct transport_target *t,
			  const struct transport_image *image, struct gg_err *err)
{
	GG_CLEANUP(writer_done)
	struct layout_writer w = { .image = image, .dir = dir, .blobs = -1 };

	/* A file system without locks loses only the turns. */
	while (flock(dir, LOCK_EX) < 0 && errno == EINTR)
		;
	if (inspect(dir, t->place, &w.was_empty, err) < 0)
		return -1;
	return fill(&w, t, err);
}

/* *ret_lost: somebody else made the directory meanwhile. */
static int write_fresh(int parent, const char *name, const struct transport_target *t,
		       const struct transport_image *image, bool *ret_lost, struct gg_err *err)
{
	_cleanup_transport_temp_ struct transport_temp temp = TRANSPORT_TEMP_INIT;
	GG_CLEANUP(writer_done)
	struct layout_writer w = { .image = image, .dir = -1, .blobs = -1, .was_empty = true };

	if (transport_temp_open(parent, name, &temp, err) < 0)
		return -1;
	w.dir = gg_openat(temp.fd, ".", O_RDONLY | O_DIRECTORY, 0, err);
	if (w.dir < 0 || fill(&w, t, err) < 0)
		return -1;
	/* The umask must not reach the layout. */
	if (fchmod(w.dir, 0755) < 0)
		return gg_fail_errno(err, "chmod '%s'", temp.name);
	/* Takes the place of an empty directory at most. RENAME_NOREPLACE is not known to every file system. */
	if (renameat(parent, temp.name, parent, name) == 0) {
		free(gg_steal(&temp.name));
		return gg_fsync_dir(parent, err);
	}
	*ret_lost = errno == ENOTEMPTY || errno == EEXIST;
	return *ret_lost ? 0 : gg_fail_errno(err, "rename to '%s'", name);
}

static int write_layout(const struct transport_target *t, const struct transport_image *image,
			struct gg_err *err)
{
	_cleanup_free_ char *path = transport_without_slashes(t->place), *name = NULL;
	_cleanup_close_ int parent = -1;
	bool lost = false;
	int dir;

	if (open_layout(path, &dir, err) < 0)
		return -1;
	if (dir < 0) {
		parent = transport_open_parent(path, &name, err);
		if (parent < 0 || write_fresh(parent, name, t, image, &lost, err) < 0)
			return -1;
		if (!lost)
			return 0;
		dir = gg_openat(parent, name, O_RDONLY | O_DIRECTORY, 0, err);
	}
	return dir < 0 ? -1 : write_existing(dir, t, image, err);
}

const struct transport transport_oci = {
	.name = "oci",
	.form = "oci:DIR[:REF]",
	.many = true,
	.index = true,
	.documents = true,
	.parse = transport_parse_path,
	.read = layout_read_directory,
	.list = layout_list_directory,
	.identity = transport_directory_identity,
	.check = check,
	.write = write_layout,
};
