/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/ignore.h"

#include <stdint.h>
#include <string.h>

#include "layers/base/mem.h"

/*
 * How the reference implementation matches one pattern depends on its shape, and the shapes do not agree on every
 * path, so they are kept apart:
 *   EXACT   no special character
 *   PREFIX  literal text and a final "**": begins with the text
 *   SUFFIX  a leading "**" and literal text: ends with the text ("**" + "/x" also is "x")
 *   PATTERN anything else: the whole path, with "**" + "/" any number of directories
 */
enum shape { EXACT, PREFIX, SUFFIX, PATTERN };

struct rule {
	char *text; /* cleaned, without '!' */
	enum shape shape;
	bool exception;
};

struct ignore {
	struct rule *rules;
	size_t n, cap;
};

/* ---- reading ---- */

/* Lexical cleaning: "a//b/./c/.." is "a/b"; an empty path is ".". */
static char *clean(const char *path)
{
	_cleanup_strv_ struct gg_strv words = { 0 };
	_cleanup_buf_ struct gg_buf out = { 0 };
	bool rooted = path[0] == '/';

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");
		_cleanup_free_ char *word = gg_strndup(p, len);

		p += len + (p[len] == '/');
		if (!len || gg_streq(word, "."))
			continue;
		if (gg_streq(word, "..") && words.n && !gg_streq(words.v[words.n - 1], "..")) {
			free(words.v[--words.n]);
			words.v[words.n] = NULL;
		} else if (!gg_streq(word, "..") || !rooted) {
			gg_strv_add(&words, word);
		}
	}
	gg_buf_puts(&out, rooted ? "/" : "");
	for (size_t i = 0; i < words.n; i++)
		gg_buf_printf(&out, "%s%s", i ? "/" : "", words.v[i]);
	return out.len ? gg_buf_steal(&out) : gg_strdup(".");
}

/* ASCII white space; NBSP and its kin in a file name are no slip of the keyboard. */
static char *trimmed(const char *text, size_t len)
{
	while (len && strchr(" \t\r\n\v\f", text[0])) {
		text++;
		len--;
	}
	while (len && strchr(" \t\r\n\v\f", text[len - 1]))
		len--;
	return gg_strndup(text, len);
}

/* Behind the '[': past the ']', or NULL when the set is malformed. "[]" and "[a-" are. */
static const char *skip_set(const char *p)
{
	if (*p == '^')
		p++;
	for (bool first = true; first || *p != ']'; first = false) {
		for (int end = 0; end < 2; end++) {
			if (*p == '\0' || *p == '-' || *p == ']')
				return NULL;
			if (*p == '\\' && *++p == '\0')
				return NULL;
			p++;
			if (*p != '-')
				break;
			p += !end;
		}
	}
	return p + 1;
}

static bool well_formed(const char *p)
{
	while (*p) {
		if (*p == '[') {
			p = skip_set(p + 1);
			if (!p)
				return false;
		} else if (*p == '\\' && *++p == '\0') {
			return false;
		} else {
			p++;
		}
	}
	return true;
}

static enum shape shape_of(const char *text)
{
	size_t len = strlen(text), special = strcspn(text, "*?[\\]");

	if (special == len)
		return EXACT;
	if (special == len - 2 && gg_ends(text, "**") && special)
		return PREFIX;
	if (gg_starts(text, "**") && strcspn(text + 2, "*?[\\]") == len - 2)
		return SUFFIX;
	return PATTERN;
}

static int add_rule(struct ignore *ig, struct gg_pos pos, const char *line, size_t len,
		    struct gg_err *err)
{
	_cleanup_free_ char *text = trimmed(line, len), *body = NULL, *cleaned = NULL;
	bool exception = text[0] == '!';

	if (!*text)
		return 0;
	body = trimmed(text + exception, strlen(text + exception));
	if (!*body)
		return gg_fail_at(err, GG_RECIPE, pos,
				  "ignore pattern '%s' makes an exception of nothing", text);
	cleaned = clean(body);
	if (cleaned[0] == '/' && cleaned[1])
		memmove(cleaned, cleaned + 1, strlen(cleaned));
	if (!well_formed(cleaned)) {
		gg_fail_at(err, GG_RECIPE, pos, "ignore pattern '%s' is malformed", text);
		return gg_hint(err, "a '[' needs its ']', and a '\\' something behind it");
	}
	GG_GROW(ig->rules, ig->n, ig->cap);
	ig->rules[ig->n++] = (struct rule){ cleaned, shape_of(cleaned), exception };
	cleaned = NULL;
	return 0;
}

int ignore_add(struct ignore *ig, const char *pattern, struct gg_err *err)
{
	return add_rule(ig, (struct gg_pos){ 0 }, pattern, strlen(pattern), err);
}

struct ignore *ignore_parse(const char *file, const char *text, size_t len, struct gg_err *err)
{
	GG_CLEANUP(ignore_freep) struct ignore *ig = gg_zalloc(sizeof(*ig));
	struct gg_pos pos = { .file = file, .col = 1 };

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;

		pos.line++;
		if (memchr(text, '\0', line)) {
			gg_fail_at(err, GG_RECIPE, pos, "ignore pattern holds a NUL byte");
			return NULL;
		}
		if (text[0] != '#' && add_rule(ig, pos, text, line, err) < 0)
			return NULL;
		text += line + (end != NULL);
		len -= line + (end != NULL);
	}
	return gg_steal(&ig);
}

void ignore_free(struct ignore *ig)
{
	if (!ig)
		return;
	for (size_t i = 0; i < ig->n; i++)
		free(ig->rules[i].text);
	free(ig->rules);
	free(ig);
}

void ignore_freep(struct ignore **ig)
{
	ignore_free(*ig);
}

/* ---- matching ---- */

/* One token of a PATTERN at p. */
enum token { CHARACTER, ONE, SET, RUN, DIRECTORIES, EVERYTHING };

static enum token token_at(const char *p, size_t *ret_len)
{
	*ret_len = 1;
	switch (*p) {
	case '*':
		if (p[1] != '*')
			return RUN;
		*ret_len = p[2] == '/' ? 3 : 2;
		return p[*ret_len] ? DIRECTORIES : EVERYTHING;
	case '?':
		return ONE;
	case '[':
		*ret_len = (size_t)(skip_set(p + 1) - p);
		return SET;
	case '\\':
		*ret_len = 2;
		return CHARACTER;
	}
	return CHARACTER;
}

/* One UTF-8 character, or one byte where there is none. */
static size_t character(const char *s, uint32_t *ret)
{
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 },
				   mask[] = { 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned char c = (unsigned char)*s;
	size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	*ret = c;
	if (!more || c < lead[more])
		return 1;
	*ret = c & mask[more];
	for (size_t i = 1; i <= more; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80) {
			*ret = c;
			return 1;
		}
		*ret = *ret << 6 | ((unsigned char)s[i] & 0x3f);
	}
	return more + 1;
}

/* p is behind the '[' of a well-formed set. '/' is as good as any other member. */
static bool in_set(const char *p, uint32_t c)
{
	bool negated = *p == '^', found = false;

	p += negated;
	while (*p != ']') {
		uint32_t low, high;

		p += *p == '\\';
		p += character(p, &low);
		high = low;
		if (*p == '-') {
			p++;
			p += *p == '\\';
			p += character(p, &high);
		}
		found |= low <= c && c <= high;
	}
	return found != negated;
}

/*
 * Which ends of the path can the tokens so far reach? reach[i] says that they match the first i bytes; one sweep per
 * token, so the time is the product of both lengths.
 */
static void sweep(enum token token, const char *p, const char *path, size_t len, const bool *reach,
		  bool *next)
{
	bool run = false;

	for (size_t i = 0; i <= len; i++) {
		uint32_t c = 0, wanted;
		size_t width = i < len ? character(path + i, &c) : 0;

		run |= reach[i];
		switch (token) {
		case CHARACTER:
			wanted = (unsigned char)(*p == '\\' ? p[1] : *p);
			if (reach[i] && i < len && (unsigned char)path[i] == wanted)
				next[i + 1] = true;
			break;
		case ONE:
			if (reach[i] && width && c != '/')
				next[i + width] = true;
			break;
		case SET:
			if (reach[i] && width && in_set(p + 1, c))
				next[i + width] = true;
			break;
		case RUN:
			next[i] |= run;
			run &= i < len && path[i] != '/';
			break;
		case DIRECTORIES: /* nothing, or anything up to and with a '/' */
			next[i] |= reach[i];
			if (run && i < len && path[i] == '/')
				next[i + 1] = true;
			break;
		case EVERYTHING:
			next[i] |= run;
			break;
		}
	}
}

static bool match_pattern(const char *p, const char *path, size_t len)
{
	_cleanup_free_ bool *memory = gg_calloc(2 * (len + 1), sizeof(bool));
	bool *reach = memory, *next = memory + len + 1;

	reach[0] = true;
	while (*p) {
		size_t width;
		enum token token = token_at(p, &width);
		bool *swap = reach;

		memset(next, 0, len + 1);
		sweep(token, p, path, len, reach, next);
		reach = next;
		next = swap;
		p += width;
	}
	return reach[len];
}

static bool ends_with(const char *path, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return n <= len && memcmp(path + len - n, suffix, n) == 0;
}

/* Against the first len bytes of path. */
static bool match_rule(const struct rule *rule, const char *path, size_t len)
{
	const char *text = rule->text;
	size_t n = strlen(text);

	switch (rule->shape) {
	case EXACT:
		return n == len && memcmp(text, path, len) == 0;
	case PREFIX:
		return len >= n - 2 && memcmp(text, path, n - 2) == 0;
	case SUFFIX:
		return ends_with(path, len, text + 2) ||
		       (text[2] == '/' && n - 3 == len && memcmp(text + 3, path, len) == 0);
	case PATTERN:
		return match_pattern(text, path, len);
	}
	return false;
}

bool ignore_excludes(const struct ignore *ig, const char *path)
{
	size_t len = strlen(path);
	bool excluded = false;

	for (size_t i = 0; i < ig->n; i++) {
		const struct rule *rule = &ig->rules[i];
		bool match;

		if (rule->exception != excluded)
			continue;
		match = match_rule(rule, path, len);
		for (size_t end = 1; end < len && !match; end++)
			match = path[end] == '/' && match_rule(rule, path, end);
		if (match)
			excluded = !rule->exception;
	}
	return excluded;
}

static unsigned components(const char *path)
{
	unsigned n = 1;

	while ((path = strchr(path, '/'))) {
		n++;
		path++;
	}
	return n;
}

/* Can the exception match something below dir that it does not match already? Says yes when in doubt. */
static bool reaches_below(const struct rule *rule, const char *dir)
{
	size_t len = strlen(dir), literal = strcspn(rule->text, "*?[\\]");
	size_t common = literal < len ? literal : len;

	if (memcmp(rule->text, dir, common) != 0)
		return false;
	if (literal > len)
		return rule->text[len] == '/';
	/* the literal text ends at or above the directory: only special characters can go further down */
	if (rule->shape == EXACT)
		return false;
	return strstr(rule->text, "**") || strchr(rule->text, '[') ||
	       components(rule->text) > components(dir);
}

bool ignore_prunes(const struct ignore *ig, const char *dir)
{
	if (!ignore_excludes(ig, dir))
		return false;
	for (size_t i = 0; i < ig->n; i++) {
		if (ig->rules[i].exception && reaches_below(&ig->rules[i], dir))
			return false;
	}
	return true;
}
