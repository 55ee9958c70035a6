/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of comparing share. Nobody else includes this. compare.c pairs layers, compare_document.c compares
 * JSON, compare_layer.c entries, compare_bytes.c contents; compare_format*.c know what files are made of,
 * compare_cause.c and compare_time.c what differences look like.
 */
#pragma once

#include "builder/compare.h"
#include "layers/base/mem.h"

struct layer_entry;

struct compare {
	const struct image_source *a, *b;
	const struct compare_options *options;
	struct comparison *ret;
	struct difference overflow; /* takes what is past COMPARE_MAX */
	int layer, layer_b;         /* that are being compared; -1 */
};

/* A new difference in the current layers. */
struct difference *compare_add(struct compare *c, enum difference_kind kind);
/* Strings of the comparison; NULL stays NULL. */
const char *compare_keep(struct compare *c, const char *s);
const char *compare_keepf(struct compare *c, const char *fmt, ...) GG_PRINTF(2, 3);

void compare_documents(struct compare *c);
/* Two layers whose diffIDs differ. */
int compare_layer_pair(struct compare *c, size_t layer_a, size_t layer_b,
		       struct gg_err *err) GG_MUST_USE;

/* ---- bytes ---- */

struct span {
	const uint8_t *p;
	size_t len;
};
static inline bool span_eq(const struct span *a, const struct span *b)
{
	return a->len == b->len && (a->len == 0 || !__builtin_memcmp(a->p, b->p, a->len));
}

/* Two contents of one path that differ: where, and why. Fills offset, where, cause, text, a and b. */
void compare_contents(struct compare *c, const struct span *a, const struct span *b,
		      struct difference *d);

/* Parts that two files of one format have in common, for a closer look. */
struct part {
	const char *label; /* "ELF section", "ar member" */
	const char *name;  /* its bytes, not NUL-terminated */
	size_t name_len;
	const char *field;                  /* "date", of its header; NULL: the content */
	const char *cause;                  /* what a difference here is; NULL: look into it */
	char *(*say)(const struct span *s); /* the value for people, owned by the caller; NULL */
	struct span a, b;
};
/* Where parts go; what was decompressed for them is taken from `inflate`, bytes that one look may cost. */
struct part_sink {
	void (*visit)(void *ctx, const struct part *part);
	void *ctx;
	uint64_t *inflate;
};

struct format {
	const char *name;
	bool (*is)(const struct span *s);
	/* Visits all parts; false when they do not correspond. *ret_cause: when that itself tells the cause. */
	bool (*parts)(const struct span *a, const struct span *b, const struct part_sink *to,
		      const char **ret_cause);
};
extern const struct format *const compare_formats[]; /* NULL-terminated */
extern const struct format format_elf, format_ar, format_tar, format_zip, format_gzip, format_zstd,
	format_pyc;

/* A field of a header, by its place. */
struct field {
	const char *name;
	size_t at, len;
	const char *cause; /* NULL: look into it */
	char *(*say)(const struct span *s);
};
/* Little-endian seconds since 1970. */
char *compare_say_seconds(const struct span *s);
/* A gzip or zstd stream of at most *left bytes, which are taken from it; false when it is damaged or larger. */
bool compare_inflate(const struct span *s, uint64_t *left, struct gg_buf *ret);

/* ---- causes ---- */

struct evidence {
	const struct compare_options *options;
	const char *path;    /* of the file; NULL */
	const char *section; /* what the bytes are of: a part's name with NUL; NULL */
	struct span a, b;    /* all of it */
	size_t at;           /* where they begin to differ */
	size_t end_a, end_b; /* where this difference ends */
};
/* What follows from something else is the cause only when there is nothing else. */
enum cause_rank { CAUSE_DERIVED, CAUSE_UNKNOWN, CAUSE_PATTERN, CAUSE_SURE };
/* The likely cause of one place; text says what was seen. */
const char *compare_cause(const struct evidence *e, enum cause_rank *ret_rank, struct gg_buf *text);
/* What shows only in the whole: the same things in another order. NULL: not that. */
const char *compare_cause_of_whole(const struct evidence *e, struct gg_buf *text);
/* The same of two whole texts. NULL: the two are equal or one is NULL. */
const char *compare_cause_of_texts(const struct compare *c, const char *a, const char *b,
				   const char **ret_text);
/* How much a cause given by a format or a section says. */
enum cause_rank compare_rank(const char *cause);

/* One way of a difference to look: returns the cause and says what it saw, or NULL. */
typedef const char *cause_match(const struct evidence *e, struct gg_buf *text);
cause_match cause_time_text, cause_time_number, cause_path, cause_random;

/* The longest run around a byte, at most `reach` bytes to either side, of what `in` accepts. */
struct span compare_run(const struct span *s, size_t at, size_t reach, bool (*in)(uint8_t c));

/* "2026-11-21T09:15:44Z", with a fraction unless it is 0. */
char *compare_time(int64_t seconds, uint32_t ns);
