/* SPDX-License-Identifier: Apache-2.0
 *
 * The recipe model: what a recipe says, checked, with its variables filled in and its pieces expanded.
 * Plain data in one arena; every string is borrowed from it. Built by recipe_load, which is pure: it reads
 * no file, no clock, no environment; what it needs from the world arrives as a function pointer.
 * Language: DESIGN.md "The recipe (language v1)"; schema: recipes/recipe.schema.json.
 *
 * Absent strings are NULL, absent lists have n == 0, absent times are 0 unless said otherwise.
 * Durations are nanoseconds, sizes bytes, modes octal values, environments "NAME=value" sorted by name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/mem.h"

enum { RECIPE_MAX_BYTES = 1 << 20, RECIPE_MAX_DEPTH = 64 };
/* How the keys of labels and annotations begin that no recipe may set. */
#define RECIPE_STATEMENTS "dev.ggbuild."

/* A list of borrowed strings; v is NULL-terminated when n > 0. */
struct recipe_list {
	const char *const *v;
	size_t n;
};

enum recipe_from_kind {
	RECIPE_FROM_SCRATCH,
	RECIPE_FROM_DISTRO, /* debian or ubuntu packages */
	RECIPE_FROM_ROOTFS, /* a tar archive */
	RECIPE_FROM_IMAGE,
	RECIPE_FROM_STAGE,
};

struct recipe_from {
	enum recipe_from_kind kind;
	struct gg_pos pos;
	/* DISTRO */
	const char *distro;        /* "debian", "ubuntu" */
	const char *suite;         /* "trixie" */
	struct recipe_list suites; /* replaces SUITE, SUITE-updates, SUITE-security when n > 0 */
	struct recipe_list components; /* never empty; default main */
	struct recipe_list
		packages; /* requested, as written: NAME or NAME=VERSION; sorted, unique */
	const struct gg_pos *package_pos; /* parallel to packages */
	bool scripts;                     /* run maintainer scripts (default true) */
	bool essential;                   /* include Essential packages (default true) */
	struct recipe_list
		exclude; /* what packages ship and the stage leaves out, as lines of an ignore file */
	const char *mirror;  /* URL or NULL */
	const char *keyring; /* path relative to the recipe or NULL */
	/* ROOTFS */
	const char *rootfs;      /* path relative to the recipe, or a URL */
	struct gg_digest sha256; /* all zero when absent (allowed for paths only) */
	/* IMAGE: with its transport, "docker://ubuntu:24.04"; paths are relative to the recipe */
	const char *image;
	/* STAGE */
	const char *stage;
};

enum recipe_input_kind { RECIPE_INPUT_LOCAL, RECIPE_INPUT_URL, RECIPE_INPUT_IMAGE };

struct recipe_input {
	const char *name;
	enum recipe_input_kind kind;
	struct gg_pos pos;
	const char *local;         /* LOCAL: directory relative to the recipe */
	struct recipe_list ignore; /* LOCAL: .dockerignore patterns */
	const char *url;
	struct gg_digest sha256; /* URL; required */
	const char *image;       /* IMAGE: as in recipe_from */
};

/* What to run: a shell text (run as /bin/sh -eu -c TEXT) or an argument list. Exactly one is set. */
struct recipe_command {
	const char *shell;
	struct recipe_list argv;
};

struct recipe_mount {
	const char *input; /* an input's name */
	const char *at;    /* absolute path in the step; default /inputs/NAME */
	struct gg_pos pos;
};

/* Copies a path (a glob is allowed in the last components) out of a stage or input. */
struct recipe_copy {
	struct gg_pos pos, path_pos;
	const char *from;  /* stage or input name */
	const char *path;  /* absolute in the source; globs * ? [..] ** */
	const char *to;    /* absolute destination; a trailing '/' means "into this directory" */
	const char *owner; /* "user", "user:group", "1000:1000"; NULL keeps the source's ids */
	int mode;          /* -1 keeps the source's; applies to files */
	bool libraries;    /* bring the shared libraries of every ELF file that is copied */
	struct recipe_list exclude; /* globs below path */
};

enum recipe_make_kind { RECIPE_MAKE_DIRECTORY, RECIPE_MAKE_FILE, RECIPE_MAKE_SYMLINK };

struct recipe_make {
	enum recipe_make_kind kind;
	struct gg_pos pos;
	const char *path;    /* absolute */
	const char *content; /* FILE; borrowed text, length content_len */
	size_t content_len;
	const char *target; /* SYMLINK */
	const char *owner;  /* as in recipe_copy; NULL is 0:0 */
	int mode;           /* never -1: 0755 for directories, 0644 for files by default */
};

enum recipe_step_kind { RECIPE_STEP_RUN, RECIPE_STEP_FETCH, RECIPE_STEP_COPY, RECIPE_STEP_MAKE };

struct recipe_step {
	enum recipe_step_kind kind;
	struct gg_pos pos;
	/* unique within the recipe: "STAGE/3" counted from 1, or "STAGE/NAME" for named and fetch steps */
	const char *name;
	const char *piece;             /* "rustup@1" when it came out of a piece */
	struct gg_digest piece_digest; /* zero when not from a piece */
	/* RUN and FETCH */
	struct recipe_command command;
	struct recipe_list
		args; /* "NAME=value": the recipe's arguments that the command's text names */
	/* The whole environment that the recipe gives: the stage's, over it that of the pieces used before, over it
	 * the step's own; without args. */
	struct recipe_list env;
	const char
		*workdir; /* absolute; NULL: "/", or what the image says that the stage is from */
	const char *user; /* name or uid[:gid] of the stage; NULL: root, or the image's */
	const struct recipe_mount *mounts;
	size_t n_mounts;
	struct recipe_list secrets; /* ids, declared under the recipe's secrets */
	uint64_t timeout;           /* ns, 0: none */
	bool network;
	bool setuid;
	struct recipe_list caches; /* absolute paths */
	/* FETCH */
	const char *fetch;          /* the fetch's name */
	const char *output;         /* absolute directory */
	struct recipe_list exclude; /* globs relative to output */
	/* COPY */
	const struct recipe_copy *copies;
	size_t n_copies;
	/* MAKE */
	const struct recipe_make *makes;
	size_t n_makes;
};

struct recipe_stage {
	const char *name;
	struct gg_pos pos;
	struct recipe_from from;
	const struct recipe_step *steps;
	size_t n_steps;
};

struct recipe_user {
	struct gg_pos pos;
	const char *name; /* NULL: the image has no user */
	uint32_t uid, gid;
	const char *group; /* defaults to name */
	const char *home;  /* default "/" */
	const char *shell; /* default "/bin/sh" */
	bool replace;      /* take over a clashing entry */
};

struct recipe_layer {
	const char *name;
	struct gg_pos pos;
	const struct recipe_copy *copies;
	size_t n_copies;
	const struct recipe_make *makes;
	size_t n_makes;
};

/* OCI config.Healthcheck as the Docker image spec has it. */
struct recipe_health {
	bool present;
	bool none;
	struct recipe_list test;                                  /* starts with CMD or CMD-SHELL */
	uint64_t interval, timeout, start_period, start_interval; /* ns */
	int retries;                                              /* 0: default */
};

enum recipe_compression { RECIPE_GZIP, RECIPE_ZSTD, RECIPE_UNCOMPRESSED };

struct recipe_image {
	bool present;
	struct gg_pos pos;
	const char *from; /* stage name, or NULL for scratch */
	struct gg_pos from_pos;
	struct recipe_user user;
	const struct recipe_layer *layers;
	size_t n_layers;
	struct recipe_list env, entrypoint, cmd, ports, volumes; /* ports "8080/tcp" */
	struct recipe_list labels, annotations;                  /* "KEY=value" sorted */
	const char *workdir, *stop_signal, *author;
	struct recipe_health health;
	enum recipe_compression compression;
	int level; /* 0: the compressor's default of this format version */
};

struct recipe_test {
	const char *name;
	struct gg_pos pos;
	struct recipe_command command;
	struct recipe_list env;
	const char *user, *workdir; /* NULL: the image's */
	uint64_t timeout;           /* ns; 60 s by default */
	int exit;                   /* expected status, 0 by default */
	struct recipe_list
		stdout_lines; /* extended regexes, each must match a whole output line's part */
	struct recipe_list stderr_lines;
	const char *stdout_text; /* exact, or NULL */
};

struct recipe_secret {
	const char *id;
	const char *env;  /* offered as this variable to steps that ask, or NULL */
	const char *file; /* offered at this path, default /run/secrets/ID when env is NULL too */
	struct gg_pos pos;
};

struct recipe_arg {
	const char *name;
	const char *value; /* after overrides */
	struct gg_pos pos;
};

struct recipe {
	struct gg_arena *arena;
	const char *file; /* as given; used in positions */
	const char *text; /* the source, for quoting lines */
	const char *name;
	const struct recipe_arg *args;
	size_t n_args;
	const struct recipe_stage
		*stages; /* topologically sorted: a stage follows what it is from and copies from */
	size_t n_stages;
	const struct recipe_input *inputs;
	size_t n_inputs;
	struct recipe_image image;
	const struct recipe_test *tests;
	size_t n_tests;
	const struct recipe_secret *secrets;
	size_t n_secrets;
	int64_t epoch; /* seconds since 1970, or -1 when the recipe does not say */
};

/* One complaint; a recipe's complaints are sorted by position. */
struct recipe_error {
	struct gg_pos pos;
	char *text; /* owned */
	char *hint; /* owned or NULL */
	/* Where the place is in a piece: its file (pos.file points to it) and line, owned; else NULL. */
	char *piece_file;
	char *piece_line;
};
struct recipe_errors {
	struct recipe_error *v;
	size_t n, cap;
};
void recipe_errors_done(struct recipe_errors *e);

struct recipe_options {
	struct gg_strv args; /* "NAME=value" overrides from the command line */
	/* what outside of the recipe's directory local, rootfs and keyring may name, with all below it, as they write
	 * it (--allow path=…) */
	struct gg_strv allowed;
	/* Returns the text of piece NAME@VERSION as an arena string, or NULL if there is none. `names` may be
	 * asked for the known ones, for suggestions. */
	const char *(*piece)(void *ctx, struct gg_arena *arena, const char *name, size_t *ret_len);
	const char *const *(*piece_names)(void *ctx, struct gg_arena *arena, size_t *ret_n);
	void *ctx;
};

/* Parses and checks `text`. On failure all complaints are in ret_errors and -1 is returned.
 * `file` is used in positions and must outlive the recipe. */
int recipe_load(const char *file, const char *text, size_t len,
		const struct recipe_options *options, struct recipe **ret,
		struct recipe_errors *ret_errors) GG_MUST_USE;
void recipe_free(struct recipe *r);
void recipe_freep(struct recipe **r);
#define _cleanup_recipe_ GG_CLEANUP(recipe_freep)

/* Whether the recipe and its lock name every byte that the step could read: a network, a cache that outlives the build
 * and a secret are named by nobody. A fetch is, for its output is pinned. */
bool recipe_step_is_hermetic(const struct recipe_step *s);

const struct recipe_stage *recipe_stage(const struct recipe *r, const char *name);
const struct recipe_input *recipe_input(const struct recipe *r, const char *name);

/* Prints "file:line:col: error: text", the line, a caret, "  help: hint" for each complaint into ret. */
void recipe_errors_print(const struct recipe_errors *e, const char *source, size_t len,
			 struct gg_buf *ret);
/* The same for one position, for errors found later (lock, inputs). */
void recipe_error_print(struct gg_pos pos, const char *text, const char *hint, const char *source,
			size_t len, struct gg_buf *ret);
