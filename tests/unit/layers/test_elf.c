/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/elf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "tests/unit/layers/elf_maker.h"

static const struct elf_maker full = {
	.interp = "/lib64/ld-linux-x86-64.so.2",
	.soname = "libx.so.1",
	.rpath = "/a:/b",
	.runpath = "$ORIGIN/../lib",
	.needed = { "libc.so.6", "libm.so.6" },
	.need_file = "libc.so.6",
	.need_versions = { "GLIBC_2.2.5", "GLIBC_2.34", "?weak" },
	.defines = { "X_1", "X_2" },
};

static void check_full(unsigned bits, bool big_endian, uint16_t machine)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_elf_ struct elf e = { 0 };
	_cleanup_buf_ struct gg_buf bytes = { 0 };
	struct elf_maker m = full;

	m.bits = bits;
	m.big_endian = big_endian;
	m.machine = machine;
	bytes = elf_make(m);
	assert_int_equal(elf_parse(bytes.data, bytes.len, &e, &err), 1);
	assert_int_equal(e.bits, bits);
	assert_int_equal(e.big_endian, big_endian);
	assert_int_equal(e.machine, machine);
	assert_true(e.dynamic);
	assert_string_equal(e.interp, "/lib64/ld-linux-x86-64.so.2");
	assert_string_equal(e.soname, "libx.so.1");
	assert_string_equal(e.rpath, "/a:/b");
	assert_string_equal(e.runpath, "$ORIGIN/../lib");
	assert_int_equal(e.needed.n, 2);
	assert_string_equal(e.needed.v[1], "libm.so.6");
	assert_int_equal(e.n_needs, 1);
	assert_string_equal(e.needs[0].file, "libc.so.6");
	assert_int_equal(e.needs[0].versions.n, 2);
	assert_string_equal(e.needs[0].versions.v[1], "GLIBC_2.34");
	assert_int_equal(e.defines.n, 2);
	assert_string_equal(e.defines.v[0], "X_1");
	assert_string_equal(e.defines.v[1], "X_2");
}

static void test_full(void **state)
{
	(void)state;
	check_full(64, false, EM_X86_64);
	check_full(32, false, EM_386);
	check_full(64, true, EM_S390);
	check_full(32, true, EM_MIPS);
}

static void test_machines(void **state)
{
	struct elf amd64 = { .bits = 64, .machine = ELF_MACHINE_X86_64 }, x32 = amd64, armhf, armel,
		   other;

	(void)state;
	x32.bits = 32;
	armel = (struct elf){ .bits = 32, .machine = ELF_MACHINE_ARM, .flags = 0x5000200 };
	armhf = (struct elf){ .bits = 32, .machine = ELF_MACHINE_ARM, .flags = 0x5000400 };
	other = (struct elf){ .bits = 64, .machine = 2 };
	assert_string_equal(elf_multiarch(&amd64), "x86_64-linux-gnu");
	assert_string_equal(elf_multiarch(&x32), "x86_64-linux-gnux32");
	assert_string_equal(elf_multiarch(&armhf), "arm-linux-gnueabihf");
	assert_string_equal(elf_multiarch(&armel), "arm-linux-gnueabi");
	assert_null(elf_multiarch(&other));
	assert_string_equal(elf_platform(&amd64), "x86_64");
	assert_false(elf_compatible(&amd64, &x32));
	assert_true(elf_compatible(&armhf, &armel));
}

static void test_no_elf(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct elf e;

	(void)state;
	assert_int_equal(elf_parse("", 0, &e, &err), 0);
	assert_int_equal(elf_parse("#!/bin/sh\necho hello\n", 21, &e, &err), 0);
	assert_int_equal(elf_parse("\177ELF", 4, &e, &err), 0);
	assert_int_equal(err.kind, GG_OK);
}

/* Every prefix and every single flipped byte gives a result or an error, and never a crash. */
static void test_damaged(void **state)
{
	_cleanup_buf_ struct gg_buf bytes = elf_make(full);
	unsigned errors = 0;

	(void)state;
	for (size_t len = 20; len < bytes.len; len++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_elf_ struct elf e = { 0 };

		assert_int_equal(elf_parse(bytes.data, len, &e, &err), -1);
		assert_int_equal(err.kind, GG_INTEGRITY);
	}
	for (size_t i = 0; i < bytes.len; i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_elf_ struct elf e = { 0 };

		bytes.data[i] ^= (char)0xff;
		errors += elf_parse(bytes.data, bytes.len, &e, &err) < 0;
		bytes.data[i] ^= (char)0xff;
	}
	assert_true(errors > 50);
}

/* The program that runs is an ELF file too. */
static void test_own(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_elf_ struct elf e = { 0 };
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(elf_read(fd, &e, &err), 1);
	assert_true(e.dynamic);
	assert_true(gg_strv_has(&e.needed, "libc.so.6"));
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),   cmocka_unit_test(test_machines),
		cmocka_unit_test(test_no_elf), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
