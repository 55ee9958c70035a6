/* SPDX-License-Identifier: Apache-2.0
 *
 * A policy: what a build may consist of, as text. YAML as recipes have it, but nothing is expanded. A key that is not
 * there forbids nothing; an empty list allows nothing.
 *
 *   policy: 1
 *   hermetic: true                  # every step is (recipe.h): no run step has a network, a cache or a secret
 *   network: false                  # no run step with `network: true`
 *   caches: false                   # no step with a cache
 *   secrets: false                  # no step with a secret
 *   scripts: false                  # no maintainer script of a package runs
 *   locked: true                    # the lock is complete and stays as it is
 *   root: false                     # the image has a user, who is not uid 0
 *   fetches: [toolchain, "npm-*"]   # fetch steps, by name; they have a network, and their output is pinned
 *   fetch-network: isolated         # not the host's: --fetch-network isolated is on the command line
 *   mirrors: ["https://deb.example.org"]      # archives of packages
 *   urls: ["https://files.example.org/releases"]     # of inputs and root file systems
 *   images: ["registry.example.org/base"]     # references of base images
 *   keyrings: [host, sha256:…]      # that sign packages: this machine's own, or files that recipes name
 *   packages: { allow: [...], deny: ["telnet*"] }      # of every stage, those that others need too
 *   licenses:                       # of the packages of the image's base; what is copied out of other stages is not seen
 *     allow: [MIT, "BSD-*", GPL-2+]
 *     deny: ["AGPL-*"]
 *     unknown: deny                 # or allow: packages that do not state theirs so that a program can read it
 *     known: { "libc6": LGPL-2.1+ } # what somebody has read instead
 *   setuid: [/usr/bin/su]           # files of the image that may have set-user-id, set-group-id or capabilities
 *   max-size: 200MiB                # of all files of the image, before compression
 *
 * Lists are patterns (layers/base/glob.h). One of URLs and references counts for everything below it; URLs are compared
 * without user, password and query, and one with ".." in it is none that is allowed. Where a server redirects to is not
 * looked at: what comes is known by its digest. An expression of licences is allowed when one of its "or" is, and all
 * that "and" joins. Complaints are a recipe's. Pure.
 */
#pragma once

#include "recipes/recipe.h"

/* Where a rule stands; line 0: there is none. */
struct policy_rule {
	struct gg_pos pos;
	bool on;
};
struct policy_list {
	struct gg_pos pos;
	struct recipe_list patterns;
};
struct policy_names {
	struct gg_pos pos;
	struct policy_list allow, deny;
};
struct policy_licenses {
	struct gg_pos pos, unknown_pos;
	struct policy_list allow, deny;
	bool unknown_allowed;
	struct recipe_list known; /* "PATTERN=expression" */
};

struct policy {
	struct gg_arena *arena;
	const char *file;
	struct policy_rule hermetic, network, caches, secrets, scripts, locked, root;
	struct policy_rule isolated; /* fetch-network */
	struct policy_list fetches, mirrors, urls, images, keyrings, setuid;
	struct policy_names packages;
	struct policy_licenses licenses;
	struct gg_pos max_size_pos;
	uint64_t max_size; /* bytes */
};

/* `file` is what complaints call the text; it must outlive the policy. On -1 there is at least one of them. */
int policy_parse(const char *file, const char *text, size_t len, struct policy **ret,
		 struct recipe_errors *ret_errors) GG_MUST_USE;
void policy_free(struct policy *p);
void policy_freep(struct policy **p);
#define _cleanup_policy_ GG_CLEANUP(policy_freep)

bool policy_matches(const struct policy_list *l, const char *name);
/* The pattern or one that what is above the URL or reference matches. */
bool policy_matches_url(const struct policy_list *l, const char *url);
bool policy_names_allow(const struct policy_names *n, const char *name);
/* "GPL-2+ or MIT", "Apache-2.0 and BSD-3-clause" as debian/copyright has them. */
bool policy_license_allows(const struct policy_licenses *l, const char *expression);
/* What the policy says that the package's licence is, or NULL. */
const char *policy_license_known(const struct policy_licenses *l, const char *package);
