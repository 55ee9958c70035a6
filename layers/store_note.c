/* SPDX-License-Identifier: Apache-2.0
 *
 * Notes: a digest and the bytes that it is of. Written without fsync: what a crash leaves of one does not match.
 */
#include "layers/store_private.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/log.h"

enum { NOTE_MAX = 1 << 30 };

bool store_note_get(struct store *s, const struct gg_digest *about, struct gg_buf *ret)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	char hex[GG_DIGEST_HEX];
	_cleanup_close_ int fd = openat(s->dirs[STORE_NOTES], gg_digest_hex(about, hex),
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct gg_digest is;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > NOTE_MAX)
		return false;
	gg_buf_reserve(&text, (size_t)st.st_size + 1);
	if (gg_read_fd(fd, NOTE_MAX, &text, &err) < 0 || text.len < GG_DIGEST_LEN)
		return false;
	gg_digest_of(text.data + GG_DIGEST_LEN, text.len - GG_DIGEST_LEN, &is);
	if (memcmp(is.bytes, text.data, GG_DIGEST_LEN) != 0)
		return false;
	store_touch(fd, &st);
	gg_buf_add(ret, text.data + GG_DIGEST_LEN, text.len - GG_DIGEST_LEN);
	return true;
}

void store_note_put(struct store *s, const struct gg_digest *about, const void *bytes, size_t len)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *temp = gg_temp_name("note");
	_cleanup_close_ int fd = -1;
	char hex[GG_DIGEST_HEX];
	int work = store_work_fd(s, &err);
	struct gg_digest is;

	gg_digest_of(bytes, len, &is);
	if (work >= 0)
		fd = gg_openat(work, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &err);
	if (fd >= 0 && gg_write_all(fd, is.bytes, GG_DIGEST_LEN, &err) == 0 &&
	    gg_write_all(fd, bytes, len, &err) == 0 &&
	    renameat(work, temp, s->dirs[STORE_NOTES], gg_digest_hex(about, hex)) == 0)
		return;
	gg_log(GG_LOG_DEBUG, "note: %s", err.text ? err.text : "it cannot be renamed");
	if (fd >= 0)
		unlinkat(work, temp, 0);
}
