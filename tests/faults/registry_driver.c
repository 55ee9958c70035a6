/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program does with registries, with waits of milliseconds (test_registry_faults.py):
 *
 *   registry_driver [--creds USER:PASSWORD] [--cert-dir DIR] [--lax] VERB …
 *   copy SRC DST | copy-all SRC DST | tags REF | referrers REF DIGEST
 *
 * Retries begin at 5 ms; a second without progress is a stall. Errors are printed and end it as they would ggbuild.
 */
#include <stdio.h>
#include <string.h>

#include "layers/base/json.h"
#include "layers/image_source.h"
#include "layers/reference.h"
#include "layers/registry.h"
#include "layers/transfer.h"

enum { RETRY_MS = 5, STALL_S = 1 };

static int copy(const char *from, const char *to, bool whole, const struct registry_settings *s,
		struct gg_err *err)
{
	struct image_source_options how = { .whole = whole, .registry = s };
	const struct transport_settings settings = { .registry = *s };
	_cleanup_image_source_ struct image_source *source = NULL;
	_cleanup_transfer_ struct transfer t = TRANSFER_INIT;
	struct transport_target target = TRANSPORT_TARGET_INIT;
	int r;

	if (transport_parse(to, &target, err) < 0)
		return -1;
	target.settings = &settings;
	r = transport_check(&target, 1, err);
	if (r == 0)
		r = image_source_open(from, &how, &source, err);
	if (r == 0)
		r = transfer_make(source, TRANSFER_AS_IT_IS, &t, err);
	if (r == 0)
		r = transport_write(&target, &t.image, err);
	transport_target_done(&target);
	return r;
}

static int tags(struct registry *r, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv list = { 0 };

	if (registry_tags(r, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++)
		puts(list.v[i]);
	return 0;
}

static int referrers(struct registry *r, const struct gg_digest *d, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *list = NULL;

	if (registry_referrers(r, d, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < gg_json_len(list); i++)
		puts(gg_json_get_str(gg_json_at(list, i), "digest", ""));
	return 0;
}

static int ask(const char *verb, const char *name, const char *digest,
	       const struct registry_settings *s, struct gg_err *err)
{
	_cleanup_reference_ struct reference reference = REFERENCE_INIT;
	_cleanup_registry_ struct registry *r = NULL;
	struct gg_digest d;

	if (reference_parse(name, &reference, err) < 0 ||
	    registry_open(&reference, REGISTRY_PULL, s, &r, err) < 0)
		return -1;
	if (strcmp(verb, "tags") == 0)
		return tags(r, err);
	if (!digest || gg_digest_parse(digest, &d, err) < 0)
		return -1;
	return referrers(r, &d, err);
}

int main(int argc, char **argv)
{
	struct registry_settings s = { .retry_ms = RETRY_MS, .stall_s = STALL_S };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int i = 1, r;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--lax") == 0)
			s.tls_verify = REGISTRY_TLS_LAX;
		else if (strcmp(argv[i], "--creds") == 0)
			s.creds = argv[++i];
		else
			s.cert_dir = argv[++i];
	}
	if (argc - i < 2)
		return 70;
	if (argc - i == 3 && gg_starts(argv[i], "copy"))
		r = copy(argv[i + 1], argv[i + 2], strcmp(argv[i], "copy-all") == 0, &s, &err);
	else
		r = ask(argv[i], argv[i + 1], argc - i == 3 ? argv[i + 2] : NULL, &s, &err);
	if (r == 0)
		return 0;
	fprintf(stderr, "error: %s\n", err.text);
	if (err.hint)
		fprintf(stderr, "hint: %s\n", err.hint);
	return (int)err.kind;
}
