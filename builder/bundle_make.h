/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a bundle: what `ggbuild fetch` would bring into the store is brought there, and then all of it, with what lies
 * beside the recipe, is written into one file (layers/bundle.h).
 */
#pragma once

#include <stdbool.h>

#include "layers/bundle.h"

struct project;
struct session;

struct bundle_options {
	const char *output;
	const char *platform;
	const struct gg_strv *args;    /* "NAME=value", as given on the command line */
	const struct gg_strv *allowed; /* paths */
	bool zstd;
	uint64_t split;           /* bytes of a piece, 0: one file */
	const struct bundle *old; /* a delta to it; NULL: everything */
	int program;              /* a descriptor of the static program, -1: none */
};

struct bundle_made {
	struct gg_digest manifest;
	size_t parts;
	uint64_t bytes;
};

int bundle_make(struct session *s, struct project *p, const struct bundle_options *o,
		struct bundle_made *ret, struct gg_err *err) GG_MUST_USE;
