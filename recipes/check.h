/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading YAML nodes into the model, with complaints that people can use. A map of the language is a table of
 * fields (struct check_shape): key, reader, where the result goes. The engine finds unknown, missing and
 * misplaced keys; readers turn one node into one C value and complain at its place. Nobody stops at the first
 * error: a reader that complained leaves its target as it was, and the load fails at the end because
 * something was said. Internal to recipes/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recipes/recipe_error.h"
#include "recipes/vars.h"
#include "recipes/yaml.h"

enum {
	CHECK_MAX_ID = 65535,      /* ids are mapped as one range of 65536 */
	CHECK_MAX_VARIABLES = 256, /* in one environment */
	CHECK_MAX_STEPS = 1000,    /* of one recipe, pieces expanded */
	CHECK_EXPANSION = 8 << 20, /* bytes that all ${NAME} of one recipe may make */
};
#define CHECK_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A name that may be referred to. */
struct check_name {
	const char *name;
	struct gg_pos pos;
};
struct check_names {
	struct check_name *v; /* sorted by name; in the arena */
	size_t n;
};

struct piece; /* recipes/piece.h */

struct check {
	struct gg_arena *arena;
	struct recipe *recipe;
	const struct recipe_options *options;
	struct recipe_errors *errors;
	const struct recipe_source
		*source;         /* where the nodes at hand stand: the recipe or a piece */
	const struct vars *vars; /* what ${NAME} means there */
	const char *path;        /* what ${PATH} means, NULL where it has no meaning */
	const char *key;         /* the key whose value is being read */
	bool item;               /* of a list under that key */
	size_t budget;           /* of expansions */
	bool overgrown;          /* it is spent, and that has been said */
	size_t regex_cost;       /* of all regular expressions so far */
	size_t n_steps;          /* of the whole recipe so far */
	struct check_names stages, inputs, secrets;
	/* While a piece is expanded: */
	const struct piece *piece;
	struct gg_pos use_pos; /* the use line; every position in the model is it */
	struct piece *pieces;  /* those that were loaded, a chain */
};

/* Complaints. check_hint goes with the last check_fail. */
void check_fail(struct check *c, struct gg_pos pos, const char *fmt, ...) GG_PRINTF(3, 4);
void check_hint(struct check *c, const char *fmt, ...) GG_PRINTF(2, 3);
/* "did you mean 'x'?", else the text given, else nothing. */
void check_suggest(struct check *c, const char *word, const char *const *known, size_t n,
		   const char *otherwise);
/* "'KEY' must be WANTED, not WHAT IT IS". */
void check_wrong_type(struct check *c, const struct yaml_node *node, const char *wanted);
bool check_is(struct check *c, const struct yaml_node *node, enum yaml_kind kind,
	      const char *wanted);
/* The text, cut so that a message stays a line. */
const char *check_shown(struct check *c, const char *text);
/* The node's place; inside a piece, that of the use's value when the node is just "${param}". */
struct gg_pos check_pos(struct check *c, const struct yaml_node *node);
/* The place for the model: inside a piece, the use line. */
struct gg_pos check_model_pos(const struct check *c, struct gg_pos pos);

/* Maps. */
typedef void check_reader(struct check *c, const struct yaml_node *value, void *out);
enum check_flags {
	CHECK_REQUIRED = 1 << 0,
	CHECK_LATER = 1 << 1, /* planned: an error that says so */
};
struct check_field {
	const char *key;
	check_reader *read;
	size_t offset;    /* of the target in the object */
	unsigned flags;   /* enum check_flags */
	unsigned kinds;   /* bits of the kinds of object that may have the key; 0: all */
	const char *help; /* the remedy when it is missing or LATER */
};
struct check_shape {
	const char *what; /* "a stage" */
	const struct check_field *fields;
	size_t n;
	const char *const *kinds; /* names of the kinds, for messages; NULL when there is one */
	size_t n_kinds;
};
#define CHECK_SHAPE(what_, fields_)                                                                \
	{                                                                                          \
		.what = (what_), .fields = (fields_), .n = GG_LEN(fields_)                         \
	}
#define CHECK_KINDS(what_, fields_, kinds_)                                                        \
	{                                                                                          \
		.what = (what_), .fields = (fields_), .n = GG_LEN(fields_), .kinds = (kinds_),     \
		.n_kinds = GG_LEN(kinds_)                                                          \
	}

/* Reads a map by its shape into `object`; false when it is no map. `kind` is the bit of the object's kind or 0. */
bool check_map(struct check *c, const struct yaml_node *node, const struct check_shape *shape,
	       unsigned kind, void *object);
/* Which one of the keys the map has: its index, or -1 after a complaint that there is none or more than one. */
int check_one_of(struct check *c, const struct yaml_node *map, const struct check_shape *shape,
		 const char *const *keys, size_t n);

/* Scalars: the expanded text, or NULL after a complaint. `wanted` as in "must be WANTED". */
const char *check_scalar(struct check *c, const struct yaml_node *node, const char *wanted);
/* The same, not expanded. */
const char *check_raw(struct check *c, const struct yaml_node *node, const char *wanted);

/* Readers; the comment names the target. */
void check_text(struct check *c, const struct yaml_node *node, void *out); /* const char * */
void check_content(struct check *c, const struct yaml_node *node,
		   void *out); /* const char *, not expanded */
void check_bool(struct check *c, const struct yaml_node *node, void *out); /* bool */
void check_list(struct check *c, const struct yaml_node *node, void *out); /* struct recipe_list */
void check_texts(struct check *c, const struct yaml_node *node,
		 void *out); /* the same; one text is a list of it */
void check_command(struct check *c, const struct yaml_node *node,
		   void *out); /* struct recipe_command, not expanded */
void check_path(struct check *c, const struct yaml_node *node,
		void *out); /* const char *, absolute */
void check_paths(struct check *c, const struct yaml_node *node,
		 void *out); /* struct recipe_list of them */
void check_inside(struct check *c, const struct yaml_node *node,
		  void *out); /* const char *, below the recipe's directory */
/* The same of a part of the node's text; false after a complaint. */
bool check_inside_path(struct check *c, const struct yaml_node *node, const char *path);
void check_word(struct check *c, const struct yaml_node *node,
		void *out); /* const char *, a name of the language */
void check_duration(struct check *c, const struct yaml_node *node,
		    void *out); /* uint64_t ns, more than 0 */
void check_mode(struct check *c, const struct yaml_node *node, void *out);   /* int */
void check_owner(struct check *c, const struct yaml_node *node, void *out);  /* const char * */
void check_id(struct check *c, const struct yaml_node *node, void *out);     /* uint32_t */
void check_sha256(struct check *c, const struct yaml_node *node, void *out); /* struct gg_digest */
void check_url(struct check *c, const struct yaml_node *node, void *out);    /* const char * */
void check_epoch(struct check *c, const struct yaml_node *node, void *out);  /* int64_t */
/* An integer of a range; says the range otherwise. 0 or -1. */
int check_int(struct check *c, const struct yaml_node *node, int64_t min, int64_t max,
	      int64_t *ret) GG_MUST_USE;

/* The environment of `node` (a map NAME: value) laid over `base`, sorted by name. */
struct recipe_list check_env(struct check *c, const struct yaml_node *node, struct recipe_list base,
			     bool step);
/* A map of any keys ("KEY=value", sorted); `what` as in "a label". */
struct recipe_list check_pairs(struct check *c, const struct yaml_node *node, const char *what);

/* Text without a node, for the readers. */
bool check_is_word(const char *s); /* [a-z0-9][a-z0-9._-]* */
const char *check_basename(const char *path, size_t *ret_len);
bool check_is_glob(const char *s);
/* Lists in the arena. */
struct recipe_list check_list_of(struct check *c, char *const *v, size_t n);
void check_sort_pairs(struct gg_strv *l); /* "NAME=value" by name */

/* Names that may be referred to. */
const struct check_name *check_find(const struct check_names *names, const char *name);
void check_sort_names(struct check_names *names);
/* Complains that `name` at pos is no WHAT ("stage"), with the nearest of the sets. */
void check_unknown(struct check *c, struct gg_pos pos, const char *what, const char *name,
		   const struct check_names *const *sets, size_t n_sets);
