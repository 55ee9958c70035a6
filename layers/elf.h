/* SPDX-License-Identifier: Apache-2.0
 *
 * What the dynamic loader reads of an ELF file, 32 and 64 bits, both byte orders, from bytes or a descriptor. Nothing
 * is executed or mapped; only headers, the dynamic section and the strings it names are read, with bounds on every
 * offset and count, so hostile files give errors (GG_INTEGRITY). System V gABI chapters 4 and 5; symbol versions as
 * in the LSB core specification, "Symbol Versioning".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"
#include "layers/base/mem.h"

enum {
	ELF_MACHINE_386 = 3,
	ELF_MACHINE_MIPS = 8,
	ELF_MACHINE_PPC64 = 21,
	ELF_MACHINE_S390 = 22,
	ELF_MACHINE_ARM = 40,
	ELF_MACHINE_X86_64 = 62,
	ELF_MACHINE_AARCH64 = 183,
	ELF_MACHINE_RISCV = 243,
	ELF_MACHINE_LOONGARCH = 258,
};

/* The versions that an object needs of one library (DT_VERNEED), without the weak ones. */
struct elf_need {
	char *file; /* as in DT_NEEDED: "libc.so.6" */
	struct gg_strv versions;
};

struct elf {
	unsigned bits; /* 32 or 64 */
	bool big_endian;
	uint16_t type, machine;
	uint32_t flags;
	bool dynamic;                   /* has a dynamic section */
	char *interp;                   /* PT_INTERP, or NULL */
	char *soname, *rpath, *runpath; /* NULL when absent */
	struct gg_strv needed;          /* in the file's order */
	struct elf_need *needs;
	size_t n_needs, cap_needs;
	struct gg_strv defines; /* DT_VERDEF without the base definition */
};

/* 1 and ret filled; 0 when it does not start as an ELF file does; -1 on error. The descriptor's position stays. */
int elf_read(int fd, struct elf *ret, struct gg_err *err) GG_MUST_USE;
int elf_parse(const void *bytes, size_t len, struct elf *ret, struct gg_err *err) GG_MUST_USE;
void elf_done(struct elf *e);
#define _cleanup_elf_ GG_CLEANUP(elf_done)

/* Both can live in one process: same class, byte order and machine. */
bool elf_compatible(const struct elf *a, const struct elf *b);
/* Debian's multiarch tuple ("x86_64-linux-gnu"), or NULL for a machine that has none here. */
const char *elf_multiarch(const struct elf *e);
/* What $PLATFORM stands for ("x86_64"), or NULL. */
const char *elf_platform(const struct elf *e);
