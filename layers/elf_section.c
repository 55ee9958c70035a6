/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/elf_section.h"

#include <stdbool.h>
#include <string.h>

enum { SECTIONS_MAX = 65536, SHT_NOBITS = 8 };

struct source {
	const uint8_t *p;
	size_t len;
	bool wide, big;
};

static uint64_t number(const struct source *s, const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[s->big ? i : n - 1 - i];
	return v;
}

/* A word of the class, at its place in either. */
static uint64_t word(const struct source *s, const uint8_t *p, size_t at32, size_t at64)
{
	return s->wide ? number(s, p + at64, 8) : number(s, p + at32, 4);
}

static int broken(const char *what, struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY, "ELF file is damaged: %s", what);
}

static bool inside(const struct source *s, uint64_t offset, uint64_t size)
{
	return offset <= s->len && size <= s->len - offset;
}

/* A section's name, when it lies in the names' section and ends there. */
static const char *name_at(const struct source *s, const struct elf_section *names, uint64_t at)
{
	const char *p;

	if (at >= names->size)
		return "";
	p = (const char *)s->p + names->offset + at;
	return memchr(p, '\0', (size_t)(names->size - at)) ? p : "";
}

static int read_table(const struct source *s, struct elf_sections *ret, struct gg_err *err)
{
	size_t least = s->wide ? 64 : 40;
	uint64_t entry = number(s, s->p + (s->wide ? 58 : 46), 2),
		 n = number(s, s->p + (s->wide ? 60 : 48), 2),
		 names = number(s, s->p + (s->wide ? 62 : 50), 2);
	const uint8_t *table;

	ret->table = word(s, s->p, 32, 40);
	if (ret->table == 0)
		return 1;
	if (entry < least || !inside(s, ret->table, entry))
		return broken("its section headers lie outside of the file", err);
	table = s->p + ret->table;
	/* More than fit in the header: the first section's size and link say so. */
	if (n == 0)
		n = word(s, table, 20, 32);
	if (names == 0xffff)
		names = number(s, table + (s->wide ? 40 : 24), 4);
	if (n > SECTIONS_MAX || !inside(s, ret->table, n * entry))
		return broken("its section headers lie outside of the file", err);
	ret->table_size = n * entry;
	ret->v = gg_calloc(n ? n : 1, sizeof(*ret->v));
	for (; ret->n < n; ret->n++) {
		const uint8_t *h = table + ret->n * entry;
		struct elf_section *x = &ret->v[ret->n];

		x->name = "";
		x->offset = word(s, h, 16, 24);
		x->size = number(s, h + 4, 4) == SHT_NOBITS ? 0 : word(s, h, 20, 32);
		if (ret->n == 0) /* SHT_NULL: its size counts sections */
			x->offset = x->size = 0;
		if (!inside(s, x->offset, x->size))
			return broken("a section lies outside of the file", err);
	}
	for (size_t i = 0; i < n && names < n; i++)
		ret->v[i].name = name_at(s, &ret->v[names], number(s, table + i * entry, 4));
	return 1;
}

int elf_sections_read(const void *bytes, size_t len, struct elf_sections *ret, struct gg_err *err)
{
	struct source s = { .p = bytes, .len = len };
	int r;

	*ret = (struct elf_sections){ 0 };
	if (len < 16 || memcmp(s.p, "\177ELF", 4) != 0)
		return 0;
	if (s.p[4] < 1 || s.p[4] > 2 || s.p[5] < 1 || s.p[5] > 2)
		return broken("its class or byte order is unknown", err);
	s.wide = s.p[4] == 2;
	s.big = s.p[5] == 2;
	if (len < (s.wide ? 64u : 52u))
		return broken("it ends too early", err);
	r = read_table(&s, ret, err);
	if (r < 0)
		elf_sections_done(ret);
	return r;
}

void elf_sections_done(struct elf_sections *s)
{
	free(s->v);
	*s = (struct elf_sections){ 0 };
}

const struct elf_section *elf_section_at(const struct elf_sections *s, uint64_t offset)
{
	for (size_t i = 0; i < s->n; i++)
		if (offset >= s->v[i].offset && offset - s->v[i].offset < s->v[i].size)
			return &s->v[i];
	return NULL;
}
