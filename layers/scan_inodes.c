/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/scan_inodes.h"

#include <stdbool.h>

#include "layers/base/mem.h"

struct scan_inodes_slot {
	bool used;
	dev_t dev;
	ino_t ino;
	struct scan_inode inode;
};

static struct scan_inodes_slot *slot_of(const struct scan_inodes *t, dev_t dev, ino_t ino)
{
	uint64_t h = (ino ^ dev << 40) * 0x9e3779b97f4a7c15;
	size_t i = (h >> 32) & (t->cap - 1);

	while (t->slots[i].used && (t->slots[i].ino != ino || t->slots[i].dev != dev))
		i = (i + 1) & (t->cap - 1);
	return &t->slots[i];
}

static void grow(struct scan_inodes *t)
{
	struct scan_inodes old = *t;

	t->cap = old.cap ? old.cap * 2 : 64;
	t->slots = gg_calloc(t->cap, sizeof(*t->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].used)
			*slot_of(t, old.slots[i].dev, old.slots[i].ino) = old.slots[i];
	free(old.slots);
}

struct scan_inode *scan_inodes_get(struct scan_inodes *t, dev_t dev, ino_t ino)
{
	struct scan_inodes_slot *s;

	if (t->n * 2 >= t->cap)
		grow(t);
	s = slot_of(t, dev, ino);
	if (!s->used) {
		*s = (struct scan_inodes_slot){ .used = true, .dev = dev, .ino = ino };
		t->n++;
	}
	return &s->inode;
}

void scan_inodes_done(struct scan_inodes *t)
{
	free(t->slots);
	*t = (struct scan_inodes){ 0 };
}
