/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/apt.h"

#include <dirent.h>
#include <unistd.h>

#include "builder/debian/apt_sources.h"
#include "layers/base/fd.h"

/* What tells a distribution's own archive from the other entries of a source list. */
struct apt_distro {
	const char *name;
	const char *keyring_name; /* in Signed-By paths */
	const char *keyring;      /* the package's file */
	const char *package;      /* that has it */
	const char *trusted;      /* how its files in trusted.gpg.d begin */
	const char *const *codenames;
};

static const char *const debian_codenames[] = { "bullseye",     "bookworm", "trixie",   "forky",
						"duke",         "sid",      "stable",   "oldstable",
						"oldoldstable", "testing",  "unstable", NULL };
static const char *const ubuntu_codenames[] = { "focal",    "jammy",  "mantic",   "noble",
						"oracular", "plucky", "questing", "resolute",
						"devel",    NULL };
static const struct apt_distro distros[] = {
	{ "debian", "debian-archive", "usr/share/keyrings/debian-archive-keyring.gpg",
	  "debian-archive-keyring", "debian-archive-", debian_codenames },
	{ "ubuntu", "ubuntu-archive", "usr/share/keyrings/ubuntu-archive-keyring.gpg",
	  "ubuntu-keyring", "ubuntu-keyring-", ubuntu_codenames },
};

void apt_mirrors_done(struct apt_mirrors *m)
{
	free(m->main);
	free(m->security);
	release_keys_done(&m->keys);
	*m = (struct apt_mirrors){ 0 };
}

static const struct apt_distro *find_distro(const char *name)
{
	for (size_t i = 0; i < GG_LEN(distros); i++)
		if (gg_streq(distros[i].name, name))
			return &distros[i];
	return NULL;
}

static const char *last_component(const char *url)
{
	const char *slash = strrchr(url, '/');

	return slash ? slash + 1 : url;
}

static bool known_suite(const struct apt_distro *d, const char *suite)
{
	for (size_t i = 0; d->codenames[i]; i++) {
		size_t n = strlen(d->codenames[i]);

		if (!strncmp(suite, d->codenames[i], n) &&
		    (!suite[n] || suite[n] == '-' || suite[n] == '/'))
			return true;
	}
	return false;
}

static bool is_security_suite(const char *suite)
{
	return gg_ends(suite, "-security") || gg_ends(suite, "/updates");
}

static bool serves_security(const struct apt_source *s)
{
	for (size_t i = 0; i < s->suites.n; i++)
		if (is_security_suite(s->suites.v[i]))
			return true;
	return false;
}

static bool serves_main(const struct apt_source *s)
{
	for (size_t i = 0; i < s->suites.n; i++)
		if (!is_security_suite(s->suites.v[i]))
			return true;
	return false;
}

static bool is_port(const char *arch)
{
	return !gg_streq(arch, "amd64") && !gg_streq(arch, "i386");
}

/* The path says which distribution; Ubuntu has its other architectures elsewhere. */
static bool path_fits(const struct apt_distro *d, const char *arch, const char *uri)
{
	const char *last = last_component(uri);

	if (gg_streq(d->name, "debian"))
		return gg_streq(last, "debian") || gg_streq(last, "debian-security");
	return gg_streq(last, is_port(arch) ? "ubuntu-ports" : "ubuntu");
}

static bool keys_fit(const struct apt_distro *d, const struct release_keys *k)
{
	for (size_t i = 0; i < k->files.n; i++)
		if (strstr(k->files.v[i], d->keyring_name))
			return true;
	return false;
}

/* How likely an entry is the distribution's own archive; 0: it is not. Vendors' repositories also use these suites
 * and paths, but with a component or a key of their own. */
static int score(const struct apt_distro *d, const char *arch, const struct apt_source *s)
{
	bool any_key = s->keys.files.n || s->keys.texts.n, suite = false;
	int points = 0;

	if (!gg_starts(s->uri, "http://") && !gg_starts(s->uri, "https://") &&
	    !gg_starts(s->uri, "file:/"))
		return 0;
	if (!gg_strv_has(&s->components, "main") || strstr(s->uri, "://ppa."))
		return 0;
	for (size_t i = 0; i < s->suites.n; i++)
		suite = suite || known_suite(d, s->suites.v[i]);
	points += path_fits(d, arch, s->uri) ? 4 : 0;
	points += suite ? 1 : 0;
	points += keys_fit(d, &s->keys) ? 3 : any_key ? -2 : 1;
	if (gg_streq(d->name, "ubuntu") && gg_ends(s->uri, "/ubuntu") && is_port(arch))
		return 0;
	if (gg_streq(d->name, "ubuntu") && gg_ends(s->uri, "/ubuntu-ports") && !is_port(arch))
		return 0;
	return points >= 3 && suite ? points : points >= 5 ? points : 0;
}

static const struct apt_source *best(const struct apt_distro *d, const char *arch,
				     const struct apt_sources *all, bool security)
{
	const struct apt_source *found = NULL;
	int most = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct apt_source *s = &all->v[i];
		int points = score(d, arch, s);

		if (points > most && (security ? serves_security(s) : serves_main(s))) {
			most = points;
			found = s;
		}
	}
	return found;
}

/* Debian's security archive is a sibling of the main one: ".../debian" or a snapshot's ".../debian/TIME". */
static char *derive_security(const struct apt_distro *d, const char *main)
{
	const char *last = last_component(main), *before;

	if (!gg_streq(d->name, "debian"))
		return gg_strdup(main);
	if (gg_streq(last, "debian"))
		return gg_asprintf("%s-security", main);
	before = last - 1;
	if (last - main > 8 && *last >= '0' && *last <= '9' && !strncmp(before - 7, "/debian/", 8))
		return gg_asprintf("%.*s-security/%s", (int)(before - main), main, last);
	return gg_strdup(main);
}

static char *trim_url(const char *url)
{
	size_t n = strlen(url);

	while (n && url[n - 1] == '/')
		n--;
	return gg_strndup(url, n);
}

static bool exists(int rootfd, const char *path)
{
	int fd = gg_try_openat_in(rootfd, path, O_PATH, 0);

	gg_close(fd);
	return fd >= 0;
}

static void add_trusted(int rootfd, const struct apt_distro *d, struct release_keys *keys)
{
	int fd = gg_try_openat_in(rootfd, "etc/apt/trusted.gpg.d", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!dir) {
		gg_close(fd);
		return;
	}
	while ((e = readdir(dir)))
		if (gg_starts(e->d_name, d->trusted) &&
		    (gg_ends(e->d_name, ".gpg") || gg_ends(e->d_name, ".asc")))
			gg_strv_addf(&keys->files, "/etc/apt/trusted.gpg.d/%s", e->d_name);
	closedir(dir);
	gg_strv_sort(&keys->files);
}

/* The user's keyring; else what the entry is signed by; else the distribution's package; else trusted.gpg.d. */
static int find_keys(int rootfd, const struct apt_distro *d, const char *keyring,
		     const struct apt_source *s, struct release_keys *ret, struct gg_err *err)
{
	if (keyring) {
		gg_strv_add(&ret->files, keyring);
		return 0;
	}
	for (size_t i = 0; s && i < s->keys.files.n; i++)
		if (exists(rootfd, s->keys.files.v[i]))
			gg_strv_add(&ret->files, s->keys.files.v[i]);
	if (s)
		gg_strv_copy(&ret->texts, &s->keys.texts);
	if (!ret->files.n && !ret->texts.n && exists(rootfd, d->keyring))
		gg_strv_addf(&ret->files, "/%s", d->keyring);
	if (!ret->files.n && !ret->texts.n)
		add_trusted(rootfd, d, ret);
	if (ret->files.n || ret->texts.n)
		return 0;
	gg_fail(err, GG_USAGE, "verify the %s archive: this host has no keyring of it", d->name);
	return gg_hint(err, "install the package %s, or give the stage `keyring: FILE`",
		       d->package);
}

static int no_mirror(int rootfd, const struct apt_distro *d, const struct apt_options *options,
		     struct gg_err *err)
{
	_cleanup_free_ char *keys = NULL;

	if (!options->keyring && !exists(rootfd, d->keyring))
		keys = gg_asprintf(
			"; its keys: install the package %s, or give the stage `keyring: FILE`",
			d->package);
	gg_fail(err, GG_USAGE,
		"find the %s archive: neither the recipe, the user's configuration nor this host's "
		"apt names "
		"a mirror",
		d->name);
	return gg_hint(err, "pass --mirror %s=URL, the directory that holds dists/ and pool/%s",
		       d->name, keys ? keys : "");
}

int apt_mirrors_find(int rootfd, const char *distro, const char *arch,
		     const struct apt_options *options, struct apt_mirrors *ret, struct gg_err *err)
{
	_cleanup_apt_sources_ struct apt_sources all = { 0 };
	_cleanup_apt_mirrors_ struct apt_mirrors m = { 0 };
	const struct apt_source *main, *security;
	const struct apt_distro *d = find_distro(distro);

	if (!d)
		return gg_fail(err, GG_USAGE,
			       "find the archive of '%s': only debian and ubuntu are known",
			       distro);
	if (apt_sources_read(rootfd, &all, err) < 0)
		return -1;
	main = best(d, arch, &all, false);
	security = best(d, arch, &all, true);
	if (!options->main && !main)
		return no_mirror(rootfd, d, options, err);
	m.main = trim_url(options->main ? options->main : main->uri);
	if (options->security)
		m.security = trim_url(options->security);
	else if (options->main || !security)
		m.security = derive_security(d, m.main);
	else
		m.security = trim_url(security->uri);
	if (find_keys(rootfd, d, options->keyring, main, &m.keys, err) < 0)
		return -1;
	*ret = m;
	m = (struct apt_mirrors){ 0 };
	return 0;
}

const char *apt_archive_of(const struct apt_mirrors *m, const char *suite)
{
	return is_security_suite(suite) ? m->security : m->main;
}
