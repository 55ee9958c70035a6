/* SPDX-License-Identifier: Apache-2.0
 *
 * What a registry's answer says about the next request: challenges (RFC 9110 §11.6.1; the token scheme of distribution's
 * registry), Link headers (RFC 8288), and where a token server may be (reliability N3). Pure; every byte is hostile.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

enum registry_scheme { REGISTRY_NO_SCHEME, REGISTRY_BASIC, REGISTRY_BEARER };

struct registry_challenge {
	enum registry_scheme scheme;
	char *realm, *service, *scope; /* owned; NULL: absent */
};
void registry_challenge_done(struct registry_challenge *c);
#define _cleanup_registry_challenge_ GG_CLEANUP(registry_challenge_done)

/* WWW-Authenticate values, one a line: the first Bearer, else the first Basic, else REGISTRY_NO_SCHEME. What is malformed is
 * passed over. */
void registry_challenge_parse(const char *lines, struct registry_challenge *ret);
/* The target of a Link value with rel=next, owned by the caller, or NULL. */
char *registry_next_link(const char *value);
/* Whether a registry of that origin may have its token server at the other: origins as http_client_origin writes them. https,
 * or the registry's own host where that is spoken to plainly; no address of a private network but the registry's own host. */
int registry_check_realm(const char *registry, const char *realm, struct gg_err *err) GG_MUST_USE;
