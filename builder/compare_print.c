/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/compare_private.h"

#include <inttypes.h>
#include <string.h>

#include "builder/printable.h"
#include "builder/table.h"
#include "layers/base/json.h"
#include "layers/oci.h"

const char *const difference_kind_names[] = {
	[DIFFERENCE_CONFIG] = "config",   [DIFFERENCE_MANIFEST] = "manifest",
	[DIFFERENCE_LAYER] = "layer",     [DIFFERENCE_COMPRESSION] = "compression",
	[DIFFERENCE_ADDED] = "added",     [DIFFERENCE_REMOVED] = "removed",
	[DIFFERENCE_TYPE] = "type",       [DIFFERENCE_MODE] = "mode",
	[DIFFERENCE_OWNER] = "owner",     [DIFFERENCE_MTIME] = "mtime",
	[DIFFERENCE_XATTR] = "xattr",     [DIFFERENCE_TARGET] = "target",
	[DIFFERENCE_DEVICE] = "device",   [DIFFERENCE_HARDLINK] = "hardlink",
	[DIFFERENCE_ORDER] = "order",     [DIFFERENCE_BYTES] = "bytes",
	[DIFFERENCE_ARCHIVE] = "archive",
};

char *compare_time(int64_t seconds, uint32_t ns)
{
	_cleanup_free_ char *text = NULL;

	if (seconds == INT64_MIN)
		return gg_strdup("no time");
	if (seconds < -62135596800 || seconds > 253402300799) /* years 1 to 9999 */
		return gg_asprintf("%" PRId64 " s", seconds);
	text = oci_time(seconds);
	if (ns == 0)
		return gg_steal(&text);
	text[strlen(text) - 1] = '\0';
	return gg_asprintf("%s.%09" PRIu32 "Z", text, ns);
}

/* ---- for people ---- */

static char *layer_cell(const struct difference *d)
{
	if (d->layer < 0 && d->layer_b < 0)
		return gg_strdup("");
	if (d->layer < 0)
		return gg_asprintf("+%d", d->layer_b);
	if (d->layer_b < 0)
		return gg_asprintf("-%d", d->layer);
	return d->layer == d->layer_b ? gg_asprintf("%d", d->layer)
				      : gg_asprintf("%d/%d", d->layer, d->layer_b);
}

/* Foreign bytes in one line of a terminal. */
static void put_clean(struct gg_buf *b, const char *s)
{
	enum { CELL_MAX = 120 };
	size_t n = 0;

	for (; *s && n < CELL_MAX; s++, n++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			gg_buf_printf(b, "\\x%02x", c);
		else
			gg_buf_putc(b, (char)c);
	}
	if (*s)
		gg_buf_puts(b, "...");
}

static void put_values(struct gg_buf *b, const struct difference *d)
{
	if (d->a) {
		put_clean(b, d->a);
		gg_buf_puts(b, d->b ? " -> " : " -> (absent)");
	} else if (d->b) {
		gg_buf_puts(b, "(absent) -> ");
	}
	if (d->b)
		put_clean(b, d->b);
}

/* "tar+gzip, 99 bytes" of "application/vnd.oci.image.layer.v1.tar+gzip, 99 bytes, sha256:…". */
static void put_blob(struct gg_buf *b, const char *blob)
{
	const char *end = strrchr(blob, ','), *dot = blob;

	for (const char *p = blob; p < end && *p != ','; p++)
		dot = *p == '.' ? p + 1 : dot;
	gg_buf_add(b, dot, (size_t)(end - dot));
}

static void put_kind(struct gg_buf *b, const struct difference *d)
{
	if (d->kind == DIFFERENCE_ADDED || d->kind == DIFFERENCE_REMOVED) {
		gg_buf_puts(b, d->a ? d->a : d->b);
		if (d->text)
			gg_buf_puts(b, ": ");
		put_clean(b, d->text ? d->text : "");
	} else if (d->kind == DIFFERENCE_COMPRESSION) {
		put_blob(b, d->a);
		gg_buf_puts(b, " -> ");
		put_blob(b, d->b);
	} else if (d->text && (d->located || (d->kind == DIFFERENCE_LAYER && d->a && d->b))) {
		put_clean(b, d->text);
	} else {
		if (d->kind == DIFFERENCE_ORDER)
			gg_buf_puts(b, "from here: ");
		put_values(b, d);
	}
}

static char *what_cell(const struct difference *d)
{
	_cleanup_buf_ struct gg_buf b = { 0 };

	if (d->located)
		gg_buf_printf(&b, "byte %" PRIu64, d->offset);
	if (d->located && d->where) {
		gg_buf_puts(&b, " in ");
		put_clean(&b, d->where);
	}
	if (b.len)
		gg_buf_puts(&b, ": ");
	put_kind(&b, d);
	if (d->kind == DIFFERENCE_BYTES && d->size_a != d->size_b)
		gg_buf_printf(&b, " (%" PRIu64 " and %" PRIu64 " bytes)", d->size_a, d->size_b);
	if (b.len == 0 && d->text)
		put_clean(&b, d->text);
	return gg_buf_steal(&b);
}

static void put_row(struct table *t, const struct difference *d)
{
	_cleanup_buf_ struct gg_buf path = { 0 };

	if (d->path)
		put_clean(&path, d->path);
	table_take(t, layer_cell(d));
	table_add(t, difference_kind_names[d->kind]);
	table_add(t, d->cause ? d->cause : "");
	table_take(t, gg_buf_steal(&path));
	table_take(t, what_cell(d));
}

void compare_text(const struct comparison *c, size_t max, struct gg_buf *ret)
{
	_cleanup_table_ struct table t = { .columns = 5 };
	_cleanup_buf_ struct gg_buf text = { 0 };
	size_t n = max && max < c->n ? max : c->n, rest = c->n - n + c->dropped;
	static const char *const head[] = { "LAYER", "KIND", "CAUSE", "PATH", "WHAT" };

	if (c->n == 0)
		return;
	for (size_t i = 0; i < GG_LEN(head); i++)
		table_add(&t, head[i]);
	for (size_t i = 0; i < n; i++)
		put_row(&t, &c->v[i]);
	table_print(&t, &text);
	/* Names and texts of strangers reach a terminal. */
	printable_text(text.data, text.len, ret);
	if (rest)
		gg_buf_printf(ret, "and %zu more\n", rest);
}

/* ---- for programs ---- */

static void set_text(struct gg_json *o, const char *key, const char *value)
{
	if (value)
		gg_json_set_str(o, key, value);
}

static struct gg_json *difference_json(const struct difference *d)
{
	struct gg_json *o = gg_json_object();

	gg_json_set_str(o, "kind", difference_kind_names[d->kind]);
	if (d->layer >= 0)
		gg_json_set_int(o, "layer", d->layer);
	if (d->layer_b >= 0)
		gg_json_set_int(o, "layer-b", d->layer_b);
	set_text(o, "path", d->path);
	set_text(o, "a", d->a);
	set_text(o, "b", d->b);
	if (d->located)
		gg_json_set_int(o, "offset", (int64_t)d->offset);
	if (d->kind == DIFFERENCE_BYTES || d->size_a || d->size_b) {
		struct gg_json *sizes = gg_json_array();

		gg_json_append_take(sizes, gg_json_int((int64_t)d->size_a));
		gg_json_append_take(sizes, gg_json_int((int64_t)d->size_b));
		gg_json_take(o, "sizes", sizes);
	}
	set_text(o, "where", d->where);
	set_text(o, "cause", d->cause);
	set_text(o, "text", d->text);
	return o;
}

struct gg_json *compare_json(const struct comparison *c)
{
	struct gg_json *o = gg_json_object(), *list = gg_json_array();

	for (size_t i = 0; i < c->n; i++)
		gg_json_append_take(list, difference_json(&c->v[i]));
	gg_json_set_bool(o, "equal", c->n == 0);
	gg_json_take(o, "differences", list);
	gg_json_set_int(o, "dropped", (int64_t)c->dropped);
	return o;
}
