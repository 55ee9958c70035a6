/* SPDX-License-Identifier: Apache-2.0
 *
 * Control stanzas (deb-control(5), Debian policy 5.1): Release, Packages, control files, apt's .sources. A strict
 * reader over a buffer that it never copies: every value is a slice of the buffer, which must outlive it.
 * Stanzas are separated by empty lines; a field is "Name: value" and continues on lines that begin with a blank.
 * Errors (GG_INTEGRITY, with the reader's name and the line): no colon, a bad field name, a continuation without a
 * field, a NUL byte, one of the wanted fields twice in a stanza. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "layers/base/err.h"
#include "layers/base/mem.h"

/* Borrowed bytes, not NUL-terminated; p is NULL where a field is absent. */
struct deb_slice {
	const char *p;
	size_t len;
};

static inline struct deb_slice deb_slice(const char *text)
{
	return (struct deb_slice){ text, text ? strlen(text) : 0 };
}
static inline bool deb_slice_eq(struct deb_slice a, struct deb_slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}
static inline bool deb_slice_is(struct deb_slice a, const char *text)
{
	return deb_slice_eq(a, deb_slice(text));
}
int deb_slice_compare(struct deb_slice a, struct deb_slice b); /* bytewise */
struct deb_slice deb_slice_trim(struct deb_slice s); /* blanks and newlines off both ends */
char *deb_slice_dup(struct deb_slice s);             /* owned by the caller */
/* Takes the next run of non-blanks off `rest`; false when there is none. */
bool deb_slice_word(struct deb_slice *rest, struct deb_slice *ret);
/* Takes the next piece up to `by` (or the end) off `rest`, trimmed; false when `rest` is used up (p NULL). */
bool deb_slice_split(struct deb_slice *rest, char by, struct deb_slice *ret);
/* Decimal digits only, no overflow. */
bool deb_slice_number(struct deb_slice s, uint64_t *ret);

enum deb822_flags {
	DEB822_COMMENTS = 1 << 0, /* lines that begin with '#' are skipped (.sources) */
};
struct deb822 {
	const char *name; /* of the text, for errors; borrowed */
	const char *p, *end;
	unsigned line; /* of p, from 1 */
	unsigned flags;
};
void deb822_init(struct deb822 *d, const char *name, const char *text, size_t len, unsigned flags);

/* One field: 1, or 0 at the end of the stanza (or of the text), or -1. The value has the blanks of its ends taken
 * off; continuation lines are inside it as they are. Empty lines before a stanza's first field are skipped by
 * deb822_begin, which returns false at the end of the text. */
struct deb822_field {
	struct deb_slice name, value;
	unsigned line;
};
bool deb822_begin(struct deb822 *d);
int deb822_field(struct deb822 *d, struct deb822_field *ret, struct gg_err *err) GG_MUST_USE;

/* A whole stanza: values[i] is the field called names[i] (compared without case). names has at most 64 entries.
 * 1, or 0 at the end of the text, or -1. ret_whole (may be NULL) is the stanza's text without the empty line. */
int deb822_stanza(struct deb822 *d, const char *const *names, size_t n, struct deb_slice *values,
		  struct deb_slice *ret_whole, struct gg_err *err) GG_MUST_USE;
