/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/mirror.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "builder/download.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "recipes/config.h"

struct found {
	const struct recipe_from *from;
	struct apt_mirrors mirrors;
};

struct mirror_cache {
	struct found **v;
	size_t n, cap;
};

void mirror_cache_free(struct mirror_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		apt_mirrors_done(&c->v[i]->mirrors);
		free(c->v[i]);
	}
	free(c->v);
	free(c);
}

const char *mirror_deb_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__riscv) && __riscv_xlen == 64
	return "riscv64";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	return "ppc64el";
#elif defined(__s390x__)
	return "s390x";
#else
#error "no Debian architecture is known for this machine"
#endif
}

/* The first place that names the main archive decides; its sibling, unless named there or higher up, is derived from
 * it. */
static void choose(const struct session *s, const struct recipe_from *from, struct apt_options *ret)
{
	_cleanup_free_ char *security = gg_asprintf("%s-security", from->distro);

	ret->main = gg_strv_getenv(&s->mirrors, from->distro);
	ret->security = gg_strv_getenv(&s->mirrors, security);
	if (!ret->main)
		ret->main = from->mirror;
	if (ret->main || !s->config)
		return;
	ret->main = gg_strv_getenv(&s->config->mirrors, from->distro);
	if (!ret->security)
		ret->security = gg_strv_getenv(&s->config->mirrors, security);
}

static int find(struct session *s, const struct recipe_from *from, struct found *ret,
		struct gg_err *err)
{
	_cleanup_free_ char *keyring = NULL;
	_cleanup_close_ int root = gg_openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, err);
	struct apt_options options = { 0 };

	if (root < 0)
		return -1;
	choose(s, from, &options);
	if (from->keyring)
		keyring = gg_asprintf("%s/%s", s->recipe_dir, from->keyring);
	options.keyring = keyring;
	if (apt_mirrors_find(root, from->distro, mirror_deb_arch(), &options, &ret->mirrors, err) <
	    0) {
		if (!err->pos.file)
			err->pos = from->pos;
		return -1;
	}
	ret->from = from;
	return 0;
}

const struct apt_mirrors *mirror_find(struct session *s, const struct recipe_from *from,
				      struct gg_err *err)
{
	struct mirror_cache *c = s->mirror_cache;
	struct found *fresh;

	if (!c)
		c = s->mirror_cache = gg_zalloc(sizeof(*c));
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->from == from)
			return &c->v[i]->mirrors;
	fresh = gg_zalloc(sizeof(*fresh));
	if (find(s, from, fresh, err) < 0) {
		free(fresh);
		return NULL;
	}
	GG_GROW(c->v, c->n, c->cap);
	c->v[c->n++] = fresh;
	return &fresh->mirrors;
}

static int package_url(struct session *s, const struct plan_node *n, char **ret_url,
		       struct gg_err *err)
{
	const struct apt_mirrors *m = mirror_find(s, &n->stage->from, err);

	if (!m)
		return -1;
	*ret_url = gg_asprintf("%s/%s", apt_archive_of(m, n->package->suite), n->package->path);
	return 0;
}

static int find_url(struct session *s, const struct plan_node *n, char **ret_url, char **ret_label,
		    struct gg_err *err)
{
	switch (n->kind) {
	case PLAN_DEB:
		if (s->offline)
			*ret_url = gg_strdup("");
		else if (package_url(s, n, ret_url, err) < 0)
			return -1;
		*ret_label = gg_asprintf("package %s %s", n->package->name, n->package->version);
		return 0;
	case PLAN_URL:
		*ret_url = gg_strdup(n->input->url);
		*ret_label = gg_asprintf("input '%s'", n->input->name);
		return 0;
	case PLAN_ROOTFS:
		*ret_url = gg_strdup(n->stage->from.rootfs);
		*ret_label = gg_asprintf("root file system of '%s'", n->stage->name);
		return 0;
	case PLAN_DISTRO:
	case PLAN_BLOB:
	case PLAN_BASE:
	case PLAN_IMAGE:
	case PLAN_FLAT:
	case PLAN_LOCAL:
	case PLAN_STEP:
	case PLAN_USER:
	case PLAN_LAYER:
	case PLAN_PACK:
	case PLAN_TEST:
		break;
	}
	return gg_fail(err, GG_INTERNAL, "'%s' has no URL", n->name);
}

int mirror_download(struct session *s, const struct plan_node *n, struct downloads *list,
		    struct gg_err *err)
{
	char *url = NULL, *label = NULL;
	struct download *d;

	if (find_url(s, n, &url, &label, err) < 0)
		return -1;
	d = downloads_add(list, url, label);
	d->kind = n->kind == PLAN_DEB ? DOWNLOAD_PACKAGE : DOWNLOAD_URL;
	d->stage = n->stage ? n->stage->name : NULL;
	d->pos = n->stage ? n->stage->from.pos : n->input->pos;
	d->has_digest = true;
	d->digest = n->blob;
	d->size = n->blob_size;
	return 0;
}
