/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML, and registries.conf made of it: a key is there once, a mistake has its file and line, and what the rules say can be
 * looked up.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "layers/reference.h"
#include "layers/registries_file.h"
#include "layers/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(const struct toml_value *v, unsigned depth)
{
	if (depth > 64 || v->line == 0)
		abort();
	if (v->kind == TOML_STRING && !v->string)
		abort();
	for (size_t i = 0; i < v->n; i++) {
		if (v->kind == TOML_TABLE && toml_get(v, v->keys[i]) != v->v[i])
			abort();
		check_value(v->v[i], depth + 1);
	}
}

static void check_error(const struct gg_err *err)
{
	if (err->kind != GG_USAGE || !gg_starts(err->text, "fuzz:"))
		abort();
}

static void check_registries(const char *text, size_t size)
{
	_cleanup_registries_ struct registries r = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (registries_add(&r, "fuzz", text, size, &err) < 0) {
		check_error(&err);
		return;
	}
	for (size_t i = 0; i < r.n_entries; i++) {
		const struct registries_entry *e = &r.entries[i];

		if (!*e->prefix || !gg_starts(e->where, "fuzz:") ||
		    (e->location && e->location[0] == '*'))
			abort();
		for (size_t j = 0; j < e->n_mirrors; j++)
			if (!e->mirrors[j].location ||
			    (e->mirrors[j].digest_only && e->mirrors[j].tag_only))
				abort();
	}
	for (size_t i = 0; i < r.n_aliases; i++)
		if (!reference_path_valid(r.aliases[i].name))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = data ? (const char *)data : "";
	_cleanup_toml_ struct toml t = TOML_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (toml_parse("fuzz", text, size, &t, &err) < 0) {
		check_error(&err);
		return 0;
	}
	check_value(t.root, 0);
	check_registries(text, size);
	return 0;
}
