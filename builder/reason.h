/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a step would run: its canonical text against that of the last build. What a text refers to by digest (the trees
 * below, sources of copies, inputs) is told by the name of the step that changed.
 */
#pragma once

#include "layers/base/err.h"
#include "layers/base/mem.h"

struct forecast;
struct plan;
struct recipe;
struct store;

enum reason_kind {
	REASON_NONE,     /* its text is the last build's */
	REASON_FIRST,    /* the store knows no earlier build of it */
	REASON_CHANGED,  /* its text is another */
	REASON_UNPINNED, /* a fetch that the lock does not pin */
	REASON_BEHIND,   /* behind such a fetch */
};
extern const char *const reason_words[]; /* "none", "first", … by kind */

struct reason {
	enum reason_kind kind;
	struct gg_strv
		changes; /* "-line" and "+line"; " line" where lines of a longer text follow */
	struct gg_strv packages; /* "curl 8.14.1-2 -> 8.14.1-3", "added jq 1.7", "removed jq 1.7" */
	struct gg_strv
		because; /* names of steps that changed; one that follows from another of them is left out */
};

/* One for each node of the plan, of no use for packages. store NULL: every build is the first. */
int reasons_find(struct store *store, const struct recipe *r, const struct plan *p,
		 const struct forecast *f, struct reason **ret, struct gg_err *err) GG_MUST_USE;
void reasons_free(struct reason *reasons, const struct plan *p);
