/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/libraries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "tests/unit/layers/elf_maker.h"

/* A tree whose files are in memory: content is found by its digest. */
struct world {
	struct tree *tree;
	struct gg_buf content[64];
	size_t n;
	unsigned opened;
};

static void add_bytes(struct world *w, const char *path, struct gg_buf bytes)
{
	struct tree_entry *e = tree_add(w->tree, path, TREE_FILE);

	e->mode = 0644;
	e->size = bytes.len;
	gg_digest_of(bytes.data, bytes.len, &e->content);
	assert_true(w->n < GG_LEN(w->content));
	w->content[w->n++] = bytes;
}

static void add_text(struct world *w, const char *path, const char *text)
{
	struct gg_buf bytes = { 0 };

	gg_buf_puts(&bytes, text);
	add_bytes(w, path, bytes);
}

static void add_elf(struct world *w, const char *path, struct elf_maker m)
{
	add_bytes(w, path, elf_make(m));
}

static void add_link(struct world *w, const char *path, const char *target)
{
	tree_add(w->tree, path, TREE_SYMLINK)->target = gg_arena_strdup(w->tree->arena, target);
}

static int open_content(void *ctx, const struct tree_entry *e, struct gg_err *err)
{
	struct world *w = ctx;

	w->opened++;
	for (size_t i = 0; i < w->n; i++) {
		struct gg_digest d;
		int fd;

		gg_digest_of(w->content[i].data, w->content[i].len, &d);
		if (!gg_digest_eq(&d, &e->content))
			continue;
		fd = memfd_create("content", MFD_CLOEXEC);
		if (fd < 0 || gg_write_all(fd, w->content[i].data, w->content[i].len, err) < 0 ||
		    lseek(fd, 0, SEEK_SET) < 0)
			return -1;
		return fd;
	}
	return gg_fail(err, GG_SYSTEM, "no content");
}

static struct world world_new(void)
{
	return (struct world){ .tree = tree_new() };
}

static void world_done(struct world *w)
{
	tree_free(w->tree);
	for (size_t i = 0; i < w->n; i++)
		gg_buf_done(&w->content[i]);
}
#define _cleanup_world_ GG_CLEANUP(world_done)

#define LOADER "/lib64/ld-linux-x86-64.so.2"
#define MULTI "usr/lib/x86_64-linux-gnu/"

/* A merged-usr Debian with a libc. */
static void add_libc(struct world *w, const char *version)
{
	add_link(w, "lib", "usr/lib");
	add_link(w, "lib64", "usr/lib64");
	add_link(w, "usr/lib64/ld-linux-x86-64.so.2",
		 "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
	add_elf(w, MULTI "ld-linux-x86-64.so.2",
		(struct elf_maker){ .soname = "ld-linux-x86-64.so.2", .defines = { "GLIBC_2.3" } });
	add_elf(w, MULTI "libc.so.6",
		(struct elf_maker){ .soname = "libc.so.6",
				    .needed = { "ld-linux-x86-64.so.2" },
				    .need_file = "ld-linux-x86-64.so.2",
				    .need_versions = { "GLIBC_2.3" },
				    .defines = { "GLIBC_2.34", version } });
}

static struct libraries_tree finish(struct world *w, const char *name)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (tree_complete(w->tree, &err) < 0)
		fail_msg("%s", err.text);
	return (struct libraries_tree){ w->tree, open_content, w, name };
}

/* "TO<-PATH TO …", the path only where it differs. */
static void expect(struct world *w, struct world *base, const char *path, const char *to,
		   const char *expected)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_libraries_ struct libraries l = { 0 };
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct libraries_tree t = finish(w, "builder"), b = { 0 };

	if (base)
		b = finish(base, "the image's base");
	if (libraries_find(&t, &(struct libraries_object){ path, to }, 1, base ? &b : NULL, &l,
			   &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < l.n; i++) {
		gg_buf_printf(&text, "%s%s", i ? " " : "", l.v[i].to);
		if (!gg_streq(l.v[i].to + 1, l.v[i].entry->path))
			gg_buf_printf(&text, "<-/%s", l.v[i].entry->path);
	}
	assert_string_equal(text.data ? text.data : "", expected);
}

static void expect_error(struct world *w, struct world *base, const char *path, const char *text,
			 const char *hint)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_libraries_ struct libraries l = { 0 };
	struct libraries_tree t = finish(w, "builder"), b = { 0 };

	if (base)
		b = finish(base, "the image's base");
	assert_int_equal(libraries_find(&t, &(struct libraries_object){ path, path }, 1,
					base ? &b : NULL, &l, &err),
			 -1);
	assert_string_equal(err.text, text);
	assert_string_equal(err.hint, hint);
	assert_int_equal(err.kind, GG_RECIPE);
}

static void test_closure(void **state)
{
	_cleanup_world_ struct world w = world_new();

	(void)state;
	add_libc(&w, NULL);
	add_elf(&w, "out/bin/app",
		(struct elf_maker){ .interp = LOADER, .needed = { "libfoo.so.1", "libc.so.6" } });
	add_link(&w, MULTI "libfoo.so.1", "libfoo.so.1.2.3");
	add_elf(&w, MULTI "libfoo.so.1.2.3",
		(struct elf_maker){ .soname = "libfoo.so.1",
				    .needed = { "libbar.so", "libc.so.6" } });
	/* of another machine, in a place that is looked at first */
	add_elf(&w, "usr/lib/libbar.so",
		(struct elf_maker){ .soname = "libbar.so", .needed = { "libfoo.so.1" } });
	add_elf(&w, MULTI "libbar.so",
		(struct elf_maker){ .soname = "libbar.so", .machine = EM_AARCH64 });
	expect(&w, NULL, "/out/bin/app", "/usr/local/bin/app",
	       "/lib /lib64 /usr/lib/libbar.so "
	       "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 /usr/lib/x86_64-linux-gnu/libc.so.6 "
	       "/usr/lib/x86_64-linux-gnu/libfoo.so.1 /usr/lib/x86_64-linux-gnu/libfoo.so.1.2.3 "
	       "/usr/lib64/ld-linux-x86-64.so.2");
}

static void test_static_and_scripts(void **state)
{
	_cleanup_world_ struct world w = world_new();

	(void)state;
	add_text(&w, "bin/script", "#!/bin/sh\n");
	expect(&w, NULL, "/bin/script", "/bin/script", "");
}

static void test_origin(void **state)
{
	_cleanup_world_ struct world w = world_new();

	(void)state;
	/* the program moves, so its private library moves with it; RUNPATH does not serve that library's needs */
	add_elf(&w, "out/bin/app",
		(struct elf_maker){ .needed = { "libmine.so" }, .runpath = "${ORIGIN}/../$LIB" });
	add_elf(&w, "out/lib/libmine.so",
		(struct elf_maker){ .needed = { "libdeep.so" },
				    .rpath = "$ORIGIN/deep",
				    .soname = "libmine.so" });
	add_elf(&w, "out/lib/deep/libdeep.so", (struct elf_maker){ .needed = { "libdeeper.so" } });
	/* found through the RPATH that it inherits */
	add_elf(&w, "out/lib/deep/libdeeper.so", (struct elf_maker){ .soname = "libdeeper.so" });
	expect(&w, NULL, "/out/bin/app", "/usr/bin/app",
	       "/usr/lib/deep/libdeep.so<-/out/lib/deep/libdeep.so "
	       "/usr/lib/deep/libdeeper.so<-/out/lib/deep/libdeeper.so "
	       "/usr/lib/libmine.so<-/out/lib/libmine.so");
}

static void test_origin_is_root(void **state)
{
	_cleanup_world_ struct world w = world_new();

	(void)state;
	add_elf(&w, "out/app",
		(struct elf_maker){ .needed = { "libmine.so" }, .rpath = "$ORIGIN" });
	add_elf(&w, "out/libmine.so", (struct elf_maker){ .soname = "libmine.so" });
	expect(&w, NULL, "/out/app", "/app", "/libmine.so<-/out/libmine.so");
}

static void test_conf(void **state)
{
	_cleanup_world_ struct world w = world_new();

	(void)state;
	add_text(&w, "etc/ld.so.conf", "include ld.so.conf.d/*.conf\n# /comment\n");
	add_text(&w, "etc/ld.so.conf.d/b.conf", "/opt/second\n");
	add_text(&w, "etc/ld.so.conf.d/a.conf", "  /opt/first # here\ninclude /etc/ld.so.conf\n");
	add_text(&w, "etc/ld.so.conf.d/c.off", "/opt/off\n");
	add_elf(&w, "bin/app", (struct elf_maker){ .needed = { "libone.so" } });
	add_elf(&w, "opt/second/libone.so", (struct elf_maker){ .needed = { "libtwo.so" } });
	add_elf(&w, "opt/first/libtwo.so", (struct elf_maker){ .soname = "libtwo.so" });
	add_elf(&w, "opt/second/libtwo.so", (struct elf_maker){ .soname = "other" });
	add_elf(&w, MULTI "libthree.so", (struct elf_maker){ .soname = "libthree.so" });
	/* an image has no cache of ld.so.conf, so they go where the loader looks without one */
	expect(&w, NULL, "/bin/app", "/bin/app",
	       "/usr/lib/x86_64-linux-gnu/libone.so<-/opt/second/libone.so "
	       "/usr/lib/x86_64-linux-gnu/libtwo.so<-/opt/first/libtwo.so");
}

static void test_runpath_is_own(void **state)
{
	_cleanup_world_ struct world w = world_new();

	(void)state;
	add_elf(&w, "bin/app", (struct elf_maker){ .needed = { "liba.so" }, .runpath = "/opt/x" });
	add_elf(&w, "opt/x/liba.so", (struct elf_maker){ .needed = { "libb.so" } });
	add_elf(&w, "opt/x/libb.so", (struct elf_maker){ .soname = "libb.so" });
	expect_error(
		&w, NULL, "/bin/app",
		"libb.so, needed by /opt/x/liba.so, needed by /bin/app, is not in stage 'builder'",
		"looked in /lib/x86_64-linux-gnu, /usr/lib/x86_64-linux-gnu, /lib, /usr/lib, "
		"/lib64, /usr/lib64; "
		"add the package that holds it to the stage");
}

/* The base keeps its own, and what only its own need is not looked at. */
static void test_base_keeps(void **state)
{
	_cleanup_world_ struct world w = world_new(), base = world_new();

	(void)state;
	add_libc(&w, "GLIBC_2.41");
	add_elf(&w, "bin/app",
		(struct elf_maker){ .interp = LOADER,
				    .needed = { "libfoo.so.1", "libstd.so", "libc.so.6" },
				    .need_file = "libc.so.6",
				    .need_versions = { "GLIBC_2.34" } });
	add_elf(&w, MULTI "libfoo.so.1",
		(struct elf_maker){ .soname = "libfoo.so.1", .needed = { "libc.so.6" } });
	/* the builder's needs the new libc, but it is the base's that will run */
	add_elf(&w, MULTI "libstd.so",
		(struct elf_maker){ .soname = "libstd.so",
				    .needed = { "libonly.so" },
				    .need_file = "libc.so.6",
				    .need_versions = { "GLIBC_2.41" } });
	add_libc(&base, NULL);
	add_elf(&base, MULTI "libstd.so", (struct elf_maker){ .soname = "libstd.so" });
	expect(&w, &base, "/bin/app", "/bin/app", "/usr/lib/x86_64-linux-gnu/libfoo.so.1");
}

static void test_base_too_old(void **state)
{
	_cleanup_world_ struct world w = world_new(), base = world_new();

	(void)state;
	add_libc(&w, "GLIBC_2.41");
	add_elf(&w, "bin/app", (struct elf_maker){ .interp = LOADER, .needed = { "libfoo.so.1" } });
	add_elf(&w, MULTI "libfoo.so.1",
		(struct elf_maker){ .soname = "libfoo.so.1",
				    .needed = { "libc.so.6" },
				    .need_file = "libc.so.6",
				    .need_versions = { "GLIBC_2.34", "GLIBC_2.41" } });
	add_libc(&base, NULL);
	expect_error(&w, &base, "/bin/app",
		     "'/lib/x86_64-linux-gnu/libc.so.6' of the image's base has no symbol version "
		     "GLIBC_2.41, needed "
		     "by /lib/x86_64-linux-gnu/libfoo.so.1, needed by /bin/app",
		     "build stage 'builder' on the release that the image's base comes from");
}

static void test_base_clash(void **state)
{
	_cleanup_world_ struct world w = world_new(), base = world_new();

	(void)state;
	add_elf(&w, "bin/app", (struct elf_maker){ .needed = { "libfoo.so.1" } });
	add_elf(&w, "usr/lib/libfoo.so.1.2", (struct elf_maker){ .soname = "libfoo.so.1" });
	add_link(&w, "usr/lib/libfoo.so.1", "libfoo.so.1.2");
	add_text(&base, "usr/lib/libfoo.so.1.2", "something else");
	expect_error(&w, &base, "/bin/app",
		     "library '/usr/lib/libfoo.so.1.2' of stage 'builder' clashes with what the "
		     "image's base has there",
		     "make both from the same release of the same distribution");
}

static void test_missing_interpreter(void **state)
{
	_cleanup_world_ struct world w = world_new();

	(void)state;
	add_elf(&w, "bin/app", (struct elf_maker){ .interp = LOADER });
	add_link(&w, "lib64", "/lib64");
	{
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_libraries_ struct libraries l = { 0 };
		struct libraries_tree t = finish(&w, "builder");
		struct libraries_object o = { "/bin/app", "/bin/app" };

		assert_int_equal(libraries_find(&t, &o, 1, NULL, &l, &err), -1);
		assert_string_equal(err.text,
				    LOADER ", needed by /bin/app, is not in stage 'builder'");
	}
}

/* A directory copied as a whole to another place keeps its own links. */
static void test_comes_along(void **state)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_libraries_ struct libraries l = { 0 };
	struct libraries_object objects[] = { { "/build/bin/app", "/opt/bin/app" },
					      { "/build/lib/libx.so.1.2",
						"/opt/lib/libx.so.1.2" } };
	struct libraries_tree t;

	(void)state;
	add_elf(&w, "build/bin/app",
		(struct elf_maker){ .needed = { "libx.so.1" }, .runpath = "$ORIGIN/../lib" });
	add_elf(&w, "build/lib/libx.so.1.2", (struct elf_maker){ .soname = "libx.so.1" });
	add_link(&w, "build/lib/libx.so.1", "libx.so.1.2");
	t = finish(&w, "builder");
	assert_int_equal(libraries_find(&t, objects, 2, NULL, &l, &err), 0);
	assert_int_equal(l.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closure),     cmocka_unit_test(test_static_and_scripts),
		cmocka_unit_test(test_origin),      cmocka_unit_test(test_origin_is_root),
		cmocka_unit_test(test_conf),        cmocka_unit_test(test_runpath_is_own),
		cmocka_unit_test(test_base_keeps),  cmocka_unit_test(test_base_too_old),
		cmocka_unit_test(test_base_clash),  cmocka_unit_test(test_missing_interpreter),
		cmocka_unit_test(test_comes_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
