/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild ls SRC [LAYER]`: what a place, an index, an image or a layer holds.
 */
#include <inttypes.h>
#include <string.h>

#include "builder/commands.h"
#include "builder/inspect.h"
#include "builder/printable.h"
#include "builder/registry_options.h"
#include "builder/table.h"
#include "layers/base/json.h"
#include "layers/image_document.h"
#include "layers/image_source.h"
#include "layers/layer_list.h"

struct options {
	bool json;
	const char *platform;
	struct registry_options registry;
};

static const struct option_def defs[] = {
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "for programs" },
	{ .name = "platform",
	  .arg = "OS/ARCH",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, platform),
	  .help = "which image of an index; without it the index itself is shown" },
};
static const struct option_group groups[] = {
	{ .defs = defs, .n_defs = GG_LEN(defs) },
	REGISTRY_OPTIONS_GROUP(offsetof(struct options, registry)),
};

/* Texts of strangers reach a terminal. */
static int print_table(const struct table *t, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf rows = { 0 }, text = { 0 };

	table_print(t, &rows);
	printable_text(rows.data, rows.len, &text);
	return text.len ? command_print(text.data, text.len, err) : 0;
}

static int print_json(const char *key, struct gg_json *list, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *o = gg_json_object();
	_cleanup_free_ char *text = NULL;

	gg_json_take(o, key, list);
	text = gg_json_pretty(o);
	return command_print(text, strlen(text), err);
}

/* ---- places ---- */

static int list_references(const struct options *o, struct gg_json *list, struct gg_err *err)
{
	_cleanup_table_ struct table t = { .columns = 3 };

	if (o->json)
		return print_json("references", gg_json_ref(list), err);
	for (size_t i = 0; i < gg_json_len(list); i++) {
		const struct gg_json *e = gg_json_at(list, i);
		const char *reference = gg_json_get_str(e, "reference", "");

		table_add(&t, *reference ? reference : "-");
		table_add(&t, gg_json_get_str(e, "platform", ""));
		table_add(&t, gg_json_get_str(e, "digest", ""));
	}
	return print_table(&t, err);
}

/* ---- indexes ---- */

static struct gg_json *platforms_json(const struct gg_json *manifests)
{
	struct gg_json *list = gg_json_array();

	for (size_t i = 0; i < gg_json_len(manifests); i++) {
		const struct gg_json *d = gg_json_at(manifests, i);
		_cleanup_free_ char *platform = image_document_platform(gg_json_get(d, "platform"));
		struct gg_json *e = gg_json_object();

		gg_json_set_str(e, "digest", gg_json_get_str(d, "digest", ""));
		gg_json_set_str(e, "mediaType", gg_json_get_str(d, "mediaType", ""));
		gg_json_set_str(e, "platform", platform ? platform : "");
		gg_json_append_take(list, e);
	}
	return list;
}

static int list_platforms(const struct options *o, const struct gg_json *manifests,
			  struct gg_err *err)
{
	_cleanup_json_ struct gg_json *list = platforms_json(manifests);
	_cleanup_table_ struct table t = { .columns = 3 };

	if (o->json)
		return print_json("platforms", gg_steal(&list), err);
	for (size_t i = 0; i < gg_json_len(list); i++) {
		const struct gg_json *e = gg_json_at(list, i);
		const char *platform = gg_json_get_str(e, "platform", "");

		table_add(&t, *platform ? platform : "-");
		table_add(&t, gg_json_get_str(e, "digest", ""));
		table_add(&t, gg_json_get_str(e, "mediaType", ""));
	}
	return print_table(&t, err);
}

/* ---- images ---- */

static struct gg_json *layer_json(const struct gg_json *l)
{
	struct gg_json *o = gg_json_object();

	gg_json_set_str(o, "digest", gg_json_get_str(l, "Digest", ""));
	gg_json_set_str(o, "diffId", gg_json_get_str(l, "DiffId", ""));
	gg_json_set_str(o, "mediaType", gg_json_get_str(l, "MediaType", ""));
	gg_json_set_int(o, "size", gg_json_get_int(l, "Size", 0));
	return o;
}

static int list_layers(const struct options *o, const struct image_source *s, struct gg_err *err)
{
	_cleanup_table_ struct table t = { .columns = 4, .right = 1 << 0 | 1 << 2 };
	_cleanup_json_ struct gg_json *object = NULL;
	struct gg_json *layers, *list;

	if (inspect_object(s, &object, err) < 0)
		return -1;
	layers = gg_json_get(object, "Layers");
	list = gg_json_array();
	for (size_t i = 0; i < gg_json_len(layers); i++)
		gg_json_append_take(list, layer_json(gg_json_at(layers, i)));
	if (o->json)
		return print_json("layers", list, err);
	gg_json_unref(list);
	for (size_t i = 0; i < gg_json_len(layers); i++) {
		const struct gg_json *l = gg_json_at(layers, i);

		table_take(&t, gg_asprintf("%zu", i));
		table_add(&t, gg_json_get_str(l, "Digest", gg_json_get_str(l, "DiffId", "")));
		table_take(&t, table_size((uint64_t)gg_json_get_int(l, "Size", 0)));
		table_add(&t, gg_json_get_str(l, "MediaType", ""));
	}
	return print_table(&t, err);
}

/* ---- layers ---- */

static bool begins(const struct gg_digest *d, const char *word)
{
	char text[GG_DIGEST_TEXT];

	gg_digest_text(d, text);
	return gg_starts(text, word) || gg_starts(text + strlen("sha256:"), word);
}

/* A number, or the beginning of a digest or diffID that only one has. */
static int find_layer(const struct image_source *s, const char *word, size_t *ret,
		      struct gg_err *err)
{
	size_t found = 0, n = 0;
	bool number = false;

	if (*word && !word[strspn(word, "0123456789")] && strlen(word) <= 4) {
		for (const char *p = word; *p; p++)
			n = n * 10 + (size_t)(*p - '0');
		*ret = n;
		found = n < s->n_layers;
		number = true;
	}
	for (size_t i = 0; !number && i < s->n_layers; i++) {
		const struct image_layer *l = &s->layers[i];

		if (!(l->blob.addressed && begins(&l->blob.digest, word)) &&
		    !begins(&l->diff_id, word))
			continue;
		/* The same layer twice is one answer. */
		if (!found || !gg_digest_eq(&s->layers[*ret].diff_id, &l->diff_id))
			found++;
		*ret = i;
	}
	if (found == 1 && *word)
		return 0;
	gg_fail(err, GG_USAGE, "image '%s' has %s layer '%s'", s->name,
		found ? "more than one" : "no", word);
	return gg_hint(err,
		       "`ggbuild ls` lists them; write a number, or the first digits of a digest");
}

static char type_letter(char type)
{
	switch (type) {
	case '2':
		return 'l';
	case '3':
		return 'c';
	case '4':
		return 'b';
	case '5':
		return 'd';
	case '6':
		return 'p';
	default:
		return '-';
	}
}

static char *mode_text(const struct layer_entry *e)
{
	static const char letters[] = "rwxrwxrwx";
	char text[11] = { type_letter(e->type) };

	for (unsigned i = 0; i < 9; i++)
		text[1 + i] = (e->mode >> (8 - i)) & 1 ? letters[i] : '-';
	if (e->mode & 04000)
		text[3] = e->mode & 0100 ? 's' : 'S';
	if (e->mode & 02000)
		text[6] = e->mode & 010 ? 's' : 'S';
	if (e->mode & 01000)
		text[9] = e->mode & 01 ? 't' : 'T';
	return gg_strdup(text);
}

static void put_file(struct table *t, const struct layer_entry *e)
{
	table_take(t, mode_text(e));
	table_take(t, gg_asprintf("%u:%u", e->uid, e->gid));
	table_take(t, e->type == '3' || e->type == '4' ? gg_asprintf("%u,%u", e->major, e->minor)
						       : gg_asprintf("%" PRIu64, e->size));
	table_take(t,
		   e->link ? gg_asprintf("%s %s %s", e->path, e->type == '1' ? "=" : "->", e->link)
			   : gg_strdup(e->path));
}

static const char *type_word(char type)
{
	switch (type) {
	case '1':
		return "hardlink";
	case '2':
		return "symlink";
	case '3':
		return "char";
	case '4':
		return "block";
	case '5':
		return "directory";
	case '6':
		return "fifo";
	default:
		return "file";
	}
}

static struct gg_json *file_json(const struct layer_entry *e)
{
	struct gg_json *o = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(o, "path", e->path);
	gg_json_set_str(o, "type", type_word(e->type));
	gg_json_set_int(o, "mode", e->mode);
	gg_json_set_int(o, "uid", e->uid);
	gg_json_set_int(o, "gid", e->gid);
	gg_json_set_int(o, "mtime", e->mtime);
	if (e->link)
		gg_json_set_str(o, "target", e->link);
	if (e->type == '3' || e->type == '4') {
		gg_json_set_int(o, "major", e->major);
		gg_json_set_int(o, "minor", e->minor);
	}
	if (e->type == '0') {
		gg_json_set_int(o, "size", (int64_t)e->size);
		gg_json_set_str(o, "digest", gg_digest_text(&e->content, text));
	}
	return o;
}

static int list_files(const struct options *o, const struct image_source *s, const char *word,
		      struct gg_err *err)
{
	_cleanup_layer_list_ struct layer_list files = { 0 };
	_cleanup_table_ struct table t = { .columns = 4, .right = 1 << 2 };
	struct layer_ref ref = { .source = s };
	struct gg_json *list;

	if (find_layer(s, word, &ref.layer, err) < 0 || layer_list_read(&ref, &files, err) < 0)
		return -1;
	if (!o->json) {
		for (size_t i = 0; i < files.n; i++)
			put_file(&t, &files.v[i]);
		return print_table(&t, err);
	}
	list = gg_json_array();
	for (size_t i = 0; i < files.n; i++)
		gg_json_append_take(list, file_json(&files.v[i]));
	return print_json("files", list, err);
}

static int show(const struct options *o, const struct gg_strv *args,
		struct image_source_options *how, struct gg_err *err)
{
	_cleanup_image_source_ struct image_source *s = NULL;
	_cleanup_json_ struct gg_json *references = NULL;

	if (args->n == 1 && !o->platform &&
	    image_source_list(args->v[0], how, &references, err) < 0)
		return -1;
	if (references)
		return list_references(o, references, err);
	how->whole = args->n == 1 && !o->platform;
	if (image_source_open(args->v[0], how, &s, err) < 0)
		return -1;
	if (args->n == 2)
		return list_files(o, s, args->v[1], err);
	if (how->whole && s->index.json)
		return list_platforms(o, gg_json_get(s->index.json, "manifests"), err);
	if (how->whole && gg_json_len(s->descriptors) > 1)
		return list_platforms(o, s->descriptors, err);
	return list_layers(o, s, err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct options *o = options;
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	struct image_source_options how = { .platform = o->platform, .registry = &access.settings };

	if (registry_options_take(&o->registry, NULL, &access, err) < 0)
		return -1;
	return show(o, args, &how, err);
}

const struct command_def command_ls = {
	.name = "ls",
	.args = "SRC [LAYER]",
	.summary = "list what a place, an image or a layer holds",
	.text = "SRC is what `ggbuild inspect` takes. Without a reference (docker://NAME, oci:DIR) "
		"the references in that place are listed, with one the platforms of an index, or "
		"the layers of an image. LAYER is a layer's number, from 0, or the beginning of "
		"its "
		"digest: its files are listed, deletions (.wh.NAME) included.\n\n"
		"  ggbuild ls docker://ubuntu                            the tags\n"
		"  ggbuild ls docker://ubuntu:24.04                      the platforms\n"
		"  ggbuild ls docker://ubuntu:24.04 --platform linux/amd64   the layers\n"
		"  ggbuild ls oci:out:latest 0                           the files of one",
	.min_args = 1,
	.max_args = 2,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
