/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/plan_private.h"

#include <string.h>

/* Canonical text. A value that holds a newline is written with its length, so that no text can imitate two lines, and
 * so is one that looks like a length. */
void plan_line(struct gg_buf *b, const char *name, const char *value)
{
	if (strchr(value, '\n') || value[0] == '[')
		gg_buf_printf(b, "%s [%zu]\n%s\n", name, strlen(value), value);
	else
		gg_buf_printf(b, "%s %s\n", name, value);
}

void plan_line_int(struct gg_buf *b, const char *name, long long value)
{
	gg_buf_printf(b, "%s %lld\n", name, value);
}

void plan_line_digest(struct gg_buf *b, const char *name, const struct gg_digest *d)
{
	char text[GG_DIGEST_TEXT];

	plan_line(b, name, gg_digest_text(d, text));
}

void plan_line_list(struct gg_buf *b, const char *name, const struct recipe_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		plan_line(b, name, l->v[i]);
}

void plan_line_optional(struct gg_buf *b, const char *name, const char *value)
{
	if (value)
		plan_line(b, name, value);
}

void plan_text_begin(struct gg_buf *b, enum plan_kind kind, int version)
{
	gg_buf_printf(b, "ggbuild-action %d\nkind %s %d\n", PLAN_VERSION, plan_kind_name(kind),
		      version);
}

void plan_line_below(struct plan_making *m, struct gg_buf *text, const struct plan_ids *layers)
{
	for (size_t i = 0; i < layers->n; i++)
		plan_line_digest(text, "below", &plan_node_at(m, layers->v[i])->key);
}

static const char *make_kind_name(enum recipe_make_kind kind)
{
	switch (kind) {
	case RECIPE_MAKE_DIRECTORY:
		return "directory";
	case RECIPE_MAKE_FILE:
		return "file";
	case RECIPE_MAKE_SYMLINK:
		return "symlink";
	}
	return "?";
}

void plan_describe_makes(struct gg_buf *text, const struct recipe_make *k, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		plan_line(text, "make", make_kind_name(k[i].kind));
		plan_line(text, "make-path", k[i].path);
		if (k[i].kind == RECIPE_MAKE_FILE) {
			struct gg_digest d;

			gg_digest_of(k[i].content ? k[i].content : "", k[i].content_len, &d);
			plan_line_digest(text, "make-content", &d);
		}
		plan_line_optional(text, "make-target", k[i].target);
		plan_line_optional(text, "make-owner", k[i].owner);
		plan_line_int(text, "make-mode", k[i].mode);
	}
}

void plan_describe_command(struct gg_buf *text, const struct recipe_command *c)
{
	plan_line_optional(text, "shell", c->shell);
	plan_line_list(text, "argument", &c->argv);
}
