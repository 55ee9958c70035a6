/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/reason_text.h"

#include <string.h>

#include "builder/reason.h"
#include "builder/text_diff.h"

/* "NAME VALUE\n", or "NAME [LEN]\nVALUE\n". */
struct entry {
	struct text_item name, value;
	bool used; /* told already */
};

struct entries {
	struct entry *v;
	struct text_item *items; /* parallel: the whole entries */
	size_t n, cap, cap_items;
};

static void entries_done(struct entries *e)
{
	free(e->v);
	free(e->items);
}
#define _cleanup_entries_ GG_CLEANUP(entries_done)

static struct text_item item(const char *bytes, const char *end)
{
	return (struct text_item){ bytes, (size_t)(end - bytes) };
}

static bool item_is(const struct text_item *i, const char *word)
{
	return i->len == strlen(word) && memcmp(i->bytes, word, i->len) == 0;
}

static bool item_eq(const struct text_item *a, const struct text_item *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static const char *find(const char *p, const char *end, char c)
{
	const char *at = memchr(p, c, (size_t)(end - p));

	return at ? at : end;
}

/* The value behind "[LEN]\n" when the line ends like that. */
static void take_long_value(struct entry *e, const char *line_end, const char *end)
{
	char *after;
	unsigned long len;

	if (e->value.len < 3 || e->value.bytes[0] != '[' || line_end == end)
		return;
	len = strtoul(e->value.bytes + 1, &after, 10);
	if (after + 1 == line_end && *after == ']' && len <= (size_t)(end - line_end - 1))
		e->value = (struct text_item){ line_end + 1, len };
}

static void parse(const char *text, size_t len, struct entries *ret)
{
	const char *end = text + len;

	for (const char *p = text; p < end;) {
		const char *line_end = find(p, end, '\n'), *space = find(p, line_end, ' '), *next;
		struct entry e = { .name = item(p, space) };

		e.value = item(space < line_end ? space + 1 : line_end, line_end);
		take_long_value(&e, line_end, end);
		next = e.value.bytes + e.value.len;
		GG_GROW(ret->v, ret->n, ret->cap);
		if (ret->cap_items < ret->cap) {
			ret->cap_items = ret->cap;
			ret->items = gg_realloc_n(ret->items, ret->cap_items, sizeof(*ret->items));
		}
		ret->items[ret->n] = item(p, next);
		ret->v[ret->n++] = e;
		p = next + (next < end);
	}
}

/* What differs, collected until the next equal entry. */
struct comparison {
	struct entries old, fresh;
	size_t *gone, *come; /* indices */
	size_t n_gone, n_come, cap_gone, cap_come;
	const struct reason_names *names;
	struct reason *reason;
};

static void collect(void *ctx, enum text_side side, size_t index)
{
	struct comparison *c = ctx;

	if (side == TEXT_OLD) {
		GG_GROW(c->gone, c->n_gone, c->cap_gone);
		c->gone[c->n_gone++] = index;
	} else if (side == TEXT_NEW) {
		GG_GROW(c->come, c->n_come, c->cap_come);
		c->come[c->n_come++] = index;
	}
}

/* ---- references: entries whose value is the key of another step ---- */

static bool is_reference(const struct entry *e)
{
	static const char *const labels[] = { "below", "tree", "copy-from", "input" };

	for (size_t i = 0; i < GG_LEN(labels); i++)
		if (item_is(&e->name, labels[i]))
			return e->value.len > 7 && memcmp(e->value.bytes, "sha256:", 7) == 0;
	return false;
}

static const char *old_name(const struct comparison *c, const struct entry *e)
{
	return c->names->old_name(c->names->ctx, e->value.bytes, e->value.len);
}

static const char *new_name(const struct comparison *c, const struct entry *e)
{
	return c->names->new_name(c->names->ctx, e->value.bytes, e->value.len);
}

/* The entry that a new reference replaces: that of the same step, else one that no step has any more. */
static struct entry *replaced_by(struct comparison *c, const struct entry *e, const char *name,
				 bool exact)
{
	for (size_t i = 0; i < c->n_gone; i++) {
		struct entry *old = &c->old.v[c->gone[i]];
		const char *was;

		if (old->used || !is_reference(old) || !item_eq(&old->name, &e->name))
			continue;
		was = old_name(c, old);
		if (exact ? was && gg_streq(was, name) : !was)
			return old;
	}
	return NULL;
}

static void pair_references(struct comparison *c, bool exact)
{
	for (size_t i = 0; i < c->n_come; i++) {
		struct entry *e = &c->fresh.v[c->come[i]], *old;
		const char *name = !e->used && is_reference(e) ? new_name(c, e) : NULL;

		old = name ? replaced_by(c, e, name, exact) : NULL;
		if (!old)
			continue;
		old->used = e->used = true;
		if (!gg_strv_has(&c->reason->because, name))
			gg_strv_add(&c->reason->because, name);
	}
}

/* ---- packages: "package NAME VERSION ARCHITECTURE SHA256" ---- */

static char *package_field(const struct entry *e, unsigned field)
{
	const char *p = e->value.bytes, *end = p + e->value.len;

	for (; field > 0; field--)
		p = find(p, end, ' ') + 1;
	return p < end ? gg_strndup(p, (size_t)(find(p, end, ' ') - p)) : gg_strdup("");
}

static struct entry *find_package(struct comparison *c, const char *name)
{
	for (size_t i = 0; i < c->n_gone; i++) {
		struct entry *old = &c->old.v[c->gone[i]];
		_cleanup_free_ char *other = NULL;

		if (old->used || !item_is(&old->name, "package"))
			continue;
		other = package_field(old, 0);
		if (gg_streq(other, name))
			return old;
	}
	return NULL;
}

static void tell_package(struct comparison *c, struct entry *e)
{
	_cleanup_free_ char *name = package_field(e, 0), *version = package_field(e, 1),
			    *was = NULL;
	struct entry *old = find_package(c, name);

	e->used = true;
	if (!old) {
		gg_strv_addf(&c->reason->packages, "added %s %s", name, version);
		return;
	}
	old->used = true;
	was = package_field(old, 1);
	if (gg_streq(was, version))
		gg_strv_addf(&c->reason->packages, "%s %s: another archive", name, version);
	else
		gg_strv_addf(&c->reason->packages, "%s %s -> %s", name, was, version);
}

static void tell_packages(struct comparison *c)
{
	for (size_t i = 0; i < c->n_come; i++)
		if (item_is(&c->fresh.v[c->come[i]].name, "package"))
			tell_package(c, &c->fresh.v[c->come[i]]);
	for (size_t i = 0; i < c->n_gone; i++) {
		struct entry *old = &c->old.v[c->gone[i]];

		if (!old->used && item_is(&old->name, "package")) {
			_cleanup_free_ char *name = package_field(old, 0),
					    *version = package_field(old, 1);

			old->used = true;
			gg_strv_addf(&c->reason->packages, "removed %s %s", name, version);
		}
	}
}

/* ---- everything else, line by line ---- */

static bool is_long(const struct entry *e)
{
	return memchr(e->value.bytes, '\n', e->value.len) != NULL;
}

static size_t split(const struct text_item *text, struct text_item **ret)
{
	const char *end = text->bytes + text->len;
	size_t n = 0, cap = 0;

	*ret = NULL;
	for (const char *p = text->bytes; p < end;) {
		const char *line_end = find(p, end, '\n');

		GG_GROW(*ret, n, cap);
		(*ret)[n++] = item(p, line_end);
		p = line_end + (line_end < end);
	}
	return n;
}

struct lines {
	const struct text_item *old, *fresh;
	struct gg_strv *out;
};

static void add_line(struct gg_strv *out, char sign, const struct text_item *line)
{
	gg_strv_addf(out, "%c%.*s", sign, (int)line->len, line->bytes);
}

static void tell_line(void *ctx, enum text_side side, size_t index)
{
	struct lines *l = ctx;

	if (side == TEXT_OLD)
		add_line(l->out, '-', &l->old[index]);
	else if (side == TEXT_NEW)
		add_line(l->out, '+', &l->fresh[index]);
}

/* old or fresh may be NULL. */
static void tell_long(const struct entry *old, const struct entry *fresh, struct gg_strv *out)
{
	_cleanup_free_ struct text_item *before = NULL, *after = NULL;
	size_t n_before = old ? split(&old->value, &before) : 0,
	       n_after = fresh ? split(&fresh->value, &after) : 0;
	struct lines l = { before, after, out };

	add_line(out, ' ', &(fresh ? fresh : old)->name);
	text_diff(before, n_before, after, n_after, tell_line, &l);
}

static void tell_entry(const struct comparison *c, char sign, const struct entry *e)
{
	const char *name = !is_reference(e) ? NULL : sign == '-' ? old_name(c, e) : new_name(c, e);

	if (is_long(e))
		tell_long(sign == '-' ? e : NULL, sign == '-' ? NULL : e, &c->reason->changes);
	else
		gg_strv_addf(&c->reason->changes, "%c%.*s %.*s", sign, (int)e->name.len,
			     e->name.bytes, name ? (int)strlen(name) : (int)e->value.len,
			     name ? name : e->value.bytes);
}

/* What stands in the old entry's place now. */
static struct entry *successor(struct comparison *c, const struct entry *old)
{
	for (size_t i = 0; i < c->n_come; i++) {
		struct entry *e = &c->fresh.v[c->come[i]];

		if (!e->used && item_eq(&e->name, &old->name))
			return e;
	}
	return NULL;
}

static void tell_gone(struct comparison *c, struct entry *old)
{
	struct entry *fresh = successor(c, old);

	if (fresh && (is_long(old) || is_long(fresh))) {
		tell_long(old, fresh, &c->reason->changes);
	} else {
		tell_entry(c, '-', old);
		if (fresh)
			tell_entry(c, '+', fresh);
	}
	if (fresh)
		fresh->used = true;
}

static void tell_rest(struct comparison *c)
{
	for (size_t i = 0; i < c->n_gone; i++)
		if (!c->old.v[c->gone[i]].used)
			tell_gone(c, &c->old.v[c->gone[i]]);
	for (size_t i = 0; i < c->n_come; i++)
		if (!c->fresh.v[c->come[i]].used)
			tell_entry(c, '+', &c->fresh.v[c->come[i]]);
}

void reason_text(const char *old, size_t old_len, const char *fresh, size_t fresh_len,
		 const struct reason_names *names, struct reason *ret)
{
	struct comparison c = { .names = names, .reason = ret };

	parse(old, old_len, &c.old);
	parse(fresh, fresh_len, &c.fresh);
	text_diff(c.old.items, c.old.n, c.fresh.items, c.fresh.n, collect, &c);
	pair_references(&c, true);
	pair_references(&c, false);
	tell_packages(&c);
	tell_rest(&c);
	entries_done(&c.old);
	entries_done(&c.fresh);
	free(c.gone);
	free(c.come);
}
