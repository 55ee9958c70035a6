/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of gzip (RFC 1952), inflated piece by piece; the members of a concatenation one after another, each checked by
 * its CRC and length. Raw deflate is a library's: ISA-L's, at more than twice zlib's speed, where it is installed, else
 * zlib's. Header and trailer are read here: ISA-L loses its way in one that comes in small pieces, and takes reserved
 * flags. Errors are the caller's to phrase.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum inflate_result {
	INFLATE_GOES_ON, /* all input was taken, or all output filled */
	INFLATE_END, /* of the member; what follows it was not taken. The next step begins another one */
	INFLATE_DAMAGED,
};

/* What is left of both is put back here. */
struct inflate_io {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

enum { INFLATE_REST = 8 };

/* Raw deflate (RFC 1951). */
struct inflate_engine {
	const char *name;
	void *(*new)(void);
	void (*reset)(void *state);
	enum inflate_result (*step)(void *state, struct inflate_io *io);
	/* At the end: how many bytes were taken that are not deflate's, which are copied. */
	size_t (*rest)(void *state, uint8_t ret[INFLATE_REST]);
	void (*free)(void *state);
};
extern const struct inflate_engine inflate_zlib;
const struct inflate_engine *inflate_isal(void); /* NULL: it is not installed */

struct inflate;
struct inflate *inflate_new(const struct inflate_engine *engine); /* NULL: the best there is */
enum inflate_result inflate_step(struct inflate *s, struct inflate_io *io);
void inflate_free(struct inflate *s); /* accepts NULL */
