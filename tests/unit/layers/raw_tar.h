/* SPDX-License-Identifier: Apache-2.0
 *
 * A tar writer for tests: it writes what it is told, also what no sane writer would. Headers are ustar; raw_sum mends
 * the checksum after a test has bent a field.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "layers/base/mem.h"

enum {
	RAW_NAME = 0,
	RAW_MODE = 100,
	RAW_UID = 108,
	RAW_SIZE = 124,
	RAW_SUM = 148,
	RAW_TYPE = 156,
	RAW_LINK = 157,
	RAW_MAGIC = 257,
	RAW_MAJOR = 329,
	RAW_MINOR = 337,
	RAW_BLOCK = 512
};

static inline void raw_sum(struct gg_buf *b, size_t at)
{
	unsigned sum = 0;

	memset(b->data + at + RAW_SUM, ' ', 8);
	for (size_t i = 0; i < RAW_BLOCK; i++)
		sum += (unsigned char)b->data[at + i];
	snprintf(b->data + at + RAW_SUM, 8, "%06o", sum);
	b->data[at + RAW_SUM + 7] = ' ';
}

/* Returns where the header is. */
static inline size_t raw_header(struct gg_buf *b, char type, const char *name, unsigned mode,
				size_t size, const char *link)
{
	char h[RAW_BLOCK] = { 0 };
	size_t at = b->len, name_len = strlen(name), link_len = link ? strlen(link) : 0;

	memcpy(h + RAW_NAME, name, name_len < 100 ? name_len : 100);
	snprintf(h + RAW_MODE, 8, "%07o", mode);
	snprintf(h + RAW_UID, 8, "%07o", 0);
	snprintf(h + RAW_UID + 8, 8, "%07o", 0);
	snprintf(h + RAW_SIZE, 12, "%011zo", size & 077777777777);
	snprintf(h + RAW_SIZE + 12, 12, "%011o", 0);
	h[RAW_TYPE] = type;
	if (link)
		memcpy(h + RAW_LINK, link, link_len < 100 ? link_len : 100);
	memcpy(h + RAW_MAGIC, "ustar\00000", 8);
	snprintf(h + RAW_MAJOR, 8, "%07o", 0);
	snprintf(h + RAW_MINOR, 8, "%07o", 0);
	gg_buf_add(b, h, sizeof(h));
	raw_sum(b, at);
	return at;
}

static inline void raw_bytes(struct gg_buf *b, const void *bytes, size_t len)
{
	static const char zeros[RAW_BLOCK];

	gg_buf_add(b, bytes, len);
	gg_buf_add(b, zeros, (RAW_BLOCK - len % RAW_BLOCK) % RAW_BLOCK);
}

static inline void raw_file(struct gg_buf *b, const char *name, unsigned mode, const char *content)
{
	raw_header(b, '0', name, mode, strlen(content), NULL);
	raw_bytes(b, content, strlen(content));
}

static inline void raw_dir(struct gg_buf *b, const char *name, unsigned mode)
{
	raw_header(b, '5', name, mode, 0, NULL);
}

static inline void raw_symlink(struct gg_buf *b, const char *name, const char *target)
{
	raw_header(b, '2', name, 0777, 0, target);
}

static inline void raw_link(struct gg_buf *b, const char *name, const char *target)
{
	raw_header(b, '1', name, 0644, 0, target);
}

/* Extension headers: 'x', 'g', 'L', 'K' with this body. */
static inline void raw_extension(struct gg_buf *b, char type, const void *body, size_t len)
{
	raw_header(b, type, "extension", 0644, len, NULL);
	raw_bytes(b, body, len);
}

static inline void raw_record(struct gg_buf *body, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3, total = rest + 1;

	for (int i = 0; i < 3; i++)
		total = rest + (size_t)snprintf(NULL, 0, "%zu", total);
	gg_buf_printf(body, "%zu %s=", total, key);
	gg_buf_add(body, value, len);
	gg_buf_putc(body, '\n');
}

static inline void raw_pax(struct gg_buf *b, const char *key, const void *value, size_t len)
{
	_cleanup_buf_ struct gg_buf body = { 0 };

	raw_record(&body, key, value, len);
	raw_extension(b, 'x', body.data, body.len);
}

static inline void raw_end(struct gg_buf *b)
{
	static const char zeros[2 * RAW_BLOCK];

	gg_buf_add(b, zeros, sizeof(zeros));
}
