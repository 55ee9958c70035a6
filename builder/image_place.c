/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/image_place.h"

#include <string.h>

#include "builder/beside.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/base/mem.h"
#include "layers/image_source.h"
#include "layers/reference.h"
#include "layers/registry_settings.h"

#define REGISTRY "docker://"

void image_place_close(struct image_place *p)
{
	image_source_close(p->source);
	gg_close(p->fd);
}

/* What the transport's name is followed by: a path, up to the next ':'. */
static const char *path_of(const char *reference)
{
	static const char *const files[] = { "oci:", "oci-archive:", "docker-archive:" };

	for (size_t i = 0; i < GG_LEN(files); i++)
		if (gg_starts(reference, files[i]))
			return reference + strlen(files[i]);
	return NULL;
}

bool image_place_is_remote(const char *reference)
{
	return !path_of(reference) && !gg_starts(reference, "containers-storage:");
}

/* The path is opened as every path of a recipe, and read through its descriptor. */
static int open_beside(const struct session *s, const char *reference, const char *path,
		       int *ret_fd, char **ret_text, struct gg_err *err)
{
	size_t len = strcspn(path, ":");
	_cleanup_free_ char *place = gg_strndup(path, len);
	int flags = gg_starts(reference, "oci:") ? O_RDONLY | O_DIRECTORY
						 : O_RDONLY | O_NONBLOCK | O_NOCTTY;

	*ret_fd = beside_open(s, "image", place, flags, err);
	if (*ret_fd < 0)
		return -1;
	*ret_text = gg_asprintf("%.*s/proc/self/fd/%d%s", (int)(path - reference), reference,
				*ret_fd, path + len);
	return 0;
}

static int pin(const char *reference, const struct gg_digest *manifest, char **ret,
	       struct gg_err *err)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_free_ char *text = NULL;

	if (reference_parse(reference + strlen(REGISTRY), &r, err) < 0)
		return -1;
	free(r.tag);
	r.tag = NULL;
	r.has_digest = true;
	r.digest = *manifest;
	/* A short name stays one: files may say where it is. */
	text = r.unqualified ? reference_familiar(&r) : reference_text(&r);
	*ret = gg_asprintf(REGISTRY "%s", text);
	return 0;
}

int image_place_open(const struct session *s, const char *reference, const char *platform,
		     const struct gg_digest *manifest, struct image_place *ret, struct gg_err *err)
{
	struct registry_settings registry =
		s->registry ? *s->registry : (struct registry_settings){ 0 };
	struct image_source_options options = { .platform = platform,
						.name = reference,
						.registry = &registry };
	const char *path = path_of(reference);
	_cleanup_free_ char *text = NULL;

	/* What the command line says of a password is for a registry that it names itself. */
	registry.unnamed = true;
	if (path && open_beside(s, reference, path, &ret->fd, &text, err) < 0)
		return -1;
	if (manifest && gg_starts(reference, REGISTRY) && pin(reference, manifest, &text, err) < 0)
		return -1;
	return image_source_open(text ? text : reference, &options, &ret->source, err);
}

/* The last part of a path, in letters that every list can hold. */
static char *base_name(const char *path)
{
	size_t len = strcspn(path, ":");
	const char *slash = memrchr(path, '/', len), *from = slash ? slash + 1 : path;
	char *name = gg_asprintf("%.*s%s", (int)(path + len - from), from, path + len);

	for (char *p = name; *p; p++)
		if (*p <= ' ' || *p == '"' || *p == '\\' || *p == 0x7f)
			*p = '_';
	return name;
}

char *image_place_name(const char *reference)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	const char *path = path_of(reference), *rest = strchr(reference, ':') + 1;
	char digest[GG_DIGEST_TEXT];

	if (path)
		return base_name(path);
	if (reference_parse(rest + strspn(rest, "/"), &r, &ignored) < 0)
		return gg_strdup("image");
	return gg_asprintf("%s%s%s%s%s", r.path, r.tag ? ":" : "", r.tag ? r.tag : "",
			   r.has_digest ? "@" : "",
			   r.has_digest ? gg_digest_text(&r.digest, digest) : "");
}

char *image_place_rule(const char *reference)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	if (!gg_starts(reference, REGISTRY) ||
	    reference_parse(reference + strlen(REGISTRY), &r, &ignored) < 0)
		return gg_strdup(reference);
	return reference_text(&r);
}
