/* SPDX-License-Identifier: Apache-2.0
 *
 * The packages of one or several suites for one architecture: Packages texts (deb822) indexed by name and by what
 * they provide. Names and values are slices of the texts, which the index owns. Pure but for index_inflate's memory.
 * Errors: GG_INTEGRITY, naming the text and the line.
 */
#pragma once

#include "builder/debian/deb822.h"
#include "layers/base/digest.h"

enum index_multiarch { INDEX_MA_NO, INDEX_MA_SAME, INDEX_MA_FOREIGN, INDEX_MA_ALLOWED };
enum index_priority {
	INDEX_REQUIRED,
	INDEX_IMPORTANT,
	INDEX_STANDARD,
	INDEX_OPTIONAL,
	INDEX_EXTRA,
};

struct index_package {
	struct deb_slice name, version, architecture;
	struct deb_slice provides, depends, pre_depends, conflicts, breaks, replaces;
	struct deb_slice filename;
	uint64_t size;
	struct gg_digest sha256;
	unsigned suite; /* number of the text it came from, in the order of index_add */
	enum index_priority priority;
	enum index_multiarch multiarch;
	bool essential; /* Essential: yes */
	uint32_t next;  /* for index_older */
};

struct index;
struct index *index_new(const char *arch); /* Debian's name: "amd64" */
void index_free(struct index *ix);
void index_freep(struct index **ix);
#define _cleanup_index_ GG_CLEANUP(index_freep)

/* Takes over the text. Packages of other architectures (not arch, not all) are errors. `suite` is copied. */
int index_add(struct index *ix, const char *suite, const char *name, struct gg_buf *text,
	      struct gg_err *err) GG_MUST_USE;
/* Decompresses a Packages file by its magic bytes (xz, gz, zst, or plain text), at most `max` bytes of text. */
int index_inflate(const char *name, int fd, size_t max, struct gg_buf *ret,
		  struct gg_err *err) GG_MUST_USE;

/* All loaded: sorts the tables. Lookups need it; index_add after it is an error of ours. */
void index_ready(struct index *ix);
size_t index_count(const struct index *ix);
const struct index_package *index_at(const struct index *ix, size_t i);
const char *index_suite(const struct index *ix, unsigned suite);
unsigned index_suites(const struct index *ix); /* how many */
const char *index_arch(const struct index *ix);
/* The newest version of a name, and the next older one; NULL when there is none. */
const struct index_package *index_find(const struct index *ix, struct deb_slice name);
const struct index_package *index_older(const struct index *ix, const struct index_package *p);
/* Calls fn for every package (any version) that has `name` in Provides, with the provided version (p NULL: none),
 * until it returns false. */
void index_providers(const struct index *ix, struct deb_slice name,
		     bool (*fn)(void *ctx, const struct index_package *p, struct deb_slice version),
		     void *ctx);
/* Up to 3 names like `name` ("bash-completion, bashtop"), owned by the caller; NULL when nothing is near. */
char *index_nearest(const struct index *ix, struct deb_slice name);
