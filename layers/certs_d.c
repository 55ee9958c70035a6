/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/certs_d.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "layers/base/fd.h"

enum { PEM_MAX = 4 << 20 };

void certificates_done(struct certificates *c)
{
	free(c->ca_file);
	free(c->cert_file);
	free(c->key_file);
	gg_close(c->ca_fd);
	*c = (struct certificates)CERTIFICATES_INIT;
}

/* libcurl takes one file of authorities: several become one in memory, under a name that it can open. */
static int join_authorities(const char *dir, const struct gg_strv *names, struct certificates *c,
			    struct gg_err *err)
{
	if (names->n == 1) {
		c->ca_file = gg_asprintf("%s/%s", dir, names->v[0]);
		return 0;
	}
	c->ca_fd = memfd_create("authorities", MFD_CLOEXEC);
	if (c->ca_fd < 0)
		return gg_fail_errno(err, "memfd_create");
	c->ca_file = gg_asprintf("/proc/self/fd/%d", c->ca_fd);
	for (size_t i = 0; i < names->n; i++) {
		_cleanup_free_ char *path = gg_asprintf("%s/%s", dir, names->v[i]);
		_cleanup_buf_ struct gg_buf pem = { 0 };

		if (gg_read_file(AT_FDCWD, path, PEM_MAX, &pem, err) < 0)
			return -1;
		gg_buf_putc(&pem, '\n');
		if (gg_write_all(c->ca_fd, pem.data, pem.len, err) < 0)
			return -1;
	}
	return 0;
}

static int missing(const char *dir, const char *have, const char *lack, struct gg_err *err)
{
	gg_fail(err, GG_USAGE, "'%s/%s' is there, and '%s/%s' is not", dir, have, dir, lack);
	return gg_hint(err, "a client's certificate is NAME.cert with NAME.key; authorities are "
			    "*.crt");
}

/* "NAME.key" for "NAME.cert". */
static char *other(const char *name, const char *from, const char *to)
{
	return gg_asprintf("%.*s%s", (int)(strlen(name) - strlen(from)), name, to);
}

static int take_client(const char *dir, const struct gg_strv *names, struct certificates *c,
		       struct gg_err *err)
{
	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->v[i];
		bool key = gg_ends(name, ".key");
		_cleanup_free_ char *with =
			key ? other(name, ".key", ".cert") : other(name, ".cert", ".key");

		if (!gg_strv_has(names, with))
			return missing(dir, name, with, err);
		if (key)
			continue;
		if (c->cert_file)
			return gg_fail(err, GG_USAGE,
				       "'%s' holds certificates of more than one client", dir);
		c->cert_file = gg_asprintf("%s/%s", dir, name);
		c->key_file = gg_asprintf("%s/%s", dir, with);
	}
	return 0;
}

static int take_dir(const char *dir, DIR *d, struct certificates *c, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv authorities = { 0 }, clients = { 0 };

	for (struct dirent *e; (e = readdir(d));) {
		if (gg_ends(e->d_name, ".crt"))
			gg_strv_add(&authorities, e->d_name);
		else if (gg_ends(e->d_name, ".cert") || gg_ends(e->d_name, ".key"))
			gg_strv_add(&clients, e->d_name);
	}
	gg_strv_sort(&authorities);
	gg_strv_sort(&clients);
	if (authorities.n && join_authorities(dir, &authorities, c, err) < 0)
		return -1;
	return take_client(dir, &clients, c, err);
}

int certificates_find(const char *named, const char *host, struct certificates *ret,
		      struct gg_err *err)
{
	_cleanup_certificates_ struct certificates c = CERTIFICATES_INIT;
	_cleanup_strv_ struct gg_strv dirs = { 0 };
	const char *home = getenv("HOME");
	DIR *d = NULL;
	size_t i;
	int r;

	if (named) {
		gg_strv_add(&dirs, named);
	} else {
		if (home && home[0] == '/')
			gg_strv_addf(&dirs, "%s/.config/containers/certs.d/%s", home, host);
		gg_strv_addf(&dirs, "/etc/containers/certs.d/%s", host);
		gg_strv_addf(&dirs, "/etc/docker/certs.d/%s", host);
	}
	for (i = 0; i < dirs.n && !d; i++) {
		d = opendir(dirs.v[i]);
		if (!d && named) {
			bool usage = errno == ENOENT || errno == ENOTDIR;

			gg_fail_errno(err, "directory of certificates '%s'", named);
			if (usage)
				err->kind = GG_USAGE;
			return -1;
		}
	}
	r = d ? take_dir(dirs.v[i - 1], d, &c, err) : 0;
	if (d)
		closedir(d);
	if (r < 0)
		return -1;
	*ret = c;
	c = (struct certificates)CERTIFICATES_INIT;
	return 0;
}
