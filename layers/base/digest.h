/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256, in its two shapes: 32 raw bytes (struct gg_digest) and the OCI text "sha256:<64 lower-case hex>"
 * (image-spec descriptor.md, "Digests"). The door to the library is hash_openssl.c, or
 * hash_nettle.c in the static program. Paths are made from the bytes,
 * never from a text that somebody sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

enum { GG_DIGEST_LEN = 32, GG_DIGEST_HEX = 65, GG_DIGEST_TEXT = 72 };

struct gg_digest {
	uint8_t bytes[GG_DIGEST_LEN];
};

/* Streaming state; may be used on any thread, by one at a time. */
struct gg_hash;
struct gg_hash *gg_hash_new(void);
void gg_hash_add(struct gg_hash *h, const void *bytes, size_t len);
/* Writes the digest and makes the state ready for the next use. */
void gg_hash_end(struct gg_hash *h, struct gg_digest *ret);
void gg_hash_free(struct gg_hash *h);
void gg_hash_freep(struct gg_hash **h);
#define _cleanup_hash_ GG_CLEANUP(gg_hash_freep)

void gg_digest_of(const void *bytes, size_t len, struct gg_digest *ret);
/* Hashes from the descriptor's position to its end; ret_size may be NULL. */
int gg_digest_fd(int fd, struct gg_digest *ret, uint64_t *ret_size, struct gg_err *err) GG_MUST_USE;

bool gg_digest_eq(const struct gg_digest *a, const struct gg_digest *b);
bool gg_digest_is_zero(const struct gg_digest *d);
/* 64 hex digits and NUL into a caller's array; returns it. */
char *gg_digest_hex(const struct gg_digest *d, char ret[GG_DIGEST_HEX]);
/* "sha256:" and 64 hex digits and NUL; returns it. */
char *gg_digest_text(const struct gg_digest *d, char ret[GG_DIGEST_TEXT]);
/* Strict: 64 lower-case hex digits, nothing else. 0 or -1, no error object. */
int gg_digest_from_hex(const char *hex, struct gg_digest *ret) GG_MUST_USE;
/* Strict: "sha256:" and 64 lower-case hex digits. */
int gg_digest_parse(const char *text, struct gg_digest *ret, struct gg_err *err) GG_MUST_USE;
enum { GG_MD5_LEN = 16 };
void gg_md5(const void *bytes, size_t len, uint8_t ret[GG_MD5_LEN]);
/* md5 in hex, for dpkg's conffile records only. */
void gg_md5_hex(const void *bytes, size_t len, char ret[33]);
