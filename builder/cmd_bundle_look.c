/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild bundle ls|verify|diff|extract`.
 */
#include <string.h>
#include <unistd.h>

#include "builder/bundle_import.h"
#include "builder/cmd_bundle.h"
#include "builder/progress.h"
#include "builder/table.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/bundle.h"

enum { SHORT_DIGEST = 19 /* "sha256:" and 12 digits */ };

static int expect_files(const char *word, const struct gg_strv *args, size_t n, const char *what,
			struct gg_err *err)
{
	if (args->n == n + 1)
		return 0;
	return gg_fail(err, GG_USAGE, "'bundle %s' takes %s", word, what);
}

static int print(const struct gg_buf *text, struct gg_err *err)
{
	return text->len ? command_print(text->data, text->len, err) : 0;
}

static int print_json(const struct gg_json *o, struct gg_err *err)
{
	_cleanup_free_ char *text = gg_json_pretty(o);

	return command_print(text, strlen(text), err);
}

/* ---- ls ---- */

static void set_digest(struct gg_json *o, const char *key, const struct gg_digest *d)
{
	char text[GG_DIGEST_TEXT];

	if (!gg_digest_is_zero(d))
		gg_json_set_str(o, key, gg_digest_text(d, text));
}

static struct gg_json *part_json(const struct bundle_part *p)
{
	struct gg_json *o = gg_json_object();

	gg_json_set_str(o, "role", bundle_role_names[p->role]);
	gg_json_set_str(o, "title", p->title);
	gg_json_set_str(o, "name", p->name);
	gg_json_set_int(o, "size", (int64_t)p->size);
	set_digest(o, "digest", &p->digest);
	set_digest(o, "tree", &p->tree);
	gg_json_set_bool(o, "present", p->file != NULL);
	return o;
}

static int list_json(const struct bundle *b, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *o = gg_json_object();
	struct gg_json *parts = gg_json_array();

	gg_json_set_str(o, "name", b->info.name);
	gg_json_set_str(o, "platform", b->info.platform);
	set_digest(o, "digest", &b->manifest);
	set_digest(o, "base", &b->own.base);
	for (size_t i = 0; i < b->info.n_parts; i++)
		gg_json_append_take(parts, part_json(&b->info.parts[i]));
	gg_json_take(o, "parts", parts);
	return print_json(o, err);
}

static void put_summary(const struct bundle *b, struct gg_buf *text)
{
	char digest[GG_DIGEST_TEXT];
	uint64_t bytes = 0;
	size_t absent = 0;

	for (size_t i = 0; i < b->info.n_parts; i++) {
		absent += !b->info.parts[i].file;
		bytes += b->info.parts[i].file ? b->info.parts[i].size : 0;
	}
	gg_buf_printf(text, "%s: %s for %s, %zu parts, ", b->path, b->info.name, b->info.platform,
		      b->info.n_parts - absent);
	table_put_size(text, bytes);
	gg_buf_printf(text, ", %s\n", gg_digest_text(&b->manifest, digest));
	if (!gg_digest_is_zero(&b->own.base))
		gg_buf_printf(text, "a delta to %s, which has %zu more\n",
			      gg_digest_text(&b->own.base, digest), absent);
}

static int list(const struct bundle *b, struct gg_err *err)
{
	_cleanup_table_ struct table t = { .columns = 4, .right = 1 << 0 };
	_cleanup_buf_ struct gg_buf text = { 0 };
	char digest[GG_DIGEST_TEXT];

	for (size_t i = 0; i < b->info.n_parts; i++) {
		const struct bundle_part *p = &b->info.parts[i];

		table_take(&t, p->file ? table_size(p->size) : gg_strdup("-"));
		table_add(&t, bundle_role_names[p->role]);
		table_take(&t, gg_strndup(gg_digest_text(&p->digest, digest), SHORT_DIGEST));
		table_add(&t, p->title);
	}
	table_print(&t, &text);
	put_summary(b, &text);
	return print(&text, err);
}

/* ---- verify ---- */

static int verify(struct command_session *c, const struct bundle_command *o, const char *file,
		  struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (command_open_view(c, &o->common, err) < 0 ||
	    command_read_bundle(file, &o->bases, &c->session.bundle, err) < 0 ||
	    bundle_check(&c->session, err) < 0)
		return -1;
	progress_finish(c->session.progress);
	put_summary(c->session.bundle, &text);
	gg_buf_puts(&text, "every byte is as it was written\n");
	return print(&text, err);
}

static int run_verify(const struct bundle_command *o, const char *file, struct gg_err *err)
{
	struct command_session c = { .project = PROJECT_INIT };
	int r = verify(&c, o, file, err);

	command_close(&c);
	return r;
}

/* ---- diff ---- */

static const struct bundle_part *find_same(const struct bundle *b, const struct bundle_part *like)
{
	for (size_t i = 0; i < b->info.n_parts; i++) {
		const struct bundle_part *p = &b->info.parts[i];

		if (p->role == like->role && gg_streq(p->title, like->title) &&
		    gg_streq(p->name, like->name))
			return p;
	}
	return NULL;
}

struct differences {
	struct gg_buf text;
	struct gg_json *list;
	size_t n;
};

static void put_difference(struct differences *d, const char *sign, const char *word,
			   const struct bundle_part *p)
{
	struct gg_json *o = part_json(p);

	gg_buf_printf(&d->text, "%s %s %s (", sign, bundle_role_names[p->role], p->title);
	table_put_size(&d->text, p->size);
	gg_buf_puts(&d->text, ")\n");
	gg_json_set_str(o, "change", word);
	gg_json_append_take(d->list, o);
	d->n++;
}

static void compare(const struct bundle *old, const struct bundle *new, struct differences *d)
{
	for (size_t i = 0; i < old->info.n_parts; i++) {
		const struct bundle_part *p = &old->info.parts[i], *q = find_same(new, p);

		if (!q)
			put_difference(d, "-", "removed", p);
		else if (!gg_digest_eq(&p->digest, &q->digest))
			put_difference(d, "~", "changed", q);
	}
	for (size_t i = 0; i < new->info.n_parts; i++)
		if (!find_same(old, &new->info.parts[i]))
			put_difference(d, "+", "added", &new->info.parts[i]);
}

static int diff(const struct bundle_command *o, const char *old_file, const char *new_file,
		struct gg_err *err)
{
	_cleanup_bundle_ struct bundle *old = NULL, *new = NULL;
	_cleanup_json_ struct gg_json *object = gg_json_object();
	struct differences d = { .list = gg_json_array() };
	int r;

	gg_json_take(object, "parts", d.list);
	if (bundle_open(old_file, &old, err) < 0 || bundle_open(new_file, &new, err) < 0)
		return -1;
	compare(old, new, &d);
	r = o->json ? print_json(object, err) : print(&d.text, err);
	gg_buf_done(&d.text);
	if (r < 0 || d.n == 0)
		return r;
	/* Like diff(1): different is status 1, and no more words. */
	err->whole = true;
	return gg_fail(err, GG_SYSTEM, "%s", "");
}

/* ---- extract ---- */

static const struct bundle_part *find_part(const struct bundle *b, const char *word)
{
	for (size_t i = 0; i < b->info.n_parts; i++) {
		const struct bundle_part *p = &b->info.parts[i];
		char digest[GG_DIGEST_TEXT];

		if (gg_streq(p->title, word) || gg_streq(gg_digest_text(&p->digest, digest), word))
			return p;
	}
	return gg_streq(word, "self") ? bundle_find(b, BUNDLE_PROGRAM_FILE, NULL) : NULL;
}

static int write_part(const struct bundle_part *p, const char *output, struct gg_err *err)
{
	_cleanup_newfile_ struct gg_newfile f = GG_NEWFILE_INIT;
	const char *slash = strrchr(output, '/');
	_cleanup_free_ char *dir =
		slash ? gg_strndup(output, slash == output ? 1 : (size_t)(slash - output))
		      : gg_strdup(".");
	_cleanup_close_ int dirfd = -1;

	if (gg_streq(output, "-"))
		return bundle_copy(p, STDOUT_FILENO, err);
	dirfd = gg_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, err);
	if (dirfd < 0 ||
	    gg_newfile_open(&f, dirfd, p->role == BUNDLE_PROGRAM_FILE ? 0755 : 0644, err) < 0 ||
	    bundle_copy(p, f.fd, err) < 0)
		return -1;
	return gg_newfile_commit(&f, slash ? slash + 1 : output, GG_COMMIT_REPLACE, err);
}

static int extract(const struct bundle_command *o, const char *file, const char *word,
		   struct gg_err *err)
{
	_cleanup_bundle_ struct bundle *b = NULL;
	const struct bundle_part *p;

	if (!o->output)
		return gg_fail(err, GG_USAGE, "-o FILE says where the part goes");
	if (command_read_bundle(file, &o->bases, &b, err) < 0)
		return -1;
	p = find_part(b, word);
	if (!p) {
		gg_fail(err, GG_USAGE, "bundle '%s' has no part '%s'", file, word);
		return gg_hint(err, "`ggbuild bundle ls %s` lists them", file);
	}
	if (!p->file) {
		gg_fail(err, GG_INTEGRITY, "part '%s' is in the bundle's base alone", word);
		return gg_hint(err, "add --base FILE");
	}
	return write_part(p, o->output, err);
}

static int run_list(const struct bundle_command *o, const char *file, struct gg_err *err)
{
	_cleanup_bundle_ struct bundle *b = NULL;

	if (command_read_bundle(file, &o->bases, &b, err) < 0)
		return -1;
	return o->json ? list_json(b, err) : list(b, err);
}

int cmd_bundle_look(const char *word, const struct bundle_command *o, const struct gg_strv *args,
		    struct gg_err *err)
{
	if (gg_streq(word, "diff")) {
		if (expect_files(word, args, 2, "two bundles", err) < 0)
			return -1;
		return diff(o, args->v[1], args->v[2], err);
	}
	if (gg_streq(word, "extract")) {
		if (expect_files(word, args, 2, "a bundle and one of its parts", err) < 0)
			return -1;
		return extract(o, args->v[1], args->v[2], err);
	}
	if (expect_files(word, args, 1, "one bundle", err) < 0)
		return -1;
	return gg_streq(word, "ls") ? run_list(o, args->v[1], err) : run_verify(o, args->v[1], err);
}
