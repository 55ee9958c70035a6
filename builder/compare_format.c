/* SPDX-License-Identifier: Apache-2.0
 *
 * What files are made of: ELF sections here, members of archives in compare_format_archive.c, streams in
 * compare_format_stream.c.
 */
#include "builder/compare_private.h"

#include <string.h>

#include "layers/elf_section.h"

const struct format *const compare_formats[] = { &format_elf,  &format_ar,   &format_tar,
						 &format_gzip, &format_zstd, &format_zip,
						 &format_pyc,  NULL };

char *compare_say_seconds(const struct span *s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s->len && i < 4; i++)
		n |= (uint32_t)s->p[i] << (8 * i);
	return compare_time(n, 0);
}

static bool is_elf(const struct span *s)
{
	return s->len >= 16 && memcmp(s->p, "\177ELF", 4) == 0;
}

/* Those that say nothing by themselves: they follow from the rest of the file. */
static const char *section_cause(const char *name)
{
	static const struct {
		const char *name, *cause;
	} known[] = {
		{ ".note.gnu.build-id", "build-id" },
		{ ".gnu_debuglink", "build-id" },
	};

	for (size_t i = 0; i < GG_LEN(known); i++)
		if (gg_streq(name, known[i].name))
			return known[i].cause;
	return NULL;
}

static struct span bytes_of(const struct span *file, uint64_t offset, uint64_t size)
{
	return (struct span){ file->p + offset, (size_t)size };
}

/* A section of both, by its name; the first of a name with the first. */
struct twins {
	const struct elf_section *a, *b;
};

static int by_name(const void *x, const void *y)
{
	const struct elf_section *a = *(const struct elf_section *const *)x,
				 *b = *(const struct elf_section *const *)y;
	int order = strcmp(a->name, b->name);

	return order ? order : (a > b) - (a < b);
}

static int by_offset(const void *x, const void *y)
{
	const struct elf_section *a = ((const struct twins *)x)->a,
				 *b = ((const struct twins *)y)->a;

	return (a->offset > b->offset) - (a->offset < b->offset);
}

static const struct elf_section **sorted(const struct elf_sections *s)
{
	const struct elf_section **v = gg_calloc(s->n + 1, sizeof(struct elf_section *));

	for (size_t i = 0; i < s->n; i++)
		v[i] = &s->v[i];
	qsort(v, s->n, sizeof(*v), by_name);
	return v;
}

/* As they come in the first file. */
static size_t pair_sections(const struct elf_sections *a, const struct elf_sections *b,
			    struct twins *ret)
{
	_cleanup_free_ const struct elf_section **in_a = sorted(a), **in_b = sorted(b);
	size_t i = 0, k = 0, n = 0;

	while (i < a->n && k < b->n) {
		int order = strcmp(in_a[i]->name, in_b[k]->name);

		if (order == 0)
			ret[n++] = (struct twins){ in_a[i++], in_b[k++] };
		else if (order < 0)
			i++;
		else
			k++;
	}
	qsort(ret, n, sizeof(*ret), by_offset);
	return n;
}

static void visit_sections(const struct span *a, const struct span *b, const struct twins *sections,
			   size_t n, const struct part_sink *to)
{
	for (size_t i = 0; i < n; i++) {
		const struct elf_section *x = sections[i].a, *y = sections[i].b;
		struct part p = { .label = "ELF section",
				  .name = x->name,
				  .name_len = strlen(x->name),
				  .cause = section_cause(x->name),
				  .a = bytes_of(a, x->offset, x->size),
				  .b = bytes_of(b, y->offset, y->size) };

		to->visit(to->ctx, &p);
	}
}

static void visit_all(const struct span *a, const struct span *b, const struct elf_sections *in_a,
		      const struct elf_sections *in_b, const struct part_sink *to)
{
	_cleanup_free_ struct twins *sections = gg_calloc(in_a->n + 1, sizeof(*sections));
	size_t header = a->p[4] == 2 ? 64 : 52;
	struct part p = { .label = "ELF header",
			  .a = bytes_of(a, 0, header),
			  .b = bytes_of(b, 0, header),
			  .cause = "layout" };

	to->visit(to->ctx, &p);
	visit_sections(a, b, sections, pair_sections(in_a, in_b, sections), to);
	p = (struct part){ .label = "ELF section headers",
			   .cause = "layout",
			   .a = bytes_of(a, in_a->table, in_a->table_size),
			   .b = bytes_of(b, in_b->table, in_b->table_size) };
	to->visit(to->ctx, &p);
}

static bool elf_parts(const struct span *a, const struct span *b, const struct part_sink *to,
		      const char **ret_cause)
{
	_cleanup_elf_sections_ struct elf_sections in_a = { 0 }, in_b = { 0 };
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	bool both = elf_sections_read(a->p, a->len, &in_a, &ignored) == 1 &&
		    elf_sections_read(b->p, b->len, &in_b, &ignored) == 1;

	(void)ret_cause;
	if (!both || a->p[4] != b->p[4] || !in_a.n || !in_b.n)
		return false;
	visit_all(a, b, &in_a, &in_b, to);
	return true;
}

const struct format format_elf = { .name = "ELF", .is = is_elf, .parts = elf_parts };
