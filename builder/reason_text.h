/* SPDX-License-Identifier: Apache-2.0
 *
 * The difference of two canonical texts (plan.h), in words. Pure.
 */
#pragma once

#include <stddef.h>

struct reason;

struct reason_names {
	/* The step that had this key ("sha256:…") in the last build, or has it now; NULL when unknown. */
	const char *(*old_name)(void *ctx, const char *key, size_t len);
	const char *(*new_name)(void *ctx, const char *key, size_t len);
	void *ctx;
};

/* Adds to the reason's changes, packages and because. */
void reason_text(const char *old, size_t old_len, const char *fresh, size_t fresh_len,
		 const struct reason_names *names, struct reason *ret);
