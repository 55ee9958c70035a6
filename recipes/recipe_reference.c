/* SPDX-License-Identifier: Apache-2.0
 *
 * References to images: what a transport's name is, and what a path or a name after it may look like. What a registry's
 * name means is for those who ask it.
 */
#include <string.h>

#include "recipes/recipe_read.h"

static const char *const names[] = { "docker://", "docker-daemon:", "containers-storage:" };
static const char *const files[] = { "oci:", "oci-archive:", "docker-archive:" };

static size_t begins_with(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gg_starts(text, words[i]))
			return strlen(words[i]);
	return 0;
}

static void say_forms(struct check *c)
{
	check_hint(c, "write NAME[:TAG][@DIGEST] of an image in a registry, or oci:DIRECTORY, "
		      "oci-archive:FILE or docker-archive:FILE, with :REF where there are several");
}

/* Letters of the reference grammar; an "@" only before a digest, which no user's name is. */
static bool is_name(const char *text)
{
	const char *at = strchr(text, '@');
	struct gg_digest ignored;

	if (!*text || *text == '/' || *text == '.' || strstr(text, "//"))
		return false;
	if (at && (!gg_starts(at, "@sha256:") ||
		   gg_digest_from_hex(at + strlen("@sha256:"), &ignored) < 0))
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "._-:/[]@") == strlen(text);
}

static const char *read_name(struct check *c, const struct yaml_node *node, const char *text,
			     const char *name, const char *ret)
{
	if (is_name(name))
		return ret;
	check_fail(c, check_pos(c, node), "'%s' is no reference to an image", check_shown(c, text));
	say_forms(c);
	return NULL;
}

static const char *read_file(struct check *c, const struct yaml_node *node, const char *text,
			     const char *place)
{
	size_t len = strcspn(place, ":");
	const char *path = gg_arena_strndup(c->arena, place, len);

	if (len && (!place[len] || is_name(place + len + 1)))
		return check_inside_path(c, node, path) ? text : NULL;
	check_fail(c, check_pos(c, node), "'%s' is no reference to an image", check_shown(c, text));
	say_forms(c);
	return NULL;
}

void read_reference(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "a reference to an image"), *ret;
	size_t file, name;

	if (!text)
		return;
	file = begins_with(text, files, GG_LEN(files));
	name = begins_with(text, names, GG_LEN(names));
	if (file)
		ret = read_file(c, node, text, text + file);
	else if (name)
		ret = read_name(c, node, text, text + name, text);
	else
		ret = read_name(c, node, text, text,
				gg_arena_printf(c->arena, "docker://%s", text));
	if (ret)
		*(const char **)out = ret;
}
