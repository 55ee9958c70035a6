/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/contents.h"

#include <string.h>

#include "layers/base/fd.h"
#include "layers/store.h"
#include "layers/tree.h"

struct contents_index {
	const struct tree_entry *entry;
	unsigned part;
};

/* Earlier parts first: which one is found does not depend on the sort. */
static int compare(const void *a, const void *b)
{
	const struct contents_index *x = a, *y = b;
	int order = memcmp(x->entry->content.bytes, y->entry->content.bytes, GG_DIGEST_LEN);

	return order ? order : x->part < y->part ? -1 : x->part > y->part;
}

static int compare_content(const void *a, const void *b)
{
	const struct gg_digest *d = a;
	const struct contents_index *x = b;

	return memcmp(d->bytes, x->entry->content.bytes, GG_DIGEST_LEN);
}

static void make_index(struct contents *c)
{
	size_t cap = 0;

	for (size_t i = 0; i < c->n; i++)
		cap += c->trees[i]->n;
	c->index = gg_calloc(cap, sizeof(*c->index));
	for (size_t i = 0; i < c->n; i++)
		for (size_t j = 0; j < c->trees[i]->n; j++)
			if (c->trees[i]->entries[j].type == TREE_FILE)
				c->index[c->n_index++] =
					(struct contents_index){ .entry = &c->trees[i]->entries[j],
								 .part = (unsigned)i };
	if (c->n_index)
		qsort(c->index, c->n_index, sizeof(*c->index), compare);
}

int contents_open(struct store *s, const struct gg_digest *digests, size_t n, struct contents **ret,
		  struct gg_err *err)
{
	struct contents *c = gg_zalloc(sizeof(*c));

	c->fds = gg_calloc(n, sizeof(*c->fds));
	c->digests = gg_calloc(n, sizeof(*c->digests));
	c->trees = gg_calloc(n, sizeof(struct tree *));
	for (; c->n < n; c->n++) {
		size_t i = c->n;

		c->digests[i] = digests[i];
		c->fds[i] = store_tree_open(s, &digests[i], err);
		if (c->fds[i] >= 0 && store_tree_manifest(s, &digests[i], &c->trees[i], err) == 0)
			continue;
		gg_close(c->fds[i]);
		contents_free(c);
		return -1;
	}
	make_index(c);
	*ret = c;
	return 0;
}

void contents_free(struct contents *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		gg_close(c->fds[i]);
		tree_free(c->trees[i]);
	}
	free(c->fds);
	free(c->digests);
	free(c->trees);
	free(c->index);
	free(c);
}

size_t contents_locate(const struct contents *c, struct tree *t, unsigned none)
{
	size_t missing = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct tree_entry *e = &t->entries[i];
		const struct contents_index *found;

		if (e->type != TREE_FILE)
			continue;
		found = c->n_index ? bsearch(&e->content, c->index, c->n_index, sizeof(*found),
					     compare_content)
				   : NULL;
		if (!found) {
			e->origin = none;
			e->source = NULL;
			missing++;
			continue;
		}
		while (found > c->index && gg_digest_eq(&found[-1].entry->content, &e->content))
			found--;
		e->origin = found->part;
		e->source = found->entry->path;
	}
	return missing;
}

void contents_write(struct gg_json *record, const struct gg_digest *digests, size_t n)
{
	struct gg_json *list = gg_json_array();
	char text[GG_DIGEST_TEXT];

	for (size_t i = 0; i < n; i++)
		gg_json_append_str(list, gg_digest_text(&digests[i], text));
	gg_json_take(record, "contents", list);
}

int contents_read(const struct gg_json *record, struct gg_digest **ret, size_t *ret_n,
		  struct gg_err *err)
{
	const struct gg_json *list = gg_json_get(record, "contents");

	*ret = NULL;
	*ret_n = 0;
	if (!list)
		return 0;
	*ret_n = gg_json_len(list);
	*ret = gg_calloc(*ret_n + 1, sizeof(**ret));
	for (size_t i = 0; i < *ret_n; i++)
		if (!gg_json_is_string(gg_json_at(list, i)) ||
		    gg_digest_parse(gg_json_text(gg_json_at(list, i)), &(*ret)[i], err) < 0)
			return gg_fail(err, GG_INTEGRITY, "the record's contents are no digests");
	return 0;
}
