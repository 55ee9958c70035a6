/* SPDX-License-Identifier: Apache-2.0
 *
 * Caches of steps. A cache is made in tmp/ and renamed, so that it has its name and its owner from the first moment;
 * what is in it is never trusted, synced or verified.
 */
#include "layers/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ABOUT_MAX = 64 * 1024, MAX_DEPTH = 64, SECTOR = 512 };

static int make(struct store *s, const char *hex, const char *name, uint32_t uid,
		struct gg_err *err)
{
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_INIT;
	bool existed;

	if (store_tmp_new(s, geteuid(), &tmp, err) < 0)
		return -1;
	if (mkdirat(tmp.fd, "cache", 0711) < 0 || mkdirat(tmp.fd, "cache/data", 0755) < 0 ||
	    fchmodat(tmp.fd, "cache", 0711, 0) < 0 || fchmodat(tmp.fd, "cache/data", 0755, 0) < 0)
		return gg_fail_errno(err, "make a cache");
	if (uid != geteuid() && fchownat(tmp.fd, "cache/data", uid, uid, AT_SYMLINK_NOFOLLOW) < 0)
		return gg_fail_errno(err, "give a cache to uid %u", uid);
	if (gg_write_file(tmp.fd, "cache/about", name, strlen(name), 0600, 0, err) < 0)
		return -1;
	return store_commit(s, tmp.fd, "cache", s->dirs[STORE_CACHES], hex, 0, &existed, err);
}

static int open_data(struct store *s, const char *hex)
{
	_cleanup_free_ char *path = gg_asprintf("%s/data", hex);

	return openat(s->dirs[STORE_CACHES], path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void note_use(struct store *s, const char *hex)
{
	_cleanup_free_ char *path = gg_asprintf("%s/about", hex);
	_cleanup_close_ int fd =
		openat(s->dirs[STORE_CACHES], path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0)
		store_touch(fd, &st);
}

int store_cache_take(struct store *s, const char *name, uint32_t uid, struct store_cache *ret,
		     struct gg_err *err)
{
	_cleanup_free_ char *text = gg_asprintf("cache\n%s", name);
	struct gg_digest d;
	char hex[GG_DIGEST_HEX];

	*ret = (struct store_cache)STORE_CACHE_INIT;
	gg_digest_of(text, strlen(text), &d);
	gg_digest_hex(&d, hex);
	if (store_lock_try(s, &d, &ret->lockfd, err) < 0)
		return -1;
	if (ret->lockfd < 0)
		return 0;
	ret->fd = open_data(s, hex);
	if (ret->fd < 0 && errno == ENOENT) {
		if (make(s, hex, name, uid, err) < 0)
			goto fail;
		ret->fd = open_data(s, hex);
	}
	if (ret->fd < 0) {
		gg_fail_errno(err, "open cache '%s'", name);
		goto fail;
	}
	note_use(s, hex);
	return 0;
fail:
	store_cache_release(ret);
	return -1;
}

void store_cache_release(struct store_cache *c)
{
	gg_close(c->fd);
	store_lock_release(c->lockfd);
	*c = (struct store_cache)STORE_CACHE_INIT;
}

char *store_cache_about(struct store *s, const struct gg_digest *d)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	char hex[GG_DIGEST_HEX];
	_cleanup_free_ char *path = gg_asprintf("%s/about", gg_digest_hex(d, hex));

	if (gg_read_file(s->dirs[STORE_CACHES], path, ABOUT_MAX, &text, &ignored) < 0)
		return NULL;
	return gg_buf_steal(&text);
}

/* Steps may be writing meanwhile, and nest as deep as they like: what cannot be opened is not counted. */
static uint64_t disk_size(int dirfd, unsigned depth)
{
	_cleanup_close_ int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	uint64_t size = 0;
	struct dirent *e;
	struct stat st;

	if (!dir)
		return 0;
	copy = -1;
	while ((e = readdir(dir))) {
		if (gg_streq(e->d_name, ".") || gg_streq(e->d_name, "..") ||
		    fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		size += (uint64_t)st.st_blocks * SECTOR;
		if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
			_cleanup_close_ int sub = openat(
				dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			size += sub >= 0 ? disk_size(sub, depth + 1) : 0;
		}
	}
	closedir(dir);
	return size;
}

struct scan_ctx {
	struct store *s;
	struct store_scan *list;
};

static int scan_one(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	struct scan_ctx *c = ctx;
	_cleanup_free_ char *about = gg_asprintf("%s/about", name);
	struct store_object *o;
	struct gg_digest d;
	struct stat st;
	int fd;

	(void)err;
	if (gg_digest_from_hex(name, &d) < 0)
		return 0;
	o = store_scan_add(c->list, STORE_CACHE, &d);
	o->used = fstatat(dirfd, about, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mtim.tv_sec : 0;
	fd = open_data(c->s, name);
	if (fd >= 0)
		o->size = disk_size(fd, 0);
	gg_close(fd);
	return 0;
}

int store_cache_scan(struct store *s, struct store_scan *ret, struct gg_err *err)
{
	struct scan_ctx c = { .s = s, .list = ret };

	return store_each(s->dirs[STORE_CACHES], scan_one, &c, err);
}
