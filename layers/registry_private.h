/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the registry client: places and who we are there (registry_access.c), requests (registry.c), lists
 * (registry_list.c).
 */
#pragma once

#include "layers/credentials.h"
#include "layers/http_client.h"
#include "layers/reference.h"
#include "layers/registries_conf.h"
#include "layers/registry.h"
#include "layers/registry_challenge.h"
#include "layers/registry_settings.h"

/* A place to ask, and what it knows of us. */
struct registry_endpoint {
	struct registry *registry;
	const struct registry_place *place;
	bool settled; /* the scheme is known */
	char *origin; /* "https://host[:port]"; owned, like the others */
	char *base;   /* "https://host[:port]/v2/PATH" */
	struct http_access access;
	bool searched; /* for credentials */
	struct credentials credentials;
	struct registry_challenge challenge; /* of the last 401 */
	char *authorization;                 /* NULL: none yet */
	int64_t expires;                     /* of a token, ms monotonic */
	bool stale;                          /* the scope has grown since */
};

struct registry {
	struct reference reference;
	struct registry_settings settings;
	unsigned use;
	struct registry_places places;
	struct registry_endpoint *v; /* one a place */
	size_t n;
	struct http_client *client, *tokens; /* tokens: its requests are made within the others' */
	struct gg_strv scopes;               /* of other repositories */
};

void registry_endpoint_init(struct registry_endpoint *e, struct registry *r,
			    const struct registry_place *place);
void registry_endpoint_done(struct registry_endpoint *e);
/* Finds out how the place is spoken to: asks at most once, and only where plain HTTP is allowed. */
int registry_settle(struct registry_endpoint *e, struct gg_err *err) GG_MUST_USE;
/* Hints at `ggbuild login`, for credentials that are missing or not taken; returns -1. */
int registry_hint_login(const struct registry_endpoint *e, struct gg_err *err);
/* The error for an answer that is no success: its status, the registry's words, and what may help. */
int registry_refused(const struct registry_endpoint *e, const struct http_exchange *x,
		     struct gg_err *err);
/* GET of an URL at the endpoint with an Accept header, or HEAD; the status is 200 or 404, else an error. */
int registry_ask(struct registry_endpoint *e, struct http_exchange *x, const char *url,
		 const char *accept, struct gg_err *err) GG_MUST_USE;
