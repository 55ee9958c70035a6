/* SPDX-License-Identifier: Apache-2.0
 *
 * How registries are spoken to: what the command line says over what environment and files say. Plain data, borrowed. All
 * zero is how it is usual: certificates are checked, credentials and mirrors come from files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum registry_tls {
	REGISTRY_TLS_USUAL,   /* checked, but where registries.conf calls the registry insecure */
	REGISTRY_TLS_CHECKED, /* whatever files say */
	REGISTRY_TLS_LAX, /* unchecked certificates are taken, and plain http where TLS is not spoken */
};

struct registry_settings {
	const char *authfile; /* NULL: the search of credentials.h */
	const char
		*creds; /* "USER:PASSWORD" for the registry named on the command line; NULL: none */
	/* The registry is none that the command line names, but a recipe's image's or a mirror: neither `creds` nor what the
	 * environment holds for no host in particular is for it. */
	bool unnamed;
	const char *cert_dir;        /* instead of certs.d/HOST; NULL: none */
	const char *registries_conf; /* NULL: the search of registries_conf.h */
	enum registry_tls tls_verify;
	unsigned parallel;          /* blobs at once; 0: 6 */
	unsigned retry_ms, stall_s; /* as in http_client.h; for tests, 0: as usual */
	/* About 10 times a second; total 0: unknown. May be NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};
