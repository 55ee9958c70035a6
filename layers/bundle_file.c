/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a bundle, wherever they are: one file, or the pieces that a split one names.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/bundle_private.h"

void bundle_file_free(struct bundle_file *f)
{
	for (size_t i = 0; f && i < f->n; i++) {
		gg_close(f->v[i].fd);
		free(f->v[i].name);
	}
	if (f)
		free(f->v);
	free(f);
}

static void bundle_file_freep(struct bundle_file **f)
{
	bundle_file_free(*f);
}

static int open_regular(int dirfd, const char *name, struct stat *ret, struct gg_err *err)
{
	_cleanup_close_ int fd = gg_openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);

	if (fd < 0)
		return -1;
	if (fstat(fd, ret) < 0)
		return gg_fail_errno(err, "stat '%s'", name);
	if (!S_ISREG(ret->st_mode))
		return gg_fail(err, GG_INTEGRITY, "'%s' is not a regular file", name);
	return gg_steal_fd(&fd);
}

static bool is_file_name(const char *s)
{
	return *s && *s != '.' && strlen(s) < 256 && !strchr(s, '/');
}

static int bad_index(const char *what, struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY, "the list of pieces is damaged: %s", what);
}

static int add_piece(struct bundle_file *f, int dirfd, const struct gg_json *o, struct gg_err *err)
{
	const char *name = gg_json_get_str(o, "name", "");
	int64_t size = gg_json_get_int(o, "size", -1);
	struct bundle_segment *s = &f->v[f->n];
	struct stat st;

	*s = (struct bundle_segment){ .fd = -1, .start = f->size, .size = (uint64_t)size };
	if (!is_file_name(name) || size <= 0 || size > INT64_MAX / 4 ||
	    gg_digest_from_hex(gg_json_get_str(o, "sha256", ""), &s->digest) < 0)
		return bad_index("a piece without a name, size or digest", err);
	s->fd = open_regular(dirfd, name, &st, err);
	if (s->fd < 0 && err->errnum == ENOENT) {
		gg_err_done(err);
		gg_fail(err, GG_INTEGRITY, "piece '%s' is not there", name);
		return gg_hint(err, "put all the pieces beside the file that lists them");
	}
	if (s->fd < 0)
		return -1;
	s->name = gg_strdup(name);
	f->n++;
	f->size += s->size;
	if ((uint64_t)st.st_size != s->size)
		return gg_fail(err, GG_INTEGRITY, "piece '%s' has %lld bytes, not %llu", name,
			       (long long)st.st_size, (unsigned long long)s->size);
	return 0;
}

static int read_pieces(struct bundle_file *f, int dirfd, int fd, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_json_ struct gg_json *o = NULL;
	const struct gg_json *list;

	if (gg_read_fd(fd, BUNDLE_MAX_SPLIT, &text, err) < 0)
		return -1;
	o = gg_json_parse(text.data, text.len, err);
	if (!o) {
		err->kind = GG_INTEGRITY;
		return gg_context(err, "the list of pieces");
	}
	list = gg_json_get(o, "parts");
	if (gg_json_get_int(o, "ggbuild-split", 0) != 1 || gg_json_len(list) == 0 ||
	    gg_json_len(list) > BUNDLE_MAX_SEGMENTS)
		return bad_index("its version or length", err);
	f->v = gg_calloc(gg_json_len(list), sizeof(*f->v));
	for (size_t i = 0; i < gg_json_len(list); i++)
		if (add_piece(f, dirfd, gg_json_at(list, i), err) < 0)
			return -1;
	if (gg_json_get_int(o, "size", -1) != (int64_t)f->size)
		return bad_index("the sizes do not add up", err);
	return 0;
}

int bundle_file_open(const char *path, struct bundle_file **ret, struct gg_err *err)
{
	GG_CLEANUP(bundle_file_freep) struct bundle_file *f = gg_zalloc(sizeof(*f));
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir =
		slash ? gg_strndup(path, slash == path ? 1 : (size_t)(slash - path))
		      : gg_strdup(".");
	_cleanup_close_ int dirfd = gg_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, err);
	char head[sizeof(BUNDLE_SPLIT_PREFIX)] = "";
	_cleanup_close_ int fd = -1;
	struct stat st;
	ssize_t n;

	if (dirfd < 0)
		return -1;
	fd = open_regular(dirfd, slash ? slash + 1 : path, &st, err);
	if (fd < 0)
		return -1;
	n = pread(fd, head, sizeof(head) - 1, 0);
	if (n < 0)
		return gg_fail_errno(err, "read");
	if (gg_streq(head, BUNDLE_SPLIT_PREFIX)) {
		if (read_pieces(f, dirfd, fd, err) < 0)
			return -1;
	} else {
		f->v = gg_zalloc(sizeof(*f->v));
		f->v[0] = (struct bundle_segment){ .fd = gg_steal_fd(&fd),
						   .size = (uint64_t)st.st_size };
		f->n = 1;
		f->size = (uint64_t)st.st_size;
	}
	*ret = gg_steal(&f);
	return 0;
}

static const struct bundle_segment *segment_at(const struct bundle_file *f, uint64_t offset)
{
	size_t low = 0, high = f->n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (f->v[middle].start <= offset)
			low = middle;
		else
			high = middle;
	}
	return &f->v[low];
}

ssize_t bundle_file_read(const struct bundle_file *f, void *bytes, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len && offset + done < f->size) {
		const struct bundle_segment *s = segment_at(f, offset + done);
		uint64_t at = offset + done - s->start;
		size_t want = len - done;
		ssize_t n;

		if (want > s->size - at)
			want = (size_t)(s->size - at);
		n = pread(s->fd, (char *)bytes + done, want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break; /* it shrinks under us */
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int bundle_file_get(const struct bundle_file *f, void *bytes, size_t len, uint64_t offset,
		    struct gg_err *err)
{
	ssize_t n = bundle_file_read(f, bytes, len, offset);

	if (n < 0)
		return gg_fail_errno(err, "read");
	if ((size_t)n < len)
		return gg_fail(err, GG_INTEGRITY, "it ends early, after %llu bytes",
			       (unsigned long long)(offset + (uint64_t)n));
	return 0;
}

int bundle_file_verify(const struct bundle_file *f, struct gg_err *err)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct bundle_segment *s = &f->v[i];
		struct gg_digest is;

		if (!s->name)
			continue;
		if (lseek(s->fd, 0, SEEK_SET) < 0)
			return gg_fail_errno(err, "lseek");
		if (gg_digest_fd(s->fd, &is, NULL, err) < 0)
			return gg_context(err, "piece '%s'", s->name);
		if (!gg_digest_eq(&is, &s->digest)) {
			gg_fail(err, GG_INTEGRITY,
				"piece '%s' is damaged: its content has another digest", s->name);
			return gg_hint(err, "copy that piece again");
		}
	}
	return 0;
}
