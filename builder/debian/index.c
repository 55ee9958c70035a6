/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/index.h"

#include <assert.h>

#include "builder/debian/relation.h"
#include "layers/archive.h"

enum { NONE = UINT32_MAX };

struct text {
	char *bytes;
	char *suite;
};

struct provide {
	struct deb_slice name, version;
	uint32_t package;
	uint32_t next; /* in the same bucket */
};

struct index {
	char *arch;
	struct text *texts;
	size_t n_texts, cap_texts;
	struct index_package *packages;
	size_t n, cap;
	struct provide *provides;
	size_t n_provides, cap_provides;
	/* Open addressing: name → newest package; chained: name → provides. Sizes are powers of two. */
	uint32_t *heads, *buckets;
	size_t n_heads, n_buckets;
};

struct index *index_new(const char *arch)
{
	struct index *ix = gg_zalloc(sizeof(*ix));

	ix->arch = gg_strdup(arch);
	return ix;
}

void index_free(struct index *ix)
{
	if (!ix)
		return;
	for (size_t i = 0; i < ix->n_texts; i++) {
		free(ix->texts[i].bytes);
		free(ix->texts[i].suite);
	}
	free(ix->texts);
	free(ix->packages);
	free(ix->provides);
	free(ix->heads);
	free(ix->buckets);
	free(ix->arch);
	free(ix);
}

void index_freep(struct index **ix)
{
	index_free(*ix);
}

enum {
	PACKAGE,
	VERSION,
	ARCHITECTURE,
	ESSENTIAL,
	PRIORITY,
	PROVIDES,
	DEPENDS,
	PRE_DEPENDS,
	CONFLICTS,
	BREAKS,
	REPLACES,
	MULTI_ARCH,
	FILENAME,
	SIZE,
	SHA256,
	N_FIELDS,
};

static const char *const fields[N_FIELDS] = {
	[PACKAGE] = "Package",
	[VERSION] = "Version",
	[ARCHITECTURE] = "Architecture",
	[ESSENTIAL] = "Essential",
	[PRIORITY] = "Priority",
	[PROVIDES] = "Provides",
	[DEPENDS] = "Depends",
	[PRE_DEPENDS] = "Pre-Depends",
	[CONFLICTS] = "Conflicts",
	[BREAKS] = "Breaks",
	[REPLACES] = "Replaces",
	[MULTI_ARCH] = "Multi-Arch",
	[FILENAME] = "Filename",
	[SIZE] = "Size",
	[SHA256] = "SHA256",
};

static enum index_priority parse_priority(struct deb_slice s)
{
	static const char *const names[] = { "required", "important", "standard", "optional" };

	for (size_t i = 0; i < GG_LEN(names); i++)
		if (deb_slice_is(s, names[i]))
			return (enum index_priority)i;
	return INDEX_EXTRA;
}

static enum index_multiarch parse_multiarch(struct deb_slice s)
{
	if (deb_slice_is(s, "same"))
		return INDEX_MA_SAME;
	if (deb_slice_is(s, "foreign"))
		return INDEX_MA_FOREIGN;
	return deb_slice_is(s, "allowed") ? INDEX_MA_ALLOWED : INDEX_MA_NO;
}

/* Becomes part of a URL and of the lock: relative, plain, below its root. */
static bool filename_plain(struct deb_slice path)
{
	struct deb_slice rest = path, part;

	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] <= ' ' || path.p[i] > '~' || memchr("%?#\\\"", path.p[i], 5))
			return false;
	while (deb_slice_split(&rest, '/', &part))
		if (!part.len || deb_slice_is(part, ".") || deb_slice_is(part, ".."))
			return false;
	return path.len > 0;
}

static bool parse_digest(struct deb_slice s, struct gg_digest *ret)
{
	char hex[GG_DIGEST_HEX];

	if (s.len != GG_DIGEST_HEX - 1)
		return false;
	memcpy(hex, s.p, s.len);
	hex[s.len] = '\0';
	return !gg_digest_from_hex(hex, ret);
}

static const char *fill(const struct index *ix, const struct deb_slice *v, struct index_package *p)
{
	p->name = v[PACKAGE];
	p->version = v[VERSION];
	p->architecture = v[ARCHITECTURE];
	p->provides = v[PROVIDES];
	p->depends = v[DEPENDS];
	p->pre_depends = v[PRE_DEPENDS];
	p->conflicts = v[CONFLICTS];
	p->breaks = v[BREAKS];
	p->replaces = v[REPLACES];
	p->filename = v[FILENAME];
	p->priority = parse_priority(v[PRIORITY]);
	p->multiarch = parse_multiarch(v[MULTI_ARCH]);
	p->essential = deb_slice_is(v[ESSENTIAL], "yes");
	p->next = NONE;
	if (!relation_name_valid(p->name))
		return "Package";
	if (!version_valid(p->version))
		return "Version";
	if (!deb_slice_is(p->architecture, "all") && !deb_slice_is(p->architecture, ix->arch))
		return "Architecture";
	if (!filename_plain(p->filename))
		return "Filename";
	if (!deb_slice_number(v[SIZE], &p->size))
		return "Size";
	return parse_digest(v[SHA256], &p->sha256) ? NULL : "SHA256";
}

int index_add(struct index *ix, const char *suite, const char *name, struct gg_buf *text,
	      struct gg_err *err)
{
	struct deb_slice v[N_FIELDS];
	struct deb822 d;
	int more;

	assert(!ix->heads);
	GG_GROW(ix->texts, ix->n_texts, ix->cap_texts);
	deb822_init(&d, name, text->data, text->len, 0);
	ix->texts[ix->n_texts++] = (struct text){ text->data, gg_strdup(suite) };
	*text = (struct gg_buf){ 0 };
	while ((more = deb822_stanza(&d, fields, N_FIELDS, v, NULL, err)) > 0) {
		struct index_package p = { .suite = (unsigned)ix->n_texts - 1 };
		const char *bad = fill(ix, v, &p);

		if (bad)
			return gg_fail(err, GG_INTEGRITY,
				       "parse '%s' line %u: the stanza before has no good %s", name,
				       d.line, bad);
		GG_GROW(ix->packages, ix->n, ix->cap);
		ix->packages[ix->n++] = p;
	}
	return more;
}

int index_inflate(const char *name, int fd, size_t max, struct gg_buf *ret, struct gg_err *err)
{
	_cleanup_archive_ struct archive_stream *s = NULL;
	const void *bytes;
	size_t len;

	if (archive_open(fd, 0, UINT64_MAX, &s, err) < 0)
		return gg_context(err, "decompress '%s'", name);
	for (;;) {
		if (archive_next(s, &bytes, &len, err) < 0)
			return gg_context(err, "decompress '%s'", name);
		if (!len)
			return 0;
		if (len > max - ret->len)
			return gg_fail(err, GG_INTEGRITY, "decompress '%s': more than %zu bytes",
				       name, max);
		gg_buf_add(ret, bytes, len);
	}
}

static uint64_t hash_name(struct deb_slice name)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)name.p[i]) * 0x100000001b3;
	return h ^ h >> 29;
}

static size_t table_size(size_t n)
{
	size_t size = 64;

	while (size < n * 2)
		size *= 2;
	return size;
}

static uint32_t *new_table(size_t size)
{
	uint32_t *table = gg_calloc(size, sizeof(*table));

	memset(table, 0xff, size * sizeof(*table));
	return table;
}

static uint32_t *head_slot(const struct index *ix, struct deb_slice name)
{
	size_t i = hash_name(name) & (ix->n_heads - 1);

	while (ix->heads[i] != NONE && !deb_slice_eq(ix->packages[ix->heads[i]].name, name))
		i = (i + 1) & (ix->n_heads - 1);
	return &ix->heads[i];
}

/* Newest first; of equal versions the one added first, alone: the same package in two suites is one. */
static bool link_package(struct index *ix, uint32_t id)
{
	struct index_package *p = &ix->packages[id];
	uint32_t *slot = head_slot(ix, p->name);

	while (*slot != NONE) {
		int order = version_compare(p->version, ix->packages[*slot].version);

		if (!order)
			return false;
		if (order > 0)
			break;
		slot = &ix->packages[*slot].next;
	}
	p->next = *slot;
	*slot = id;
	return true;
}

/* A malformed Provides is as good as none: nothing can depend on it. */
static void link_provides(struct index *ix, uint32_t id)
{
	struct deb_slice field = ix->packages[id].provides, clause;

	while (relation_clause(&field, &clause)) {
		_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
		struct relation r;

		if (relation_next(&clause, &r, &ignored) <= 0)
			continue;
		if (r.op != VERSION_ANY && r.op != VERSION_EQ)
			continue;
		GG_GROW(ix->provides, ix->n_provides, ix->cap_provides);
		ix->provides[ix->n_provides++] =
			(struct provide){ .name = r.name, .version = r.version, .package = id };
	}
}

void index_ready(struct index *ix)
{
	assert(!ix->heads);
	ix->n_heads = table_size(ix->n);
	ix->heads = new_table(ix->n_heads);
	for (uint32_t id = 0; id < ix->n; id++)
		if (link_package(ix, id))
			link_provides(ix, id);
	ix->n_buckets = table_size(ix->n_provides);
	ix->buckets = new_table(ix->n_buckets);
	/* Backwards, so that a bucket lists its packages in the order of the texts. */
	for (uint32_t i = (uint32_t)ix->n_provides; i-- > 0;) {
		uint32_t *slot =
			&ix->buckets[hash_name(ix->provides[i].name) & (ix->n_buckets - 1)];

		ix->provides[i].next = *slot;
		*slot = i;
	}
}

size_t index_count(const struct index *ix)
{
	return ix->n;
}

const struct index_package *index_at(const struct index *ix, size_t i)
{
	assert(i < ix->n);
	return &ix->packages[i];
}

const char *index_suite(const struct index *ix, unsigned suite)
{
	assert(suite < ix->n_texts);
	return ix->texts[suite].suite;
}

unsigned index_suites(const struct index *ix)
{
	return (unsigned)ix->n_texts;
}

const char *index_arch(const struct index *ix)
{
	return ix->arch;
}

const struct index_package *index_find(const struct index *ix, struct deb_slice name)
{
	uint32_t id = *head_slot(ix, name);

	return id == NONE ? NULL : &ix->packages[id];
}

const struct index_package *index_older(const struct index *ix, const struct index_package *p)
{
	return p->next == NONE ? NULL : &ix->packages[p->next];
}

void index_providers(const struct index *ix, struct deb_slice name,
		     bool (*fn)(void *ctx, const struct index_package *p, struct deb_slice version),
		     void *ctx)
{
	uint32_t i = ix->buckets[hash_name(name) & (ix->n_buckets - 1)];

	for (; i != NONE; i = ix->provides[i].next)
		if (deb_slice_eq(ix->provides[i].name, name) &&
		    !fn(ctx, &ix->packages[ix->provides[i].package], ix->provides[i].version))
			return;
}

char *index_nearest(const struct index *ix, struct deb_slice name)
{
	_cleanup_free_ char *word = deb_slice_dup(name);
	_cleanup_strv_ struct gg_strv names = { 0 };
	struct gg_buf list = { 0 };

	for (size_t i = 0; i < ix->n_heads; i++)
		if (ix->heads[i] != NONE)
			gg_strv_take(&names, deb_slice_dup(ix->packages[ix->heads[i]].name));
	gg_strv_sort(&names);
	for (int k = 0; k < 3; k++) {
		const char *found = gg_nearest(word, (const char *const *)names.v, names.n);
		size_t at = 0;

		if (!found)
			break;
		gg_buf_printf(&list, "%s%s", list.len ? ", " : "", found);
		while (names.v[at] != found)
			at++;
		free(names.v[at]);
		memmove(names.v + at, names.v + at + 1, (names.n - at) * sizeof(*names.v));
		names.n--;
	}
	return list.len ? gg_buf_steal(&list) : NULL;
}
