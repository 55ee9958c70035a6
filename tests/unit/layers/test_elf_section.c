/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/elf_section.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "layers/base/fd.h"

static const char in_rodata[] = "a text that is nowhere else in this program";

static struct gg_buf program(void)
{
	struct gg_buf b = { 0 };
	struct gg_err err = GG_ERR_INIT;

	assert_int_equal(gg_read_file(AT_FDCWD, "/proc/self/exe", 256 << 20, &b, &err), 0);
	return b;
}

static void test_this_program(void **state)
{
	_cleanup_buf_ struct gg_buf b = program();
	_cleanup_elf_sections_ struct elf_sections s = { 0 };
	struct gg_err err = GG_ERR_INIT;
	const char *at = memmem(b.data, b.len, in_rodata, sizeof(in_rodata));

	(void)state;
	assert_int_equal(elf_sections_read(b.data, b.len, &s, &err), 1);
	assert_non_null(at);
	assert_string_equal(elf_section_at(&s, (uint64_t)(at - b.data))->name, ".rodata");
	assert_null(elf_section_at(&s, 0));
	assert_null(elf_section_at(&s, b.len));
	assert_null(elf_section_at(&s, s.table));
	for (size_t i = 0; i < s.n; i++)
		if (gg_streq(s.v[i].name, ".bss"))
			assert_int_equal(s.v[i].size, 0);
}

/* Header and section headers, each byte wrong in turn: an error or sections inside of the file. */
static void test_damaged(void **state)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0xff };
	_cleanup_buf_ struct gg_buf b = program();
	struct elf_sections s;
	uint64_t table;

	(void)state;
	memcpy(&table, b.data + 40, 8);
	for (size_t i = 0; i < 64 + 256; i++) {
		char *p = b.data + (i < 64 ? i : table + i - 64), old = *p;

		for (size_t k = 0; k < GG_LEN(values); k++) {
			struct gg_err err = GG_ERR_INIT;
			int r;

			*p = (char)values[k];
			r = elf_sections_read(b.data, b.len, &s, &err);
			assert_int_equal(r < 0, err.kind == GG_INTEGRITY);
			for (size_t n = 0; r == 1 && n < s.n; n++)
				assert_true(s.v[n].offset <= b.len &&
					    s.v[n].size <= b.len - s.v[n].offset &&
					    strlen(s.v[n].name) < b.len);
			elf_sections_done(&s);
			gg_err_done(&err);
		}
		*p = old;
	}
}

static void test_what_is_none(void **state)
{
	struct elf_sections s;
	struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_int_equal(elf_sections_read("", 0, &s, &err), 0);
	assert_int_equal(elf_sections_read("#!/bin/sh\n#######", 17, &s, &err), 0);
	assert_int_equal(elf_sections_read("\177ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16, &s, &err), -1);
	assert_string_equal(err.text, "ELF file is damaged: it ends too early");
	gg_err_done(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_this_program),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
