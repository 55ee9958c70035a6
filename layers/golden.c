/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/golden.h"

#include <string.h>

/* Each kind has its turn to be as long as what a compressor calls a block, with codes of its own. */
enum {
	STRETCH_MIN = 64,
	STRETCH_MORE = 6000,
	LONG_MIN = 20000,
	LONG_MORE = 40000,
	LONG_EVERY = 8,
	WORD = 12,
};

struct maker {
	struct gg_buf *out;
	size_t len; /* of the block */
	uint64_t state;
};

/* xorshift64*: the high half is taken. */
static uint32_t any(struct maker *m, uint32_t below)
{
	m->state ^= m->state >> 12;
	m->state ^= m->state << 25;
	m->state ^= m->state >> 27;
	return (uint32_t)((m->state * 2685821657736338717u) >> 32) % below;
}

static void put(struct maker *m, const void *bytes, size_t len)
{
	size_t room = m->len - m->out->len;

	gg_buf_add(m->out, bytes, len < room ? len : room);
}

/* Words that come again and again, the short ones more often. */
static void put_text(struct maker *m, size_t len)
{
	static const char letters[] = "etaoinshrdlucmfwypvbgkjqxz";
	size_t end = m->out->len + len;

	while (m->out->len < end && m->out->len < m->len) {
		uint32_t word = any(m, any(m, 2000) + 1), n = 2 + word % (WORD - 3);
		char text[WORD];

		for (uint32_t i = 0; i < n; i++) {
			word = word * 1103515245u + 12345;
			text[i] = letters[((word >> 16) * (word >> 24) >> 8) % 26];
		}
		text[n] = " \n/=,"[any(m, 60) ? 0 : any(m, 5)];
		put(m, text, n + 1);
	}
}

/* Records of little-endian fields, as in symbol tables and relocations: counters that move by little. */
static void put_records(struct maker *m, size_t len)
{
	uint32_t address = any(m, 1u << 24), kind = any(m, 40);

	for (size_t done = 0; done < len; done += 12) {
		unsigned char r[12] = { 0 };

		address += 8 * any(m, 9);
		for (unsigned i = 0; i < 4; i++)
			r[i] = (unsigned char)(address >> 8 * i);
		r[4] = (unsigned char)(any(m, 8) ? 8 : kind);
		r[8] = (unsigned char)any(m, 256);
		r[9] = (unsigned char)any(m, 4);
		put(m, r, sizeof(r));
	}
}

/* Nearly all byte values, some more often: no repetitions, so codes for literals alone. */
static void put_literals(struct maker *m, size_t len)
{
	uint32_t rare = any(m, 200) + 40;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)any(m, any(m, 4) ? rare : 256);

		put(m, &c, 1);
	}
}

/* Characters of three bytes in rising order, as in tables of them: no repetition at all, and still not noise. */
static void put_characters(struct maker *m, size_t len)
{
	uint32_t c = 0x4000 + any(m, 0x4000), most = 1 + any(m, 6);

	for (size_t done = 0; done < len; done += 3) {
		unsigned char utf8[3] = { (unsigned char)(0xe0 | c >> 12),
					  (unsigned char)(0x80 | (c >> 6 & 0x3f)),
					  (unsigned char)(0x80 | (c & 0x3f)) };

		put(m, utf8, sizeof(utf8));
		c = 0x4000 + (c - 0x4000 + 1 + any(m, most)) % 0xc000;
	}
}

/* Few byte values, each often: short repetitions, of which only some are worth a match. */
static void put_skewed(struct maker *m, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)(0x40 + any(m, any(m, any(m, 48) + 1) + 1));

		put(m, &c, 1);
	}
}

static void put_noise(struct maker *m, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)any(m, 256);

		put(m, &c, 1);
	}
}

static void put_run(struct maker *m, size_t len)
{
	unsigned char c = any(m, 2) ? 0 : (unsigned char)any(m, 256);

	for (size_t i = 0; i < len; i++)
		put(m, &c, 1);
}

/* Of something before, from near or from anywhere; now and then one byte is another. */
static void put_copy(struct maker *m, size_t len)
{
	size_t behind = m->out->len;
	uint32_t reach = any(m, 3) ? 40000 : (uint32_t)behind + 1, every = any(m, 400) + 4;
	size_t distance = 1 + any(m, reach < behind ? reach : (uint32_t)behind + 1);

	if (distance > behind)
		return;
	for (size_t i = 0; i < len; i++) {
		char c = m->out->data[m->out->len - distance];

		if (any(m, every) == 0)
			c ^= (char)(1 + any(m, 255));
		put(m, &c, 1);
	}
}

void golden_block(size_t len, struct gg_buf *ret)
{
	static void (*const kinds[])(struct maker *, size_t) = {
		put_text, put_records,  put_copy,       put_skewed,
		put_run,  put_literals, put_characters, put_noise,
	};
	struct maker m = { .out = ret, .len = len, .state = 0x676f6c64656e2031u + GOLDEN_FORMAT };

	ret->len = 0;
	gg_buf_reserve(ret, len);
	for (size_t i = 0; ret->len < len; i++) {
		bool is_long = i % LONG_EVERY == 0;
		/* By itself: a compiler may evaluate what is called before or after its arguments. */
		size_t kind = is_long ? i / LONG_EVERY % GG_LEN(kinds) : any(&m, GG_LEN(kinds));

		kinds[kind](&m, is_long ? LONG_MIN + any(&m, LONG_MORE)
					: STRETCH_MIN + any(&m, any(&m, STRETCH_MORE) + 1));
	}
}

static int add_bytes(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	(void)err;
	gg_hash_add(ctx, bytes, len);
	return 0;
}

int golden_digest(enum compress_kind kind, int level, struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf block = { 0 };
	_cleanup_hash_ struct gg_hash *h = gg_hash_new();
	struct compress_options how = {
		.kind = kind, .level = level, .threads = 1, .sink = add_bytes, .ctx = h
	};
	_cleanup_compress_ struct compress *c = NULL;

	golden_block(compress_block_size(kind) + GOLDEN_TAIL, &block);
	if (compress_new(&how, &c, err) < 0 || compress_add(c, block.data, block.len, err) < 0 ||
	    compress_end(c, err) < 0)
		return -1;
	gg_hash_end(h, ret);
	return 0;
}
