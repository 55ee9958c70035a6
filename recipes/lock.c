/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/lock_private.h"

#include <string.h>

/* The model: growing sorted arrays in the lock's arena. Reading is lock_read.c, writing
 * lock_text.c, comparing lock_diff.c. */

struct lock *lock_new(void)
{
	struct lock *l = gg_zalloc(sizeof(*l));

	l->arena = gg_arena_new();
	l->epoch = -1;
	return l;
}

void lock_free(struct lock *l)
{
	if (!l)
		return;
	gg_arena_free(l->arena);
	free(l);
}

void lock_freep(struct lock **l)
{
	lock_free(*l);
}

void *lock_insert(struct gg_arena *arena, void *array, size_t *n, size_t size, size_t at)
{
	char *grown = gg_arena_calloc(arena, *n + 1, size);

	if (*n) {
		memcpy(grown, array, at * size);
		memcpy(grown + (at + 1) * size, (char *)array + at * size, (*n - at) * size);
	}
	(*n)++;
	return grown;
}

static void copy_list(struct gg_arena *arena, struct gg_strv *to, const struct gg_strv *from)
{
	*to = (struct gg_strv){ .n = from->n, .cap = from->n };
	to->v = gg_arena_calloc(arena, from->n + 1, sizeof(char *));
	for (size_t i = 0; i < from->n; i++)
		to->v[i] = gg_arena_strdup(arena, from->v[i]);
}

/* ---- platforms ---- */

struct lock_platform *lock_platform(struct lock *l, const char *name)
{
	size_t i = 0;

	while (i < l->n_platforms && strcmp(l->platforms[i].name, name) < 0)
		i++;
	if (i < l->n_platforms && gg_streq(l->platforms[i].name, name))
		return &l->platforms[i];
	l->platforms =
		lock_insert(l->arena, l->platforms, &l->n_platforms, sizeof(*l->platforms), i);
	l->platforms[i].name = gg_arena_strdup(l->arena, name);
	return &l->platforms[i];
}

struct lock_distro *lock_find_distro(const struct lock_platform *p, const char *key)
{
	for (size_t i = 0; i < p->n_distros; i++) {
		if (gg_streq(p->distros[i].key, key))
			return &p->distros[i];
	}
	return NULL;
}

struct lock_fetch *lock_find_fetch(const struct lock_platform *p,
				   const struct gg_digest *definition)
{
	for (size_t i = 0; i < p->n_fetches; i++) {
		if (gg_digest_eq(&p->fetches[i].definition, definition))
			return &p->fetches[i];
	}
	return NULL;
}

/* ---- adding ---- */

/* By name, then by what else can tell two of one name apart; lock_read.c insists on the same. */
static int compare_packages(const void *a, const void *b)
{
	const struct lock_package *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->architecture, y->architecture);
}

static struct lock_distro copy_distro(struct gg_arena *arena, const struct lock_distro *from)
{
	struct lock_distro copy = *from, *to = &copy;

	to->key = gg_arena_strdup(arena, from->key);
	to->distro = gg_arena_strdup(arena, from->distro);
	copy_list(arena, &to->suites, &from->suites);
	copy_list(arena, &to->components, &from->components);
	copy_list(arena, &to->request, &from->request);
	gg_strv_sort(&to->request);
	to->releases = gg_arena_calloc(arena, from->n_releases, sizeof(*to->releases));
	for (size_t i = 0; i < from->n_releases; i++) {
		to->releases[i] = from->releases[i];
		to->releases[i].suite = gg_arena_strdup(arena, from->releases[i].suite);
	}
	to->packages = gg_arena_calloc(arena, from->n_packages, sizeof(*to->packages));
	for (size_t i = 0; i < from->n_packages; i++) {
		const struct lock_package *p = &from->packages[i];

		to->packages[i] = (struct lock_package){
			.name = gg_arena_strdup(arena, p->name),
			.version = gg_arena_strdup(arena, p->version),
			.architecture = gg_arena_strdup(arena, p->architecture),
			.path = gg_arena_strdup(arena, p->path),
			.suite = gg_arena_strdup(arena, p->suite),
			.size = p->size,
			.sha256 = p->sha256,
		};
	}
	if (to->n_packages)
		qsort(to->packages, to->n_packages, sizeof(*to->packages), compare_packages);
	return copy;
}

void lock_put_distro(struct lock *l, struct lock_platform *p, const struct lock_distro *d)
{
	struct lock_distro copy = copy_distro(l->arena, d);
	size_t i = 0;

	while (i < p->n_distros && strcmp(p->distros[i].key, d->key) < 0)
		i++;
	if (i == p->n_distros || !gg_streq(p->distros[i].key, d->key))
		p->distros =
			lock_insert(l->arena, p->distros, &p->n_distros, sizeof(*p->distros), i);
	p->distros[i] = copy;
}

static int compare_digests(const struct gg_digest *a, const struct gg_digest *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

void lock_put_fetch(struct lock *l, struct lock_platform *p, const struct lock_fetch *f)
{
	struct lock_fetch copy = *f;
	size_t i = 0;

	while (i < p->n_fetches && compare_digests(&p->fetches[i].definition, &f->definition) < 0)
		i++;
	if (i == p->n_fetches || !gg_digest_eq(&p->fetches[i].definition, &f->definition))
		p->fetches =
			lock_insert(l->arena, p->fetches, &p->n_fetches, sizeof(*p->fetches), i);
	copy.name = gg_arena_strdup(l->arena, f->name);
	p->fetches[i] = copy;
}

void lock_put_url(struct lock *l, const struct lock_url *u)
{
	struct lock_url copy = *u;
	size_t i = 0;

	while (i < l->n_urls && compare_digests(&l->urls[i].sha256, &u->sha256) < 0)
		i++;
	if (i == l->n_urls || !gg_digest_eq(&l->urls[i].sha256, &u->sha256))
		l->urls = lock_insert(l->arena, l->urls, &l->n_urls, sizeof(*l->urls), i);
	l->urls[i] = copy;
}

void lock_put_piece(struct lock *l, const struct lock_piece *piece)
{
	struct lock_piece copy = *piece;
	size_t i = 0;

	while (i < l->n_pieces && strcmp(l->pieces[i].name, piece->name) < 0)
		i++;
	if (i == l->n_pieces || !gg_streq(l->pieces[i].name, piece->name))
		l->pieces = lock_insert(l->arena, l->pieces, &l->n_pieces, sizeof(*l->pieces), i);
	copy.name = gg_arena_strdup(l->arena, piece->name);
	l->pieces[i] = copy;
}

/* ---- keys ---- */

static void add_words(struct gg_buf *text, const char *what, const struct gg_strv *list, bool sort)
{
	_cleanup_strv_ struct gg_strv copy = { 0 };

	gg_strv_copy(&copy, list);
	if (sort)
		gg_strv_sort(&copy);
	gg_buf_puts(text, what);
	for (size_t i = 0; i < copy.n; i++) {
		/* lengths keep apart what spaces inside words would join */
		gg_buf_printf(text, " %zu:%s", strlen(copy.v[i]), copy.v[i]);
	}
	gg_buf_putc(text, '\n');
}

/* The order of suites and components can decide which archive serves a package, that of a request cannot. */
char *lock_distro_key(const char *distro, const struct gg_strv *suites,
		      const struct gg_strv *components, const struct gg_strv *request,
		      int essential)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct gg_digest digest;
	char hex[GG_DIGEST_HEX];

	gg_buf_printf(&text, "request 1\ndistro %s\n", distro);
	add_words(&text, "suites", suites, false);
	add_words(&text, "components", components, false);
	add_words(&text, "packages", request, true);
	gg_buf_printf(&text, "essential %d\n", essential ? 1 : 0);
	gg_digest_of(text.data, text.len, &digest);
	return gg_strndup(gg_digest_hex(&digest, hex), 16);
}

/* ---- forgetting ---- */

bool lock_drop_fetch(struct lock_platform *p, const struct gg_digest *definition)
{
	for (size_t i = 0; i < p->n_fetches; i++) {
		if (!gg_digest_eq(&p->fetches[i].definition, definition))
			continue;
		p->n_fetches--;
		memmove(&p->fetches[i], &p->fetches[i + 1],
			(p->n_fetches - i) * sizeof(*p->fetches));
		return true;
	}
	return false;
}

void lock_clear(struct lock *l, struct lock_platform *p)
{
	p->n_distros = p->n_fetches = p->n_images = 0;
	l->n_urls = l->n_pieces = 0;
	l->epoch = -1;
}

void lock_use_done(struct lock_use *u)
{
	gg_strv_done(&u->distros);
	gg_strv_done(&u->fetches);
	gg_strv_done(&u->images);
	gg_strv_done(&u->urls);
	gg_strv_done(&u->pieces);
}

static bool lists_digest(const struct gg_strv *list, const struct gg_digest *d)
{
	char hex[GG_DIGEST_HEX];

	return gg_strv_has(list, gg_digest_hex(d, hex));
}

bool lock_prune(struct lock *l, struct lock_platform *p, const struct lock_use *use)
{
	size_t before = p->n_distros + p->n_fetches + p->n_images + l->n_urls + l->n_pieces, n = 0;
	/* Plans point at entries: those stay where they are, with what they had. */
	struct lock_distro *distros = gg_arena_calloc(l->arena, p->n_distros, sizeof(*distros));
	struct lock_image *images = gg_arena_calloc(l->arena, p->n_images, sizeof(*images));

	for (size_t i = 0; i < p->n_distros; i++)
		if (gg_strv_has(&use->distros, p->distros[i].key))
			distros[n++] = p->distros[i];
	p->distros = distros;
	p->n_distros = n;
	n = 0;
	for (size_t i = 0; i < p->n_images; i++)
		if (gg_strv_has(&use->images, p->images[i].key))
			images[n++] = p->images[i];
	p->images = images;
	p->n_images = n;
	n = 0;
	for (size_t i = 0; i < p->n_fetches; i++)
		if (lists_digest(&use->fetches, &p->fetches[i].definition))
			p->fetches[n++] = p->fetches[i];
	p->n_fetches = n;
	n = 0;
	for (size_t i = 0; i < l->n_urls; i++)
		if (lists_digest(&use->urls, &l->urls[i].sha256))
			l->urls[n++] = l->urls[i];
	l->n_urls = n;
	n = 0;
	for (size_t i = 0; i < l->n_pieces; i++)
		if (gg_strv_has(&use->pieces, l->pieces[i].name))
			l->pieces[n++] = l->pieces[i];
	l->n_pieces = n;
	return p->n_distros + p->n_fetches + p->n_images + l->n_urls + l->n_pieces != before;
}
