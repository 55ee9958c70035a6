/* SPDX-License-Identifier: Apache-2.0
 *
 * An action's file is {"check": sha256 of the record's compact text, "record": …}, so that a
 * flipped bit in it is seen; the key's text beside it is its own check. Names map a step to its
 * newest key, for `explain` only.
 */
#include "layers/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/log.h"

static char *file_name(const struct gg_digest *key, const char *suffix)
{
	char hex[GG_DIGEST_HEX];

	return gg_asprintf("%s%s", gg_digest_hex(key, hex), suffix);
}

/* 1 with the text in ret, 0 absent, -1. */
static int read_small(int dirfd, const char *name, struct gg_buf *ret, bool touch,
		      struct gg_err *err)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return gg_fail_errno(err, "open '%s'", name);
	if (gg_read_fd(fd, STORE_MAX_RECORD, ret, err) < 0)
		return gg_context(err, "'%s'", name);
	if (touch)
		store_touch(fd, &st);
	return 1;
}

static bool is_damage(const struct gg_err *err)
{
	return err->kind != GG_SYSTEM || err->errnum == EIO || err->errnum == EISDIR ||
	       err->errnum == ELOOP || err->errnum == ENXIO;
}

static struct gg_json *unwrap(const struct gg_buf *text, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *file =
		gg_json_parse(text->data ? text->data : "", text->len, err);
	_cleanup_free_ char *compact = NULL;
	struct gg_json *record = file ? gg_json_get(file, "record") : NULL;
	struct gg_digest is, want;

	if (!file)
		return NULL;
	if (!record || gg_digest_from_hex(gg_json_get_str(file, "check", ""), &want) < 0) {
		gg_fail(err, GG_INTEGRITY, "not an action record");
		return NULL;
	}
	compact = gg_json_compact(record);
	gg_digest_of(compact, strlen(compact), &is);
	if (!gg_digest_eq(&is, &want)) {
		gg_fail(err, GG_INTEGRITY, "the record does not match its check");
		return NULL;
	}
	return gg_json_ref(record);
}

static char *wrap(const struct gg_json *record)
{
	_cleanup_free_ char *compact = gg_json_compact(record);
	char hex[GG_DIGEST_HEX];
	struct gg_digest check;

	gg_digest_of(compact, strlen(compact), &check);
	/* "check" sorts before "record", so this is canonical too. */
	return gg_asprintf("{\"check\":\"%s\",\"record\":%s}", gg_digest_hex(&check, hex), compact);
}

int store_action_check(struct store *s, const struct gg_digest *key, unsigned flags,
		       struct gg_json **ret, struct gg_err *err)
{
	_cleanup_free_ char *name = file_name(key, ".json");
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int dirfd = store_fan_open(s, STORE_ACTIONS, name, false, err);
	int r;

	*ret = NULL;
	if (dirfd < 0)
		return err->kind == GG_OK ? 0 : -1;
	r = read_small(dirfd, name, &text, !(flags & STORE_CHECK_QUIET), &problem);
	if (r == 0)
		return 0;
	if (r > 0)
		*ret = unwrap(&text, &problem);
	if (*ret)
		return 0;
	if (is_damage(&problem)) {
		store_quarantine(s, dirfd, name, problem.text);
		return 0;
	}
	gg_err_move(err, &problem);
	return -1;
}

int store_action_get(struct store *s, const struct gg_digest *key, struct gg_json **ret,
		     struct gg_err *err)
{
	return store_action_check(s, key, 0, ret, err);
}

static int put_file(struct store *s, int dirfd, const char *name, const char *text, size_t len,
		    struct gg_err *err)
{
	_cleanup_free_ char *temp = NULL;
	bool existed;

	if (store_stage(s, text, len, 0600, &temp, err) < 0)
		return -1;
	if (s->batch) {
		int again = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);

		if (again < 0)
			return gg_fail_errno(err, "dup");
		store_batch_add(s, gg_steal(&temp), again, name);
		return 0;
	}
	/* Replaced, since what is there may be older or damaged. */
	if (store_commit(s, s->work.fd, temp, dirfd, name, GG_COMMIT_REPLACE, &existed, err) < 0) {
		unlinkat(s->work.fd, temp, 0);
		return -1;
	}
	return 0;
}

int store_action_put(struct store *s, const struct gg_digest *key, const char *text,
		     const struct gg_json *record, struct gg_err *err)
{
	_cleanup_free_ char *name = file_name(key, ".json"), *key_name = file_name(key, ".key");
	_cleanup_free_ char *file = wrap(record);
	_cleanup_close_ int dirfd = -1;
	struct gg_digest is;

	gg_digest_of(text, strlen(text), &is);
	if (!gg_digest_eq(&is, key))
		return gg_fail(err, GG_INTERNAL, "action '%s': the text has another digest", name);
	dirfd = store_fan_open(s, STORE_ACTIONS, name, true, err);
	if (dirfd < 0)
		return -1;
	/* The record last: with it the action exists. */
	if (put_file(s, dirfd, key_name, text, strlen(text), err) < 0 ||
	    put_file(s, dirfd, name, file, strlen(file), err) < 0)
		return gg_context(err, "record an action");
	return 0;
}

int store_action_text(struct store *s, const struct gg_digest *key, struct gg_buf *ret,
		      struct gg_err *err)
{
	_cleanup_free_ char *name = file_name(key, ".key");
	_cleanup_close_ int dirfd = store_fan_open(s, STORE_ACTIONS, name, false, err);
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct gg_digest is;
	int r;

	if (dirfd < 0 && err->kind != GG_OK)
		return -1;
	r = dirfd >= 0 ? read_small(dirfd, name, &text, false, err) : 0;
	if (r < 0)
		return -1;
	gg_digest_of(text.data ? text.data : "", text.len, &is);
	if (r > 0 && !gg_digest_eq(&is, key)) {
		store_quarantine(s, dirfd, name, "its content has another digest");
		r = 0;
	}
	if (r == 0) {
		errno = ENOENT;
		return gg_fail_errno(err, "open the key text '%s'", name);
	}
	gg_buf_add(ret, text.data, text.len);
	return 0;
}

int store_name_get(struct store *s, const char *name, struct gg_digest *ret, bool *ret_found,
		   struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct gg_digest hash;
	char file[GG_DIGEST_HEX];
	int r;

	*ret_found = false;
	gg_digest_of(name, strlen(name), &hash);
	r = read_small(s->dirs[STORE_NAMES], gg_digest_hex(&hash, file), &text, false, err);
	if (r <= 0)
		return r;
	/* "<64 hex>\n<name>\n" */
	if (text.len == 64 + 1 + strlen(name) + 1 && text.data[64] == '\n' &&
	    text.data[text.len - 1] == '\n' && memcmp(text.data + 65, name, strlen(name)) == 0) {
		text.data[64] = '\0';
		*ret_found = gg_digest_from_hex(text.data, ret) == 0;
	}
	if (!*ret_found)
		store_quarantine(s, s->dirs[STORE_NAMES], file, "not the name of a step");
	return 0;
}

int store_name_put(struct store *s, const char *name, const struct gg_digest *key,
		   struct gg_err *err)
{
	char hex[GG_DIGEST_HEX], file[GG_DIGEST_HEX];
	_cleanup_free_ char *text = gg_asprintf("%s\n%s\n", gg_digest_hex(key, hex), name);
	struct gg_digest hash, old;
	bool found;

	if (store_name_get(s, name, &old, &found, err) < 0)
		return -1;
	if (found && gg_digest_eq(&old, key))
		return 0;
	gg_digest_of(name, strlen(name), &hash);
	return put_file(s, s->dirs[STORE_NAMES], gg_digest_hex(&hash, file), text, strlen(text),
			err);
}
