/* SPDX-License-Identifier: Apache-2.0
 *
 * Foreign bytes to lines that a terminal may be shown. Escape sequences (ECMA-48: CSI, OSC, DCS and the two-byte ones)
 * and control characters (C0, C1, DEL, and Unicode's bidirectional overrides) are taken out, tabs become spaces to the
 * next multiple of 8, a carriage return begins the line anew, what is not UTF-8 becomes U+FFFD. Sequences may be cut
 * anywhere between two calls. Pure; a line is at most PRINTABLE_MAX bytes and then continues as the next.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/mem.h"

enum { PRINTABLE_MAX = 16384 };

enum printable_state {
	PRINTABLE_TEXT,
	PRINTABLE_ESCAPE,
	PRINTABLE_CSI,
	PRINTABLE_STRING,
	PRINTABLE_STRING_ESCAPE
};

struct printable {
	struct gg_buf line; /* what the current line holds so far */
	enum printable_state state;
	bool cr;               /* a carriage return came last */
	unsigned char rest[4]; /* the beginning of a character */
	unsigned n_rest;
};

typedef void printable_line(void *ctx, const char *text, size_t len);

void printable_feed(struct printable *s, const char *bytes, size_t len, printable_line *line,
		    void *ctx);
/* Gives out an unfinished line. */
void printable_end(struct printable *s, printable_line *line, void *ctx);
void printable_done(struct printable *s);

/* A whole text at once: its lines, each with a newline, to the end of ret. */
void printable_text(const char *text, size_t len, struct gg_buf *ret);

/* How many of the line's bytes fit in `columns`; whole characters, wide ones count two, combining ones none. */
size_t printable_clip(const char *text, size_t len, unsigned columns);
