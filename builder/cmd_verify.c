/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild verify`: whether anybody else would get the same bytes.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/attestation.h"
#include "builder/commands.h"
#include "builder/compare.h"
#include "builder/progress.h"
#include "builder/table.h"
#include "builder/verify.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/image_source.h"

enum { SHOWN = 10 };

struct options {
	struct common_options common;
	struct step_options steps;
	const char *against, *recipe, *attestation, *scratch;
	bool matrix, json;
	unsigned runs;
};

static const struct option_def defs[] = {
	{ .name = "against",
	  .arg = "IMAGE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, against),
	  .help = "compare with this image instead of a build of this machine" },
	{ .name = "recipe",
	  .arg = "RECIPE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, recipe),
	  .help = "what the image that is the argument was built from" },
	{ .name = "attestation",
	  .arg = "FILE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, attestation),
	  .help = "write what was verified as an in-toto statement" },
	{ .name = "scratch",
	  .arg = "DIR",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, scratch),
	  .help = "where to rebuild; another file system than the store's says more" },
	{ .name = "matrix",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, matrix),
	  .help = "rebuild once for each variation, and tell which of them changes the image" },
	{ .name = "runs",
	  .arg = "N",
	  .kind = OPTION_UINT,
	  .offset = offsetof(struct options, runs),
	  .help = "rebuild that often, going round through the variations" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "print what was varied and what came out as JSON" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) },
					      COMMAND_STEP_GROUP(offsetof(struct options, steps)),
					      COMMAND_COMMON_GROUP };

/* What is varied in one rebuild, and what came of it. */
struct row {
	const char *name, *title;
	bool *vary;
	unsigned runs, same;
	char *first; /* how the first rebuild differed that did, in a phrase; owned */
	struct comparison differences; /* of that */
};

struct rows {
	struct row *v;
	size_t n, cap;
	bool *tried; /* parallel to variations: in a rebuild that gave the same */
	unsigned runs, same;
};

static void rows_done(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].vary);
		free(r->v[i].first);
		comparison_done(&r->v[i].differences);
	}
	free(r->v);
	free(r->tried);
}

static struct row *add_row(struct rows *r, const char *name, const char *title)
{
	GG_GROW(r->v, r->n, r->cap);
	r->v[r->n] = (struct row){ .name = name,
				   .title = title,
				   .vary = gg_calloc(n_variations, sizeof(bool)) };
	return &r->v[r->n++];
}

static bool can_vary(const struct verify *v, size_t i, const char **ret_why)
{
	_cleanup_conditions_ struct conditions c = CONDITIONS_INIT;

	return variations[i].apply(&v->here, &c, ret_why);
}

static void make_rows(const struct verify *v, const struct options *o, struct rows *ret)
{
	const char *why;

	ret->tried = gg_calloc(n_variations, sizeof(bool));
	if (!o->matrix) {
		struct row *all = add_row(ret, "everything", "all of them at once");

		for (size_t i = 0; i < n_variations; i++)
			all->vary[i] = !variations[i].alone && can_vary(v, i, &why);
	}
	if (!o->matrix && !o->runs)
		return;
	add_row(ret, "nothing", "built again as it was");
	for (size_t i = 0; i < n_variations; i++)
		if (can_vary(v, i, &why))
			add_row(ret, variations[i].name, variations[i].title)->vary[i] = true;
}

/* ---- differences ---- */

/* That a program has another digest says the least of all. */
static const struct difference *most_telling(const struct comparison *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].cause && !gg_streq(c->v[i].cause, "build-id") &&
		    !gg_streq(c->v[i].cause, "unknown"))
			return &c->v[i];
	return c->n ? &c->v[0] : NULL;
}

static char *phrase(const struct comparison *c)
{
	const struct difference *d = most_telling(c);
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (!d)
		return gg_strdup("another digest");
	if (d->layer >= 0)
		gg_buf_printf(&text, "layer %d ", d->layer);
	gg_buf_printf(&text, "%s %s", d->path ? d->path : "", difference_kind_names[d->kind]);
	if (d->cause)
		gg_buf_printf(&text, ": %s", d->cause);
	if (c->n > 1)
		gg_buf_printf(&text, " (and %zu more)", c->n + c->dropped - 1);
	return gg_buf_steal(&text);
}

static int find_difference(const struct verify *v, const struct verify_run *run, struct row *row,
			   struct gg_err *err)
{
	if (row->first)
		return 0;
	if (verify_compare(v, run, &row->differences, err) < 0)
		return -1;
	row->first = phrase(&row->differences);
	return 0;
}

static int rebuild(struct verify *v, const struct options *o, struct rows *rows, struct row *row,
		   struct gg_err *err)
{
	struct verify_run run = { .vary = row->vary, .quiet = o->matrix || o->runs };
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	int r = verify_rebuild(v, &run, &problem);
	bool same = r == 0 && gg_digest_eq(&run.digest, &v->digest);

	row->runs++;
	rows->runs++;
	row->same += same;
	rows->same += same;
	for (size_t i = 0; i < n_variations; i++)
		rows->tried[i] |= same && row->vary[i];
	if (r == 0 && !same)
		r = find_difference(v, &run, row, &problem);
	verify_drop(v, &run);
	if (r == 0)
		return 0;
	/* That a step fails is an answer where several are asked; anything else ends it. */
	if (problem.kind == GG_GATE && (o->matrix || o->runs)) {
		if (!row->first)
			row->first = gg_strdup("a step failed");
		return 0;
	}
	gg_err_move(err, &problem);
	return -1;
}

static int rebuild_all(struct verify *v, const struct options *o, struct rows *rows,
		       struct gg_err *err)
{
	size_t n = o->runs ? o->runs : rows->n;

	for (size_t i = 0; i < n; i++) {
		struct row *row = &rows->v[i % rows->n];
		_cleanup_free_ char *note =
			gg_asprintf("rebuild %zu of %zu: %s", i + 1, n, row->name);

		progress_note(v->c->session.progress, note);
		if (rebuild(v, o, rows, row, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- what is printed ---- */

static void put_table(const struct rows *rows, struct gg_buf *ret)
{
	_cleanup_table_ struct table t = { .columns = 3 };

	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->v[i];

		if (r->runs == 0)
			continue;
		table_add(&t, r->name);
		table_add(&t, r->title);
		if (r->runs == 1)
			table_add(&t, r->same ? "same" : r->first);
		else
			table_take(&t, gg_asprintf("%u of %u same%s%s", r->same, r->runs,
						   r->first ? ": " : "", r->first ? r->first : ""));
	}
	table_print(&t, ret);
}

static struct gg_json *not_varied(const struct verify *v)
{
	struct gg_json *list = gg_json_object();

	for (size_t i = 0; i < n_variations; i++) {
		const char *why = NULL;

		if (!can_vary(v, i, &why))
			gg_json_set_str(list, variations[i].name, why);
	}
	return list;
}

static char *make_json(const struct verify *v, const struct rows *rows)
{
	_cleanup_json_ struct gg_json *top = gg_json_object();
	struct gg_json *list = gg_json_array();
	char text[GG_DIGEST_TEXT];

	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->v[i];
		struct gg_json *e = gg_json_object(), *varied = gg_json_array();

		if (r->runs == 0) {
			gg_json_unref(e);
			gg_json_unref(varied);
			continue;
		}
		for (size_t j = 0; j < n_variations; j++)
			if (r->vary[j])
				gg_json_append_str(varied, variations[j].name);
		gg_json_set_str(e, "name", r->name);
		gg_json_take(e, "varied", varied);
		gg_json_set_int(e, "runs", (int64_t)r->runs);
		gg_json_set_int(e, "same", (int64_t)r->same);
		if (r->first)
			gg_json_set_str(e, "first", r->first);
		if (r->differences.n)
			gg_json_take(e, "comparison", compare_json(&r->differences));
		gg_json_append_take(list, e);
	}
	gg_json_set_bool(top, "equal", rows->same == rows->runs);
	gg_json_set_str(top, "digest", gg_digest_text(&v->digest, text));
	gg_json_take(top, "rebuilds", list);
	gg_json_take(top, "not-varied", not_varied(v));
	return gg_json_pretty(top);
}

static void note_variations(const struct verify *v, const struct rows *rows)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	bool first = true;

	gg_buf_printf(&text, "%u rebuild%s gave the same image; varied: ", rows->same,
		      rows->same == 1 ? "" : "s");
	for (size_t i = 0; i < n_variations; i++)
		if (rows->tried[i]) {
			gg_buf_printf(&text, "%s%s", first ? "" : ", ", variations[i].name);
			first = false;
		}
	for (size_t i = 0; i < n_variations; i++) {
		const char *why;

		if (!variations[i].alone && !can_vary(v, i, &why))
			gg_buf_printf(&text, "\nnot varied: %s (%s)", variations[i].name, why);
	}
	progress_note(v->c->session.progress, text.data);
}

static int print(const struct verify *v, const struct options *o, const struct rows *rows,
		 struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	char digest[GG_DIGEST_TEXT];

	progress_finish(v->c->session.progress);
	if (o->json) {
		_cleanup_free_ char *json = make_json(v, rows);

		return command_print(json, strlen(json), err);
	}
	if (o->matrix || o->runs)
		put_table(rows, &text);
	else
		compare_text(&rows->v[0].differences, SHOWN, &text);
	if (rows->same == rows->runs)
		gg_buf_printf(&text, "%s\n", gg_digest_text(&v->digest, digest));
	return command_print(text.data, text.len, err);
}

static int write_attestation(const struct verify *v, const struct options *o,
			     const struct rows *rows, struct gg_err *err)
{
	const struct attestation a = { .name = v->c->project.recipe->name,
				       .image = v->digest,
				       .project = &v->c->project,
				       .plan = v->plan,
				       .surroundings = &v->here,
				       .platform = command_platform(),
				       .applied = rows->tried,
				       .rebuilds = rows->runs };
	const char *slash = o->attestation ? strrchr(o->attestation, '/') : NULL;
	_cleanup_free_ char *dir = NULL, *text = NULL;
	_cleanup_json_ struct gg_json *statement = NULL;
	_cleanup_close_ int fd = -1;

	if (!o->attestation)
		return 0;
	dir = slash ? gg_strndup(o->attestation, (size_t)(slash - o->attestation) + 1)
		    : gg_strdup(".");
	fd = gg_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, err);
	statement = attestation_make(&a);
	text = gg_json_pretty(statement);
	if (fd < 0 || gg_write_file(fd, slash ? slash + 1 : o->attestation, text, strlen(text),
				    0644, GG_COMMIT_REPLACE, err) < 0)
		return gg_context(err, "write the attestation '%s'", o->attestation);
	return 0;
}

static int judge(const struct verify *v, const struct options *o, const struct rows *rows,
		 struct gg_err *err)
{
	if (rows->same == rows->runs) {
		note_variations(v, rows);
		return write_attestation(v, o, rows, err);
	}
	gg_fail(err, GG_GATE, "%u of %u rebuilds gave another image", rows->runs - rows->same,
		rows->runs);
	return o->matrix ? -1
			 : gg_hint(err, "--matrix rebuilds under one variation at a time, and "
					"tells which of them does it");
}

static int verify(struct command_session *c, const void *options, const struct gg_strv *args,
		  struct gg_err *err)
{
	const struct options *o = options;
	const struct verify_options how = { .common = &o->common,
					    .steps = &o->steps,
					    .recipe = args->v[0],
					    .against = o->against,
					    .scratch = o->scratch };
	_cleanup_verify_ struct verify v = VERIFY_INIT;
	GG_CLEANUP(rows_done) struct rows rows = { 0 };

	if (verify_open(c, &how, &v, err) < 0)
		return -1;
	make_rows(&v, o, &rows);
	if (rebuild_all(&v, o, &rows, err) < 0 || print(&v, o, &rows, err) < 0)
		return -1;
	return judge(&v, o, &rows, err);
}

/* "oci:out", or a directory. */
static bool is_image(const char *arg)
{
	struct stat st;

	if (stat(arg, &st) < 0)
		return strchr(arg, ':') && !gg_ends(arg, ".recipe");
	return S_ISDIR(st.st_mode);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	struct options o = *(const struct options *)options;
	_cleanup_strv_ struct gg_strv recipe = { 0 };

	if (!o.recipe && is_image(args->v[0])) {
		gg_fail(err, GG_USAGE, "'%s' is no recipe", args->v[0]);
		return gg_hint(err, "of an image, --recipe names what it was built from");
	}
	if (!o.recipe)
		return command_within(command_open, options, args, verify, err);
	if (o.against)
		return gg_fail(err, GG_USAGE, "the image is the argument, or --against names it");
	o.against = args->v[0];
	gg_strv_add(&recipe, o.recipe);
	return command_within(command_open, &o, &recipe, verify, err);
}

const struct command_def command_verify = {
	.name = "verify",
	.args = "RECIPE|IMAGE",
	.summary = "build again under other conditions and compare",
	.text = "Builds the recipe, or takes the result that the store has, and builds it once "
		"more in "
		"an empty store that gets nothing but copies of the pinned inputs, while the "
		"clock, the "
		"order of directories, processors, processes, the kernel's release, addresses, "
		"umask, "
		"locale, time zone, environment, host name, paths and the file system are others. "
		"Prints "
		"the digest when the two images are equal; else the first difference, its likely "
		"cause, "
		"and exit status 8.\n\n"
		"  ggbuild verify app.recipe\n"
		"  ggbuild verify app.recipe --matrix        which variation does it\n"
		"  ggbuild verify app.recipe --runs 100      each of them several times\n"
		"  ggbuild verify app.recipe --attestation app.intoto.json\n"
		"  ggbuild verify oci:out --recipe app.recipe\n"
		"                                            an image that somebody built",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
