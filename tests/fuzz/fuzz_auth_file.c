/* SPDX-License-Identifier: Apache-2.0
 *
 * Files with credentials: what is stored in one that was accepted is found again, for its registry and no other, and an error
 * has none of the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "layers/auth_file.h"
#include "layers/base/json.h"
#include "layers/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the file says of it: credentials, a helper, nothing, or a mistake. */
static void find(const struct gg_json *file, const char *repository, const char *user)
{
	_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
	_cleanup_auth_helper_ struct auth_helper h = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (auth_file_find(file, repository, &c, &h, &err) < 0) {
		if (err.kind != GG_USAGE || (user && strcmp(user, "fuzz-user") == 0))
			abort();
		return;
	}
	if (h.name && (!h.server || !credentials_anonymous(&c)))
		abort();
	for (const char *p = c.bearer; p && *p; p++)
		if (*p <= ' ' || *p > '~')
			abort();
	if (user && !h.name && (!c.user || strcmp(c.user, user) != 0))
		abort();
}

static void check_keys(const struct gg_json *file)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };

	auth_file_keys(file, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		_cleanup_free_ char *below = gg_asprintf("%s/x", keys.v[i]);
		_cleanup_free_ char *beside = gg_asprintf("%sx/x", keys.v[i]);

		find(file, keys.v[i], NULL);
		if (*keys.v[i] &&
		    (!auth_key_covers(keys.v[i], below) || auth_key_covers(keys.v[i], beside)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *file = NULL;

	if (auth_file_parse((const char *)data, size, &file, &err) < 0) {
		if (err.kind != GG_USAGE || strlen(err.text) > 80)
			abort();
		return 0;
	}
	find(file, "docker.io/library/app", NULL);
	find(file, "r.example:5000/ns/app", NULL);
	check_keys(file);
	auth_file_set(file, "fuzz.example/ns", "fuzz-user", "a:b", false);
	find(file, "fuzz.example/ns/app", "fuzz-user");
	if (!auth_file_remove(file, "fuzz.example/ns") || auth_file_remove(file, "fuzz.example/ns"))
		abort();
	return 0;
}
