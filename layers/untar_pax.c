/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/untar_pax.h"

#include <string.h>

#include "layers/base/mem.h"
#include "layers/untar.h"

struct record {
	const char *key; /* NUL-terminated copy */
	const char *value;
	size_t len;
};

static bool number(const struct record *r, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->len; i++) {
		unsigned digit = (unsigned)(r->value[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*ret = n;
	return r->len > 0;
}

static const char *set_text(struct untar_pax *pax, const char **slot, const struct record *r)
{
	if (r->len == 0 || memchr(r->value, '\0', r->len))
		return "an empty pax path or one with a NUL";
	*slot = gg_arena_strndup(pax->arena, r->value, r->len);
	return NULL;
}

static const char *set_number(bool *has, uint64_t *slot, const struct record *r)
{
	*has = number(r, slot);
	return *has ? NULL : "a pax number";
}

static const char *add_xattr(struct untar_pax *pax, const struct record *r)
{
	const char *name = r->key + strlen("SCHILY.xattr.");

	if (!*name || strlen(name) > UNTAR_MAX_XATTR_NAME)
		return "the name of an extended attribute";
	if (r->len > UNTAR_MAX_XATTR_VALUE)
		return "an extended attribute of more than 64 KiB";
	pax->xattrs[pax->n_xattrs++] = (struct tree_xattr){
		.name = name,
		.value = gg_arena_strndup(pax->arena, r->value, r->len),
		.len = r->len,
	};
	return NULL;
}

/* "-1.25" is 0.75 s after -2. */
static void set_time(struct untar_pax *pax, const struct record *r)
{
	bool negative = r->len > 0 && r->value[0] == '-';
	size_t i = negative;
	int64_t seconds = 0;
	uint32_t ns = 0, unit = 100000000;

	for (; i < r->len && r->value[i] >= '0' && r->value[i] <= '9'; i++) {
		if (__builtin_mul_overflow(seconds, 10, &seconds) ||
		    __builtin_add_overflow(seconds, r->value[i] - '0', &seconds))
			return;
	}
	if (i == negative || (i < r->len && r->value[i] != '.'))
		return;
	for (i++; i < r->len; i++, unit /= 10) {
		if (r->value[i] < '0' || r->value[i] > '9')
			return;
		ns += (uint32_t)(r->value[i] - '0') * unit;
	}
	pax->has_mtime = true;
	pax->mtime = negative ? -seconds - (ns > 0) : seconds;
	pax->mtime_ns = negative && ns ? 1000000000 - ns : ns;
}

static const char *use(struct untar_pax *pax, const struct record *r)
{
	if (gg_streq(r->key, "path"))
		return set_text(pax, &pax->path, r);
	if (gg_streq(r->key, "linkpath"))
		return set_text(pax, &pax->linkpath, r);
	if (gg_streq(r->key, "size"))
		return set_number(&pax->has_size, &pax->size, r);
	if (gg_streq(r->key, "uid"))
		return set_number(&pax->has_uid, &pax->uid, r);
	if (gg_streq(r->key, "gid"))
		return set_number(&pax->has_gid, &pax->gid, r);
	if (gg_streq(r->key, "mtime"))
		set_time(pax, r);
	if (gg_starts(r->key, "SCHILY.xattr."))
		return add_xattr(pax, r);
	if (gg_starts(r->key, "GNU.sparse.") || gg_streq(r->key, "SCHILY.realsize") ||
	    gg_streq(r->key, "SUN.holesdata"))
		pax->sparse = true;
	return NULL;
}

/* "LENGTH KEY=VALUE\n", LENGTH being that of all of it. */
static const char *cut(struct untar_pax *pax, const char **p, const char *end, struct record *ret)
{
	const char *s = *p, *equals, *stop;
	size_t len = 0, digits = 0;

	for (; s < end && *s >= '0' && *s <= '9' && digits < 8; s++, digits++)
		len = len * 10 + (size_t)(*s - '0');
	if (digits == 0 || s == end || *s != ' ' || len > (size_t)(end - *p) || len < digits + 4 ||
	    (*p)[0] == '0')
		return "the length of a pax record";
	stop = *p + len;
	s++;
	equals = memchr(s, '=', (size_t)(stop - s));
	if (stop[-1] != '\n' || !equals || equals == s || memchr(s, '\0', (size_t)(equals - s)))
		return "a pax record";
	ret->key = gg_arena_strndup(pax->arena, s, (size_t)(equals - s));
	ret->value = equals + 1;
	ret->len = (size_t)(stop - 1 - ret->value);
	*p = stop;
	return NULL;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct record *)a)->key, ((const struct record *)b)->key);
}

static const char *use_all(struct untar_pax *pax, struct record *records, size_t n)
{
	qsort(records, n, sizeof(*records), compare_keys);
	pax->xattrs = gg_arena_calloc(pax->arena, n, sizeof(*pax->xattrs));
	for (size_t i = 0; i < n; i++) {
		const char *why;

		if (i > 0 && gg_streq(records[i - 1].key, records[i].key))
			return "a pax key that comes twice";
		why = use(pax, &records[i]);
		if (why)
			return why;
	}
	return NULL;
}

const char *untar_pax_parse(struct untar_pax *pax, const char *text, size_t len)
{
	_cleanup_free_ struct record *records = NULL;
	const char *p = text, *end = text + len, *why = NULL;
	size_t n = 0, cap = 0;

	pax->present = true;
	while (p < end && !why) {
		GG_GROW(records, n, cap);
		why = cut(pax, &p, end, &records[n++]);
	}
	return why ? why : use_all(pax, records, n);
}
