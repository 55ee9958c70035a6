/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/lock_private.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* Entries are paired by their key; what is left over is paired by what a reader would call the same thing (a changed
 * package list of one suite, a fetch of the same name), so that an edit does not look like a removal and an addition. */

static const char *date_text(int64_t seconds, char ret[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "?";
	return ret;
}

/* Twelve digits are enough for eyes. */
static const char *short_digest(const struct gg_digest *d, char ret[GG_DIGEST_HEX])
{
	gg_digest_hex(d, ret);
	ret[12] = '\0';
	return ret;
}

void lock_diff_digest(struct gg_strv *lines, const char *what, const struct gg_digest *a,
		      const struct gg_digest *b)
{
	char from[GG_DIGEST_HEX], to[GG_DIGEST_HEX];

	if (!gg_digest_eq(a, b))
		gg_strv_addf(lines, "%s sha256:%s -> sha256:%s", what, short_digest(a, from),
			     short_digest(b, to));
}

/* ---- packages ---- */

static void diff_package(struct gg_strv *lines, const char *prefix, const struct lock_package *a,
			 const struct lock_package *b)
{
	_cleanup_free_ char *what = NULL;

	if (!a) {
		gg_strv_addf(lines, "%spackage %s %s added", prefix, b->name, b->version);
	} else if (!b) {
		gg_strv_addf(lines, "%spackage %s %s removed", prefix, a->name, a->version);
	} else if (!gg_streq(a->version, b->version)) {
		gg_strv_addf(lines, "%spackage %s %s -> %s", prefix, a->name, a->version,
			     b->version);
	} else {
		what = gg_asprintf("%spackage %s %s", prefix, a->name, a->version);
		lock_diff_digest(lines, what, &a->sha256, &b->sha256);
		if (!gg_streq(a->path, b->path) || !gg_streq(a->suite, b->suite))
			gg_strv_addf(lines, "%s moved from %s %s to %s %s", what, a->suite, a->path,
				     b->suite, b->path);
	}
}

static void diff_packages(struct gg_strv *lines, const char *prefix, const struct lock_distro *a,
			  const struct lock_distro *b)
{
	size_t i = 0, k = 0;

	while (i < a->n_packages || k < b->n_packages) {
		const struct lock_package *x = i < a->n_packages ? &a->packages[i] : NULL;
		const struct lock_package *y = k < b->n_packages ? &b->packages[k] : NULL;
		int order = !x ? 1 : !y ? -1 : strcmp(x->name, y->name);

		if (!order)
			order = strcmp(x->architecture, y->architecture);
		diff_package(lines, prefix, order <= 0 ? x : NULL, order >= 0 ? y : NULL);
		i += order <= 0;
		k += order >= 0;
	}
}

static void diff_releases(struct gg_strv *lines, const char *prefix, const struct lock_distro *a,
			  const struct lock_distro *b)
{
	for (size_t i = 0; i < b->n_releases; i++) {
		const struct lock_release *to = &b->releases[i], *from = NULL;
		char old[32], new[32];

		for (size_t k = 0; k < a->n_releases && !from; k++) {
			if (gg_streq(a->releases[k].suite, to->suite))
				from = &a->releases[k];
		}
		if (from && !gg_digest_eq(&from->sha256, &to->sha256))
			gg_strv_addf(lines, "%srelease %s %s -> %s", prefix, to->suite,
				     date_text(from->date, old), date_text(to->date, new));
	}
}

static void diff_words(struct gg_strv *lines, const char *what, const struct gg_strv *a,
		       const struct gg_strv *b)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!gg_strv_has(b, a->v[i]))
			gg_strv_addf(lines, "%s -%s", what, a->v[i]);
	}
	for (size_t i = 0; i < b->n; i++) {
		if (!gg_strv_has(a, b->v[i]))
			gg_strv_addf(lines, "%s +%s", what, b->v[i]);
	}
}

static void diff_distro(struct gg_strv *lines, const char *prefix, const struct lock_distro *a,
			const struct lock_distro *b)
{
	static const struct lock_distro nothing = { .key = "" };
	const struct lock_distro *any = a ? a : b;
	_cleanup_free_ char *what = gg_asprintf("%srequest %s %s", prefix, any->distro,
						any->suites.n ? any->suites.v[0] : "");

	if (!a || !b)
		gg_strv_addf(lines, "%s %s %s", what, any->key, a ? "removed" : "added");
	a = a ? a : &nothing;
	b = b ? b : &nothing;
	if (*a->key && *b->key) {
		diff_words(lines, what, &a->request, &b->request);
		diff_words(lines, what, &a->suites, &b->suites);
		diff_words(lines, what, &a->components, &b->components);
		if (a->essential != b->essential)
			gg_strv_addf(lines, "%s %cessential", what, b->essential ? '+' : '-');
		if (!gg_digest_eq(&a->keyring, &b->keyring))
			gg_strv_addf(lines, "%s another keyring", what);
	}
	diff_releases(lines, prefix, a, b);
	diff_packages(lines, prefix, a, b);
}

static bool same_suite(const struct lock_distro *a, const struct lock_distro *b)
{
	return gg_streq(a->distro, b->distro) && a->suites.n && b->suites.n &&
	       gg_streq(a->suites.v[0], b->suites.v[0]);
}

static void diff_distros(struct gg_strv *lines, const char *prefix, const struct lock_platform *a,
			 const struct lock_platform *b)
{
	_cleanup_free_ bool *used = gg_calloc(b->n_distros + 1, sizeof(bool));

	for (size_t i = 0; i < a->n_distros; i++) {
		const struct lock_distro *from = &a->distros[i],
					 *to = lock_find_distro(b, from->key);

		for (size_t k = 0; k < b->n_distros && !to; k++) {
			if (!used[k] && same_suite(from, &b->distros[k]) &&
			    !lock_find_distro(a, b->distros[k].key))
				to = &b->distros[k];
		}
		if (to)
			used[to - b->distros] = true;
		diff_distro(lines, prefix, from, to);
	}
	for (size_t k = 0; k < b->n_distros; k++) {
		if (!used[k])
			diff_distro(lines, prefix, NULL, &b->distros[k]);
	}
}

/* ---- the rest ---- */

static void diff_fetches(struct gg_strv *lines, const char *prefix, const struct lock_platform *a,
			 const struct lock_platform *b)
{
	_cleanup_free_ bool *used = gg_calloc(b->n_fetches + 1, sizeof(bool));

	for (size_t i = 0; i < a->n_fetches; i++) {
		const struct lock_fetch *from = &a->fetches[i],
					*to = lock_find_fetch(b, &from->definition);
		_cleanup_free_ char *what = gg_asprintf("%sfetch %s", prefix, from->name);
		bool same = to;

		for (size_t k = 0; k < b->n_fetches && !to; k++) {
			if (!used[k] && gg_streq(from->name, b->fetches[k].name) &&
			    !lock_find_fetch(a, &b->fetches[k].definition))
				to = &b->fetches[k];
		}
		if (!to) {
			gg_strv_addf(lines, "%s removed", what);
			continue;
		}
		used[to - b->fetches] = true;
		if (!same)
			gg_strv_addf(lines, "%s redefined", what);
		lock_diff_digest(lines, what, &from->tree, &to->tree);
	}
	for (size_t k = 0; k < b->n_fetches; k++) {
		if (!used[k])
			gg_strv_addf(lines, "%sfetch %s added", prefix, b->fetches[k].name);
	}
}

static const struct lock_platform *find_platform(const struct lock *l, const char *name)
{
	for (size_t i = 0; i < l->n_platforms; i++) {
		if (gg_streq(l->platforms[i].name, name))
			return &l->platforms[i];
	}
	return NULL;
}

static void diff_platforms(struct gg_strv *lines, const struct lock *from, const struct lock *to)
{
	static const struct lock_platform nothing = { .name = "" };
	bool many = from->n_platforms > 1 || to->n_platforms > 1;

	for (size_t i = 0; i < from->n_platforms; i++) {
		const struct lock_platform *a = &from->platforms[i],
					   *b = find_platform(to, a->name);
		_cleanup_free_ char *prefix = many ? gg_asprintf("%s ", a->name) : gg_strdup("");

		if (!b)
			gg_strv_addf(lines, "platform %s removed", a->name);
		diff_distros(lines, prefix, a, b ? b : &nothing);
		diff_fetches(lines, prefix, a, b ? b : &nothing);
		lock_diff_images(lines, prefix, a, b ? b : &nothing);
	}
	for (size_t i = 0; i < to->n_platforms; i++) {
		const struct lock_platform *b = &to->platforms[i];
		_cleanup_free_ char *prefix = many ? gg_asprintf("%s ", b->name) : gg_strdup("");

		if (find_platform(from, b->name))
			continue;
		gg_strv_addf(lines, "platform %s added", b->name);
		diff_distros(lines, prefix, &nothing, b);
		diff_fetches(lines, prefix, &nothing, b);
		lock_diff_images(lines, prefix, &nothing, b);
	}
}

static const struct lock_url *find_url(const struct lock *l, const struct gg_digest *sha256)
{
	for (size_t i = 0; i < l->n_urls; i++) {
		if (gg_digest_eq(&l->urls[i].sha256, sha256))
			return &l->urls[i];
	}
	return NULL;
}

static void diff_urls(struct gg_strv *lines, const struct lock *from, const struct lock *to)
{
	char hex[GG_DIGEST_HEX];

	for (size_t i = 0; i < from->n_urls; i++) {
		const struct lock_url *a = &from->urls[i], *b = find_url(to, &a->sha256);

		if (!b)
			gg_strv_addf(lines, "url sha256:%s removed", short_digest(&a->sha256, hex));
		else if (a->size != b->size)
			gg_strv_addf(lines, "url sha256:%s size %" PRIu64 " -> %" PRIu64,
				     short_digest(&a->sha256, hex), a->size, b->size);
	}
	for (size_t i = 0; i < to->n_urls; i++) {
		if (!find_url(from, &to->urls[i].sha256))
			gg_strv_addf(lines, "url sha256:%s added",
				     short_digest(&to->urls[i].sha256, hex));
	}
}

static const struct lock_piece *find_piece(const struct lock *l, const char *name)
{
	for (size_t i = 0; i < l->n_pieces; i++) {
		if (gg_streq(l->pieces[i].name, name))
			return &l->pieces[i];
	}
	return NULL;
}

static void diff_pieces(struct gg_strv *lines, const struct lock *from, const struct lock *to)
{
	for (size_t i = 0; i < from->n_pieces; i++) {
		const struct lock_piece *a = &from->pieces[i], *b = find_piece(to, a->name);
		_cleanup_free_ char *what = gg_asprintf("piece %s", a->name);

		if (!b)
			gg_strv_addf(lines, "%s removed", what);
		else
			lock_diff_digest(lines, what, &a->sha256, &b->sha256);
	}
	for (size_t i = 0; i < to->n_pieces; i++) {
		if (!find_piece(from, to->pieces[i].name))
			gg_strv_addf(lines, "piece %s added", to->pieces[i].name);
	}
}

static void diff_format(struct gg_strv *lines, const char *name, int from, int to)
{
	if (from != to)
		gg_strv_addf(lines, "format %s %d -> %d", name, from, to);
}

static void diff_compressor(struct gg_strv *lines, const char *name,
			    const struct lock_compressor *from, const struct lock_compressor *to)
{
	_cleanup_free_ char *what = gg_asprintf("compressor %s", name);
	bool knew = !gg_digest_is_zero(&from->golden), knows = !gg_digest_is_zero(&to->golden);

	diff_format(lines, name, from->format, to->format);
	if (knew != knows)
		gg_strv_addf(lines, "%s %s %s", what, knew ? from->library : to->library,
			     knew ? "removed" : "added");
	if (!knew || !knows)
		return;
	if (!gg_streq(from->library, to->library))
		gg_strv_addf(lines, "%s %s -> %s", what, from->library, to->library);
	if (from->level != to->level)
		gg_strv_addf(lines, "%s level %d -> %d", what, from->level, to->level);
	if (from->block != to->block)
		gg_strv_addf(lines, "%s block %" PRIu64 " -> %" PRIu64, what, from->block,
			     to->block);
	lock_diff_digest(lines, what, &from->golden, &to->golden);
}

void lock_diff(const struct lock *from, const struct lock *to, struct gg_buf *ret)
{
	_cleanup_strv_ struct gg_strv lines = { 0 };
	char old[32], new[32];

	if (from->epoch != to->epoch)
		gg_strv_addf(&lines, "epoch %s -> %s",
			     from->epoch < 0 ? "none" : date_text(from->epoch, old),
			     to->epoch < 0 ? "none" : date_text(to->epoch, new));
	diff_format(&lines, "tar", from->formats.tar, to->formats.tar);
	diff_compressor(&lines, "gzip", &from->formats.gzip, &to->formats.gzip);
	diff_compressor(&lines, "zstd", &from->formats.zstd, &to->formats.zstd);
	diff_format(&lines, "tree", from->formats.tree, to->formats.tree);
	diff_platforms(&lines, from, to);
	diff_urls(&lines, from, to);
	diff_pieces(&lines, from, to);
	gg_strv_sort(&lines);
	/* a package that two requests share changes once */
	for (size_t i = 0; i < lines.n; i++) {
		if (!i || !gg_streq(lines.v[i - 1], lines.v[i]))
			gg_buf_printf(ret, "%s\n", lines.v[i]);
	}
}
