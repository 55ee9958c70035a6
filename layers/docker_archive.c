/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/docker_archive.h"

#include <stdlib.h>
#include <string.h>

#include "layers/archive_index.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/docker_archive_write.h"
#include "layers/image_source.h"
#include "layers/reference.h"
#include "layers/transport_private.h"

/* The place: the archive, and manifest.json, whose strings the layers' names are. */
struct docker_archive {
	struct archive_index *members;
	struct image_document list;
};

static int open_blob(void *ctx, const struct image_blob *b, struct image_bytes *ret,
		     struct gg_err *err)
{
	const struct docker_archive *d = ctx;

	return archive_index_open(d->members, b->member, ret, err);
}

static void close_archive(void *ctx)
{
	struct docker_archive *d = ctx;

	if (!d)
		return;
	archive_index_free(d->members);
	free(d->list.bytes);
	gg_json_unref(d->list.json);
	free(d);
}

/* Engines write names out, with a registry's name before and a tag after: the end of one is enough. */
static bool is_tag(const char *tag, const char *ref)
{
	_cleanup_free_ char *latest = gg_asprintf("%s:latest", ref);

	for (;;) {
		if (gg_streq(tag, ref) || gg_streq(tag, latest))
			return true;
		tag = strchr(tag, '/');
		if (!tag)
			return false;
		tag++;
	}
}

static bool has_tag(const struct gg_json *image, const char *ref)
{
	const struct gg_json *tags = gg_json_get(image, "RepoTags");

	for (size_t i = 0; i < gg_json_len(tags); i++) {
		const char *tag = gg_json_text(gg_json_at(tags, i));

		if (tag && is_tag(tag, ref))
			return true;
	}
	return false;
}

static char *list_tags(const struct gg_json *list)
{
	_cleanup_buf_ struct gg_buf b = { 0 };

	for (size_t i = 0; i < gg_json_len(list) && i < 20; i++) {
		const struct gg_json *tags = gg_json_get(gg_json_at(list, i), "RepoTags");
		const char *tag = gg_json_text(gg_json_at(tags, 0));

		if (tag)
			gg_buf_printf(&b, "%s'%.200s'", b.len ? ", " : "", tag);
	}
	return gg_buf_steal(&b);
}

static int find(const struct gg_json *list, const char *ref, const struct gg_json **ret,
		struct gg_err *err)
{
	_cleanup_free_ char *tags = NULL;

	if (gg_json_len(list) == 0)
		return gg_fail(err, GG_INTEGRITY, "'manifest.json' lists no image");
	tags = list_tags(list);
	if (!ref && gg_json_len(list) > 1) {
		gg_fail(err, GG_USAGE, "there are several images in it");
		return gg_hint(err, "name one of them after a ':'; there are: %s", tags);
	}
	for (size_t i = 0; i < gg_json_len(list); i++) {
		*ret = gg_json_at(list, i);
		if (!ref || has_tag(*ret, ref))
			return 0;
	}
	gg_fail(err, GG_USAGE, "there is no '%s' in it", ref);
	return *tags ? gg_hint(err, "there are: %s", tags)
		     : gg_hint(err, "what is in it has no name: leave the reference out");
}

static int take_layers(struct image_source *s, const struct gg_json *image, struct gg_err *err)
{
	const struct gg_json *layers = gg_json_get(image, "Layers");

	if (!gg_json_is_array(layers))
		return gg_fail(err, GG_INTEGRITY, "'manifest.json': Layers is no list");
	s->n_layers = gg_json_len(layers);
	if (s->n_layers > IMAGE_MAX_LAYERS)
		return gg_fail(err, GG_INTEGRITY, "'manifest.json': %zu layers, more than %d",
			       s->n_layers, IMAGE_MAX_LAYERS);
	s->layers = gg_calloc(s->n_layers, sizeof(*s->layers));
	for (size_t i = 0; i < s->n_layers; i++) {
		s->layers[i].blob.member = gg_json_text(gg_json_at(layers, i));
		if (!s->layers[i].blob.member)
			return gg_fail(err, GG_INTEGRITY,
				       "'manifest.json': Layers[%zu] is no string", i);
	}
	return 0;
}

static void list_image(const struct gg_json *image, struct gg_json *list)
{
	const struct gg_json *tags = gg_json_get(image, "RepoTags");
	size_t n = gg_json_len(tags);

	for (size_t i = 0; i == 0 || i < n; i++) {
		const char *tag = i < n ? gg_json_text(gg_json_at(tags, i)) : NULL;
		struct gg_json *o = gg_json_object();

		gg_json_set_str(o, "reference", tag ? tag : "");
		gg_json_append_take(list, o);
	}
}

static int open_archive(struct transport_target *t, struct image_source *s, struct gg_err *err)
{
	struct image_blob list = { .member = "manifest.json" };
	struct archive_index *members = transport_open_archive(t, err);
	struct docker_archive *d;

	if (!members)
		return -1;
	s->ctx = d = gg_zalloc(sizeof(*d));
	s->open = open_blob;
	s->close = close_archive;
	d->members = members;
	if (image_source_read(s, &list, &d->list, err) < 0)
		return -1;
	if (!gg_json_is_array(d->list.json))
		return gg_fail(err, GG_INTEGRITY, "'manifest.json' is no list");
	return 0;
}

static int list_archive(struct transport_target *t, struct image_source *s, struct gg_json **ret,
			struct gg_err *err)
{
	const struct docker_archive *d;

	if (t->ref)
		return 0;
	if (open_archive(t, s, err) < 0)
		return -1;
	d = s->ctx;
	*ret = gg_json_array();
	for (size_t i = 0; i < gg_json_len(d->list.json); i++)
		list_image(gg_json_at(d->list.json, i), *ret);
	return 0;
}

static int read_archive(struct transport_target *t, struct image_source *s, struct gg_err *err)
{
	struct image_blob config = { 0 };
	const struct gg_json *image = NULL;
	const struct docker_archive *d;

	if (open_archive(t, s, err) < 0)
		return -1;
	d = s->ctx;
	if (find(d->list.json, t->ref, &image, err) < 0)
		return -1;
	config.member = gg_json_get_str(image, "Config", NULL);
	if (!config.member)
		return gg_fail(err, GG_INTEGRITY, "'manifest.json': Config is no string");
	if (take_layers(s, image, err) < 0 || image_source_read(s, &config, &s->config, err) < 0)
		return -1;
	return image_source_take_diff_ids(s, err);
}

/* ---- writing ---- */

/* RepoTags' entry: engines know no name without a tag. */
static int check_name(const char *ref, char **ret, struct gg_err *err)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;

	if (reference_parse(ref, &r, err) < 0)
		return -1;
	if (r.has_digest) {
		gg_fail(err, GG_USAGE, "'%s': an image in an archive is called by name and tag",
			ref);
		return gg_hint(err, "leave the digest out");
	}
	*ret = reference_familiar(&r);
	return 0;
}

static int check(const struct transport_target *t, struct gg_err *err)
{
	_cleanup_free_ char *name = NULL;

	if (t->ref && check_name(t->ref, &name, err) < 0)
		return -1;
	return transport_check_file(t, err);
}

struct file {
	const struct transport_image *image;
	const char *name;
	int fd;
	uint64_t since; /* bytes since the disk was told */
};

enum { TELL_DISK = 16 << 20 };

static int put(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	struct file *f = ctx;

	if (gg_write_all(f->fd, bytes, len, err) < 0)
		return -1;
	f->since += len;
	if (f->since < TELL_DISK)
		return 0;
	/* It works on what is here while the rest is decompressed. */
	sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	f->since = 0;
	return 0;
}

static int fill(void *ctx, int fd, int dir, struct gg_err *err)
{
	struct file *f = ctx;
	struct docker_archive_options o = {
		.name = f->name, .write = put, .ctx = f, .fd = fd, .dir = dir
	};

	f->fd = fd;
	return docker_archive_write(f->image, &o, err);
}

static int write_archive(const struct transport_target *t, const struct transport_image *image,
			 struct gg_err *err)
{
	_cleanup_free_ char *name = NULL;
	struct file f = { .image = image, .fd = -1 };

	if (t->ref && check_name(t->ref, &name, err) < 0)
		return -1;
	f.name = name;
	return transport_write_file(t, fill, &f, err);
}

const struct transport transport_docker_archive = {
	.name = "docker-archive",
	.form = "docker-archive:FILE[:REF]",
	.parse = transport_parse_path,
	.read = read_archive,
	.list = list_archive,
	.identity = transport_path_identity,
	.check = check,
	.write = write_archive,
};
