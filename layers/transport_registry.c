/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/transport_registry.h"

#include <string.h>
#include <sys/mman.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/image_document.h"
#include "layers/image_source.h"
#include "layers/reference.h"
#include "layers/registry.h"
#include "layers/spool.h"
#include "layers/transport_private.h"

/* Up to this a blob is kept in memory. */
enum { SMALL = 4 << 20 };

struct source {
	struct registry *registry;
	struct reference reference;
	struct registry_manifest root; /* what the reference names */
};

static int parse(struct transport_target *t, const char *rest, struct gg_err *err)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;

	if (!gg_starts(rest, "//"))
		return gg_fail(err, GG_USAGE, "a registry is written docker://NAME[:TAG]");
	if (reference_parse(rest + 2, &r, err) < 0)
		return -1;
	t->place = gg_strdup(rest + 2);
	return 0;
}

static char *identity(const struct transport_target *t)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	return reference_parse(t->place, &r, &ignored) < 0 ? gg_strdup(t->place)
							   : reference_text(&r);
}

/* Without a connection there is nothing to find out. */
static int check(const struct transport_target *t, struct gg_err *err)
{
	(void)t;
	(void)err;
	return 0;
}

/* ---- reading ---- */

static void close_source(void *ctx)
{
	struct source *s = ctx;

	if (!s)
		return;
	registry_close(s->registry);
	registry_manifest_done(&s->root);
	reference_done(&s->reference);
	free(s);
}

static int memory_file(struct gg_err *err)
{
	int fd = memfd_create("blob", MFD_CLOEXEC);

	if (fd < 0)
		gg_fail_errno(err, "make a file in memory");
	return fd;
}

/* A manifest of this repository, by its digest. */
static int get_manifest(struct source *s, const struct image_blob *b, int fd, struct gg_err *err)
{
	struct registry_manifest m = { 0 };
	char text[GG_DIGEST_TEXT];
	bool found;
	int r;

	if (gg_digest_eq(&b->digest, &s->root.digest))
		return gg_write_all(fd, s->root.bytes, s->root.len, err);
	r = registry_manifest_get(s->registry, gg_digest_text(&b->digest, text), &m, &found, err);
	if (r == 0 && !found)
		r = gg_fail(err, GG_REMOTE, "the registry does not have it");
	if (r == 0)
		r = gg_write_all(fd, m.bytes, m.len, err);
	registry_manifest_done(&m);
	return r;
}

static int get_blobs(void *ctx, struct image_get *v, size_t n, struct gg_err *err)
{
	_cleanup_free_ struct image_get *blobs = gg_calloc(n, sizeof(*blobs));
	_cleanup_free_ size_t *at = gg_calloc(n, sizeof(*at));
	struct source *s = ctx;
	size_t n_blobs = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		/* The root is at hand, whatever the registry calls it. */
		if (!image_document_is_manifest_type(v[i].blob->media_type) &&
		    !gg_digest_eq(&v[i].blob->digest, &s->root.digest)) {
			at[n_blobs] = i;
			blobs[n_blobs++] = v[i];
			continue;
		}
		if (get_manifest(s, v[i].blob, v[i].outfd, err) < 0)
			return -1;
		v[i].done = true;
	}
	if (n_blobs == 0)
		return 0;
	r = registry_blobs_get(s->registry, blobs, n_blobs, err);
	for (size_t i = 0; i < n_blobs; i++)
		v[at[i]].done = blobs[i].done;
	return r;
}

static int open_blob(void *ctx, const struct image_blob *b, struct image_bytes *ret,
		     struct gg_err *err)
{
	struct image_get get = { .blob = b };
	_cleanup_close_ int fd = b->size <= SMALL ? memory_file(err) : spool_open(err);
	struct stat st;

	if (fd < 0)
		return -1;
	get.outfd = fd;
	if (get_blobs(ctx, &get, 1, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return gg_fail_errno(err, "look at a blob");
	ret->offset = 0;
	ret->size = (uint64_t)st.st_size;
	ret->fd = gg_steal_fd(&fd);
	return 0;
}

static struct gg_json *describe(const struct registry_manifest *m)
{
	struct gg_json *list = gg_json_array(), *d = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(d, "mediaType", m->media_type);
	gg_json_set_str(d, "digest", gg_digest_text(&m->digest, text));
	gg_json_set_int(d, "size", (int64_t)m->len);
	gg_json_append_take(list, d);
	return list;
}

static int find_root(struct source *s, struct gg_err *err)
{
	const struct reference *r = &s->reference;
	char text[GG_DIGEST_TEXT];
	const char *what = r->has_digest ? gg_digest_text(&r->digest, text) : r->tag;
	bool found;

	if (registry_manifest_get(s->registry, what, &s->root, &found, err) < 0)
		return -1;
	if (found)
		return 0;
	gg_fail(err, GG_REMOTE, "the registry has no '%s' in '%s/%s'", what, r->domain, r->path);
	return gg_hint(err, "`ggbuild ls docker://%s/%s` shows what tags there are", r->domain,
		       r->path);
}

static int read_registry(struct transport_target *t, struct image_source *ret, struct gg_err *err)
{
	const struct registry_settings *settings = t->settings ? &t->settings->registry : NULL;
	_cleanup_json_ struct gg_json *descriptors = NULL;
	struct source *s = gg_zalloc(sizeof(*s));

	ret->ctx = s;
	ret->close = close_source;
	ret->open = open_blob;
	ret->get = get_blobs;
	if (reference_parse(t->place, &s->reference, err) < 0 ||
	    registry_open(&s->reference, REGISTRY_PULL, settings, &s->registry, err) < 0 ||
	    find_root(s, err) < 0)
		return -1;
	ret->mount_host = s->reference.domain;
	ret->mount_path = s->reference.path;
	descriptors = describe(&s->root);
	return image_source_resolve(ret, descriptors, err);
}

/* Whoever writes neither tag nor digest asks for what tags there are. */
static bool is_repository(const struct transport_target *t, const struct reference *r)
{
	return !r->has_digest && !gg_ends(t->place, ":latest") && gg_streq(r->tag, "latest");
}

static int list_registry(struct transport_target *t, struct image_source *s, struct gg_json **ret,
			 struct gg_err *err)
{
	const struct registry_settings *settings = t->settings ? &t->settings->registry : NULL;
	_cleanup_registry_ struct registry *registry = NULL;
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_strv_ struct gg_strv tags = { 0 };

	(void)s;
	if (reference_parse(t->place, &r, err) < 0)
		return -1;
	if (!is_repository(t, &r))
		return 0;
	if (registry_open(&r, REGISTRY_PULL, settings, &registry, err) < 0 ||
	    registry_tags(registry, &tags, err) < 0)
		return -1;
	*ret = gg_json_array();
	for (size_t i = 0; i < tags.n; i++) {
		struct gg_json *o = gg_json_object();

		gg_json_set_str(o, "reference", tags.v[i]);
		gg_json_append_take(*ret, o);
	}
	return 0;
}

const struct transport transport_registry = {
	.name = "docker",
	.form = "docker://NAME[:TAG|@DIGEST]",
	.index = true,
	.documents = true,
	.remote = true,
	.parse = parse,
	.identity = identity,
	.check = check,
	.read = read_registry,
	.list = list_registry,
	.write = transport_registry_write,
};
