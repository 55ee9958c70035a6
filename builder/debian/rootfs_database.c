/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "builder/debian/rootfs_private.h"

/* dpkg's own order of fields in its status file; what is not here follows in the order of the control file. */
static const char *const before_status[] = { "Package", "Essential", "Protected" };
static const char *const before_conffiles[] = {
	"Priority", "Section",      "Installed-Size", "Origin",      "Maintainer",
	"Bugs",     "Architecture", "Multi-Arch",     "Source",      "Version",
	"Replaces", "Provides",     "Depends",        "Pre-Depends", "Recommends",
	"Suggests", "Breaks",       "Conflicts",      "Enhances",
};
static const char *const after_conffiles[] = { "Description" };
static const char *const never[] = { "Status", "Conffiles", "Config-Version", "Triggers-Pending",
				     "Triggers-Awaited" };

struct fields {
	struct deb822_field *v;
	size_t n, cap;
	bool *written;
};

static bool same_name(struct deb_slice name, const char *text)
{
	return name.len == strlen(text) && !strncasecmp(name.p, text, name.len);
}

static void write_field(struct gg_buf *b, const char *name, size_t len, struct deb_slice value)
{
	gg_buf_add(b, name, len);
	gg_buf_putc(b, ':');
	if (value.len && *value.p != '\n')
		gg_buf_putc(b, ' ');
	gg_buf_add(b, value.p, value.len);
	gg_buf_putc(b, '\n');
}

static void write_named(struct gg_buf *b, struct fields *f, const char *const *names, size_t n)
{
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < f->n; i++)
			if (!f->written[i] && same_name(f->v[i].name, names[k])) {
				f->written[i] = true;
				write_field(b, names[k], strlen(names[k]), f->v[i].value);
			}
}

static int read_fields(const struct rootfs_package *p, struct fields *f, struct gg_err *err)
{
	struct deb822_field field;
	struct deb822 d;
	int more;

	deb822_init(&d, p->name, p->control.p, p->control.len, 0);
	while ((more = deb822_field(&d, &field, err)) > 0) {
		GG_GROW(f->v, f->n, f->cap);
		f->v[f->n++] = field;
	}
	return more;
}

/* The entry of a path that the package names, in its own tree. Conffiles are below /etc, so a merged /usr that the
 * tree may have been unpacked into does not matter. */
static const struct tree_entry *own_entry(const struct rootfs_package *p, struct deb_slice path)
{
	_cleanup_free_ char *text = deb_slice_dup(path);

	return tree_find(p->in->data, text + strspn(text, "/"));
}

/* Lines of conffiles: a path, or "remove-on-upgrade PATH", which was never there. */
static int write_conffiles(struct rootfs_work *w, const struct rootfs_package *p, struct gg_buf *b,
			   struct gg_err *err)
{
	const struct debian_member *m = rootfs_member(p, "conffiles");
	struct deb_slice rest = m ? (struct deb_slice){ m->bytes, m->len }
				  : (struct deb_slice){ 0 },
			 line, word;
	bool any = false;

	while (deb_slice_split(&rest, '\n', &line)) {
		_cleanup_buf_ struct gg_buf content = { 0 };
		const struct tree_entry *e;
		char md5[33] = "newconffile";
		bool gone = false;

		if (!line.len)
			continue;
		if (*line.p != '/') {
			if (!deb_slice_word(&line, &word) ||
			    !deb_slice_is(word, "remove-on-upgrade"))
				continue;
			gone = true;
			line = deb_slice_trim(line);
		}
		e = gone ? NULL : own_entry(p, line);
		if (e && e->type == TREE_FILE) {
			if (w->read(w->ctx, (size_t)(p - w->packages), e->path, &content, err) < 0)
				return -1;
			gg_md5_hex(content.data, content.len, md5);
		}
		if (!any)
			gg_buf_puts(b, "Conffiles:\n");
		any = true;
		gg_buf_printf(b, " %.*s %s%s\n", (int)line.len, line.p, md5,
			      gone ? " remove-on-upgrade" : "");
	}
	return 0;
}

static int write_status(struct rootfs_work *w, const struct rootfs_package *p, struct gg_buf *b,
			struct gg_err *err)
{
	struct fields f = { 0 };
	int failed = read_fields(p, &f, err);

	f.written = gg_calloc(f.n, sizeof(*f.written));
	for (size_t i = 0; i < f.n; i++)
		for (size_t k = 0; k < GG_LEN(never); k++)
			f.written[i] = f.written[i] || same_name(f.v[i].name, never[k]);
	write_named(b, &f, before_status, GG_LEN(before_status));
	gg_buf_printf(b, "Status: install ok %s\n",
		      w->flags & ROOTFS_SCRIPTS ? "unpacked" : "installed");
	write_named(b, &f, before_conffiles, GG_LEN(before_conffiles));
	if (!failed)
		failed = write_conffiles(w, p, b, err);
	write_named(b, &f, after_conffiles, GG_LEN(after_conffiles));
	for (size_t i = 0; i < f.n; i++)
		if (!f.written[i])
			write_field(b, f.v[i].name.p, f.v[i].name.len, f.v[i].value);
	gg_buf_putc(b, '\n');
	free(f.v);
	free(f.written);
	return failed;
}

/* What the package has on disk: a file that another package took over is no longer its own. */
static bool still_owns(const struct rootfs_work *w, const struct rootfs_package *p,
		       const struct tree_entry *e)
{
	const struct tree_entry *now;

	if (e->type == TREE_DIR)
		return true;
	now = rootfs_entry(w, e->path);
	if (!now || &w->packages[now->origin] == p)
		return true;
	return now->type == e->type &&
	       (e->type == TREE_SYMLINK ? gg_streq(now->target, e->target)
					: gg_digest_eq(&now->content, &e->content));
}

static char *info_path(const struct rootfs_package *p, const char *what)
{
	return gg_asprintf("var/lib/dpkg/info/%s.%s", p->base, what);
}

static void put_list(struct rootfs_work *w, const struct rootfs_package *p)
{
	_cleanup_free_ char *path = info_path(p, "list");
	_cleanup_buf_ struct gg_buf b = { 0 };
	const struct tree *data = p->in->data;

	for (size_t i = 0; i < data->n; i++)
		if (still_owns(w, p, &data->entries[i]))
			gg_buf_printf(&b, "/%s\n", data->entries[i].path);
	rootfs_put_file(w, path, 0644, 0, b.data, b.len);
}

static bool is_conffile(const struct rootfs_package *p, const char *path)
{
	const struct debian_member *m = rootfs_member(p, "conffiles");
	struct deb_slice rest = m ? (struct deb_slice){ m->bytes, m->len }
				  : (struct deb_slice){ 0 },
			 line;

	while (deb_slice_split(&rest, '\n', &line))
		if (line.len > 1 && *line.p == '/' &&
		    deb_slice_is((struct deb_slice){ line.p + 1, line.len - 1 }, path))
			return true;
	return false;
}

/* dpkg makes the sums of packages that come without. */
static int put_md5sums(struct rootfs_work *w, const struct rootfs_package *p, struct gg_err *err)
{
	_cleanup_free_ char *path = info_path(p, "md5sums");
	_cleanup_buf_ struct gg_buf b = { 0 };
	const struct tree *data = p->in->data;

	for (size_t i = 0; i < data->n; i++) {
		const struct tree_entry *e = &data->entries[i];
		_cleanup_buf_ struct gg_buf content = { 0 };
		char md5[33];

		if (e->type != TREE_FILE || is_conffile(p, e->path))
			continue;
		if (w->read(w->ctx, (size_t)(p - w->packages), e->path, &content, err) < 0)
			return -1;
		gg_md5_hex(content.data, content.len, md5);
		gg_buf_printf(&b, "%s  %s\n", md5, e->path);
	}
	rootfs_put_file(w, path, 0644, 0, b.data, b.len);
	return 0;
}

static bool member_name_plain(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/') && !strchr(name, '\n');
}

static int put_info(struct rootfs_work *w, const struct rootfs_package *p, struct gg_err *err)
{
	put_list(w, p);
	for (size_t i = 0; i < p->in->n_members; i++) {
		const struct debian_member *m = &p->in->members[i];
		_cleanup_free_ char *path = info_path(p, m->name);

		if (gg_streq(m->name, "control") || gg_streq(m->name, "list"))
			continue;
		if (!member_name_plain(m->name))
			return gg_fail(err, GG_INTEGRITY,
				       "package '%s': a control file called '%s'", p->name,
				       m->name);
		rootfs_put_file(w, path, m->mode & 0755, 0, m->bytes, m->len);
	}
	return rootfs_member(p, "md5sums") ? 0 : put_md5sums(w, p, err);
}

struct triggers {
	struct gg_buf files; /* var/lib/dpkg/triggers/File */
	struct gg_strv names;
	struct gg_buf *interested; /* by name */
	size_t cap;
};

static struct gg_buf *named_trigger(struct triggers *t, const char *name)
{
	for (size_t i = 0; i < t->names.n; i++)
		if (gg_streq(t->names.v[i], name))
			return &t->interested[i];
	GG_GROW(t->interested, t->names.n, t->cap);
	t->interested[t->names.n] = (struct gg_buf){ 0 };
	gg_strv_add(&t->names, name);
	return &t->interested[t->names.n - 1];
}

/* "interest[-await|-noawait] NAME-OR-PATH" lines (deb-triggers(5)); "activate" needs no record. */
static int read_triggers(const struct rootfs_package *p, struct triggers *t, struct gg_err *err)
{
	const struct debian_member *m = rootfs_member(p, "triggers");
	struct deb_slice rest = m ? (struct deb_slice){ m->bytes, m->len }
				  : (struct deb_slice){ 0 },
			 line, what, on;

	while (deb_slice_split(&rest, '\n', &line)) {
		_cleanup_free_ char *name = NULL;
		const char *suffix;

		if (!deb_slice_word(&line, &what) || what.len < 8 || memcmp(what.p, "interest", 8))
			continue;
		if (!deb_slice_word(&line, &on))
			return gg_fail(err, GG_INTEGRITY, "package '%s': a trigger without a name",
				       p->name);
		suffix = deb_slice_is(what, "interest-noawait") ? "/noawait" : "";
		name = deb_slice_dup(on);
		if (*name == '/') {
			gg_buf_printf(&t->files, "%s %s%s\n", name, p->base, suffix);
			continue;
		}
		if (!member_name_plain(name))
			return gg_fail(err, GG_INTEGRITY, "package '%s': a trigger called '%s'",
				       p->name, name);
		gg_buf_printf(named_trigger(t, name), "%s%s\n", p->base, suffix);
	}
	return 0;
}

static void put_triggers(struct rootfs_work *w, struct triggers *t)
{
	rootfs_put_file(w, "var/lib/dpkg/triggers/File", 0644, 0, t->files.data, t->files.len);
	rootfs_put_file(w, "var/lib/dpkg/triggers/Unincorp", 0644, 0, "", 0);
	for (size_t i = 0; i < t->names.n; i++) {
		_cleanup_free_ char *path = gg_asprintf("var/lib/dpkg/triggers/%s", t->names.v[i]);

		rootfs_put_file(w, path, 0644, 0, t->interested[i].data, t->interested[i].len);
	}
}

static void triggers_done(struct triggers *t)
{
	for (size_t i = 0; i < t->names.n; i++)
		gg_buf_done(&t->interested[i]);
	free(t->interested);
	gg_strv_done(&t->names);
	gg_buf_done(&t->files);
}
#define _cleanup_triggers_ GG_CLEANUP(triggers_done)

static int compare_names(const void *a, const void *b, void *ctx)
{
	const struct rootfs_package *packages = ctx;

	return strcmp(packages[*(const size_t *)a].name, packages[*(const size_t *)b].name);
}

int rootfs_database(struct rootfs_work *w, struct gg_err *err)
{
	static const char *const dirs[] = { "alternatives", "info", "parts", "triggers",
					    "updates" };
	_cleanup_free_ size_t *sorted = gg_calloc(w->n, sizeof(*sorted));
	_cleanup_triggers_ struct triggers t = { 0 };
	_cleanup_buf_ struct gg_buf status = { 0 }, arch = { 0 };

	for (size_t i = 0; i < w->n; i++)
		sorted[i] = i;
	qsort_r(sorted, w->n, sizeof(*sorted), compare_names, w->packages);
	for (size_t i = 0; i < w->n; i++) {
		const struct rootfs_package *p = &w->packages[sorted[i]];

		if (write_status(w, p, &status, err) < 0 || put_info(w, p, err) < 0 ||
		    read_triggers(p, &t, err) < 0)
			return gg_context(err, "package '%s'", p->name);
	}
	for (size_t i = 0; i < GG_LEN(dirs); i++) {
		_cleanup_free_ char *path = gg_asprintf("var/lib/dpkg/%s", dirs[i]);

		rootfs_put_dir(w, path, 0755, 0);
	}
	gg_buf_printf(&arch, "%s\n", w->arch);
	rootfs_put_file(w, "var/lib/dpkg/status", 0644, 0, status.data, status.len);
	rootfs_put_file(w, "var/lib/dpkg/info/format", 0644, 0, "1\n", 2);
	rootfs_put_file(w, "var/lib/dpkg/arch", 0644, 0, arch.data, arch.len);
	rootfs_put_file(w, "var/lib/dpkg/arch-native", 0644, 0, arch.data, arch.len);
	rootfs_put_file(w, "var/lib/dpkg/diversions", 0644, 0, "", 0);
	put_triggers(w, &t);
	return 0;
}
