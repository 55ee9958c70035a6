/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates for a registry (containers-certs.d(5)): *.crt are authorities, *.cert with *.key of the same name a client's. The
 * directory is the named one, else the first that exists of ~/.config/containers/certs.d/HOST[:PORT],
 * /etc/containers/certs.d/…, /etc/docker/certs.d/…; what cannot be looked into there is passed over. Errors are GG_USAGE: a
 * key without its certificate, a certificate without its key, two clients, a named directory that is none.
 */
#pragma once

#include "layers/base/err.h"

struct certificates {
	char *ca_file;              /* all authorities; NULL: none; owned, like the others */
	char *cert_file, *key_file; /* NULL: none */
	int ca_fd;                  /* -1, or what ca_file is a name of when there are several */
};
#define CERTIFICATES_INIT                                                                          \
	{                                                                                          \
		.ca_fd = -1                                                                        \
	}
void certificates_done(struct certificates *c);
#define _cleanup_certificates_ GG_CLEANUP(certificates_done)

int certificates_find(const char *named, const char *host, struct certificates *ret,
		      struct gg_err *err) GG_MUST_USE;
