/* SPDX-License-Identifier: Apache-2.0
 *
 * What a successful verification states: an in-toto Statement v1 (https://in-toto.io/Statement/v1) about the image, with
 * the predicate that rebuilders publish, a link of the step "rebuild" (https://in-toto.io/attestation/link/v0.3;
 * rebuilderd's attestations are links too):
 *
 *   subject     the image's manifest
 *   materials   recipe, lock and plan by digest; the plan's is that of its layers' keys, which hold all that they depend on
 *   byproducts  how many rebuilds gave this digest
 *   environment ggbuild's version, the platform, which variations were applied, and why others were not
 *
 * No time, no host, no user: two verifications of one image under the same variations are the same bytes. Unsigned: who
 * publishes it signs it, as a DSSE envelope for instance.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/digest.h"

struct gg_json;
struct plan;
struct project;
struct surroundings;

struct attestation {
	const char *name; /* of the image: the recipe's */
	struct gg_digest image;
	const struct project *project;
	const struct plan *plan;
	const struct surroundings *surroundings;
	const char *platform;
	const bool *applied; /* parallel to variations */
	unsigned rebuilds;
};

/* Owned by the caller. */
struct gg_json *attestation_make(const struct attestation *a);
