/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/pathset.h"

#include <stdint.h>

#include "layers/base/mem.h"

enum { FIRST_CAP = 64 };

void pathset_done(struct pathset *s)
{
	free(s->slots);
	*s = (struct pathset){ 0 };
}

/* FNV-1a; the paths are our own trees', whose number is bounded. */
static uint64_t hash(const char *p)
{
	uint64_t h = 14695981039346656037u;

	for (; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	return h;
}

static struct pathset_slot *slot(const struct pathset *s, const char *path)
{
	for (size_t i = hash(path);; i++) {
		struct pathset_slot *p = &s->slots[i & (s->cap - 1)];

		if (!p->path || gg_streq(p->path, path))
			return p;
	}
}

size_t pathset_get(const struct pathset *s, const char *path)
{
	const struct pathset_slot *p;

	if (s->cap == 0)
		return SIZE_MAX;
	p = slot(s, path);
	return p->path ? p->value : SIZE_MAX;
}

static void grow(struct pathset *s)
{
	struct pathset bigger = { .cap = s->cap ? s->cap * 2 : FIRST_CAP };

	bigger.slots = gg_calloc(bigger.cap, sizeof(*bigger.slots));
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i].path)
			*slot(&bigger, s->slots[i].path) = s->slots[i];
	bigger.n = s->n;
	free(s->slots);
	*s = bigger;
}

void pathset_put(struct pathset *s, const char *path, size_t value)
{
	struct pathset_slot *p;

	if (s->n * 2 >= s->cap)
		grow(s);
	p = slot(s, path);
	if (!p->path)
		s->n++;
	*p = (struct pathset_slot){ .path = path, .value = value };
}
