/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>

#include <zlib.h>

#include "layers/base/mem.h"
#include "layers/inflate.h"

static void *engine_new(void)
{
	z_stream *z = gg_zalloc(sizeof(*z));

	if (inflateInit2(z, -MAX_WBITS) != Z_OK)
		abort();
	return z;
}

static void engine_reset(void *state)
{
	if (inflateReset(state) != Z_OK)
		abort();
}

static enum inflate_result engine_step(void *state, struct inflate_io *io)
{
	uInt in = io->in_len > INT_MAX ? INT_MAX : (uInt)io->in_len;
	uInt out = io->out_len > INT_MAX ? INT_MAX : (uInt)io->out_len;
	z_stream *z = state;
	int r;

	z->next_in = (Bytef *)io->in; /* zlib's prototype; not written to */
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = out;
	r = inflate(z, Z_NO_FLUSH);
	io->in += in - z->avail_in;
	io->in_len -= in - z->avail_in;
	io->out += out - z->avail_out;
	io->out_len -= out - z->avail_out;
	if (r == Z_STREAM_END)
		return INFLATE_END;
	/* Z_BUF_ERROR: nothing to do without more of either. */
	return r == Z_OK || r == Z_BUF_ERROR ? INFLATE_GOES_ON : INFLATE_DAMAGED;
}

static size_t engine_rest(void *state, uint8_t ret[INFLATE_REST])
{
	(void)state;
	(void)ret;
	return 0;
}

static void engine_free(void *state)
{
	inflateEnd(state);
	free(state);
}

const struct inflate_engine inflate_zlib = { .name = "zlib",
					     .new = engine_new,
					     .reset = engine_reset,
					     .step = engine_step,
					     .rest = engine_rest,
					     .free = engine_free };
