/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/elf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Far beyond what linkers write, and small enough that a hostile file costs nothing. */
enum {
	SEGMENTS_MAX = 4096,
	DYNAMIC_MAX = 65536,
	STRING_MAX = 4096,
	VERSIONS_MAX = 65536,
};

enum { PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3 };

enum {
	DT_NULL = 0,
	DT_NEEDED = 1,
	DT_STRTAB = 5,
	DT_STRSZ = 10,
	DT_SONAME = 14,
	DT_RPATH = 15,
	DT_RUNPATH = 29,
	DT_VERDEF = 0x6ffffffc,
	DT_VERDEFNUM = 0x6ffffffd,
	DT_VERNEED = 0x6ffffffe,
	DT_VERNEEDNUM = 0x6fffffff,
};

enum { VER_FLG_BASE = 1, VER_FLG_WEAK = 2 };

struct segment {
	uint64_t offset, address, size;
};

/* The file, wherever it is, and what is known of it. */
struct source {
	int fd;
	const uint8_t *bytes;
	uint64_t size;
	struct elf *elf;
	struct gg_err *err;
	struct segment *loads; /* owned */
	size_t n_loads;
	uint64_t strings, strings_size; /* file offset of the dynamic string table */
};

static int broken(struct source *s, const char *what)
{
	return gg_fail(s->err, GG_INTEGRITY, "ELF file is damaged: %s", what);
}

/* ---- bytes ---- */

static int fetch(struct source *s, uint64_t offset, void *to, size_t len)
{
	size_t done = 0;

	if (offset > s->size || len > s->size - offset)
		return broken(s, "it ends too early");
	if (s->bytes) {
		memcpy(to, s->bytes + offset, len);
		return 0;
	}
	while (done < len) {
		ssize_t n = pread(s->fd, (char *)to + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return gg_fail_errno(s->err, "read ELF file");
		if (n == 0)
			return broken(s, "it shrinks while it is read");
		done += (size_t)n;
	}
	return 0;
}

static uint64_t number(const struct source *s, const uint8_t *p, unsigned bytes)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < bytes; i++)
		n |= (uint64_t)p[i] << 8 * (s->elf->big_endian ? bytes - 1 - i : i);
	return n;
}

/* An address-sized field: `at32` or `at64` bytes into the record. */
static uint64_t word(const struct source *s, const uint8_t *record, unsigned at32, unsigned at64)
{
	return s->elf->bits == 32 ? number(s, record + at32, 4) : number(s, record + at64, 8);
}

/* Owned by the caller. */
static char *string_at(struct source *s, uint64_t index)
{
	char text[STRING_MAX + 1];
	uint64_t rest;

	if (index >= s->strings_size) {
		broken(s, "a string lies outside of the string table");
		return NULL;
	}
	rest = s->strings_size - index;
	if (rest > STRING_MAX)
		rest = STRING_MAX;
	if (s->strings + index < s->strings) {
		broken(s, "the string table lies outside of the file");
		return NULL;
	}
	if (fetch(s, s->strings + index, text, rest) < 0)
		return NULL;
	text[rest] = '\0';
	if (strlen(text) == rest) {
		broken(s, "a string does not end");
		return NULL;
	}
	return gg_strdup(text);
}

static int offset_of(struct source *s, uint64_t address, uint64_t *ret)
{
	for (size_t i = 0; i < s->n_loads; i++) {
		const struct segment *seg = &s->loads[i];

		if (address >= seg->address && address - seg->address < seg->size) {
			*ret = seg->offset + (address - seg->address);
			return *ret < seg->offset ? broken(s, "a segment lies outside of the file")
						  : 0;
		}
	}
	return broken(s, "an address lies outside of every segment");
}

/* ---- headers ---- */

static int read_interp(struct source *s, const struct segment *seg)
{
	char text[STRING_MAX + 1];

	if (seg->size == 0 || seg->size > STRING_MAX)
		return broken(s, "the interpreter's name is empty or too long");
	if (fetch(s, seg->offset, text, seg->size) < 0)
		return -1;
	text[seg->size] = '\0';
	free(s->elf->interp);
	s->elf->interp = gg_strdup(text);
	return 0;
}

/* One program header: Elf32_Phdr has p_flags near its end, Elf64_Phdr second. */
static int read_segment(struct source *s, const uint8_t *record, struct segment *dynamic)
{
	struct segment seg = {
		.offset = word(s, record, 4, 8),
		.address = word(s, record, 8, 16),
		.size = word(s, record, 16, 32),
	};

	switch (number(s, record, 4)) {
	case PT_LOAD:
		s->loads[s->n_loads++] = seg;
		return 0;
	case PT_DYNAMIC:
		*dynamic = seg;
		return 0;
	case PT_INTERP:
		return read_interp(s, &seg);
	}
	return 0;
}

static int read_segments(struct source *s, const uint8_t *header, struct segment *dynamic)
{
	uint64_t table = word(s, header, 28, 32);
	unsigned entry = (unsigned)number(s, header + (s->elf->bits == 32 ? 42 : 54), 2);
	unsigned n = (unsigned)number(s, header + (s->elf->bits == 32 ? 44 : 56), 2);
	unsigned least = s->elf->bits == 32 ? 32 : 56;
	uint8_t record[56];

	if (!n)
		return 0;
	if (n > SEGMENTS_MAX || entry < least || table > s->size ||
	    s->size - table < (uint64_t)n * entry)
		return broken(s, "its program headers lie outside of the file");
	s->loads = gg_calloc(n, sizeof(*s->loads));
	for (unsigned i = 0; i < n; i++) {
		if (fetch(s, table + (uint64_t)i * entry, record, least) < 0 ||
		    read_segment(s, record, dynamic) < 0)
			return -1;
	}
	return 0;
}

/* 1 when it is an ELF file of a kind that exists. */
static int read_header(struct source *s, uint8_t header[64])
{
	struct elf *e = s->elf;

	if (s->size < 20)
		return 0;
	if (fetch(s, 0, header, 20) < 0)
		return -1;
	if (memcmp(header, "\177ELF", 4) != 0)
		return 0;
	if (header[4] < 1 || header[4] > 2 || header[5] < 1 || header[5] > 2)
		return broken(s, "its class or byte order is unknown");
	e->bits = header[4] * 32;
	e->big_endian = header[5] == 2;
	if (fetch(s, 0, header, e->bits == 32 ? 52 : 64) < 0)
		return -1;
	e->type = (uint16_t)number(s, header + 16, 2);
	e->machine = (uint16_t)number(s, header + 18, 2);
	e->flags = (uint32_t)number(s, header + (e->bits == 32 ? 36 : 48), 4);
	return 1;
}

/* ---- symbol versions ---- */

struct versions {
	uint64_t need, need_n, def, def_n; /* addresses and counts */
};

/* Elf_Verneed: u16 version, u16 aux count, u32 file, u32 aux offset, u32 next offset.
 * Elf_Vernaux: u32 hash, u16 flags, u16 index, u32 name, u32 next offset. Both the same in either class. */
static int read_need(struct source *s, uint64_t at, const uint8_t *record, unsigned *budget)
{
	struct elf *e = s->elf;
	uint64_t aux = at + number(s, record + 8, 4);
	struct elf_need *need;
	uint8_t a[16];
	char *text = string_at(s, number(s, record + 4, 4));

	if (!text)
		return -1;
	GG_GROW(e->needs, e->n_needs, e->cap_needs);
	need = &e->needs[e->n_needs++];
	*need = (struct elf_need){ .file = text };
	for (uint64_t i = number(s, record + 2, 2); i > 0; i--) {
		if (!(*budget)--)
			return broken(s, "it needs too many versions");
		if (fetch(s, aux, a, sizeof(a)) < 0)
			return -1;
		if (!(number(s, a + 4, 2) & VER_FLG_WEAK)) {
			text = string_at(s, number(s, a + 8, 4));
			if (!text)
				return -1;
			gg_strv_take(&need->versions, text);
		}
		aux += number(s, a + 12, 4);
	}
	return 0;
}

static int read_needs(struct source *s, const struct versions *v, unsigned *budget)
{
	uint64_t at;
	uint8_t record[16];

	if (!v->need)
		return 0;
	if (offset_of(s, v->need, &at) < 0)
		return -1;
	for (uint64_t i = 0; i < v->need_n; i++) {
		if (!(*budget)--)
			return broken(s, "it needs too many versions");
		if (fetch(s, at, record, sizeof(record)) < 0 ||
		    read_need(s, at, record, budget) < 0)
			return -1;
		if (!number(s, record + 12, 4))
			break;
		at += number(s, record + 12, 4);
	}
	return 0;
}

/* Elf_Verdef: u16 version, u16 flags, u16 index, u16 aux count, u32 hash, u32 aux offset, u32 next offset; its first
 * Elf_Verdaux (u32 name, u32 next) names the version, further ones its parents. */
static int read_defines(struct source *s, const struct versions *v, unsigned *budget)
{
	uint64_t at;
	uint8_t record[20], aux[4];

	if (!v->def)
		return 0;
	if (offset_of(s, v->def, &at) < 0)
		return -1;
	for (uint64_t i = 0; i < v->def_n; i++) {
		char *text;

		if (!(*budget)--)
			return broken(s, "it defines too many versions");
		if (fetch(s, at, record, sizeof(record)) < 0)
			return -1;
		if (!(number(s, record + 2, 2) & VER_FLG_BASE)) {
			if (fetch(s, at + number(s, record + 12, 4), aux, sizeof(aux)) < 0)
				return -1;
			text = string_at(s, number(s, aux, 4));
			if (!text)
				return -1;
			gg_strv_take(&s->elf->defines, text);
		}
		if (!number(s, record + 16, 4))
			break;
		at += number(s, record + 16, 4);
	}
	return 0;
}

/* ---- the dynamic section ---- */

struct dynamic {
	uint8_t *bytes; /* owned */
	size_t n, entry;
};

static uint64_t tag_of(const struct source *s, const struct dynamic *d, size_t i)
{
	return word(s, d->bytes + i * d->entry, 0, 0);
}

static uint64_t value_of(const struct source *s, const struct dynamic *d, size_t i)
{
	return word(s, d->bytes + i * d->entry, 4, 8);
}

static int load_dynamic(struct source *s, const struct segment *seg, struct dynamic *d)
{
	d->entry = s->elf->bits == 32 ? 8 : 16;
	if (seg->size / d->entry > DYNAMIC_MAX)
		return broken(s, "its dynamic section is too large");
	d->n = seg->size / d->entry;
	d->bytes = gg_alloc(d->n * d->entry + 1);
	if (fetch(s, seg->offset, d->bytes, d->n * d->entry) < 0)
		return -1;
	for (size_t i = 0; i < d->n; i++) {
		if (tag_of(s, d, i) == DT_NULL)
			d->n = i;
	}
	return 0;
}

/* First what the rest needs: string table and version tables, in whatever order they come. */
static int find_tables(struct source *s, const struct dynamic *d, struct versions *v)
{
	uint64_t strings = 0;

	for (size_t i = 0; i < d->n; i++) {
		uint64_t value = value_of(s, d, i);

		switch (tag_of(s, d, i)) {
		case DT_STRTAB:
			strings = value;
			break;
		case DT_STRSZ:
			s->strings_size = value;
			break;
		case DT_VERNEED:
			v->need = value;
			break;
		case DT_VERNEEDNUM:
			v->need_n = value;
			break;
		case DT_VERDEF:
			v->def = value;
			break;
		case DT_VERDEFNUM:
			v->def_n = value;
			break;
		}
	}
	if (!s->strings_size)
		return 0;
	return offset_of(s, strings, &s->strings);
}

static int take_string(struct source *s, uint64_t index, char **to)
{
	free(*to);
	*to = string_at(s, index);
	return *to ? 0 : -1;
}

static int read_entries(struct source *s, const struct dynamic *d)
{
	struct elf *e = s->elf;
	int rc = 0;

	for (size_t i = 0; i < d->n && rc == 0; i++) {
		uint64_t value = value_of(s, d, i);
		char *name;

		switch (tag_of(s, d, i)) {
		case DT_NEEDED:
			name = string_at(s, value);
			if (!name)
				return -1;
			gg_strv_take(&e->needed, name);
			break;
		case DT_SONAME:
			rc = take_string(s, value, &e->soname);
			break;
		case DT_RPATH:
			rc = take_string(s, value, &e->rpath);
			break;
		case DT_RUNPATH:
			rc = take_string(s, value, &e->runpath);
			break;
		}
	}
	return rc;
}

static int read_dynamic(struct source *s, const struct segment *seg)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	struct dynamic d = { 0 };
	struct versions v = { 0 };
	unsigned budget = VERSIONS_MAX;
	int rc = load_dynamic(s, seg, &d);

	bytes = d.bytes;
	if (rc < 0)
		return -1;
	s->elf->dynamic = d.n > 0;
	if (find_tables(s, &d, &v) < 0 || read_entries(s, &d) < 0 || read_needs(s, &v, &budget) < 0)
		return -1;
	return read_defines(s, &v, &budget);
}

/* ---- doors ---- */

static int read_source(struct source *s)
{
	struct segment dynamic = { 0 };
	uint8_t header[64];
	int rc = read_header(s, header);

	if (rc == 1 && (read_segments(s, header, &dynamic) < 0 ||
			(dynamic.size && read_dynamic(s, &dynamic) < 0)))
		rc = -1;
	free(s->loads);
	if (rc < 1)
		elf_done(s->elf);
	return rc;
}

int elf_read(int fd, struct elf *ret, struct gg_err *err)
{
	struct source s = { .fd = fd, .elf = ret, .err = err };
	struct stat st;

	*ret = (struct elf){ 0 };
	if (fstat(fd, &st) < 0)
		return gg_fail_errno(err, "look at ELF file");
	if (!S_ISREG(st.st_mode))
		return 0;
	s.size = (uint64_t)st.st_size;
	return read_source(&s);
}

int elf_parse(const void *bytes, size_t len, struct elf *ret, struct gg_err *err)
{
	struct source s = { .fd = -1, .bytes = bytes, .size = len, .elf = ret, .err = err };

	*ret = (struct elf){ 0 };
	return read_source(&s);
}

void elf_done(struct elf *e)
{
	free(e->interp);
	free(e->soname);
	free(e->rpath);
	free(e->runpath);
	gg_strv_done(&e->needed);
	gg_strv_done(&e->defines);
	for (size_t i = 0; i < e->n_needs; i++) {
		free(e->needs[i].file);
		gg_strv_done(&e->needs[i].versions);
	}
	free(e->needs);
	*e = (struct elf){ 0 };
}
