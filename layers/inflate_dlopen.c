/* SPDX-License-Identifier: Apache-2.0
 *
 * The door to ISA-L, which Debian has as a shared library alone.
 */
#include "layers/inflate.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/igzip_lib.h>

#include "layers/base/mem.h"

struct library {
	__typeof__(&isal_inflate_init) init;
	__typeof__(&isal_inflate) inflate;
};

struct engine {
	struct library lib;
	struct inflate_state state;
};

/* Never closed; a second dlopen is free. */
static bool find(struct library *ret)
{
	void *handle = dlopen("libisal.so.2", RTLD_LAZY | RTLD_LOCAL);

	if (!handle)
		return false;
	*(void **)&ret->init = dlsym(handle, "isal_inflate_init");
	*(void **)&ret->inflate = dlsym(handle, "isal_inflate");
	return ret->init && ret->inflate;
}

static void engine_reset(void *state)
{
	struct engine *e = state;

	e->lib.init(&e->state);
}

static void *engine_new(void)
{
	struct engine *e = gg_zalloc(sizeof(*e));

	if (!find(&e->lib))
		abort();
	engine_reset(e);
	return e;
}

static enum inflate_result engine_step(void *state, struct inflate_io *io)
{
	uint32_t in = io->in_len > INT_MAX ? INT_MAX : (uint32_t)io->in_len;
	uint32_t out = io->out_len > INT_MAX ? INT_MAX : (uint32_t)io->out_len;
	struct engine *e = state;
	int r;

	e->state.next_in = (uint8_t *)io->in; /* not written to */
	e->state.avail_in = in;
	e->state.next_out = io->out;
	e->state.avail_out = out;
	r = e->lib.inflate(&e->state);
	io->in += in - e->state.avail_in;
	io->in_len -= in - e->state.avail_in;
	io->out += out - e->state.avail_out;
	io->out_len -= out - e->state.avail_out;
	if (r < 0)
		return INFLATE_DAMAGED;
	return e->state.block_state == ISAL_BLOCK_FINISH ? INFLATE_END : INFLATE_GOES_ON;
}

/* Whole bytes in its buffer of bits, the next bit lowest. */
static size_t engine_rest(void *state, uint8_t ret[INFLATE_REST])
{
	const struct engine *e = state;
	size_t bits = e->state.read_in_length > 0 ? (size_t)e->state.read_in_length : 0;
	uint64_t rest = e->state.read_in >> bits % 8;

	for (size_t i = 0; i < bits / 8; i++)
		ret[i] = (uint8_t)(rest >> 8 * i);
	return bits / 8;
}

static void engine_free(void *state)
{
	free(state);
}

const struct inflate_engine *inflate_isal(void)
{
	static const struct inflate_engine engine = { .name = "isa-l",
						      .new = engine_new,
						      .reset = engine_reset,
						      .step = engine_step,
						      .rest = engine_rest,
						      .free = engine_free };
	struct library lib;

	return find(&lib) ? &engine : NULL;
}
