/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the TOML reader: structure (toml.c), and the values that hold no others (toml_scalar.c).
 */
#pragma once

#include "layers/toml.h"

struct toml_reader {
	struct toml *t;
	const char *at, *end;
	unsigned line, depth;
	struct toml_value *table; /* of the last header */
	struct gg_err *err;
};

/* "FILE:LINE: …" with the reader's line. */
int toml_bad(struct toml_reader *p, const char *fmt, ...) GG_PRINTF(2, 3);
/* "\n" or "\r\n". */
bool toml_take_newline(struct toml_reader *p);
/* May stand nowhere: a tab may. */
static inline bool toml_is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}
/* The whole text, before it is read. */
int toml_check_utf8(struct toml_reader *p) GG_MUST_USE;
/* At a quote; of one line unless `lines` are allowed. NULL with an error. */
const char *toml_read_string(struct toml_reader *p, bool lines);
/* true, false or an integer. */
int toml_read_word(struct toml_reader *p, struct toml_value *ret) GG_MUST_USE;
