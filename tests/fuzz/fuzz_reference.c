/* SPDX-License-Identifier: Apache-2.0
 *
 * References and digests: what is accepted comes back as it was meant, and holds nothing that a path or URL would take for
 * more than a name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "layers/base/digest.h"
#include "layers/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_digest(const char *text)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct gg_digest d;
	char again[GG_DIGEST_TEXT];

	if (gg_digest_parse(text, &d, &err) == 0 && strcmp(gg_digest_text(&d, again), text) != 0)
		abort();
}

static void check_same(const char *text, const char *full)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *again = NULL;

	if (reference_parse(text, &r, &err) < 0)
		abort();
	again = reference_text(&r);
	if (strcmp(again, full) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = gg_strndup(data ? (const char *)data : "", size);
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *full = NULL, *familiar = NULL;

	check_digest(text);
	if (reference_parse(text, &r, &err) < 0) {
		if (err.kind != GG_USAGE || !err.text || r.domain || r.path || r.tag)
			abort();
		return 0;
	}
	if (!reference_domain_valid(r.domain) || !reference_path_valid(r.path) ||
	    (r.tag && !reference_tag_valid(r.tag)) || (!r.tag && !r.has_digest))
		abort();
	full = reference_text(&r);
	familiar = reference_familiar(&r);
	check_same(full, full);
	check_same(familiar, full);
	for (const char *p = full; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("%?#\\\"'<>&", *p))
			abort();
	if (strstr(r.path, "..") || strstr(r.path, "//") || r.path[0] == '/')
		abort();
	return 0;
}
