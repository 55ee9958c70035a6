/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/rootfs.h"

#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/base/digest.h"

enum { PACKAGES_MAX = 8, MEMBERS_MAX = 6, FILES_MAX = 16, EPOCH = 1700000000 };

/* A made-up package: control text, further members, and files as "PATH=CONTENT", links "PATH>TARGET", "PATH/". */
struct fake {
	const char *control;
	const char *members[MEMBERS_MAX][2];
	const char *files[FILES_MAX];
};

struct world {
	const struct fake *fakes;
	size_t n;
	struct debian_package packages[PACKAGES_MAX];
	struct debian_member members[PACKAGES_MAX][MEMBERS_MAX + 1];
	struct tree *trees[PACKAGES_MAX];
	struct rootfs *r;
};

static int read_file(void *ctx, size_t package, const char *path, struct gg_buf *ret,
		     struct gg_err *err)
{
	struct world *w = ctx;

	for (size_t i = 0; w->fakes[package].files[i]; i++) {
		const char *text = w->fakes[package].files[i], *equals = strchr(text, '=');

		if (equals && (size_t)(equals - text) == strlen(path) &&
		    !strncmp(text, path, strlen(path))) {
			gg_buf_puts(ret, equals + 1);
			return 0;
		}
	}
	return gg_fail(err, GG_INTERNAL, "package %zu has no '%s'", package, path);
}

static void add_file(struct tree *t, const char *text)
{
	size_t n = strcspn(text, "=>");
	_cleanup_free_ char *path = gg_strndup(text, text[n] ? n : n - 1);
	struct tree_entry *e;

	if (!text[n]) {
		tree_add(t, path, TREE_DIR)->mode = 0755;
	} else if (text[n] == '>') {
		e = tree_add(t, path, TREE_SYMLINK);
		e->mode = 0777;
		e->target = gg_arena_strdup(t->arena, text + n + 1);
	} else {
		e = tree_add(t, path, TREE_FILE);
		e->mode = 0644;
		e->size = strlen(text + n + 1);
		gg_digest_of(text + n + 1, e->size, &e->content);
	}
}

static void fill(struct world *w, size_t i, struct gg_err *err)
{
	const struct fake *f = &w->fakes[i];
	size_t n = 0;

	w->members[i][n++] =
		(struct debian_member){ "control", f->control, strlen(f->control), 0644 };
	for (size_t k = 0; k < MEMBERS_MAX && f->members[k][0]; k++)
		w->members[i][n++] = (struct debian_member){ f->members[k][0], f->members[k][1],
							     strlen(f->members[k][1]), 0755 };
	w->trees[i] = tree_new();
	for (size_t k = 0; f->files[k]; k++)
		add_file(w->trees[i], f->files[k]);
	assert_int_equal(tree_complete(w->trees[i], err), 0);
	w->packages[i] = (struct debian_package){ .members = w->members[i],
						  .n_members = n,
						  .data = w->trees[i] };
}

static int make(struct world *w, const struct fake *fakes, size_t n, unsigned flags,
		struct gg_err *err)
{
	*w = (struct world){ .fakes = fakes, .n = n };
	for (size_t i = 0; i < n; i++)
		fill(w, i, err);
	return rootfs_make(w->packages, n, "amd64", EPOCH, flags, read_file, w, &w->r, err);
}

static void world_done(struct world *w)
{
	rootfs_free(w->r);
	for (size_t i = 0; i < w->n; i++)
		tree_free(w->trees[i]);
}
#define _cleanup_world_ GG_CLEANUP(world_done)

static const struct rootfs_file *generated(const struct world *w, const char *path)
{
	for (size_t i = 0; i < w->r->n_files; i++)
		if (gg_streq(w->r->files[i].path, path))
			return &w->r->files[i];
	return NULL;
}

static void assert_generated(const struct world *w, const char *path, const char *text)
{
	const struct rootfs_file *f = generated(w, path);

	if (!f)
		fail_msg("no '%s'", path);
	assert_string_equal(f->type == TREE_SYMLINK ? f->target : f->bytes, text);
}

#define CONTROL(name, more)                                                                        \
	"Package: " name "\nVersion: 1\nArchitecture: amd64\n" more "Description: d\n long\n"

static const struct fake base_passwd = {
	CONTROL("base-passwd", "Essential: yes\n"),
	{ { "preinst", "#!/bin/sh\n" }, { "md5sums", "x\n" } },
	{ "usr/share/base-passwd/passwd.master=root:*:0:0:root:/root:/bin/bash\n",
	  "usr/share/base-passwd/group.master=root:*:0:\nadm:*:4:a,b\n", NULL }
};
static const struct fake tool = {
	"Package: tool\nVersion: 1:2-3\nArchitecture: amd64\nMulti-Arch: same\nMaintainer: "
	"M\nHomepage: h\n"
	"Depends: base-passwd\nSection: utils\nDescription: d\n",
	{ { "conffiles", "/etc/tool.conf\nremove-on-upgrade /etc/old.conf\n" },
	  { "triggers",
	    "# c\ninterest-noawait /usr/share/tool\ninterest tool-named\nactivate ldconfig\n" },
	  { "postinst", "#!/bin/sh\nexit 0\n" },
	  { "preinst", "#!/bin/sh\nexit 0\n" } },
	{ "etc/tool.conf=hello\n", "usr/bin/tool=x", "usr/bin/mawk=m", NULL }
};

static void the_database(void **state)
{
	const struct fake fakes[] = { tool, base_passwd };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_world_ struct world w = { 0 };

	(void)state;
	if (make(&w, fakes, 2, 0, &err) < 0)
		fail_msg("%s", err.text);
	assert_generated(
		&w, "var/lib/dpkg/status",
		"Package: base-passwd\nEssential: yes\nStatus: install ok installed\nArchitecture: "
		"amd64\n"
		"Version: 1\nDescription: d\n long\n\n"
		"Package: tool\nStatus: install ok installed\nSection: utils\nMaintainer: M\n"
		"Architecture: amd64\nMulti-Arch: same\nVersion: 1:2-3\nDepends: "
		"base-passwd\nConffiles:\n"
		" /etc/tool.conf b1946ac92492d2347c6235b4d2611184\n"
		" /etc/old.conf newconffile remove-on-upgrade\nDescription: d\nHomepage: h\n\n");
	assert_generated(
		&w, "var/lib/dpkg/info/tool:amd64.list",
		"/.\n/etc\n/etc/tool.conf\n/usr\n/usr/bin\n/usr/bin/mawk\n/usr/bin/tool\n");
	assert_generated(&w, "var/lib/dpkg/info/tool:amd64.md5sums",
			 "6f8f57715090da2632453988d9a1501b  usr/bin/mawk\n"
			 "9dd4e461268c8034f5c8564e155c67a6  usr/bin/tool\n");
	assert_generated(&w, "var/lib/dpkg/info/base-passwd.md5sums", "x\n");
	assert_generated(&w, "var/lib/dpkg/info/tool:amd64.postinst", "#!/bin/sh\nexit 0\n");
	assert_int_equal(generated(&w, "var/lib/dpkg/info/tool:amd64.postinst")->mode, 0755);
	assert_generated(&w, "var/lib/dpkg/triggers/File", "/usr/share/tool tool:amd64/noawait\n");
	assert_generated(&w, "var/lib/dpkg/triggers/tool-named", "tool:amd64\n");
	assert_null(generated(&w, "var/lib/dpkg/triggers/ldconfig"));
	assert_null(generated(&w, "var/lib/dpkg/info/tool:amd64.control"));
	for (size_t i = 1; i < w.r->n_files; i++)
		assert_true(tree_compare_paths(w.r->files[i - 1].path, w.r->files[i].path) < 0);
}

static void without_scripts(void **state)
{
	static const struct fake passwd = { CONTROL("passwd", ""), { { 0 } }, { NULL } };
	static const struct fake certs = { CONTROL("ca-certificates", ""),
					   { { 0 } },
					   { "usr/share/ca-certificates/mozilla/B (x).crt=b",
					     "usr/share/ca-certificates/mozilla/A.crt=a\n",
					     NULL } };
	const struct fake fakes[] = { tool, base_passwd, passwd, certs };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_world_ struct world w = { 0 };

	(void)state;
	if (make(&w, fakes, 4, 0, &err) < 0)
		fail_msg("%s", err.text);
	assert_null(w.r->script);
	assert_generated(&w, "etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
	assert_generated(&w, "etc/shadow", "root:*:19675:0:99999:7:::\n");
	assert_generated(&w, "etc/group", "root:x:0:\nadm:x:4:a,b\n");
	assert_generated(&w, "etc/gshadow", "root:*::\nadm:*::a,b\n");
	assert_int_equal(generated(&w, "etc/shadow")->mode, 0640);
	assert_int_equal(generated(&w, "tmp")->mode, 01777);
	assert_generated(&w, "usr/bin/awk", "/etc/alternatives/awk");
	assert_generated(&w, "etc/alternatives/awk", "/usr/bin/mawk");
	assert_null(generated(&w, "usr/bin/cc"));
	assert_generated(&w, "etc/ssl/certs/ca-certificates.crt", "a\nb\n");
	assert_generated(&w, "etc/ssl/certs/B_=x=.pem",
			 "/usr/share/ca-certificates/mozilla/B (x).crt");
	assert_generated(&w, "etc/ca-certificates.conf", "mozilla/A.crt\nmozilla/B (x).crt\n");
}

static const struct tree_entry *merged(const struct world *w, const char *path,
				       const char **ret_source)
{
	const struct tree_entry *e = tree_find(w->r->merged, path);

	*ret_source = e ? w->r->sources[e - w->r->merged->entries] : NULL;
	return e;
}

static void the_merge(void **state)
{
	static const struct fake fakes[] = {
		{ CONTROL("aa", ""),
		  { { 0 } },
		  { "lib/x.so=1", "bin/aa=2", "usr/share/doc/aa/", "usr/share/doc/aa/copyright=c",
		    "lib64/ld=l", "opt/d>e", "opt/e/", "same=s", NULL } },
		{ CONTROL("bb", "Replaces: aa (<< 2)\n"),
		  { { 0 } },
		  { "bin/aa=3", "usr/share/doc/bb>aa", "opt/d/", "opt/d/f=f", "same=s", NULL } },
	};
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_world_ struct world w = { 0 };
	const struct tree_entry *e;
	const char *source;

	(void)state;
	if (make(&w, fakes, 2, 0, &err) < 0)
		fail_msg("%s", err.text);
	e = merged(&w, "usr/lib/x.so", &source);
	assert_true(e && e->origin == 0);
	assert_string_equal(source, "lib/x.so");
	e = merged(&w, "usr/bin/aa", &source);
	assert_true(e && e->origin == 1);
	assert_string_equal(source, "bin/aa");
	assert_string_equal(merged(&w, "lib", &source)->target, "usr/lib");
	assert_string_equal(merged(&w, "lib64", &source)->target, "usr/lib64");
	assert_non_null(merged(&w, "usr/lib64/ld", &source));
	e = merged(&w, "opt/e/f", &source);
	assert_true(e && e->origin == 1);
	assert_string_equal(source, "opt/d/f");
	assert_int_equal(merged(&w, "opt/d", &source)->type, TREE_SYMLINK);
	/* what bb took is aa's no longer */
	assert_generated(&w, "var/lib/dpkg/info/aa.list",
			 "/.\n/bin\n/lib\n/lib/x.so\n/lib64\n/lib64/ld\n/opt\n/opt/d\n/opt/e\n/"
			 "same\n/usr\n/usr/share\n"
			 "/usr/share/doc\n/usr/share/doc/aa\n/usr/share/doc/aa/copyright\n");
}

static void clashes(void **state)
{
	static const struct fake twice[] = {
		{ CONTROL("aa", ""), { { 0 } }, { "usr/bin/x=1", NULL } },
		{ CONTROL("bb", ""), { { 0 } }, { "bin/x=2", NULL } }
	};
	static const struct fake loop[] = {
		{ CONTROL("aa", ""), { { 0 } }, { "a>b", "b>a", NULL } },
		{ CONTROL("bb", ""), { { 0 } }, { "a/c=1", NULL } }
	};
	static const struct fake same[] = { { CONTROL("aa", ""), { { 0 } }, { NULL } },
					    { CONTROL("aa", ""), { { 0 } }, { NULL } } };
	static const struct fake arch[] = {
		{ "Package: aa\nVersion: 1\nArchitecture: i386\n", { { 0 } }, { NULL } }
	};
	static const struct fake bad[] = {
		{ "Package: a;b\nVersion: 1\nArchitecture: all\n", { { 0 } }, { NULL } }
	};
	static const struct {
		const struct fake *fakes;
		size_t n;
		enum gg_kind kind;
		const char *text;
	} cases[] = {
		{ twice, 2, GG_RECIPE,
		  "package 'bb': packages 'aa' and 'bb' both have '/usr/bin/x'" },
		{ loop, 2, GG_INTEGRITY, "package 'bb': unpack '/a': too many symlinks" },
		{ same, 2, GG_INTEGRITY, "package 'aa' is there twice" },
		{ arch, 1, GG_INTEGRITY, "package 'aa': it is for 'i386', not for 'amd64'" },
		{ bad, 1, GG_INTEGRITY,
		  "package 'a;b': its control file has no good Package, Version and Architecture" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_world_ struct world w = { 0 };

		assert_int_equal(make(&w, cases[i].fakes, cases[i].n, 0, &err), -1);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.kind, cases[i].kind);
	}
}

static void with_scripts(void **state)
{
	static const struct fake dpkg = { CONTROL("dpkg", "Essential: yes\n"),
					  { { 0 } },
					  { NULL } };
	const struct fake fakes[] = { tool, base_passwd, dpkg };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT, none = GG_ERR_INIT;
	_cleanup_world_ struct world w = { 0 }, without = { 0 };
	const char *first, *second, *configure;

	(void)state;
	if (make(&w, fakes, 3, ROOTFS_SCRIPTS, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(strstr(generated(&w, "var/lib/dpkg/status")->bytes,
			       "Status: install ok unpacked\n"));
	assert_null(generated(&w, "etc/passwd"));
	first = strstr(w.r->script, "\npreinst base-passwd amd64 base-passwd\n");
	second = strstr(w.r->script, "\npreinst tool amd64 tool:amd64\n");
	configure = strstr(w.r->script, "--configure base-passwd dpkg\n");
	assert_true(first && second && configure && first < second && second < configure);
	assert_int_equal(make(&without, fakes, 2, ROOTFS_SCRIPTS, &none), -1);
	assert_int_equal(none.kind, GG_RECIPE);
}

/* The order of the packages is the caller's business and changes nothing. */
static void same_result_in_any_order(void **state)
{
	const struct fake one[] = { tool, base_passwd }, other[] = { base_passwd, tool };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_world_ struct world a = { 0 }, b = { 0 };

	(void)state;
	assert_int_equal(make(&a, one, 2, 0, &err), 0);
	assert_int_equal(make(&b, other, 2, 0, &err), 0);
	assert_int_equal(a.r->n_files, b.r->n_files);
	for (size_t i = 0; i < a.r->n_files; i++) {
		assert_string_equal(a.r->files[i].path, b.r->files[i].path);
		assert_int_equal(a.r->files[i].len, b.r->files[i].len);
		if (a.r->files[i].len)
			assert_memory_equal(a.r->files[i].bytes, b.r->files[i].bytes,
					    a.r->files[i].len);
	}
	assert_null(tree_find(a.r->merged, "nothing"));
	assert_int_equal(a.r->merged->n, b.r->merged->n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_database), cmocka_unit_test(without_scripts),
		cmocka_unit_test(the_merge),    cmocka_unit_test(clashes),
		cmocka_unit_test(with_scripts), cmocka_unit_test(same_result_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
