/* SPDX-License-Identifier: Apache-2.0
 *
 * The sections of an ELF file, 32 and 64 bits, both byte orders: which one a byte of the file lies in. System V gABI
 * chapter 4, "Sections". Bounds on every offset and count; a hostile file is GG_INTEGRITY.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

struct elf_section {
	const char *name;      /* into the file's bytes, or "" */
	uint64_t offset, size; /* bytes in the file: 0 of SHT_NOBITS */
};

struct elf_sections {
	struct elf_section *v; /* in the order of the section headers */
	size_t n;
	uint64_t table, table_size; /* the section headers themselves */
};

/* 1; 0 when it does not start as an ELF file does; -1 on error. Names point into `bytes`. */
int elf_sections_read(const void *bytes, size_t len, struct elf_sections *ret,
		      struct gg_err *err) GG_MUST_USE;
void elf_sections_done(struct elf_sections *s);
#define _cleanup_elf_sections_ GG_CLEANUP(elf_sections_done)
/* NULL: headers, or bytes between the sections. */
const struct elf_section *elf_section_at(const struct elf_sections *s, uint64_t offset);
