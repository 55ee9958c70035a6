/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes values out of a stream of bytes: each occurrence becomes "***", also one that lies across two pieces. Of a
 * value of several lines each line of at least 4 bytes is taken out as well, since programs print line by line. What may
 * be the beginning of a value is held back until more comes. What a program encoded is not recognised. Pure.
 */
#pragma once

#include <stddef.h>

struct redact;
struct redact *redact_new(void);
void redact_free(struct redact *r); /* accepts NULL */
void redact_add(struct redact *r, const char *value, size_t len);

typedef void redact_out(void *ctx, const char *bytes, size_t len);
void redact_feed(struct redact *r, const char *bytes, size_t len, redact_out *out, void *ctx);
/* Gives out what was held back. */
void redact_end(struct redact *r, redact_out *out, void *ctx);
