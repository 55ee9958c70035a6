/* SPDX-License-Identifier: Apache-2.0
 *
 * builder/reason_text.c: two canonical texts, in words.
 */
#include "builder/reason_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "builder/reason.h"
#include "builder/text_diff.h"

#define OLD_A "sha256:a1"
#define NEW_A "sha256:a2"
#define GONE "sha256:a0"

static bool is(const char *key, size_t len, const char *what)
{
	return strlen(what) == len && memcmp(key, what, len) == 0;
}

static const char *old_name(void *ctx, const char *key, size_t len)
{
	(void)ctx;
	return is(key, len, OLD_A) ? "stage/a" : NULL;
}

static const char *new_name(void *ctx, const char *key, size_t len)
{
	(void)ctx;
	return is(key, len, NEW_A) ? "stage/a" : NULL;
}

static void join(struct gg_buf *out, const char *what, struct gg_strv *list)
{
	for (size_t i = 0; i < list->n; i++)
		gg_buf_printf(out, "%s: %s\n", what, list->v[i]);
	gg_strv_done(list);
}

static void expect(const char *old, const char *fresh, const char *want)
{
	const struct reason_names names = { old_name, new_name, NULL };
	_cleanup_buf_ struct gg_buf out = { 0 };
	struct reason r = { 0 };

	reason_text(old, strlen(old), fresh, strlen(fresh), &names, &r);
	join(&out, "because", &r.because);
	join(&out, "package", &r.packages);
	join(&out, "change", &r.changes);
	assert_string_equal(out.data ? out.data : "", want);
}

static void equal_texts(void **state)
{
	(void)state;
	expect("kind step 1\nenv A=b\n", "kind step 1\nenv A=b\n", "");
	expect("", "", "");
}

static void lines(void **state)
{
	(void)state;
	expect("kind step 1\nenv A=b\nenv C=d\n", "kind step 2\nenv A=b\nenv C=e\nworkdir /\n",
	       "change: -kind step 1\nchange: +kind step 2\nchange: -env C=d\nchange: +env C=e\n"
	       "change: +workdir /\n");
}

static void long_texts(void **state)
{
	(void)state;
	expect("shell [5]\na\nb\nc\nenv A=b\n", "shell [5]\na\nB\nc\nenv A=b\n",
	       "change:  shell\nchange: -b\nchange: +B\n");
	expect("shell a\n", "shell [3]\na\nb\n", "change:  shell\nchange: +b\n");
	expect("kind x\n", "kind x\nshell [3]\na\nb\n", "change:  shell\nchange: +a\nchange: +b\n");
	/* A length that the text does not hold is a value like any other. */
	expect("shell [99]\na\n", "shell [99]\nb\n", "change: -a \nchange: +b \n");
}

static void packages(void **state)
{
	(void)state;
	expect("package a 1 amd64 00\npackage b 1 amd64 00\npackage c 1 amd64 00\n",
	       "package a 2 amd64 01\npackage c 1 amd64 02\npackage d 3 all 03\n",
	       "package: a 1 -> 2\npackage: c 1: another archive\npackage: added d 3\npackage: "
	       "removed b 1\n");
}

static void references(void **state)
{
	(void)state;
	expect("below " OLD_A "\n", "below " NEW_A "\n", "because: stage/a\n");
	expect("below " GONE "\n", "below " NEW_A "\n", "because: stage/a\n");
	expect("kind x\n", "kind x\nbelow " NEW_A "\n", "change: +below stage/a\n");
	expect("kind x\nbelow " OLD_A "\n", "kind x\n", "change: -below stage/a\n");
	expect("copy-from " OLD_A "\ncopy-path /x\n", "copy-from empty\ncopy-path /x\n",
	       "change: -copy-from stage/a\nchange: +copy-from empty\n");
	/* The same step under another label is no pair. */
	expect("tree " OLD_A "\n", "below " NEW_A "\n",
	       "change: -tree stage/a\nchange: +below stage/a\n");
}

static void count(void *ctx, enum text_side side, size_t index)
{
	(void)index;
	((size_t *)ctx)[side]++;
}

/* So long that no table is made of it: all of it differs, and that is said once. */
static void too_long(void **state)
{
	enum { N = 4000 };
	struct text_item *old = gg_calloc(N, sizeof(*old)), *fresh = gg_calloc(N, sizeof(*fresh));
	size_t counts[3] = { 0 };

	(void)state;
	for (size_t i = 0; i < N; i++) {
		old[i] = (struct text_item){ i % 2 ? "b" : "a", 1 };
		fresh[i] = (struct text_item){ i % 2 ? "a" : "b", 1 };
	}
	text_diff(old, N, fresh, N, count, counts);
	assert_int_equal(counts[TEXT_SAME], 0);
	assert_int_equal(counts[TEXT_OLD], N);
	assert_int_equal(counts[TEXT_NEW], N);
	memset(counts, 0, sizeof(counts));
	text_diff(old, 100, fresh, 100, count, counts);
	assert_int_equal(counts[TEXT_SAME], 99);
	free(old);
	free(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_texts), cmocka_unit_test(lines),
		cmocka_unit_test(long_texts),  cmocka_unit_test(packages),
		cmocka_unit_test(references),  cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
