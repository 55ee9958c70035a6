/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/untar.h"

#include <inttypes.h>
#include <string.h>

#include "layers/archive.h"
#include "layers/untar_pax.h"

enum { BLOCK = 512 };

/* POSIX.1-1988 ustar; GNU's variant has times where prefix is. */
struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char chksum[8];
	char typeflag;
	char linkname[100];
	char magic[8];
	char uname[32];
	char gname[32];
	char devmajor[8];
	char devminor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

struct untar {
	struct archive_stream *stream; /* borrowed */
	struct gg_hash *hash;          /* borrowed, may be NULL */
	const char *at; /* what the stream gave and nobody took yet; never NULL once asked */
	size_t avail;
	uint64_t total, max; /* of the stream */
	uint64_t left;       /* of the entry's content */
	unsigned padding;
	bool sums, open_end;
	uint64_t headers;       /* FNV-1a */
	struct gg_arena *arena; /* strings of the current entry */
	struct untar_entry entry;
};

struct untar *untar_new(struct archive_stream *stream, uint64_t max, struct gg_hash *hash)
{
	struct untar *u = gg_zalloc(sizeof(*u));

	u->stream = stream;
	u->max = max;
	u->hash = hash;
	u->arena = gg_arena_new();
	return u;
}

void untar_sum_headers(struct untar *u)
{
	u->sums = true;
}

void untar_open_end(struct untar *u)
{
	u->open_end = true;
}

static void sum(struct untar *u, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; u->sums && i < len; i++)
		u->headers = (u->headers ^ p[i]) * 0x100000001b3;
}

void untar_free(struct untar *u)
{
	if (!u)
		return;
	gg_arena_free(u->arena);
	free(u);
}

void untar_freep(struct untar **u)
{
	untar_free(*u);
}

uint64_t untar_bytes(const struct untar *u)
{
	return u->total;
}

uint64_t untar_offset(const struct untar *u)
{
	return u->total - u->avail;
}

/* Something to take, unless the stream has ended (avail 0). */
static int fill(struct untar *u, struct gg_err *err)
{
	const void *bytes;

	if (u->avail)
		return 0;
	if (archive_next(u->stream, &bytes, &u->avail, err) < 0)
		return -1;
	u->at = u->avail ? bytes : "";
	u->total += u->avail;
	if (u->total > u->max)
		return gg_fail(err, GG_INTEGRITY, "tar archive: more than %" PRIu64 " bytes of it",
			       u->max);
	if (u->hash && u->avail)
		gg_hash_add(u->hash, bytes, u->avail);
	return 0;
}

static size_t take(struct untar *u, size_t max, const char **ret)
{
	size_t n = u->avail < max ? u->avail : max;

	*ret = u->at;
	u->at += n;
	u->avail -= n;
	return n;
}

static int truncated(struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY, "tar archive: it ends early");
}

static int read_bytes(struct untar *u, char *to, size_t len, struct gg_err *err)
{
	while (len > 0) {
		const char *p;
		size_t n;

		if (fill(u, err) < 0)
			return -1;
		n = take(u, len, &p);
		if (n == 0)
			return truncated(err);
		memcpy(to, p, n);
		to += n;
		len -= n;
	}
	return 0;
}

static int skip_bytes(struct untar *u, uint64_t len, struct gg_err *err)
{
	while (len > 0) {
		const char *p;
		size_t n;

		/* What nobody hashes need not be read where it lies in a file, but for a byte: is it there? */
		if (!u->hash && !u->avail) {
			uint64_t passed = archive_skip(u->stream, len - 1);

			u->total += passed;
			len -= passed;
		}
		if (fill(u, err) < 0)
			return -1;
		n = take(u, len < SIZE_MAX ? (size_t)len : SIZE_MAX, &p);
		if (n == 0)
			return truncated(err);
		len -= n;
	}
	return 0;
}

static unsigned padding_of(uint64_t size)
{
	return (unsigned)((BLOCK - size % BLOCK) % BLOCK);
}

int untar_data(struct untar *u, const void **ret_bytes, size_t *ret_len, struct gg_err *err)
{
	const char *p = NULL;

	*ret_len = 0;
	if (u->left == 0)
		return 0;
	if (fill(u, err) < 0)
		return -1;
	*ret_len = take(u, u->left < SIZE_MAX ? (size_t)u->left : SIZE_MAX, &p);
	if (*ret_len == 0)
		return truncated(err);
	u->left -= *ret_len;
	*ret_bytes = p;
	return 0;
}

static bool all_zero(const char *p, size_t len)
{
	return len == 0 || (p[0] == '\0' && memcmp(p, p + 1, len - 1) == 0);
}

/* After the end marker only zeros may come: no second archive that other readers would show. */
static int read_rest(struct untar *u, struct gg_err *err)
{
	for (;;) {
		const char *p;
		size_t n;

		if (fill(u, err) < 0)
			return -1;
		n = take(u, SIZE_MAX, &p);
		if (n == 0)
			return 0;
		if (!all_zero(p, n))
			return gg_fail(err, GG_INTEGRITY, "tar archive: something after its end");
	}
}

/* Octal between spaces or NULs, or base 256 (GNU, star) when the first bit is set. */
static int field(const char *p, size_t len, uint64_t *ret)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t i = 0;
	uint64_t n = 0;

	if (s[0] & 0x80) {
		if (s[0] != 0x80)
			return -1; /* negative, or too large for anything */
		for (i = 1; i < len; i++) {
			if (n >> 55)
				return -1;
			n = n << 8 | s[i];
		}
		*ret = n;
		return 0;
	}
	while (i < len && s[i] == ' ')
		i++;
	for (; i < len && s[i] >= '0' && s[i] <= '7'; i++)
		n = n << 3 | (uint64_t)(s[i] - '0');
	for (; i < len; i++)
		if (s[i] != ' ' && s[i] != '\0')
			return -1;
	*ret = n;
	return 0;
}

static bool checksum_fits(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	uint64_t want, sum = 0;
	int64_t with_sign = 0;

	if (field(h->chksum, sizeof(h->chksum), &want) < 0)
		return false;
	for (size_t i = 0; i < BLOCK; i++) {
		bool blank = i >= offsetof(struct header, chksum) &&
			     i < offsetof(struct header, typeflag);

		sum += blank ? ' ' : p[i];
		with_sign += blank ? ' ' : (signed char)p[i];
	}
	/* Some old writers summed signed chars. */
	return want == sum || (int64_t)want == with_sign;
}

static int malformed(struct untar *u, const char *what, struct gg_err *err)
{
	const char *name = u->entry.name;

	if (!name || !*name)
		return gg_fail(err, GG_INTEGRITY, "tar archive: malformed header (%s)", what);
	return gg_fail(err, GG_INTEGRITY, "tar archive: entry '%.200s': malformed header (%s)",
		       name, what);
}

static int read_extension(struct untar *u, uint64_t size, char **ret, struct gg_err *err)
{
	if (size == 0)
		return malformed(u, "an empty extension", err);
	if (size > UNTAR_MAX_EXTENSION)
		return malformed(u, "an extension of more than 1 MiB", err);
	*ret = gg_arena_alloc(u->arena, (size_t)size + 1);
	if (read_bytes(u, *ret, (size_t)size, err) < 0)
		return -1;
	sum(u, *ret, (size_t)size);
	return skip_bytes(u, padding_of(size), err);
}

/* GNU 'L' and 'K': the name of the next entry, NUL-terminated. */
static int read_long(struct untar *u, uint64_t size, const char **slot, struct gg_err *err)
{
	char *text;

	if (*slot)
		return malformed(u, "two long names", err);
	if (read_extension(u, size, &text, err) < 0)
		return -1;
	if (strlen(text) + 1 != size || size == 1)
		return malformed(u, "a long name without its end", err);
	*slot = text;
	return 0;
}

static int read_pax(struct untar *u, uint64_t size, struct untar_pax *pax, struct gg_err *err)
{
	const char *why;
	char *text;

	if (pax->present)
		return malformed(u, "two pax headers", err);
	if (read_extension(u, size, &text, err) < 0)
		return -1;
	why = untar_pax_parse(pax, text, (size_t)size);
	return why ? malformed(u, why, err) : 0;
}

/* Of these there may be any number before an entry, so nothing of them is kept. */
static int read_global_pax(struct untar *u, uint64_t size, struct gg_err *err)
{
	struct gg_arena *of_entry = u->arena;
	struct untar_pax pax = { .arena = gg_arena_new() };
	int r;

	u->arena = pax.arena;
	r = read_pax(u, size, &pax, err);
	if (r == 0 && (pax.path || pax.linkpath || pax.has_size || pax.has_uid || pax.has_gid ||
		       pax.n_xattrs))
		r = malformed(u, "a global pax header that changes entries", err);
	gg_arena_free(pax.arena);
	u->arena = of_entry;
	return r;
}

static const char *fixed_text(struct untar *u, const char *p, size_t len)
{
	return !*p ? "" : gg_arena_strndup(u->arena, p, strnlen(p, len));
}

static const char *header_name(struct untar *u, const struct header *h)
{
	bool ustar = !memcmp(h->magic, "ustar\0", 6);
	const char *name = fixed_text(u, h->name, sizeof(h->name));

	if (ustar && h->prefix[0])
		return gg_arena_printf(u->arena, "%.*s/%s",
				       (int)strnlen(h->prefix, sizeof(h->prefix)), h->prefix, name);
	return name;
}

/* One size drives both the data and the way to the next header, so the two that a pax archive has must agree. */
static int set_size(struct untar *u, uint64_t size, const struct untar_pax *pax, struct gg_err *err)
{
	const uint64_t saturated = 077777777777;

	if (pax->has_size && size != pax->size) {
		if (size != 0 && size != saturated)
			return malformed(u, "two different sizes", err);
		size = pax->size;
	}
	if (size > INT64_MAX - BLOCK)
		return malformed(u, "its size", err);
	if (u->entry.type != '0' && size != 0)
		return malformed(u, "content where there can be none", err);
	u->entry.size = u->left = size;
	u->padding = padding_of(size);
	return 0;
}

static int set_numbers(struct untar *u, const struct header *h, const struct untar_pax *pax,
		       struct gg_err *err)
{
	struct untar_entry *e = &u->entry;
	uint64_t mode, uid, gid, size, major, minor;

	if (field(h->mode, sizeof(h->mode), &mode) < 0 || field(h->uid, sizeof(h->uid), &uid) < 0 ||
	    field(h->gid, sizeof(h->gid), &gid) < 0 || field(h->size, sizeof(h->size), &size) < 0)
		return malformed(u, "a number", err);
	if (pax->has_uid)
		uid = pax->uid;
	if (pax->has_gid)
		gid = pax->gid;
	if (uid >= UINT32_MAX || gid >= UINT32_MAX)
		return malformed(u, "its owner", err);
	e->mode = (uint32_t)mode & 07777;
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	if (e->type == '3' || e->type == '4') {
		if (field(h->devmajor, sizeof(h->devmajor), &major) < 0 ||
		    field(h->devminor, sizeof(h->devminor), &minor) < 0 || major > UINT32_MAX ||
		    minor > UINT32_MAX)
			return malformed(u, "its device numbers", err);
		e->major = (uint32_t)major;
		e->minor = (uint32_t)minor;
	}
	return set_size(u, size, pax, err);
}

/* No other reader's sight of an entry hangs on its time: what cannot be read is no error. */
static void set_time(struct untar_entry *e, const struct header *h, const struct untar_pax *pax)
{
	uint64_t seconds;

	e->mtime = INT64_MIN;
	if (pax->has_mtime) {
		e->mtime = pax->mtime;
		e->mtime_ns = pax->mtime_ns;
	} else if (field(h->mtime, sizeof(h->mtime), &seconds) == 0 && seconds <= INT64_MAX) {
		e->mtime = (int64_t)seconds;
	}
}

static int set_entry(struct untar *u, const struct header *h, const struct untar_pax *pax,
		     const char *long_name, const char *long_link, struct gg_err *err)
{
	struct untar_entry *e = &u->entry;
	size_t len;

	*e = (struct untar_entry){ .type = h->typeflag,
				   .uname = fixed_text(u, h->uname, sizeof(h->uname)),
				   .gname = fixed_text(u, h->gname, sizeof(h->gname)),
				   .xattrs = pax->xattrs,
				   .n_xattrs = pax->n_xattrs };
	set_time(e, h, pax);
	e->name = pax->path ? pax->path : long_name ? long_name : header_name(u, h);
	len = strlen(e->name);
	if (len == 0)
		return malformed(u, "no name", err);
	if (e->type == '\0' || e->type == '7')
		e->type = '0';
	/* v7 has no directories; a name with a slash at its end is one. */
	if (e->type == '0' && e->name[len - 1] == '/')
		e->type = '5';
	if (e->type == 'S' || pax->sparse) {
		malformed(u, "a sparse file", err);
		return gg_hint(err, "pack the archive without --sparse");
	}
	if (e->type < '0' || e->type > '6')
		return malformed(u, "an unknown type", err);
	if (e->type == '1' || e->type == '2') {
		e->link = pax->linkpath ? pax->linkpath
			  : long_link   ? long_link
					: fixed_text(u, h->linkname, sizeof(h->linkname));
		if (!*e->link)
			return malformed(u, "a link to nothing", err);
	}
	return set_numbers(u, h, pax, err);
}

static int ends_here(struct untar *u, bool *ret, struct gg_err *err)
{
	*ret = false;
	if (!u->open_end)
		return 0;
	if (fill(u, err) < 0)
		return -1;
	*ret = u->avail == 0;
	return 0;
}

/* What is left of the last entry. */
static int skip_entry(struct untar *u, struct gg_err *err)
{
	bool end = false;

	if (skip_bytes(u, u->left, err) < 0 || (u->padding && ends_here(u, &end, err) < 0) ||
	    (!end && skip_bytes(u, u->padding, err) < 0))
		return -1;
	u->left = u->padding = 0;
	return 0;
}

/* Reads one header block; *ret_end when it is the end marker, or where there may be none the end. */
static int read_header(struct untar *u, struct header *h, uint64_t *ret_size, bool *ret_end,
		       struct gg_err *err)
{
	if (ends_here(u, ret_end, err) < 0)
		return -1;
	if (*ret_end)
		return 0;
	if (read_bytes(u, (char *)h, BLOCK, err) < 0)
		return -1;
	sum(u, h, BLOCK);
	*ret_end = all_zero((const char *)h, BLOCK);
	if (*ret_end)
		return 0;
	if (!checksum_fits(h))
		return malformed(u, "its checksum", err);
	if (field(h->size, sizeof(h->size), ret_size) < 0)
		return malformed(u, "its size", err);
	return 0;
}

int untar_next(struct untar *u, const struct untar_entry **ret, struct gg_err *err)
{
	const char *long_name = NULL, *long_link = NULL;
	struct untar_pax pax = { 0 };
	struct header h;
	uint64_t size;
	bool end;
	int r = 0;

	if (skip_entry(u, err) < 0)
		return -1;
	gg_arena_free(u->arena);
	u->arena = pax.arena = gg_arena_new();
	u->entry = (struct untar_entry){ 0 };
	u->headers = 0xcbf29ce484222325;
	*ret = NULL;
	while (r == 0) {
		if (read_header(u, &h, &size, &end, err) < 0)
			return -1;
		if (end) {
			if (long_name || long_link || pax.present)
				return malformed(u, "an extension of nothing", err);
			return read_rest(u, err);
		}
		if (h.typeflag == 'x')
			r = read_pax(u, size, &pax, err);
		else if (h.typeflag == 'g')
			r = read_global_pax(u, size, err);
		else if (h.typeflag == 'L')
			r = read_long(u, size, &long_name, err);
		else if (h.typeflag == 'K')
			r = read_long(u, size, &long_link, err);
		else
			break;
	}
	if (r < 0 || set_entry(u, &h, &pax, long_name, long_link, err) < 0)
		return -1;
	u->entry.headers = u->sums ? u->headers : 0;
	*ret = &u->entry;
	return 0;
}
