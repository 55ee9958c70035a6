/* SPDX-License-Identifier: Apache-2.0
 *
 * The image of a finished build: its documents, and writing it to an output.
 */
#pragma once

#include "builder/build.h"

struct session;

/* `output` is "oci:DIR[:REF]". ret_digest: of the manifest. */
int image_write(struct session *s, const struct recipe *r, const struct build_result *b, const char *output,
		struct gg_digest *ret_digest, struct gg_err *err) GG_MUST_USE;
/* Before work starts: that the output is one that we know. */
int image_check_output(const char *output, struct gg_err *err) GG_MUST_USE;
