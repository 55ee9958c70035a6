/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tree.h"

#include <limits.h>
#include <string.h>

static const char FIRST_LINE[] = "ggbuild-tree 1\n";
enum { FIRST_LINE_LEN = sizeof(FIRST_LINE) - 1, FIELDS_MAX = 8, FLUSH = 256 * 1024 };

static bool is_plain(unsigned char c, bool in_name)
{
	return c > 0x20 && c != 0x7f && c != '%' && !(in_name && c == '=');
}

static void put_encoded(struct gg_buf *b, const char *s, bool in_name)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = strlen(s);
	char *out;

	gg_buf_reserve(b, 3 * len);
	out = b->data + b->len;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (is_plain(c, in_name)) {
			*out++ = (char)c;
			continue;
		}
		*out++ = '%';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	b->len = (size_t)(out - b->data);
	*out = '\0';
}

/* printf is what would make a manifest of 70,000 entries slow. */
static void put_number(struct gg_buf *b, uint64_t n, unsigned base)
{
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char)('0' + n % base);
	while (n /= base);
	gg_buf_putc(b, ' ');
	gg_buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

static void put_xattrs(struct gg_buf *b, const struct tree_entry *e)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct tree_xattr *x = &e->xattrs[i];
		const unsigned char *value = x->value;

		gg_buf_puts(b, " x:");
		put_encoded(b, x->name, true);
		gg_buf_putc(b, '=');
		for (size_t j = 0; j < x->len; j++) {
			gg_buf_putc(b, digits[value[j] >> 4]);
			gg_buf_putc(b, digits[value[j] & 15]);
		}
	}
}

static void put_file(struct gg_buf *b, const struct tree_entry *e)
{
	char hex[GG_DIGEST_HEX];

	put_number(b, e->size, 10);
	gg_buf_putc(b, ' ');
	gg_buf_add(b, gg_digest_hex(&e->content, hex), GG_DIGEST_HEX - 1);
	if (e->hardlink) {
		gg_buf_puts(b, " h:");
		put_encoded(b, e->hardlink, false);
	}
	put_xattrs(b, e);
}

static void put_entry(struct gg_buf *b, const struct tree_entry *e)
{
	gg_buf_putc(b, (char)e->type);
	if (e->type != TREE_WHITEOUT) {
		put_number(b, e->type == TREE_SYMLINK ? 0777 : e->mode, 8);
		put_number(b, e->uid, 10);
		put_number(b, e->gid, 10);
	}
	gg_buf_putc(b, ' ');
	put_encoded(b, e->path, false);
	switch (e->type) {
	case TREE_DIR:
		if (e->opaque)
			gg_buf_puts(b, " o");
		put_xattrs(b, e);
		break;
	case TREE_FILE:
		put_file(b, e);
		break;
	case TREE_SYMLINK:
		gg_buf_putc(b, ' ');
		put_encoded(b, e->target, false);
		break;
	case TREE_CHAR:
	case TREE_BLOCK:
		put_number(b, e->major, 10);
		put_number(b, e->minor, 10);
		break;
	case TREE_FIFO:
	case TREE_WHITEOUT:
		break;
	}
	gg_buf_putc(b, '\n');
}

void tree_text(const struct tree *t, struct gg_buf *ret)
{
	gg_buf_add(ret, FIRST_LINE, FIRST_LINE_LEN);
	for (size_t i = 0; i < t->n; i++)
		put_entry(ret, &t->entries[i]);
}

void tree_digest(const struct tree *t, struct gg_digest *ret)
{
	_cleanup_hash_ struct gg_hash *h = gg_hash_new();
	_cleanup_buf_ struct gg_buf b = { 0 };

	gg_buf_add(&b, FIRST_LINE, FIRST_LINE_LEN);
	for (size_t i = 0; i < t->n; i++) {
		put_entry(&b, &t->entries[i]);
		if (b.len < FLUSH)
			continue;
		gg_hash_add(h, b.data, b.len);
		b.len = 0;
	}
	gg_hash_add(h, b.data, b.len);
	gg_hash_end(h, ret);
}

/* Parsing takes a line apart and then writes it again: whatever is not canonical differs. So the readers below need
 * not be strict, only safe. */
struct span {
	const char *p;
	size_t len;
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static unsigned hex_value(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

/* NULL for a bad escape or a NUL. */
static char *decode(struct gg_arena *arena, struct span s)
{
	char *text, *out;

	if (memchr(s.p, '\0', s.len))
		return NULL;
	if (!memchr(s.p, '%', s.len))
		return gg_arena_strndup(arena, s.p, s.len);
	text = out = gg_arena_alloc(arena, s.len + 1);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] != '%') {
			*out++ = s.p[i];
			continue;
		}
		if (s.len - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
			return NULL;
		*out = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
		if (*out++ == '\0')
			return NULL;
		i += 2;
	}
	return text;
}

static bool read_number(struct span s, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(s.p[i] - '0');

		if (digit >= base || __builtin_mul_overflow(n, base, &n) ||
		    __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*ret = n;
	return s.len > 0 && n <= max;
}

static bool read_u32(struct span s, unsigned base, uint64_t max, uint32_t *ret)
{
	uint64_t n;

	if (!read_number(s, base, max, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* Relative, no empty, "." or ".." component; the root is ".". */
static bool is_path(const char *path)
{
	if (gg_streq(path, "."))
		return true;
	for (const char *p = path;; p++) {
		size_t len = strcspn(p, "/");

		if (len == 0 || (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.'))))
			return false;
		p += len;
		if (*p == '\0')
			return true;
	}
}

static bool read_xattr(struct tree *t, struct tree_xattr *x, struct span s)
{
	const char *equals = memchr(s.p, '=', s.len);
	struct span hex;
	char *value;

	if (!equals)
		return false;
	x->name = decode(t->arena, (struct span){ s.p, (size_t)(equals - s.p) });
	hex = (struct span){ equals + 1, s.len - (size_t)(equals + 1 - s.p) };
	if (!x->name || !*x->name || hex.len % 2)
		return false;
	value = gg_arena_alloc(t->arena, hex.len / 2 + 1);
	for (size_t i = 0; i < hex.len; i += 2) {
		if (!is_hex(hex.p[i]) || !is_hex(hex.p[i + 1]))
			return false;
		value[i / 2] = (char)(hex_value(hex.p[i]) << 4 | hex_value(hex.p[i + 1]));
	}
	x->value = value;
	x->len = hex.len / 2;
	return true;
}

/* The fields after the fixed ones: "o", "h:PATH", "x:NAME=HEX"... */
static bool read_extras(struct tree *t, struct tree_entry *e, const char *p, const char *end)
{
	size_t max = 0;
	struct tree_xattr *xattrs;

	for (const char *q = p; q < end; q++)
		max += *q == ' ';
	if (max == 0)
		return true;
	e->xattrs = xattrs = gg_arena_calloc(t->arena, max, sizeof(*xattrs));
	while (p < end) {
		const char *word = p + 1, *stop = memchr(word, ' ', (size_t)(end - word));
		struct span s = { word, (size_t)((stop ? stop : end) - word) };

		p = word + s.len;
		if (s.len == 1 && s.p[0] == 'o' && e->type == TREE_DIR) {
			e->opaque = true;
		} else if (s.len > 2 && !memcmp(s.p, "h:", 2) && e->type == TREE_FILE) {
			e->hardlink = decode(t->arena, (struct span){ s.p + 2, s.len - 2 });
			if (!e->hardlink)
				return false;
		} else if (s.len > 2 && !memcmp(s.p, "x:", 2)) {
			struct tree_xattr *x = &xattrs[e->n_xattrs++];

			if (!read_xattr(t, x, (struct span){ s.p + 2, s.len - 2 }))
				return false;
			if (e->n_xattrs > 1 && strcmp(x[-1].name, x->name) >= 0)
				return false;
		} else {
			return false;
		}
	}
	return true;
}

static bool read_content(struct tree_entry *e, struct span size, struct span digest)
{
	char hex[GG_DIGEST_HEX];

	if (digest.len != GG_DIGEST_HEX - 1 || !read_number(size, 10, INT64_MAX, &e->size))
		return false;
	memcpy(hex, digest.p, digest.len);
	hex[digest.len] = '\0';
	return gg_digest_from_hex(hex, &e->content) == 0;
}

/* Cuts the first `want` fields; returns where the next one's space is, or NULL. */
static const char *cut(const char *p, const char *end, struct span *fields, size_t want)
{
	for (size_t i = 0; i < want; i++) {
		const char *stop = memchr(p, ' ', (size_t)(end - p));

		if (!stop)
			stop = end;
		fields[i] = (struct span){ p, (size_t)(stop - p) };
		if (stop == end)
			return i + 1 == want ? end : NULL;
		p = stop + (i + 1 < want);
	}
	return p;
}

static bool read_tail(struct tree *t, struct tree_entry *e, const struct span *f, const char *p,
		      const char *end)
{
	switch (e->type) {
	case TREE_DIR:
		return read_extras(t, e, p, end);
	case TREE_FILE:
		return read_content(e, f[5], f[6]) && read_extras(t, e, p, end);
	case TREE_SYMLINK:
		e->target = decode(t->arena, f[5]);
		return p == end && e->target && *e->target;
	case TREE_CHAR:
	case TREE_BLOCK:
		return p == end && read_u32(f[5], 10, UINT32_MAX, &e->major) &&
		       read_u32(f[6], 10, UINT32_MAX, &e->minor);
	case TREE_FIFO:
	case TREE_WHITEOUT:
		return p == end;
	}
	return false;
}

static size_t fields_of(char type)
{
	switch (type) {
	case TREE_DIR:
	case TREE_FIFO:
		return 5;
	case TREE_SYMLINK:
		return 6;
	case TREE_FILE:
	case TREE_CHAR:
	case TREE_BLOCK:
		return 7;
	case TREE_WHITEOUT:
		return 2;
	default:
		return 0;
	}
}

static bool read_entry(struct tree *t, const char *p, const char *end)
{
	struct span f[FIELDS_MAX];
	size_t want = p < end ? fields_of(*p) : 0;
	struct tree_entry *e;
	const char *tail;
	bool whiteout = want == 2;

	if (want == 0)
		return false;
	tail = cut(p, end, f, want);
	if (!tail || f[0].len != 1)
		return false;
	GG_GROW(t->entries, t->n, t->cap);
	e = &t->entries[t->n++];
	*e = (struct tree_entry){ .type = (enum tree_type) * p };
	e->path = decode(t->arena, f[whiteout ? 1 : 4]);
	if (!e->path || !is_path(e->path))
		return false;
	if (!whiteout &&
	    (!read_u32(f[1], 8, 07777, &e->mode) || !read_u32(f[2], 10, UINT32_MAX - 1, &e->uid) ||
	     !read_u32(f[3], 10, UINT32_MAX - 1, &e->gid)))
		return false;
	return read_tail(t, e, f, tail, end);
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return gg_streq(dir, ".") || (!strncmp(path, dir, len) && path[len] == '/');
}

static bool same_inode(const struct tree_entry *a, const struct tree_entry *b)
{
	return a->type == TREE_FILE && !a->hardlink && a->mode == b->mode && a->uid == b->uid &&
	       a->gid == b->gid && a->size == b->size && gg_digest_eq(&a->content, &b->content) &&
	       a->n_xattrs == b->n_xattrs;
}

/* What the newest entry has to do with those before it. */
static const char *misplaced(const struct tree *t)
{
	const struct tree_entry *e = &t->entries[t->n - 1], *before = e - 1;

	if (gg_streq(e->path, ".") && e->type != TREE_DIR)
		return "the root is not a directory";
	if (t->n > 1 && tree_compare_paths(before->path, e->path) >= 0)
		return "entries out of order";
	if (t->n > 1 && before->type != TREE_DIR && is_below(e->path, before->path))
		return "an entry below something that is not a directory";
	if (e->hardlink) {
		const struct tree_entry *first;

		if (tree_compare_paths(e->hardlink, e->path) >= 0)
			return "a hard link forward";
		first = tree_find(t, e->hardlink);
		if (!first || !same_inode(first, e))
			return "a hard link to something else";
	}
	return NULL;
}

static int parse_lines(struct tree *t, const char *p, const char *end, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf again = { 0 };

	for (size_t line = 2; p < end; line++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p)), *why = NULL;

		if (!stop)
			return gg_fail(err, GG_INTEGRITY, "tree manifest: line %zu is cut short",
				       line);
		if (t->n == TREE_MAX_ENTRIES)
			return gg_fail(err, GG_INTEGRITY, "tree manifest: more than %d entries",
				       TREE_MAX_ENTRIES);
		if (!read_entry(t, p, stop))
			return gg_fail(err, GG_INTEGRITY, "tree manifest: line %zu is malformed",
				       line);
		why = misplaced(t);
		if (why)
			return gg_fail(err, GG_INTEGRITY, "tree manifest: line %zu: %s", line, why);
		again.len = 0;
		put_entry(&again, &t->entries[t->n - 1]);
		if (again.len != (size_t)(stop + 1 - p) || memcmp(again.data, p, again.len) != 0)
			return gg_fail(err, GG_INTEGRITY,
				       "tree manifest: line %zu is not canonical", line);
		p = stop + 1;
	}
	return 0;
}

int tree_parse(const char *text, size_t len, struct tree **ret, struct gg_err *err)
{
	_cleanup_tree_ struct tree *t = tree_new();

	if (len < FIRST_LINE_LEN || memcmp(text, FIRST_LINE, FIRST_LINE_LEN) != 0)
		return gg_fail(err, GG_INTEGRITY, "tree manifest: not of format version %d",
			       TREE_FORMAT);
	if (parse_lines(t, text + FIRST_LINE_LEN, text + len, err) < 0)
		return -1;
	*ret = gg_steal(&t);
	return 0;
}
