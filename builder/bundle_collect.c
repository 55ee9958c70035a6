/* SPDX-License-Identifier: Apache-2.0
 *
 * What a bundle holds, in its order: what is small and read first, then trees' manifests, blobs, and contents.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "builder/assemble.h"
#include "builder/beside.h"
#include "builder/bundle_making.h"
#include "builder/contents.h"
#include "builder/download.h"
#include "builder/local.h"
#include "builder/mirror.h"
#include "builder/project.h"
#include "builder/pull.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/bundle_write.h"
#include "layers/tree.h"

enum { KEYRING_MAX = 16 << 20 };

void bundle_files_free(struct bundle_files *f)
{
	if (!f)
		return;
	tree_free(f->tree);
	gg_close(f->fd);
	contents_free(f->contents);
	free(f);
}

struct bundle_part *bundle_add(struct bundle_making *m, enum bundle_role role, const char *title,
			       const char *name)
{
	struct bundle_part *p;

	GG_GROW(m->info.parts, m->info.n_parts, m->cap_parts);
	if (m->cap_from < m->cap_parts) {
		m->cap_from = m->cap_parts;
		m->from = gg_realloc_n(m->from, m->cap_from, sizeof(*m->from));
	}
	m->from[m->info.n_parts] = (struct bundle_from){ .fd = -1 };
	p = &m->info.parts[m->info.n_parts++];
	*p = (struct bundle_part){ .role = role,
				   .title = gg_arena_strdup(m->arena, title),
				   .name = gg_arena_strdup(m->arena, name),
				   .offset = BUNDLE_ABSENT };
	return p;
}

static struct bundle_from *from_of(struct bundle_making *m)
{
	return &m->from[m->info.n_parts - 1];
}

static bool is_known(const struct bundle_making *m, enum bundle_role role, const char *name,
		     const struct gg_digest *d)
{
	for (size_t i = 0; i < m->info.n_parts; i++) {
		const struct bundle_part *p = &m->info.parts[i];

		if (p->role == role && (!name || gg_streq(p->name, name)) &&
		    (!d || gg_digest_eq(&p->digest, d)))
			return true;
	}
	return false;
}

static void add_text(struct bundle_making *m, enum bundle_role role, const char *title,
		     const char *name, char *take_text, size_t len)
{
	struct bundle_part *p = bundle_add(m, role, title, name);

	p->size = len;
	gg_digest_of(take_text, len, &p->digest);
	from_of(m)->text = take_text;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Only what decides what is built: the last value of each argument that was given. */
static char *settings_text(const struct bundle_making *m)
{
	const struct recipe *r = m->project->recipe;
	_cleanup_json_ struct gg_json *o = gg_json_object();
	struct gg_json *args = gg_json_array(), *allow = gg_json_array();

	for (size_t i = 0; i < r->n_args; i++) {
		_cleanup_free_ char *pair = gg_asprintf("%s=%s", r->args[i].name, r->args[i].value);

		if (gg_strv_getenv(m->options->args, r->args[i].name))
			gg_json_append_str(args, pair);
	}
	for (size_t i = 0; i < m->options->allowed->n; i++)
		gg_json_append_str(allow, m->options->allowed->v[i]);
	gg_json_take(o, "args", args);
	gg_json_take(o, "allow", allow);
	return gg_json_compact(o);
}

static void add_texts(struct bundle_making *m)
{
	const struct project *p = m->project;
	const char *name = p->recipe->name;
	char *lock = lock_text(p->lock), *settings = settings_text(m);

	add_text(m, BUNDLE_RECIPE, base_name(p->path), name,
		 gg_strndup(p->text.data ? p->text.data : "", p->text.len), p->text.len);
	add_text(m, BUNDLE_LOCK, p->lock_name, name, lock, strlen(lock));
	add_text(m, BUNDLE_SETTINGS, "settings.json", name, settings, strlen(settings));
}

static int add_pieces(struct bundle_making *m, struct gg_err *err)
{
	const struct recipe *r = m->project->recipe;

	for (size_t i = 0; i < r->n_stages; i++)
		for (size_t j = 0; j < r->stages[i].n_steps; j++) {
			const char *name = r->stages[i].steps[j].piece, *text;
			_cleanup_free_ char *title = NULL;
			size_t len;

			if (!name || is_known(m, BUNDLE_PIECE, name, NULL))
				continue;
			text = project_piece(name, &len);
			if (!text)
				return gg_fail(err, GG_INTERNAL, "there is no piece '%s'", name);
			title = gg_asprintf("%s.yaml", name);
			add_text(m, BUNDLE_PIECE, title, name, gg_strndup(text, len), len);
		}
	return 0;
}

static int add_keyrings(struct bundle_making *m, struct gg_err *err)
{
	const struct recipe *r = m->project->recipe;

	for (size_t i = 0; i < r->n_stages; i++) {
		const char *path = r->stages[i].from.keyring;
		_cleanup_buf_ struct gg_buf text = { 0 };
		_cleanup_close_ int fd = -1;
		size_t len;

		if (!path || is_known(m, BUNDLE_KEYRING, path, NULL))
			continue;
		fd = beside_open(m->session, "keyring", path, O_RDONLY | O_NONBLOCK, err);
		if (fd < 0 || gg_read_fd(fd, KEYRING_MAX, &text, err) < 0) {
			err->pos = r->stages[i].from.pos;
			return -1;
		}
		len = text.len;
		add_text(m, BUNDLE_KEYRING, base_name(path), path, gg_buf_steal(&text), len);
	}
	return 0;
}

static int add_blob(struct bundle_making *m, enum bundle_role role, const char *title,
		    const char *name, const struct gg_digest *d, struct gg_err *err)
{
	struct bundle_part *p;
	_cleanup_close_ int fd = -1;

	if (is_known(m, role, role == BUNDLE_PACKAGE ? NULL : name, d))
		return 0;
	p = bundle_add(m, role, title, name);
	p->digest = *d;
	from_of(m)->blob = true;
	fd = store_blob_open(m->session->store, d, &p->size, err);
	return fd < 0 ? gg_context(err, "part '%s'", title) : 0;
}

static int add_blobs(struct bundle_making *m, struct gg_err *err)
{
	const struct plan *p = m->build.plan;

	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct plan_node *n = &p->nodes[i];
		_cleanup_free_ char *title = NULL;
		int r = 0;

		if (n->kind == PLAN_ROOTFS) {
			title = plan_is_url(n->stage->from.rootfs)
					? gg_asprintf("%s.rootfs", n->stage->name)
					: gg_strdup(base_name(n->stage->from.rootfs));
			/* That of a stage which nothing needs is a word of the plan still, unless it is a URL's. */
			if (m->reached[i] || !plan_downloads(n))
				r = add_blob(m, BUNDLE_ROOTFS, title, n->stage->name, &n->blob,
					     err);
		} else if (m->reached[i] && n->kind == PLAN_DEB) {
			r = add_blob(m, BUNDLE_PACKAGE, base_name(n->package->path),
				     n->package->name, &n->blob, err);
		} else if (m->reached[i] && n->kind == PLAN_URL) {
			r = add_blob(m, BUNDLE_URL, n->input->name, n->input->name, &n->blob, err);
		} else if (m->reached[i] && n->kind == PLAN_BLOB) {
			char hex[GG_DIGEST_HEX];

			title = gg_asprintf("image-%.16s", gg_digest_hex(&n->blob, hex));
			r = add_blob(m, BUNDLE_IMAGE, title, n->name, &n->blob, err);
		}
		if (r < 0)
			return -1;
	}
	return 0;
}

/* ---- contents ---- */

static bool is_fetch(const struct plan_node *n)
{
	return n->kind == PLAN_STEP && n->step->kind == RECIPE_STEP_FETCH;
}

static int open_files(struct bundle_making *m, size_t node, struct bundle_files *f,
		      struct gg_err *err)
{
	struct store *s = m->session->store;
	_cleanup_free_ struct gg_digest *parts = NULL;
	struct gg_digest d;
	size_t n;

	if (execution_digest(m->build.execution, node, "tree", &d, err) < 0 ||
	    contents_read(execution_record(m->build.execution, node), &parts, &n, err) < 0 ||
	    store_tree_manifest(s, &d, &f->tree, err) < 0)
		return -1;
	if (!parts || store_tree_has(s, &d)) {
		f->fd = store_tree_open(s, &d, err);
		return f->fd < 0 ? -1 : 0;
	}
	if (contents_open(s, parts, n, &f->contents, err) < 0)
		return -1;
	if (contents_locate(f->contents, f->tree, 0) > 0)
		return gg_fail(err, GG_INTEGRITY, "the store lacks some of its files");
	return 0;
}

/* Of a fetch the output alone, which is what the lock pins. */
static int only_output(const struct plan_node *n, struct bundle_files *f, struct gg_err *err)
{
	struct tree *content = NULL;
	struct gg_digest d;

	if (tree_subtree(f->tree, assembly_relative(n->step->output), &content, err) < 0)
		return -1;
	tree_free(f->tree);
	f->tree = content;
	tree_digest(content, &d);
	if (gg_digest_eq(&d, &n->pin))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "what the store has is not what the lock pins");
}

/* An earlier bundle that lies in a local input would go into the next one, and that into the one after it. */
static int refuse_itself(const struct bundle_making *m, const struct recipe_input *in,
			 const struct tree *t, struct gg_err *err)
{
	const char *name = base_name(m->options->output);
	_cleanup_free_ char *parent = gg_asprintf("%.*s.", (int)(name - m->options->output),
						  m->options->output),
			    *at = realpath(parent, NULL), *link = NULL, *dir = NULL, *path = NULL,
			    *piece = NULL;
	_cleanup_close_ int fd = local_open(m->session, in, err);
	size_t len;

	if (fd < 0)
		return -1;
	link = gg_asprintf("/proc/self/fd/%d", fd);
	dir = realpath(link, NULL);
	if (!at || !dir)
		return 0;
	len = strlen(dir);
	if (strncmp(at, dir, len) != 0 || (at[len] && at[len] != '/'))
		return 0;
	path = gg_asprintf("%s/%s", at + len, name);
	piece = gg_asprintf("%s.001", path);
	if (!tree_find(t, path + 1) && !tree_find(t, piece + 1))
		return 0;
	gg_fail_at(err, GG_USAGE, in->pos, "input '%s' holds an earlier '%s'", in->name, name);
	return gg_hint(err, "write the bundle elsewhere, or leave it out with `ignore: [%s%s]`",
		       name, tree_find(t, piece + 1) ? "*" : "");
}

static int add_content(struct bundle_making *m, size_t node, struct gg_err *err)
{
	const struct plan_node *n = &m->build.plan->nodes[node];
	const char *name = is_fetch(n) ? n->step->fetch : n->input->name;
	_cleanup_free_ char *title = gg_asprintf("%s.tar%s", name, m->options->zstd ? ".zst" : "");
	struct bundle_files *f = gg_zalloc(sizeof(*f));
	struct bundle_part *p =
		bundle_add(m, is_fetch(n) ? BUNDLE_FETCH : BUNDLE_INPUT, title, name);

	from_of(m)->files = f;
	f->fd = -1;
	p->zstd = m->options->zstd;
	if (open_files(m, node, f, err) < 0 || (is_fetch(n) && only_output(n, f, err) < 0))
		return gg_context(err, "%s", n->name);
	if (!is_fetch(n) && refuse_itself(m, n->input, f->tree, err) < 0)
		return -1;
	tree_digest(f->tree, &p->tree);
	if (!p->zstd && bundle_content_size(f->tree, &p->size, err) < 0)
		return gg_context(err, "%s", n->name);
	return 0;
}

static bool same_content(const struct plan_node *a, const struct plan_node *b)
{
	if (is_fetch(a) && is_fetch(b))
		return gg_digest_eq(&a->pin, &b->pin);
	return a->kind == PLAN_LOCAL && b->kind == PLAN_LOCAL && a->input == b->input;
}

/* Their trees' texts come long before the contents themselves. */
static int add_contents(struct bundle_making *m, struct gg_err *err)
{
	const struct plan *p = m->build.plan;

	for (size_t i = 0; i < p->n_nodes; i++) {
		bool again = false;

		if (!m->reached[i] || (!is_fetch(&p->nodes[i]) && p->nodes[i].kind != PLAN_LOCAL))
			continue;
		for (size_t j = 0; j < i && !again; j++)
			again = m->reached[j] && same_content(&p->nodes[j], &p->nodes[i]);
		if (!again && add_content(m, i, err) < 0)
			return -1;
	}
	return 0;
}

static void add_manifests(struct bundle_making *m, const struct bundle_making *contents)
{
	for (size_t i = 0; i < contents->info.n_parts; i++) {
		const struct bundle_part *p = &contents->info.parts[i];
		_cleanup_free_ char *title = gg_asprintf("%s.tree", p->name);
		struct gg_buf text = { 0 };
		size_t len;

		if (is_known(m, BUNDLE_TREE, NULL, &p->tree))
			continue;
		tree_text(contents->from[i].files->tree, &text);
		len = text.len;
		add_text(m, BUNDLE_TREE, title, p->name, gg_buf_steal(&text), len);
	}
}

static void append(struct bundle_making *m, struct bundle_making *contents)
{
	for (size_t i = 0; i < contents->info.n_parts; i++) {
		struct bundle_part *from = &contents->info.parts[i];
		struct bundle_part *to = bundle_add(m, from->role, from->title, from->name);

		*to = *from;
		*from_of(m) = contents->from[i];
	}
	free(contents->info.parts);
	free(contents->from);
}

static int add_program(struct bundle_making *m, struct gg_err *err)
{
	struct bundle_part *p;

	if (m->options->program < 0)
		return 0;
	p = bundle_add(m, BUNDLE_PROGRAM_FILE, BUNDLE_PROGRAM, BUNDLE_PROGRAM);
	from_of(m)->fd = m->options->program;
	return gg_digest_fd(m->options->program, &p->digest, &p->size, err);
}

/* ---- the store has it all ---- */

static int refuse_network(const struct bundle_making *m, struct gg_err *err)
{
	for (size_t i = 0; i < m->build.plan->n_nodes; i++) {
		const struct plan_node *n = &m->build.plan->nodes[i];

		if (!m->reached[i] || n->kind != PLAN_STEP || is_fetch(n) || !n->step->network)
			continue;
		gg_fail_at(err, GG_RECIPE, n->step->pos,
			   "step '%s' wants a network, which a build from a bundle does not have",
			   n->step->name);
		return gg_hint(err, "make it a `fetch`, whose output the bundle can hold");
	}
	return 0;
}

static int download_blobs(struct bundle_making *m, struct gg_err *err)
{
	_cleanup_downloads_ struct downloads list = { 0 };
	_cleanup_pulls_ struct pulls pulls = { 0 };
	const struct plan *p = m->build.plan;

	for (size_t i = 0; i < p->n_nodes; i++) {
		if (!m->reached[i] || !plan_downloads(&p->nodes[i]) ||
		    store_blob_has(m->session->store, &p->nodes[i].blob))
			continue;
		if (p->nodes[i].kind == PLAN_BLOB)
			pulls_add(&pulls, &p->nodes[i], i);
		else if (mirror_download(m->session, &p->nodes[i], &list, err) < 0)
			return -1;
	}
	if (m->session->offline && list.n)
		return downloads_refuse(&list, err);
	if (m->session->offline && pulls_refuse(&pulls, err) < 0)
		return -1;
	if (pulls_all(m->session, &pulls, p->platform, err) < 0)
		return -1;
	return download_all(m->session, &list, err);
}

static int fill_store(struct bundle_making *m, struct gg_err *err)
{
	struct build_options how = { .platform = m->options->platform };
	_cleanup_build_goals_ struct build_goals goals = { 0 };
	const struct plan *p;
	size_t n = 0;

	if (build_lock(m->session, m->project, &how, &m->build, err) < 0 ||
	    build_goals(m->session, m->build.plan, &how, &goals, err) < 0)
		return -1;
	p = m->build.plan;
	m->reached = gg_calloc(p->n_nodes + 1, sizeof(*m->reached));
	plan_reach(p, goals.v, goals.n, m->reached);
	if (refuse_network(m, err) < 0)
		return -1;
	goals.v = gg_realloc_n(goals.v, p->n_nodes + 1, sizeof(*goals.v));
	for (size_t i = 0; i < p->n_nodes; i++)
		if (m->reached[i] && (is_fetch(&p->nodes[i]) || p->nodes[i].kind == PLAN_LOCAL))
			goals.v[n++] = i;
	m->build.execution = execution_new(m->session, m->project->recipe, p);
	if (execution_run(m->build.execution, goals.v, n, err) < 0)
		return -1;
	return download_blobs(m, err);
}

int bundle_collect(struct bundle_making *m, struct gg_err *err)
{
	struct bundle_making contents = *m;
	int r;

	if (fill_store(m, err) < 0)
		return -1;
	m->info.name = m->project->recipe->name;
	m->info.platform = m->options->platform;
	contents = *m;
	r = add_contents(&contents, err);
	if (r == 0) {
		add_texts(m);
		r = add_pieces(m, err);
	}
	if (r == 0)
		r = add_keyrings(m, err);
	if (r == 0) {
		add_manifests(m, &contents);
		r = add_blobs(m, err);
	}
	append(m, &contents);
	return r == 0 ? add_program(m, err) : -1;
}
