/* SPDX-License-Identifier: Apache-2.0
 *
 * Without scripts: what the maintainer scripts of the base would have left behind, as far as programs need it. It is
 * a list of known things, not an interpretation of scripts.
 */
#include "builder/debian/relation.h"
#include "builder/debian/rootfs_private.h"

/* Ids of base-passwd's static groups. */
enum { GID_MAIL = 8, GID_SHADOW = 42, GID_UTMP = 43 };

struct made_dir {
	const char *path;
	uint32_t mode, gid;
};

static bool has(const struct rootfs_work *w, const char *path)
{
	return rootfs_entry(w, path);
}

static bool planned(const struct rootfs_work *w, const char *path)
{
	for (size_t i = 0; i < w->out->n_files; i++)
		if (gg_streq(w->out->files[i].path, path))
			return true;
	return false;
}

static void dir_unless(struct rootfs_work *w, const struct made_dir *d)
{
	if (!has(w, d->path) && !planned(w, d->path))
		rootfs_put_dir(w, d->path, d->mode, d->gid);
}

/* A copy of a file that a package ships elsewhere for this purpose. */
static int copy_unless(struct rootfs_work *w, const char *from, const char *to, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf content = { 0 };

	if (!has(w, from) || has(w, to))
		return 0;
	if (rootfs_content(w, from, &content, err) < 0)
		return -1;
	rootfs_put_file(w, to, 0644, 0, content.data, content.len);
	return 0;
}

/* A dynamic linker, a shell and a resolver expect these of any root. */
static void mount_points(struct rootfs_work *w)
{
	static const struct made_dir dirs[] = {
		{ "dev", 0755, 0 },  { "etc", 0755, 0 }, { "proc", 0755, 0 },
		{ "root", 0700, 0 }, { "run", 0755, 0 }, { "sys", 0755, 0 },
		{ "tmp", 01777, 0 }, { "var", 0755, 0 }, { "var/tmp", 01777, 0 },
	};

	for (size_t i = 0; i < GG_LEN(dirs); i++)
		dir_unless(w, &dirs[i]);
}

static int base_files(struct rootfs_work *w, struct gg_err *err)
{
	static const struct made_dir dirs[] = {
		{ "etc/opt", 0755, 0 },
		{ "media", 0755, 0 },
		{ "mnt", 0755, 0 },
		{ "opt", 0755, 0 },
		{ "run/lock", 01777, 0 },
		{ "srv", 0755, 0 },
		{ "usr/local", 0755, 0 },
		{ "usr/local/bin", 0755, 0 },
		{ "usr/local/etc", 0755, 0 },
		{ "usr/local/games", 0755, 0 },
		{ "usr/local/include", 0755, 0 },
		{ "usr/local/lib", 0755, 0 },
		{ "usr/local/libexec", 0755, 0 },
		{ "usr/local/sbin", 0755, 0 },
		{ "usr/local/share", 0755, 0 },
		{ "usr/local/share/man", 0755, 0 },
		{ "usr/local/src", 0755, 0 },
		{ "var/mail", 02775, GID_MAIL },
		{ "var/opt", 0755, 0 },
	};
	static const struct {
		const char *path;
		uint32_t mode;
	} logs[] = { { "var/log/btmp", 0660 },
		     { "var/log/lastlog", 0664 },
		     { "var/log/wtmp", 0664 } };

	if (!rootfs_find(w, "base-files"))
		return 0;
	for (size_t i = 0; i < GG_LEN(dirs); i++)
		dir_unless(w, &dirs[i]);
	for (size_t i = 0; i < GG_LEN(logs); i++)
		if (!has(w, logs[i].path))
			rootfs_put_file(w, logs[i].path, logs[i].mode, GID_UTMP, "", 0);
	if (!has(w, "var/spool/mail"))
		rootfs_put_link(w, "var/spool/mail", "../mail");
	if (!has(w, "usr/local/man"))
		rootfs_put_link(w, "usr/local/man", "share/man");
	if (!has(w, "etc/dpkg/origins/default") && has(w, "etc/dpkg/origins/debian"))
		rootfs_put_link(w, "etc/dpkg/origins/default", "debian");
	if (copy_unless(w, "usr/share/base-files/dot.profile", "root/.profile", err) < 0 ||
	    copy_unless(w, "usr/share/base-files/dot.bashrc", "root/.bashrc", err) < 0 ||
	    copy_unless(w, "usr/share/base-files/profile", "etc/profile", err) < 0 ||
	    copy_unless(w, "usr/share/base-files/motd", "etc/motd", err) < 0)
		return -1;
	return has(w, "usr/share/info")
		       ? copy_unless(w, "usr/share/base-files/info.dir", "usr/share/info/dir", err)
		       : 0;
}

/* The master's lines with the second field replaced, and what belongs into the shadow file beside it. */
static void shadowed(const struct gg_buf *master, const char *tail, struct gg_buf *ret,
		     struct gg_buf *ret_shadow)
{
	struct deb_slice rest = { master->data, master->len }, line, name, secret;

	while (deb_slice_split(&rest, '\n', &line)) {
		if (!deb_slice_split(&line, ':', &name) || !name.len ||
		    !deb_slice_split(&line, ':', &secret))
			continue;
		gg_buf_printf(ret, "%.*s:x:%.*s\n", (int)name.len, name.p, (int)line.len,
			      line.p ? line.p : "");
		gg_buf_printf(ret_shadow, "%.*s:%.*s:%s", (int)name.len, name.p, (int)secret.len,
			      secret.p, tail);
		if (gg_streq(tail, ":")) { /* gshadow: administrators, members */
			const char *members = line.p ? memrchr(line.p, ':', line.len) : NULL;

			if (members)
				gg_buf_add(ret_shadow, members + 1,
					   (size_t)(line.p + line.len - members - 1));
		}
		gg_buf_putc(ret_shadow, '\n');
	}
}

static int base_passwd(struct rootfs_work *w, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf users = { 0 }, groups = { 0 }, a = { 0 }, b = { 0 }, c = { 0 },
				    d = { 0 };
	_cleanup_free_ char *tail = gg_asprintf("%lld:0:99999:7:::", (long long)(w->epoch / 86400));

	if (!has(w, "usr/share/base-passwd/passwd.master") ||
	    !has(w, "usr/share/base-passwd/group.master")) {
		gg_buf_puts(&users, "root:*:0:0:root:/root:/bin/sh\n"
				    "nobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
		gg_buf_puts(&groups, "root:*:0:\nnogroup:*:65534:\n");
	} else if (rootfs_content(w, "usr/share/base-passwd/passwd.master", &users, err) < 0 ||
		   rootfs_content(w, "usr/share/base-passwd/group.master", &groups, err) < 0) {
		return -1;
	}
	if (!rootfs_find(w, "passwd")) {
		rootfs_put_file(w, "etc/passwd", 0644, 0, users.data, users.len);
		rootfs_put_file(w, "etc/group", 0644, 0, groups.data, groups.len);
	} else {
		shadowed(&users, tail, &a, &b);
		shadowed(&groups, ":", &c, &d);
		rootfs_put_file(w, "etc/passwd", 0644, 0, a.data, a.len);
		rootfs_put_file(w, "etc/shadow", 0640, GID_SHADOW, b.data, b.len);
		rootfs_put_file(w, "etc/group", 0644, 0, c.data, c.len);
		rootfs_put_file(w, "etc/gshadow", 0640, GID_SHADOW, d.data, d.len);
	}
	if (rootfs_find(w, "base-passwd")) {
		rootfs_put_file(w, "etc/subgid", 0644, 0, "", 0);
		rootfs_put_file(w, "etc/subuid", 0644, 0, "", 0);
	}
	return 0;
}

/* basename without .crt, characters that are awkward in names replaced. */
static char *pem_name(const char *path)
{
	const char *base = strrchr(path, '/') + 1;
	char *name = gg_strndup(base, strlen(base) - 4);

	for (char *p = name; *p; p++) {
		if (*p == ' ' || *p == ',')
			*p = '_';
		else if (*p == '(' || *p == ')')
			*p = '=';
	}
	char *full = gg_asprintf("etc/ssl/certs/%s.pem", name);
	free(name);
	return full;
}

/* All certificates in the order of their paths, as one file, and a link to each. */
static int certificates(struct rootfs_work *w, struct gg_err *err)
{
	static const char dir[] = "usr/share/ca-certificates/";
	_cleanup_buf_ struct gg_buf bundle = { 0 }, list = { 0 };
	_cleanup_strv_ struct gg_strv paths = { 0 };
	const struct tree *t = w->out->merged;

	for (size_t i = 0; i < t->n; i++)
		if (gg_starts(t->entries[i].path, dir) && gg_ends(t->entries[i].path, ".crt") &&
		    t->entries[i].type == TREE_FILE)
			gg_strv_add(&paths, t->entries[i].path);
	if (!paths.n)
		return 0;
	dir_unless(w, &(struct made_dir){ "usr/local/share/ca-certificates", 0755, 0 });
	gg_strv_sort(&paths);
	for (size_t i = 0; i < paths.n; i++) {
		_cleanup_free_ char *pem = pem_name(paths.v[i]),
				    *target = gg_asprintf("/%s", paths.v[i]);

		if (rootfs_content(w, paths.v[i], &bundle, err) < 0)
			return -1;
		if (bundle.len && bundle.data[bundle.len - 1] != '\n')
			gg_buf_putc(&bundle, '\n');
		gg_buf_printf(&list, "%s\n", paths.v[i] + strlen(dir));
		if (!planned(w, pem))
			rootfs_put_link(w, pem, target);
	}
	rootfs_put_file(w, "etc/ca-certificates.conf", 0644, 0, list.data, list.len);
	rootfs_put_file(w, "etc/ssl/certs/ca-certificates.crt", 0644, 0, bundle.data, bundle.len);
	return 0;
}

/* PATH → /etc/alternatives/NAME → TARGET, as update-alternatives leaves it. */
static void alternative(struct rootfs_work *w, const char *path, const char *target)
{
	const char *name = strrchr(path, '/') + 1;
	_cleanup_free_ char *middle = gg_asprintf("etc/alternatives/%s", name);
	_cleanup_free_ char *absolute = gg_asprintf("/%s", middle),
			    *end = gg_asprintf("/%s", target);

	if (has(w, path) || planned(w, path) || !tree_resolve(w->out->merged, target, true, NULL))
		return;
	rootfs_put_link(w, path, absolute);
	rootfs_put_link(w, middle, end);
}

/* The first target that is there wins. Links that have packages of their own (python3, gcc) need none of this. */
static void alternatives(struct rootfs_work *w)
{
	static const char *const table[][2] = {
		{ "usr/bin/awk", "usr/bin/gawk" },
		{ "usr/bin/awk", "usr/bin/mawk" },
		{ "usr/bin/awk", "usr/bin/original-awk" },
		{ "usr/bin/nawk", "usr/bin/gawk" },
		{ "usr/bin/nawk", "usr/bin/mawk" },
		{ "usr/bin/c++", "usr/bin/g++" },
		{ "usr/bin/c++", "usr/bin/clang++" },
		{ "usr/bin/c89", "usr/bin/c89-gcc" },
		{ "usr/bin/c99", "usr/bin/c99-gcc" },
		{ "usr/bin/cc", "usr/bin/gcc" },
		{ "usr/bin/cc", "usr/bin/clang" },
		{ "usr/bin/editor", "usr/bin/vim.basic" },
		{ "usr/bin/editor", "usr/bin/vim.tiny" },
		{ "usr/bin/editor", "usr/bin/nano" },
		{ "usr/bin/lzma", "usr/bin/xz" },
		{ "usr/bin/unlzma", "usr/bin/unxz" },
		{ "usr/bin/nc", "usr/bin/nc.openbsd" },
		{ "usr/bin/nc", "usr/bin/nc.traditional" },
		{ "usr/bin/pager", "usr/bin/less" },
		{ "usr/bin/pager", "usr/bin/more" },
		{ "usr/bin/vi", "usr/bin/vim.basic" },
		{ "usr/bin/vi", "usr/bin/vim.tiny" },
		{ "usr/bin/vim", "usr/bin/vim.basic" },
		{ "usr/bin/which", "usr/bin/which.debianutils" },
		{ "usr/sbin/rmt", "usr/sbin/rmt-tar" },
	};

	for (size_t i = 0; i < GG_LEN(table); i++)
		alternative(w, table[i][0], table[i][1]);
}

/* Java's programs are alternatives all of them; the newest runtime's are taken. */
static void java(struct rootfs_work *w)
{
	const struct tree *t = w->out->merged;

	for (size_t i = t->n; i-- > 0;) {
		const struct tree_entry *e = &t->entries[i];
		const char *bin = strstr(e->path, "/bin/");
		_cleanup_free_ char *path = NULL;

		if (e->type != TREE_FILE || !gg_starts(e->path, "usr/lib/jvm/") || !bin ||
		    strchr(bin + 5, '/') || !(e->mode & 0111))
			continue;
		path = gg_asprintf("usr/bin/%s", bin + 5);
		alternative(w, path, e->path);
	}
}

int rootfs_bare(struct rootfs_work *w, struct gg_err *err)
{
	mount_points(w);
	if (base_passwd(w, err) < 0 || base_files(w, err) < 0 || certificates(w, err) < 0)
		return -1;
	if (copy_unless(w, "usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf", err) < 0)
		return -1;
	alternatives(w);
	java(w);
	if (!has(w, "usr/bin/sh")) {
		if (has(w, "usr/bin/dash"))
			rootfs_put_link(w, "usr/bin/sh", "dash");
		else if (has(w, "usr/bin/bash"))
			rootfs_put_link(w, "usr/bin/sh", "bash");
	}
	return 0;
}
