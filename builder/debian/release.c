/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/release.h"

#include <time.h>

enum { FUTURE_ALLOWED = 5 * 60 };

int64_t release_date(struct deb_slice text)
{
	struct deb_slice day, rest = text;
	_cleanup_free_ char *words = NULL;
	struct tm tm = { 0 };
	const char *end;

	/* The day's name is decoration; the rest is fixed and English, so strptime in the C locale's words would do,
	 * but the locale is the caller's: months are compared here. */
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct deb_slice part[5];
	uint64_t year, mday;

	if (!deb_slice_word(&rest, &day) || day.p[day.len - 1] != ',')
		return -1;
	for (size_t i = 0; i < 5; i++)
		if (!deb_slice_word(&rest, &part[i]))
			return -1;
	if (deb_slice_trim(rest).len)
		return -1;
	if (!deb_slice_number(part[0], &mday) || mday < 1 || mday > 31)
		return -1;
	if (!deb_slice_number(part[2], &year) || year < 1970 || year > 9999)
		return -1;
	tm.tm_mon = -1;
	for (int i = 0; i < 12; i++)
		if (deb_slice_is(part[1], months[i]))
			tm.tm_mon = i;
	if (tm.tm_mon < 0)
		return -1;
	words = deb_slice_dup(part[3]);
	end = strptime(words, "%H:%M:%S", &tm);
	if (!end || *end)
		return -1;
	if (!deb_slice_is(part[4], "UTC") && !deb_slice_is(part[4], "GMT") &&
	    !deb_slice_is(part[4], "+0000"))
		return -1;
	tm.tm_mday = (int)mday;
	tm.tm_year = (int)year - 1900;
	return timegm(&tm);
}

/* Paths from a signed file are still only relative, plain paths. */
static bool path_plain(struct deb_slice path)
{
	struct deb_slice rest = path, part;

	if (!path.len || *path.p == '/')
		return false;
	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] <= ' ' || path.p[i] > '~' || path.p[i] == '%' || path.p[i] == '?')
			return false;
	while (deb_slice_split(&rest, '/', &part))
		if (!part.len || deb_slice_is(part, ".") || deb_slice_is(part, ".."))
			return false;
	return true;
}

static int compare_files(const void *a, const void *b)
{
	const struct release_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* Equal lines may be doubled; a path with two contents is a lie. */
static int unique_files(const char *name, struct release *r, struct gg_err *err)
{
	size_t n = 0;

	if (r->n_files)
		qsort(r->files, r->n_files, sizeof(*r->files), compare_files);
	for (size_t i = 0; i < r->n_files; i++) {
		if (n && !strcmp(r->files[n - 1].path, r->files[i].path)) {
			if (r->files[n - 1].size == r->files[i].size &&
			    gg_digest_eq(&r->files[n - 1].sha256, &r->files[i].sha256))
				continue;
			return gg_fail(err, GG_INTEGRITY, "parse '%s': two digests for '%s'", name,
				       r->files[i].path);
		}
		r->files[n++] = r->files[i];
	}
	r->n_files = n;
	return 0;
}

static int parse_files(const char *name, struct deb_slice value, struct release *r,
		       struct gg_err *err)
{
	struct deb_slice line, hex, size, path;
	size_t cap = 0;

	while (deb_slice_split(&value, '\n', &line)) {
		struct release_file f = { 0 };
		_cleanup_free_ char *text = NULL;

		if (!line.len)
			continue;
		if (!deb_slice_word(&line, &hex) || !deb_slice_word(&line, &size) ||
		    !deb_slice_word(&line, &path) || deb_slice_trim(line).len)
			return gg_fail(err, GG_INTEGRITY,
				       "parse '%s': a bad line in its SHA256 list", name);
		text = deb_slice_dup(hex);
		if (gg_digest_from_hex(text, &f.sha256) < 0 || !deb_slice_number(size, &f.size) ||
		    !path_plain(path))
			return gg_fail(err, GG_INTEGRITY,
				       "parse '%s': a bad line in its SHA256 list: '%.*s'", name,
				       (int)(path.len < 80 ? path.len : 80), path.p);
		f.path = gg_arena_strndup(r->arena, path.p, path.len);
		GG_GROW(r->files, r->n_files, cap);
		r->files[r->n_files++] = f;
	}
	return unique_files(name, r, err);
}

static const char *copy(struct release *r, struct deb_slice s)
{
	return gg_arena_strndup(r->arena, s.p ? s.p : "", s.len);
}

static void words(struct deb_slice value, struct gg_strv *ret)
{
	struct deb_slice word;

	while (deb_slice_word(&value, &word))
		gg_strv_take(ret, deb_slice_dup(word));
}

static int parse_date(const char *name, const char *field, struct deb_slice value, int64_t *ret,
		      struct gg_err *err)
{
	*ret = release_date(value);
	if (*ret >= 0)
		return 0;
	return gg_fail(err, GG_INTEGRITY, "parse '%s': field %s is no date: '%.*s'", name, field,
		       (int)(value.len < 80 ? value.len : 80), value.p ? value.p : "");
}

enum {
	ORIGIN,
	SUITE,
	CODENAME,
	ARCHITECTURES,
	COMPONENTS,
	DATE,
	VALID_UNTIL,
	BY_HASH,
	NO_ALL,
	SHA256,
	N_FIELDS
};

static const char *const fields[N_FIELDS] = {
	[ORIGIN] = "Origin",
	[SUITE] = "Suite",
	[CODENAME] = "Codename",
	[ARCHITECTURES] = "Architectures",
	[COMPONENTS] = "Components",
	[DATE] = "Date",
	[VALID_UNTIL] = "Valid-Until",
	[BY_HASH] = "Acquire-By-Hash",
	[NO_ALL] = "No-Support-for-Architecture-all",
	[SHA256] = "SHA256",
};

int release_parse(const char *name, const char *text, size_t len, struct release **ret,
		  struct gg_err *err)
{
	_cleanup_release_ struct release *r = gg_zalloc(sizeof(*r));
	struct deb_slice v[N_FIELDS];
	struct deb822 d;
	int more;

	r->arena = gg_arena_new();
	r->valid_until = -1;
	deb822_init(&d, name, text, len, 0);
	more = deb822_stanza(&d, fields, N_FIELDS, v, NULL, err);
	if (more < 0)
		return -1;
	if (!more || deb822_begin(&d))
		return gg_fail(err, GG_INTEGRITY, "parse '%s': a Release file has one stanza",
			       name);
	if (!v[SHA256].p)
		return gg_fail(err, GG_INTEGRITY, "parse '%s': it has no SHA256 list", name);
	r->origin = copy(r, v[ORIGIN]);
	r->suite = copy(r, v[SUITE]);
	r->codename = copy(r, v[CODENAME]);
	words(v[ARCHITECTURES], &r->architectures);
	words(v[COMPONENTS], &r->components);
	r->by_hash = deb_slice_is(v[BY_HASH], "yes");
	r->all_is_separate =
		gg_strv_has(&r->architectures, "all") && !deb_slice_is(v[NO_ALL], "Packages");
	if (parse_date(name, "Date", v[DATE], &r->date, err) < 0)
		return -1;
	if (v[VALID_UNTIL].p &&
	    parse_date(name, "Valid-Until", v[VALID_UNTIL], &r->valid_until, err) < 0)
		return -1;
	if (parse_files(name, v[SHA256], r, err) < 0)
		return -1;
	*ret = gg_steal(&r);
	return 0;
}

void release_free(struct release *r)
{
	if (!r)
		return;
	gg_strv_done(&r->architectures);
	gg_strv_done(&r->components);
	free(r->files);
	gg_arena_free(r->arena);
	free(r);
}

void release_freep(struct release **r)
{
	release_free(*r);
}

static char *date_text(int64_t when)
{
	time_t t = (time_t)when;
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return gg_strdup(text);
}

int release_check(const struct release *r, const char *name, const char *suite, int64_t now,
		  unsigned flags, struct gg_err *err)
{
	_cleanup_free_ char *date = date_text(r->date), *today = date_text(now);

	if (!gg_streq(r->suite, suite) && !gg_streq(r->codename, suite))
		return gg_fail(err, GG_INTEGRITY,
			       "check '%s': it is for suite '%s' (codename '%s'), not for '%s'",
			       name, r->suite, r->codename, suite);
	if (r->date > now + FUTURE_ALLOWED) {
		gg_fail(err, GG_INTEGRITY,
			"check '%s': it is from the future: dated %s, and it is %s here", name,
			date, today);
		return gg_hint(err, "set this machine's clock");
	}
	if (!(flags & RELEASE_IGNORE_EXPIRY) && r->valid_until >= 0 && r->valid_until < now) {
		_cleanup_free_ char *until = date_text(r->valid_until);

		gg_fail(err, GG_INTEGRITY,
			"check '%s': it expired: valid until %s, and it is %s here", name, until,
			today);
		return gg_hint(err,
			       "the mirror is out of date: use another one (--mirror), or set this "
			       "machine's clock if that is wrong");
	}
	return 0;
}

const struct release_file *release_find(const struct release *r, const char *path)
{
	struct release_file key = { .path = path };

	if (!r->n_files)
		return NULL;
	return bsearch(&key, r->files, r->n_files, sizeof(*r->files), compare_files);
}

const struct release_file *release_packages(const struct release *r, const char *component,
					    const char *arch, char **ret_path)
{
	static const char *const suffixes[] = { ".xz", ".gz", "" };

	for (size_t i = 0; i < GG_LEN(suffixes); i++) {
		_cleanup_free_ char *path =
			gg_asprintf("%s/binary-%s/Packages%s", component, arch, suffixes[i]);
		const struct release_file *f = release_find(r, path);
		char hex[GG_DIGEST_HEX];

		if (!f)
			continue;
		*ret_path = r->by_hash ? gg_asprintf("%s/binary-%s/by-hash/SHA256/%s", component,
						     arch, gg_digest_hex(&f->sha256, hex))
				       : gg_steal(&path);
		return f;
	}
	return NULL;
}
