/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/inflate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "layers/base/mem.h"

enum { FHCRC = 1 << 1, FEXTRA = 1 << 2, FNAME = 1 << 3, FCOMMENT = 1 << 4, RESERVED = 0xe0 };
enum { FIXED = 10, TRAILER = 8, HCRC = 2, EXTRA_LEN = 2, DEFLATE = 8 };

/* The parts of a member, in their order. */
enum part { HEADER, EXTRA_SIZE, EXTRA, NAME, COMMENT, HEADER_CRC, DATA, END };

struct inflate {
	const struct inflate_engine *engine;
	void *state;
	enum part part;
	uint8_t flags;
	uint8_t field[FIXED]; /* a field that is being collected */
	size_t len, want;     /* of it; of EXTRA: bytes left */
	uint32_t header_crc, crc, size;
};

static void enter(struct inflate *s, enum part part)
{
	static const uint8_t sizes[] = {
		[HEADER] = FIXED, [EXTRA_SIZE] = EXTRA_LEN, [HEADER_CRC] = HCRC, [END] = TRAILER
	};

	s->part = part;
	s->len = 0;
	s->want = part < GG_LEN(sizes) ? sizes[part] : 0;
}

struct inflate *inflate_new(const struct inflate_engine *engine)
{
	const struct inflate_engine *isal = inflate_isal();
	struct inflate *s = gg_zalloc(sizeof(*s));

	s->engine = engine ? engine : isal ? isal : &inflate_zlib;
	s->state = s->engine->new ();
	enter(s, HEADER);
	return s;
}

void inflate_free(struct inflate *s)
{
	if (!s)
		return;
	s->engine->free(s->state);
	free(s);
}

/* The next part that this member has. */
static void next_part(struct inflate *s)
{
	enum part next = s->part + 1;

	if (next == EXTRA_SIZE && !(s->flags & FEXTRA))
		next = NAME;
	if (next == NAME && !(s->flags & FNAME))
		next = COMMENT;
	if (next == COMMENT && !(s->flags & FCOMMENT))
		next = HEADER_CRC;
	if (next == HEADER_CRC && !(s->flags & FHCRC))
		next = DATA;
	enter(s, next);
}

static uint32_t little_endian(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* Takes `n` bytes of a header. */
static void pass(struct inflate *s, struct inflate_io *io, size_t n)
{
	if (s->part < HEADER_CRC)
		s->header_crc = libdeflate_crc32(s->header_crc, io->in, n);
	io->in += n;
	io->in_len -= n;
}

/* Collects a field of fixed size; whether it is whole. */
static bool collect(struct inflate *s, struct inflate_io *io)
{
	size_t n = s->want - s->len < io->in_len ? s->want - s->len : io->in_len;

	memcpy(s->field + s->len, io->in, n);
	s->len += n;
	pass(s, io, n);
	return s->len == s->want;
}

static bool take_header(struct inflate *s)
{
	s->flags = s->field[3];
	s->crc = 0;
	s->size = 0;
	return s->field[0] == 0x1f && s->field[1] == 0x8b && s->field[2] == DEFLATE &&
	       !(s->flags & RESERVED);
}

/* A field of the header that is not of fixed size; whether it has ended. */
static bool skip(struct inflate *s, struct inflate_io *io)
{
	const uint8_t *nul = s->part == EXTRA ? NULL : memchr(io->in, 0, io->in_len);
	size_t n = io->in_len;

	if (nul)
		n = (size_t)(nul - io->in) + 1;
	else if (s->part == EXTRA && n > s->want)
		n = s->want;
	if (s->part == EXTRA)
		s->want -= n;
	pass(s, io, n);
	return nul || (s->part == EXTRA && s->want == 0);
}

/* One part of the header, as far as the input goes. */
static enum inflate_result read_header(struct inflate *s, struct inflate_io *io)
{
	switch (s->part) {
	case HEADER:
		if (s->len == 0)
			s->header_crc = 0;
		if (!collect(s, io))
			return INFLATE_GOES_ON;
		if (!take_header(s))
			return INFLATE_DAMAGED;
		break;
	case EXTRA_SIZE:
		if (!collect(s, io))
			return INFLATE_GOES_ON;
		enter(s, EXTRA);
		s->want = little_endian(s->field, EXTRA_LEN);
		if (s->want)
			return INFLATE_GOES_ON;
		break;
	case EXTRA:
	case NAME:
	case COMMENT:
		if (!skip(s, io))
			return INFLATE_GOES_ON;
		break;
	case HEADER_CRC:
		if (!collect(s, io))
			return INFLATE_GOES_ON;
		if (little_endian(s->field, HCRC) != (s->header_crc & 0xffff))
			return INFLATE_DAMAGED;
		break;
	case DATA:
	case END:
		break;
	}
	next_part(s);
	if (s->part == DATA)
		s->engine->reset(s->state);
	return INFLATE_GOES_ON;
}

static enum inflate_result read_data(struct inflate *s, struct inflate_io *io)
{
	const uint8_t *out = io->out;
	enum inflate_result r = s->engine->step(s->state, io);
	size_t n = (size_t)(io->out - out);

	s->crc = libdeflate_crc32(s->crc, out, n);
	s->size += (uint32_t)n;
	if (r != INFLATE_END)
		return r;
	enter(s, END);
	s->len = s->engine->rest(s->state, s->field);
	return INFLATE_GOES_ON;
}

static enum inflate_result read_trailer(struct inflate *s, struct inflate_io *io)
{
	if (!collect(s, io))
		return INFLATE_GOES_ON;
	enter(s, HEADER);
	return little_endian(s->field, 4) == s->crc && little_endian(s->field + 4, 4) == s->size
		       ? INFLATE_END
		       : INFLATE_DAMAGED;
}

enum inflate_result inflate_step(struct inflate *s, struct inflate_io *io)
{
	enum inflate_result r = INFLATE_GOES_ON;

	while (r == INFLATE_GOES_ON) {
		const struct inflate_io before = *io;
		enum part part = s->part;

		r = part < DATA    ? read_header(s, io)
		    : part == DATA ? read_data(s, io)
				   : read_trailer(s, io);
		if (part == s->part && before.in_len == io->in_len && before.out_len == io->out_len)
			break;
	}
	return r;
}
