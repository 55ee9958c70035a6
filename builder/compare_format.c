/* SPDX-License-Identifier: Apache-2.0
 *
 * What files are made of: ELF sections here, members of archives in compare_format_archive.c, streams in
 * compare_format_stream.c.
 */
#include <string.h>

#include "builder/compare_private.h"
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

static bool same_sections(const struct elf_sections *a, const struct elf_sections *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!gg_streq(a->v[i].name, b->v[i].name))
			return false;
	return a->n > 0;
}

static struct span bytes_of(const struct span *file, uint64_t offset, uint64_t size)
{
	return (struct span){ file->p + offset, (size_t)size };
}

/* Sections with their twins, as they come in the file. */
struct twins {
	const struct elf_section *a, *b;
};

static int by_offset(const void *x, const void *y)
{
	const struct elf_section *a = ((const struct twins *)x)->a,
				 *b = ((const struct twins *)y)->a;

	return (a->offset > b->offset) - (a->offset < b->offset);
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
	_cleanup_free_ struct twins *sections = gg_calloc(in_a->n, sizeof(*sections));
	size_t header = a->p[4] == 2 ? 64 : 52;
	struct part p = { .label = "ELF header",
			  .a = bytes_of(a, 0, header),
			  .b = bytes_of(b, 0, header),
			  .cause = "layout" };

	for (size_t i = 0; i < in_a->n; i++)
		sections[i] = (struct twins){ &in_a->v[i], &in_b->v[i] };
	qsort(sections, in_a->n, sizeof(*sections), by_offset);
	to->visit(to->ctx, &p);
	visit_sections(a, b, sections, in_a->n, to);
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
	if (!both || a->p[4] != b->p[4] || !same_sections(&in_a, &in_b))
		return false;
	visit_all(a, b, &in_a, &in_b, to);
	return true;
}

const struct format format_elf = { .name = "ELF", .is = is_elf, .parts = elf_parts };
