/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/doctor.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/debian/apt.h"
#include "builder/doctor_store.h"
#include "builder/settle.h"
#include "builder/mirror.h"
#include "builder/sandbox/network.h"
#include "builder/step_network.h"
#include "builder/table.h"
#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/base/log.h"
#include "layers/http.h"
#include "recipes/config.h"

struct context {
	const struct doctor_store *store;
	const struct config *config;
	int tun;
};

enum { SPACE_MIN = 1 << 30 };

/* ---- the store ---- */

static enum ability_state probe_store(const struct ability_place *p, struct gg_buf *seen,
				      struct gg_err *err)
{
	const struct doctor_store *s = ((const struct context *)p->ctx)->store;
	_cleanup_free_ char *type = NULL;

	if (s->fd < 0) {
		gg_fail(err, GG_SYSTEM, "%s", s->problem);
		if (s->remedy)
			gg_hint(err, "%s", s->remedy);
		return ABILITY_MISSING;
	}
	type = doctor_store_file_system(s->fd);
	gg_buf_printf(seen, "%s%s%s%s", s->path, *type ? " on " : "", type,
		      s->store ? ", yours" : ", which the first build makes");
	return ABILITY_OK;
}

static enum ability_state probe_space(const struct ability_place *p, struct gg_buf *seen,
				      struct gg_err *err)
{
	struct statvfs fs;
	uint64_t bytes;

	if (fstatvfs(p->dir, &fs) < 0) {
		gg_fail_errno(err, "ask for the free space");
		return ABILITY_MISSING;
	}
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	table_put_size(seen, bytes);
	if (bytes >= SPACE_MIN)
		return ABILITY_OK;
	gg_fail(err, GG_SYSTEM, "only %s are left", seen->data);
	gg_hint(err, "'ggbuild store gc' frees what no build uses; --store names another disk");
	return ABILITY_MISSING;
}

static const struct ability abilities_of_store[] = {
	{ "place", ABILITY_VITAL, "nothing is built", probe_store },
	{ "free space", ABILITY_ON_STORE, "builds may fill the disk", probe_space },
};

/* ---- what is called or loaded ---- */

static int run_quietly(const char *name, struct gg_err *err)
{
	char *argv[] = { (char *)name, "--version", NULL }, *environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	int code, status = 0;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	code = posix_spawnp(&pid, name, &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	errno = code;
	if (code != 0)
		return gg_fail_errno(err, "run '%s'", name);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		return gg_fail(err, GG_SYSTEM, "run '%s --version': it fails", name);
	return 0;
}

static enum ability_state probe_gpgv(const struct ability_place *p, struct gg_buf *seen,
				     struct gg_err *err)
{
	(void)p;
	if (run_quietly("gpgv", err) < 0) {
		gg_hint(err, "install the package gpgv");
		return ABILITY_MISSING;
	}
	gg_buf_puts(seen, "verifies the signatures of archives");
	return ABILITY_OK;
}

static enum ability_state probe_archives(const struct ability_place *p, struct gg_buf *seen,
					 struct gg_err *err)
{
	(void)p;
	if (archive_load(err) < 0)
		return ABILITY_MISSING;
	gg_buf_puts(seen, "libarchive unpacks packages and archives");
	return ABILITY_OK;
}

static const struct ability abilities_of_programs[] = {
	{ "gpgv", 0, "no new lock is resolved from a distribution's archive", probe_gpgv },
	{ "archives", 0, "packages and compressed archives are not unpacked", probe_archives },
};

/* ---- the network, without using it ---- */

static enum ability_state probe_http(const struct ability_place *p, struct gg_buf *seen,
				     struct gg_err *err)
{
	(void)p;
	if (http_load(err) < 0)
		return ABILITY_MISSING;
	gg_buf_puts(seen, "by libcurl");
	return ABILITY_OK;
}

static enum ability_state probe_network(const struct ability_place *p, struct gg_buf *seen,
					struct gg_err *err)
{
	_cleanup_network_ struct network n = NETWORK_INIT;

	if (network_isolate(((const struct context *)p->ctx)->tun, NETWORK_QUIET, &n, err) < 0) {
		step_network_explain(err);
		return ABILITY_MISSING;
	}
	gg_buf_printf(seen, "have a network of their own, by %s", n.helper);
	return ABILITY_OK;
}

static int find_mirror(const struct context *c, const char *distro, struct gg_buf *seen,
		       struct gg_err *err)
{
	_cleanup_apt_mirrors_ struct apt_mirrors found = { 0 };
	_cleanup_close_ int root = gg_openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, err);
	struct apt_options options = { 0 };

	if (c->config)
		options.main = gg_strv_getenv(&c->config->mirrors, distro);
	if (root < 0 ||
	    apt_mirrors_find(root, distro, mirror_deb_arch(), &options, &found, err) < 0)
		return -1;
	gg_buf_printf(seen, "%s%s by %s", seen->len ? ", " : "", distro,
		      options.main ? "your configuration" : "this host's apt");
	return 0;
}

/* A host knows the mirrors of its own distribution; one is enough. */
static enum ability_state probe_mirrors(const struct ability_place *p, struct gg_buf *seen,
					struct gg_err *err)
{
	static const char *const distros[] = { "debian", "ubuntu" };

	for (size_t i = 0; i < GG_LEN(distros); i++) {
		_cleanup_err_ struct gg_err this = GG_ERR_INIT;

		if (find_mirror(p->ctx, distros[i], seen, &this) < 0 && err->kind == GG_OK)
			gg_err_move(err, &this);
	}
	return seen->len ? ABILITY_OK : ABILITY_MISSING;
}

static const struct ability abilities_of_network[] = {
	{ "downloads", 0, "nothing is downloaded", probe_http },
	{ "fetch steps", ABILITY_INSIDE, "fetch steps share the host's network", probe_network },
	{ "mirrors", 0, "recipes from distributions need --mirror", probe_mirrors },
};

/* ---- the examination ---- */

#define SECTION_MACHINE "Machine"

static const struct ability userns_ability = {
	.name = "user namespaces",
	.without = ABILITY_NO_STEPS,
};

static const struct ability userns_ability_asked = {
	.name = "user namespaces",
	.flags = ABILITY_VITAL,
};
static const struct ability subids_ability = { .name = "subordinate ids" };

static struct doctor_check *add(struct doctor *d, const char *section, const struct ability *a)
{
	GG_GROW(d->v, d->n, d->cap);
	d->v[d->n] = (struct doctor_check){ .section = section, .ability = a };
	return &d->v[d->n++];
}

static void try_all(struct doctor *d, const char *section, const struct ability *v, size_t n,
		    const struct ability_place *p)
{
	for (size_t i = 0; i < n; i++)
		ability_try(&v[i], p, &add(d, section, &v[i])->found);
}

static char *userns_words(const struct userns *ns)
{
	switch (ns->kind) {
	case USERNS_SHIFTED:
		return gg_asprintf("ids 0 to %u of steps are %u to %u here", ns->count - 1,
				   ns->base, ns->base + ns->count - 1);
	case USERNS_SUBUID:
		return gg_asprintf("root of steps is who builds, ids 1 to %u are subordinate",
				   ns->count - 1);
	case USERNS_SINGLE:
	case USERNS_NONE:
		break;
	}
	return gg_strdup("root of steps is who builds, and there are no other ids");
}

static void take_error(struct ability_found *found, struct gg_err *err)
{
	found->state = ABILITY_MISSING;
	found->text = gg_strdup(err->text ? err->text : "--userns none forbids them");
	found->hint = err->hint ? gg_strdup(err->hint) : NULL;
}

/* The kind that builds will have, for all that is tried inside; from here on the process may be in it. */
static bool try_userns(struct doctor *d, unsigned choice)
{
	struct ability_found *found = &add(d, SECTION_MACHINE, &userns_ability)->found;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	/* What was asked for and nothing else is refused to a build, too. */
	if (userns_choose(choice, &d->ns, &err) < 0 || userns_settle(&d->ns, &err) < 0) {
		d->ns.kind = USERNS_NONE;
		d->v[0].ability = &userns_ability_asked;
		take_error(found, &err);
		return false;
	}
	if (d->ns.kind == USERNS_NONE) {
		take_error(found, &d->ns.why);
		return false;
	}
	found->state = ABILITY_OK;
	found->text = userns_words(&d->ns);
	return true;
}

static void tell_subids(struct doctor *d)
{
	struct ability_found *found = &add(d, SECTION_MACHINE, &subids_ability)->found;

	found->state = d->ns.kind == USERNS_SUBUID ? ABILITY_OK : ABILITY_UNUSED;
	switch (d->ns.kind) {
	case USERNS_SHIFTED:
		found->text = gg_strdup("root needs none");
		break;
	case USERNS_SUBUID:
		found->text = gg_asprintf("%u, mapped by %s", d->ns.count - 1,
					  d->ns.uids.v[0].first == 1 ? "ourselves"
								     : "newuidmap and newgidmap");
		break;
	case USERNS_SINGLE:
		if (d->ns.why.text)
			take_error(found, &d->ns.why);
		else
			found->text = gg_strdup("--userns single forbids them");
		break;
	case USERNS_NONE:
		found->text = gg_strdup(ability_untried);
		break;
	}
}

void doctor_examine(const char *store, unsigned userns, const struct config *config,
		    struct doctor *ret)
{
	_cleanup_doctor_store_ struct doctor_store s = DOCTOR_STORE_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *ids = NULL;
	struct context c = { .store = &s, .config = config, .tun = -1 };
	struct ability_place p = { .dir = -1, .ctx = &c };

	*ret = (struct doctor){ 0 };
	if (try_userns(ret, userns))
		p.ns = &ret->ns;
	tell_subids(ret);
	ids = settle_ids(&ret->ns);
	doctor_store_open(store, ids, &s);
	p.dir = s.fd;
	if (p.ns && s.fd >= 0 && step_network_tun(s.fd, &c.tun, &err) < 0)
		gg_log(GG_LOG_WARNING, "%s", err.text);
	try_all(ret, SECTION_MACHINE, sandbox_abilities, n_sandbox_abilities, &p);
	try_all(ret, "Store", abilities_of_store, GG_LEN(abilities_of_store), &p);
	try_all(ret, "Programs", abilities_of_programs, GG_LEN(abilities_of_programs), &p);
	try_all(ret, "Network", abilities_of_network, GG_LEN(abilities_of_network), &p);
	if (c.tun >= 0)
		unlinkat(s.fd, "tun", 0);
	gg_close(c.tun);
}

void doctor_done(struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++)
		ability_found_done(&d->v[i].found);
	free(d->v);
	userns_done(&d->ns);
	*d = (struct doctor){ 0 };
}

/* ---- what follows from it ---- */

static bool is_missing(const struct doctor_check *c)
{
	return c->found.state == ABILITY_MISSING;
}

const struct doctor_check *doctor_obstacle(const struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (is_missing(&d->v[i]) && (d->v[i].ability->flags & ABILITY_VITAL))
			return &d->v[i];
	return NULL;
}

const char *doctor_mode(const struct doctor *d)
{
	static const char *const modes[] = {
		[USERNS_SHIFTED] = "root",
		[USERNS_SUBUID] = "subuid",
		[USERNS_SINGLE] = "single-uid",
		[USERNS_NONE] = "none",
	};

	return modes[d->ns.kind];
}

static void add_once(struct gg_strv *l, const char *text)
{
	if (!gg_strv_has(l, text))
		gg_strv_add(l, text);
}

void doctor_limits(const struct doctor *d, struct gg_strv *ret)
{
	if (d->ns.kind == USERNS_SINGLE)
		gg_strv_add(ret, "users of a step are one id to the kernel, which does not keep "
				 "them from each other's files");
	for (size_t i = 0; i < d->n; i++)
		if (is_missing(&d->v[i]) && d->v[i].ability->without)
			add_once(ret, d->v[i].ability->without);
}
