/* SPDX-License-Identifier: Apache-2.0
 *
 * How registries are spoken to: what the command line says over what environment and files say. Plain data, borrowed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry_settings {
	const char *authfile; /* NULL: the search of credentials.h */
	const char
		*creds; /* "USER:PASSWORD" for the registry named on the command line; NULL: none */
	const char *cert_dir;        /* instead of certs.d/HOST; NULL: none */
	const char *registries_conf; /* NULL: the search of registries_conf.h */
	int tls_verify; /* -1: not said; 0: http and unchecked certificates may be used; 1: neither, whatever files say */
	unsigned parallel;          /* blobs at once; 0: 6 */
	unsigned retry_ms, stall_s; /* as in http_client.h; for tests, 0: as usual */
	/* About 10 times a second; total 0: unknown. May be NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};
