/* SPDX-License-Identifier: Apache-2.0
 *
 * Small ELF files for tests: one loadable segment that is the whole file, at address 0.
 *
 *   header | program headers | dynamic section | verneed | verdef | strings
 */
#pragma once

#include <elf.h>
#include <string.h>

#include "layers/base/mem.h"

struct elf_maker {
	unsigned bits; /* 64 by default */
	bool big_endian;
	uint16_t machine; /* x86-64 by default */
	const char *interp, *soname, *rpath, *runpath;
	const char *needed[8];
	const char *need_file, *need_versions[4]; /* DT_VERNEED of one library */
	const char *defines[4];                   /* DT_VERDEF behind the base definition */
};

static void elf_put(struct gg_buf *b, const struct elf_maker *m, uint64_t n, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		gg_buf_putc(b, (char)(n >> 8 * (m->big_endian ? bytes - 1 - i : i)));
}

static void elf_word(struct gg_buf *b, const struct elf_maker *m, uint64_t n)
{
	elf_put(b, m, n, m->bits == 32 ? 4 : 8);
}

static uint64_t elf_string(struct gg_buf *strings, const char *text)
{
	uint64_t at = strings->len;

	gg_buf_add(strings, text, strlen(text) + 1);
	return at;
}

static void elf_tag(struct gg_buf *b, const struct elf_maker *m, uint64_t tag, uint64_t value)
{
	elf_word(b, m, tag);
	elf_word(b, m, value);
}

static void elf_phdr(struct gg_buf *b, const struct elf_maker *m, uint32_t type, uint64_t at,
		     uint64_t size)
{
	elf_put(b, m, type, 4);
	if (m->bits == 64)
		elf_put(b, m, 5, 4);
	elf_word(b, m, at);
	elf_word(b, m, at);
	elf_word(b, m, at);
	elf_word(b, m, size);
	elf_word(b, m, size);
	if (m->bits == 32)
		elf_put(b, m, 5, 4);
	elf_word(b, m, 1);
}

static unsigned elf_versions(struct gg_buf *need, struct gg_buf *def, struct gg_buf *strings,
			     const struct elf_maker *m)
{
	unsigned n = 0, d = 0;

	while (n < 4 && m->need_versions[n])
		n++;
	while (d < 4 && m->defines[d])
		d++;
	if (n) {
		elf_put(need, m, 1, 2);
		elf_put(need, m, n, 2);
		elf_put(need, m, elf_string(strings, m->need_file), 4);
		elf_put(need, m, 16, 4);
		elf_put(need, m, 0, 4);
	}
	for (unsigned i = 0; i < n; i++) {
		elf_put(need, m, 0, 4);
		elf_put(need, m, m->need_versions[i][0] == '?' ? VER_FLG_WEAK : 0, 2);
		elf_put(need, m, i + 2, 2);
		elf_put(need, m, elf_string(strings, m->need_versions[i]), 4);
		elf_put(need, m, i + 1 < n ? 16 : 0, 4);
	}
	for (unsigned i = 0; d && i <= d; i++) {
		elf_put(def, m, 1, 2);
		elf_put(def, m, i ? 0 : VER_FLG_BASE, 2);
		elf_put(def, m, i + 1, 2);
		elf_put(def, m, 1, 2);
		elf_put(def, m, 0, 4);
		elf_put(def, m, 20, 4);
		elf_put(def, m, i < d ? 28 : 0, 4);
		elf_put(def, m, elf_string(strings, i ? m->defines[i - 1] : "base"), 4);
		elf_put(def, m, 0, 4);
	}
	return d ? d + 1 : 0;
}

static void elf_header(struct gg_buf *b, const struct elf_maker *m, unsigned segments)
{
	bool wide = m->bits == 64;

	gg_buf_add(b, "\177ELF", 4);
	gg_buf_putc(b, wide ? 2 : 1);
	gg_buf_putc(b, m->big_endian ? 2 : 1);
	gg_buf_add(b, "\1\0\0\0\0\0\0\0\0\0", 10);
	elf_put(b, m, ET_DYN, 2);
	elf_put(b, m, m->machine, 2);
	elf_put(b, m, 1, 4);
	elf_word(b, m, 0);
	elf_word(b, m, wide ? 64 : 52);
	elf_word(b, m, 0);
	elf_put(b, m, 0, 4);
	elf_put(b, m, wide ? 64 : 52, 2);
	elf_put(b, m, wide ? 56 : 32, 2);
	elf_put(b, m, segments, 2);
	elf_put(b, m, 0, 2);
	elf_put(b, m, 0, 2);
	elf_put(b, m, 0, 2);
}

static struct gg_buf elf_make(struct elf_maker m)
{
	_cleanup_buf_ struct gg_buf need = { 0 }, def = { 0 }, strings = { 0 }, dynamic = { 0 };
	struct gg_buf out = { 0 };
	uint64_t interp = 0, start, total, tables;
	unsigned segments, defines, tags = 16;

	m.bits = m.bits ? m.bits : 64;
	m.machine = m.machine ? m.machine : EM_X86_64;
	segments = m.interp ? 3 : 2;
	gg_buf_putc(&strings, '\0');
	defines = elf_versions(&need, &def, &strings, &m);
	start = (m.bits == 64 ? 64 : 52) + segments * (m.bits == 64 ? 56u : 32u);
	tables = start + tags * (m.bits == 64 ? 16u : 8u);
	for (unsigned i = 0; i < 8 && m.needed[i]; i++)
		elf_tag(&dynamic, &m, DT_NEEDED, elf_string(&strings, m.needed[i]));
	if (m.soname)
		elf_tag(&dynamic, &m, DT_SONAME, elf_string(&strings, m.soname));
	if (m.rpath)
		elf_tag(&dynamic, &m, DT_RPATH, elf_string(&strings, m.rpath));
	if (m.runpath)
		elf_tag(&dynamic, &m, DT_RUNPATH, elf_string(&strings, m.runpath));
	if (m.interp)
		interp = elf_string(&strings, m.interp);
	if (need.len) {
		elf_tag(&dynamic, &m, DT_VERNEED, tables);
		elf_tag(&dynamic, &m, DT_VERNEEDNUM, 1);
	}
	if (def.len) {
		elf_tag(&dynamic, &m, DT_VERDEF, tables + need.len);
		elf_tag(&dynamic, &m, DT_VERDEFNUM, defines);
	}
	elf_tag(&dynamic, &m, DT_STRTAB, tables + need.len + def.len);
	elf_tag(&dynamic, &m, DT_STRSZ, strings.len);
	while (dynamic.len < tables - start)
		gg_buf_putc(&dynamic, '\0');
	total = tables + need.len + def.len + strings.len;
	elf_header(&out, &m, segments);
	elf_phdr(&out, &m, PT_LOAD, 0, total);
	elf_phdr(&out, &m, PT_DYNAMIC, start, dynamic.len);
	if (m.interp)
		elf_phdr(&out, &m, PT_INTERP, tables + need.len + def.len + interp,
			 strlen(m.interp) + 1);
	gg_buf_add(&out, dynamic.data, dynamic.len);
	gg_buf_add(&out, need.data, need.len);
	gg_buf_add(&out, def.data, def.len);
	gg_buf_add(&out, strings.data, strings.len);
	return out;
}
