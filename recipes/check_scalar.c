/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of single values: texts, words, numbers, booleans, durations, modes, digests, times.
 */
#include "recipes/check.h"

#include <string.h>

static void explain_fault(struct check *c, const struct yaml_node *node, const struct vars_fault *f)
{
	_cleanup_free_ const char **known = gg_calloc(c->vars->n + 1, sizeof(*known));
	const char *near = NULL;
	struct gg_pos pos;

	if (recipe_errors_full(c->errors) || c->overgrown)
		return;
	pos = yaml_pos_at(node, c->source, f->offset);
	for (size_t i = 0; i < c->vars->n; i++)
		known[i] = c->vars->v[i].name;
	if (f->name)
		near = gg_nearest(f->name, known, c->vars->n);
	switch (f->problem) {
	case VARS_OK:
		return;
	case VARS_UNDEFINED:
		check_fail(c, pos, "undefined %s '${%s}'", c->vars->what, check_shown(c, f->name));
		if (near)
			check_hint(c, "did you mean '${%s}'?", near);
		else if (gg_streq(f->name, "PATH"))
			check_hint(c, "${PATH} has a value only in the PATH of an 'env'");
		else
			check_hint(c, "declare it under '%s'; '$$' is a dollar", c->vars->where);
		return;
	case VARS_UNCLOSED:
		check_fail(c, pos, "'${' without its '}'");
		check_hint(c, "close it, or write '$$' for a dollar");
		return;
	case VARS_BAD_NAME:
		check_fail(c, pos, "'${%s}' names no %s", check_shown(c, f->name), c->vars->what);
		check_hint(c, "between the braces stands a name alone; write '$$' for a dollar");
		return;
	case VARS_BARE:
		check_fail(c, pos, "'$%s' is not replaced", check_shown(c, f->name));
		if (vars_find(c->vars, f->name))
			check_hint(c, "write '${%s}' for its value", f->name);
		else if (near)
			check_hint(c, "write '${%s}' for an %s's value, '$$' for a dollar", near,
				   c->vars->what);
		else
			check_hint(c, "write '$$%s' for the text as it is",
				   check_shown(c, f->name));
		return;
	case VARS_TOO_LONG:
		c->overgrown = true;
		check_fail(c, pos, "the recipe's values grow beyond %d MiB", CHECK_EXPANSION >> 20);
		check_hint(c, "shorten the %s, or use it less often", c->vars->what);
		return;
	}
}

const char *check_raw(struct check *c, const struct yaml_node *node, const char *wanted)
{
	if (node->kind == YAML_SCALAR && !yaml_is_null(node))
		return node->text;
	check_wrong_type(c, node, wanted);
	if (node->kind == YAML_SCALAR)
		check_hint(c, "write \"\" for an empty text");
	return NULL;
}

const char *check_scalar(struct check *c, const struct yaml_node *node, const char *wanted)
{
	struct vars_fault fault;
	const char *text = check_raw(c, node, wanted), *value;

	if (!text)
		return NULL;
	value = vars_expand(c->arena, c->vars, c->path, text, &c->budget, &fault);
	if (!value)
		explain_fault(c, node, &fault);
	return value;
}

void check_text(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "a text");

	if (text)
		*(const char **)out = text;
}

void check_content(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_raw(c, node, "a text");

	if (text)
		*(const char **)out = text;
}

void check_bool(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "true or false");

	if (!text)
		return;
	if (gg_streq(text, "true") && (node->plain || strchr(node->text, '$'))) {
		*(bool *)out = true;
	} else if (gg_streq(text, "false") && (node->plain || strchr(node->text, '$'))) {
		*(bool *)out = false;
	} else {
		check_wrong_type(c, node, "true or false");
		if (gg_streq(text, "true") || gg_streq(text, "false"))
			check_hint(c, "write it without quotes");
		else if (gg_streq(text, "yes") || gg_streq(text, "on") || gg_streq(text, "1"))
			check_hint(c, "write true");
		else if (gg_streq(text, "no") || gg_streq(text, "off") || gg_streq(text, "0"))
			check_hint(c, "write false");
	}
}

int check_int(struct check *c, const struct yaml_node *node, int64_t min, int64_t max, int64_t *ret)
{
	_cleanup_free_ char *wanted =
		gg_asprintf("a number from %lld to %lld", (long long)min, (long long)max);
	const char *text = check_scalar(c, node, wanted), *p = text;
	int64_t n = 0;

	if (!text)
		return -1;
	if (!*p || (p[0] == '0' && p[1]))
		goto wrong;
	for (; *p; p++) {
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *p - '0', &n))
			goto wrong;
	}
	if (n < min || n > max)
		goto wrong;
	*ret = n;
	return 0;
wrong:
	check_wrong_type(c, node, wanted);
	return -1;
}

void check_id(struct check *c, const struct yaml_node *node, void *out)
{
	int64_t id;

	if (!check_int(c, node, 0, CHECK_MAX_ID, &id))
		*(uint32_t *)out = (uint32_t)id;
	else if (node->kind == YAML_SCALAR)
		check_hint(c, "a build maps the ids 0 to %d; no file could belong to any other",
			   CHECK_MAX_ID);
}

bool check_is_word(const char *s)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t first = 36; /* no punctuation in front */

	return *s && memchr(rest, *s, first) && !s[strspn(s, rest)];
}

void check_word(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "a name");

	if (!text)
		return;
	if (check_is_word(text)) {
		*(const char **)out = text;
		return;
	}
	check_fail(c, check_pos(c, node), "'%s' is no name", check_shown(c, text));
	check_hint(c, "names are small letters, digits, '.', '_' and '-', and begin with a letter "
		      "or digit");
}

/* One "NUMBER UNIT" of a duration; the rest, or NULL. */
static const char *duration_part(const char *p, uint64_t *sum)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 }
	};
	uint64_t n = 0;
	size_t digits = strspn(p, "0123456789"), len;

	if (!digits || digits > 9)
		return NULL;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (uint64_t)(p[i] - '0');
	p += digits;
	len = strcspn(p, "0123456789");
	for (size_t i = 0; i < GG_LEN(units); i++) {
		if (strlen(units[i].name) != len || strncmp(p, units[i].name, len) != 0)
			continue;
		if (__builtin_mul_overflow(n, units[i].ns, &n) ||
		    __builtin_add_overflow(*sum, n, sum))
			return NULL;
		return p + len;
	}
	return NULL;
}

void check_duration(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "a duration like 30s"), *p = text;
	uint64_t sum = 0;

	if (!text)
		return;
	do
		p = duration_part(p, &sum);
	while (p && *p);
	if (p && sum && sum <= INT64_MAX) {
		*(uint64_t *)out = sum;
		return;
	}
	check_wrong_type(c, node, "a duration like 30s");
	if (*text && !text[strspn(text, "0123456789")] && strspn(text, "0") < strlen(text))
		check_hint(c, "write the unit: %ss, %sm or %sh", text, text, text);
	else
		check_hint(c, "the units are ms, s, m and h: 500ms, 30s, 5m, 1h30m; it must be "
			      "more than 0");
}

void check_mode(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "an octal mode like \"0755\"");
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return;
	if (len >= 3 && len <= 4 && strspn(text, "01234567") == len) {
		*(int *)out = (int)strtol(text, NULL, 8);
		return;
	}
	check_wrong_type(c, node, "an octal mode like \"0755\"");
	check_hint(c, "three or four octal digits, in quotes");
}

static bool owner_part(const char *s, size_t len)
{
	unsigned long id = 0;

	if (!len || len > 32)
		return false;
	if (strspn(s, "0123456789") >= len) {
		for (size_t i = 0; i < len && id <= CHECK_MAX_ID; i++)
			id = id * 10 + (unsigned long)(s[i] - '0');
		return id <= CHECK_MAX_ID;
	}
	for (size_t i = 0; i < len; i++) {
		bool letter =
			(s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_';

		if (!letter && (!i || !strchr("0123456789.-", s[i])))
			return false;
	}
	return true;
}

void check_owner(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "a user or user:group"), *colon;

	if (!text)
		return;
	colon = strchr(text, ':');
	if (owner_part(text, colon ? (size_t)(colon - text) : strlen(text)) &&
	    (!colon || owner_part(colon + 1, strlen(colon + 1)))) {
		*(const char **)out = text;
		return;
	}
	check_fail(c, check_pos(c, node), "'%s' is no owner", check_shown(c, text));
	check_hint(c, "write user, user:group or uid:gid, with ids from 0 to %d", CHECK_MAX_ID);
}

void check_sha256(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "a sha256 in hex"), *hex;

	if (!text)
		return;
	hex = gg_starts(text, "sha256:") ? text + strlen("sha256:") : text;
	if (!gg_digest_from_hex(hex, out))
		return;
	check_fail(c, check_pos(c, node), "'%s' is no sha256", check_shown(c, text));
	if (strspn(hex, "0123456789abcdef") == strlen(hex))
		check_hint(c, "it has 64 hex digits, this has %zu", strlen(hex));
	else
		check_hint(c, "write 64 hex digits in small letters, as sha256sum prints them");
}

static bool digits(const char **p, size_t n, int *ret)
{
	int value = 0;

	for (size_t i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		value = value * 10 + (**p - '0');
	}
	*ret = value;
	return true;
}

static bool eat(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* Days since 1970-01-01 in the Gregorian calendar; years are counted from March, so that the leap day is last. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2), m = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* RFC 3339 date-time, or a date alone, which is its midnight in UTC. */
static bool parse_time(const char *p, int64_t *ret)
{
	int year, month, day, hour = 0, minute = 0, second = 0, zh = 0, zm = 0, sign = 1;

	if (!digits(&p, 4, &year) || !eat(&p, '-') || !digits(&p, 2, &month) || !eat(&p, '-') ||
	    !digits(&p, 2, &day) || month < 1 || month > 12 || day < 1)
		return false;
	if (day > days_of(year + month / 12, month % 12 + 1, 1) - days_of(year, month, 1))
		return false;
	if (*p) {
		if ((!eat(&p, 'T') && !eat(&p, 't') && !eat(&p, ' ')) || !digits(&p, 2, &hour) ||
		    !eat(&p, ':') || !digits(&p, 2, &minute) || !eat(&p, ':') ||
		    !digits(&p, 2, &second))
			return false;
		if (!eat(&p, 'Z') && !eat(&p, 'z')) {
			sign = *p == '-' ? -1 : 1;
			if ((!eat(&p, '+') && !eat(&p, '-')) || !digits(&p, 2, &zh) ||
			    !eat(&p, ':') || !digits(&p, 2, &zm))
				return false;
		}
		if (*p || hour > 23 || minute > 59 || second > 59 || zh > 23 || zm > 59)
			return false;
	}
	*ret = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
	       sign * (zh * 3600 + zm * 60);
	return true;
}

void check_epoch(struct check *c, const struct yaml_node *node, void *out)
{
	static const char wanted[] = "a time: seconds since 1970, or 2026-01-31T12:00:00Z";
	const char *text = check_scalar(c, node, wanted);
	int64_t time = -1;

	if (!text)
		return;
	if (*text && strlen(text) <= 12 && !text[strspn(text, "0123456789")])
		time = strtoll(text, NULL, 10);
	else if (!parse_time(text, &time))
		time = -1;
	if (time >= 0)
		*(int64_t *)out = time;
	else
		check_wrong_type(c, node, wanted);
}
