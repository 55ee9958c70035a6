/* SPDX-License-Identifier: Apache-2.0
 *
 * Control stanzas, the index and the relations in them: no byte is read outside of the text, every error has words, and
 * versions are ordered the same from both sides.
 */
#include <stdint.h>
#include <stdlib.h>

#include "builder/debian/index.h"
#include "builder/debian/relation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_relations(struct deb_slice field)
{
	struct deb_slice clause;
	struct relation rel;

	while (relation_clause(&field, &clause)) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		int more;

		while ((more = relation_next(&clause, &rel, &err)) > 0)
			if (!relation_name_valid(rel.name))
				abort();
		if (more < 0 && !err.text)
			abort();
	}
}

static void read_stanzas(const char *text, size_t size)
{
	static const char *const names[] = { "Package", "Version", "Depends" };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct deb_slice v[3], whole, previous = deb_slice("");
	struct deb822 d;
	int more;

	deb822_init(&d, "fuzz", text, size, DEB822_COMMENTS);
	while ((more = deb822_stanza(&d, names, 3, v, &whole, &err)) > 0) {
		if (whole.p < text || whole.p + whole.len > text + size)
			abort();
		read_relations(v[2]);
		int there = version_compare(v[1], previous), back = version_compare(previous, v[1]);
		if ((there > 0) - (there < 0) != (back < 0) - (back > 0))
			abort();
		previous = v[1].p ? v[1] : deb_slice("");
	}
	if (more < 0 && err.kind != GG_INTEGRITY)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_index_ struct index *ix = index_new("amd64");
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct gg_buf text = { 0 };

	read_stanzas((const char *)data, size);
	gg_buf_add(&text, data, size);
	if (index_add(ix, "s", "fuzz", &text, &err) < 0 && err.kind != GG_INTEGRITY)
		abort();
	index_ready(ix);
	for (size_t i = 0; i < index_count(ix); i++)
		if (!index_find(ix, index_at(ix, i)->name))
			abort();
	return 0;
}
