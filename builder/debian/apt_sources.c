/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/apt_sources.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "layers/base/fd.h"

enum { SOURCES_MAX = 4 << 20 };

static void source_done(struct apt_source *s)
{
	free(s->uri);
	gg_strv_done(&s->suites);
	gg_strv_done(&s->components);
	release_keys_done(&s->keys);
}

void apt_sources_done(struct apt_sources *s)
{
	for (size_t i = 0; i < s->n; i++)
		source_done(&s->v[i]);
	free(s->v);
	*s = (struct apt_sources){ 0 };
}

static struct apt_source *add_source(struct apt_sources *s, struct deb_slice uri)
{
	while (uri.len && uri.p[uri.len - 1] == '/')
		uri.len--;
	GG_GROW(s->v, s->n, s->cap);
	s->v[s->n] = (struct apt_source){ .uri = deb_slice_dup(uri) };
	return &s->v[s->n++];
}

static void add_words(struct gg_strv *l, struct deb_slice text)
{
	struct deb_slice word;

	while (deb_slice_word(&text, &word))
		gg_strv_take(l, deb_slice_dup(word));
}

/* Paths, separated by commas or blanks. Fingerprints, which are allowed too, say nothing about where the key is. */
static void add_key_files(struct release_keys *k, struct deb_slice text)
{
	struct deb_slice piece, word;

	while (deb_slice_split(&text, ',', &piece))
		while (deb_slice_word(&piece, &word))
			if (*word.p == '/')
				gg_strv_take(&k->files, deb_slice_dup(word));
}

/* In deb822 an inline key's lines are indented by one blank, and its empty line is a dot. */
static void add_inline_key(struct release_keys *k, struct deb_slice text)
{
	struct gg_buf key = { 0 };
	struct deb_slice line;

	while (deb_slice_split(&text, '\n', &line)) {
		if (!deb_slice_is(line, "."))
			gg_buf_add(&key, line.p, line.len);
		gg_buf_putc(&key, '\n');
	}
	gg_strv_take(&k->texts, gg_buf_steal(&key));
}

static void add_signed_by(struct release_keys *k, struct deb_slice text)
{
	if (text.len > 10 && !memcmp(text.p, "-----BEGIN", 10))
		add_inline_key(k, text);
	else
		add_key_files(k, text);
}

/* "[arch=amd64 signed-by=/x]": true when it was one and has been taken off the line. */
static bool take_options(struct deb_slice *line, struct release_keys *keys)
{
	struct deb_slice options, word;
	const char *end;

	*line = deb_slice_trim(*line);
	if (!line->len || *line->p != '[')
		return true;
	end = memchr(line->p, ']', line->len);
	if (!end)
		return false;
	options = (struct deb_slice){ line->p + 1, (size_t)(end - line->p - 1) };
	line->len -= (size_t)(end + 1 - line->p);
	line->p = end + 1;
	while (deb_slice_word(&options, &word))
		if (word.len > 10 && !memcmp(word.p, "signed-by=", 10))
			add_key_files(keys, (struct deb_slice){ word.p + 10, word.len - 10 });
	return true;
}

/* "deb [options] URI SUITE COMPONENT..." */
static void parse_line(struct deb_slice line, struct apt_sources *ret)
{
	const char *hash = line.len ? memchr(line.p, '#', line.len) : NULL;
	_cleanup_release_keys_ struct release_keys keys = { 0 };
	struct deb_slice word, uri, suite;
	struct apt_source *s;

	if (hash)
		line.len = (size_t)(hash - line.p);
	if (!deb_slice_word(&line, &word) || !deb_slice_is(word, "deb") ||
	    !take_options(&line, &keys) || !deb_slice_word(&line, &uri) ||
	    !deb_slice_word(&line, &suite))
		return;
	s = add_source(ret, uri);
	gg_strv_take(&s->suites, deb_slice_dup(suite));
	add_words(&s->components, line);
	s->keys = keys;
	keys = (struct release_keys){ 0 };
}

static void parse_list(const struct gg_buf *text, struct apt_sources *ret)
{
	struct deb_slice rest = { text->data, text->len }, line;

	while (deb_slice_split(&rest, '\n', &line))
		parse_line(line, ret);
}

static bool has_word(struct deb_slice text, const char *wanted)
{
	struct deb_slice word;

	while (deb_slice_word(&text, &word))
		if (deb_slice_is(word, wanted))
			return true;
	return false;
}

static void parse_deb822(const char *name, const struct gg_buf *text, struct apt_sources *ret)
{
	enum { TYPES, URIS, SUITES, COMPONENTS, ENABLED, SIGNED_BY, N };
	static const char *const names[N] = { "Types",      "URIs",    "Suites",
					      "Components", "Enabled", "Signed-By" };
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	struct deb_slice v[N], uri;
	struct deb822 d;

	deb822_init(&d, name, text->data, text->len, DEB822_COMMENTS);
	while (deb822_stanza(&d, names, N, v, NULL, &ignored) > 0) {
		struct apt_source *s;

		if (!has_word(v[TYPES], "deb") || deb_slice_is(v[ENABLED], "no") ||
		    deb_slice_is(v[ENABLED], "false") || !deb_slice_word(&v[URIS], &uri))
			continue;
		s = add_source(ret, uri);
		add_words(&s->suites, v[SUITES]);
		add_words(&s->components, v[COMPONENTS]);
		add_signed_by(&s->keys, v[SIGNED_BY]);
	}
}

static int read_one(int rootfd, const char *path, struct apt_sources *ret, struct gg_err *err)
{
	_cleanup_close_ int fd =
		gg_try_openat_in(rootfd, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (fd < 0)
		return 0;
	if (gg_read_fd(fd, SOURCES_MAX, &text, err) < 0)
		return gg_context(err, "read '/%s'", path);
	if (gg_ends(path, ".sources"))
		parse_deb822(path, &text, ret);
	else
		parse_list(&text, ret);
	return 0;
}

static void list_directory(int rootfd, struct gg_strv *ret)
{
	int fd = gg_try_openat_in(rootfd, "etc/apt/sources.list.d", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!dir) {
		gg_close(fd);
		return;
	}
	while ((e = readdir(dir)))
		if (gg_ends(e->d_name, ".list") || gg_ends(e->d_name, ".sources"))
			gg_strv_addf(ret, "etc/apt/sources.list.d/%s", e->d_name);
	closedir(dir);
	gg_strv_sort(ret);
}

int apt_sources_read(int rootfd, struct apt_sources *ret, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv paths = { 0 };

	gg_strv_add(&paths, "etc/apt/sources.list");
	list_directory(rootfd, &paths);
	for (size_t i = 0; i < paths.n; i++)
		if (read_one(rootfd, paths.v[i], ret, err) < 0)
			return -1;
	return 0;
}
