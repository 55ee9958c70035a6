/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer, for who asked.
 */
#include "layers/http_client.h"

#include <string.h>

#include "layers/base/json.h"
#include "layers/http_private.h"

enum { WORDS_MAX = 300, HEADERS_MAX = 64 << 10 };

static void add_line(struct gg_buf *to, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	const char *value;

	if (!colon)
		return;
	for (const char *c = line; c < colon; c++)
		gg_buf_putc(to, *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
	for (value = colon + 1; value < line + len && (*value == ' ' || *value == '\t'); value++)
		;
	gg_buf_puts(to, ": ");
	gg_buf_add(to, value, (size_t)(line + len - value));
	gg_buf_putc(to, '\n');
}

const char http_unheaded[] = "the connection was closed within the answer's headers";

bool http_header_ends(const char *bytes, size_t len)
{
	return len > 0 && (bytes[0] == '\r' || bytes[0] == '\n');
}

int http_answer_add(struct gg_buf *answer, const char *bytes, size_t len)
{
	while (len > 0 && strchr("\r\n \t", bytes[len - 1]))
		len--;
	if (len == 0)
		return 0;
	if (answer->len + len > HEADERS_MAX)
		return -1;
	if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		/* A new answer: after 1xx, or after a proxy's. */
		answer->len = 0;
		if (answer->data)
			answer->data[0] = '\0';
	} else if ((bytes[0] == ' ' || bytes[0] == '\t') && answer->len > 0) {
		answer->len--; /* folded, RFC 9112 §5.2 */
		gg_buf_add(answer, bytes, len);
		gg_buf_putc(answer, '\n');
	} else {
		add_line(answer, bytes, len);
	}
	return 0;
}

void http_answer_headers(const struct gg_buf *answer, const char *name, struct gg_strv *ret)
{
	size_t len = strlen(name);
	const char *line = answer->data;

	while (line && *line) {
		size_t end = strcspn(line, "\n");

		if (end >= len + 2 && memcmp(line, name, len) == 0 && line[len] == ':')
			gg_strv_take(ret, gg_strndup(line + len + 2, end - len - 2));
		line += end + (line[end] == '\n');
	}
}

char *http_answer_header(const struct gg_buf *answer, const char *name)
{
	_cleanup_strv_ struct gg_strv values = { 0 };

	http_answer_headers(answer, name, &values);
	return values.n > 0 ? gg_strdup(values.v[0]) : NULL;
}

void http_exchange_headers(const struct http_exchange *x, const char *name, struct gg_strv *ret)
{
	http_answer_headers(&x->answer, name, ret);
}

char *http_exchange_header(const struct http_exchange *x, const char *name)
{
	return http_answer_header(&x->answer, name);
}

/* {"errors": [{"code", "message"}]} of registries, {"message"} of engines, {"error_description"} or {"details"} of token
 * servers. */
static void words_of_json(const struct gg_json *v, struct gg_buf *to)
{
	static const char *const keys[] = { "message", "error_description", "details", "error",
					    "code" };
	const struct gg_json *errors = gg_json_get(v, "errors");

	for (size_t i = 0; i < gg_json_len(errors); i++)
		words_of_json(gg_json_at(errors, i), to);
	for (size_t i = 0; i < GG_LEN(keys); i++) {
		const char *word = gg_json_get_str(v, keys[i], "");

		if (*word) {
			gg_buf_printf(to, "%s%s", to->len ? "; " : "", word);
			return;
		}
	}
}

/* What the server says, on one line; "" when that is a page or nothing. */
static char *words(const struct http_exchange *x)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *v = NULL;
	_cleanup_buf_ struct gg_buf b = { 0 };
	const char *text = x->text.data ? x->text.data : "";
	char *line;

	text += strspn(text, " \t\r\n");
	if (*text == '{')
		v = gg_json_parse(text, x->text.len - (size_t)(text - x->text.data), &ignored);
	if (v)
		words_of_json(v, &b);
	else if (*text != '<' && *text != '{')
		gg_buf_add(&b, text, strcspn(text, "\r\n"));
	line = gg_buf_steal(&b);
	if (strlen(line) > WORDS_MAX)
		line[WORDS_MAX] = '\0';
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	return line;
}

int http_exchange_refused(const struct http_exchange *x, struct gg_err *err)
{
	_cleanup_free_ char *shown = http_url_show(x->location ? x->location : x->url);
	_cleanup_free_ char *said = words(x);

	return gg_fail(err, GG_REMOTE, "HTTP %d from '%s'%s%s", x->status, shown, *said ? ": " : "",
		       said);
}
