/* SPDX-License-Identifier: Apache-2.0
 *
 * References to images in registries, "[DOMAIN/]PATH[:TAG][@DIGEST]", as distribution's reference grammar has them, with
 * Docker's short names: without a domain (no '.', no ':', not "localhost") it is docker.io, and a single path
 * component there is below library/. Pure. Errors are GG_USAGE and say what part is wrong.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"

struct reference {
	char *domain; /* "docker.io", "localhost:5000", "[::1]:5000"; all owned */
	char *path;   /* "library/ubuntu" */
	char *tag;    /* NULL: none; "latest" is filled in where neither tag nor digest is given */
	bool has_digest;
	struct gg_digest digest;
	bool unqualified; /* written without a domain: short-name rules of registries.conf apply before docker.io does */
};
#define REFERENCE_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}

int reference_parse(const char *text, struct reference *ret, struct gg_err *err) GG_MUST_USE;
void reference_done(struct reference *r);
#define _cleanup_reference_ GG_CLEANUP(reference_done)
void reference_copy(const struct reference *from, struct reference *to);
/* "docker.io/library/ubuntu:24.04@sha256:…"; owned by the caller. */
char *reference_text(const struct reference *r);
/* The same as people write it: "ubuntu:24.04". */
char *reference_familiar(const struct reference *r);
bool reference_tag_valid(const char *tag);
/* "host[:port]", and "component[/component]…". */
bool reference_domain_valid(const char *domain);
bool reference_path_valid(const char *path);
