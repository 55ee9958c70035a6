/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors that travel outward. A function that can fail returns 0 / -1 (or NULL) and takes
 * `struct gg_err *err` last. The first error wins: a second gg_fail on a set object is ignored.
 * Text is "operation 'object'", lower case; gg_context puts the outer words in front, so a chain reads
 * outside-in. A hint says what the user can do. Nothing here prints.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "layers/base/mem.h"

/* Kinds are the process's exit codes. */
enum gg_kind {
	GG_OK = 0,
	GG_SYSTEM = 1,
	GG_USAGE = 2,
	GG_RECIPE = 3,
	GG_LOCK = 4,
	GG_STEP = 5,
	GG_INTEGRITY = 6,
	GG_REMOTE = 7,
	GG_GATE = 8,
	GG_INTERNAL = 70,
};

/* A place in a text file. line and column count from 1; line 0 means "the whole file"; file NULL means
 * "no position". The file name is borrowed and outlives the position. */
struct gg_pos {
	const char *file;
	unsigned line;
	unsigned col;
};

struct gg_err {
	enum gg_kind kind; /* GG_OK: nothing has failed */
	int errnum;        /* errno of the failing call, 0 where there was none */
	struct gg_pos pos;
	char *text; /* owned */
	char *hint; /* owned, may be NULL */
	bool whole; /* the text is lines that are ready to be read, with positions and hints of their own */
};

#define GG_ERR_INIT                                                                                \
	{                                                                                          \
		.kind = GG_OK                                                                      \
	}

void gg_err_done(struct gg_err *err);
/* Moves the error out of `from`, which is empty afterwards. */
void gg_err_move(struct gg_err *err, struct gg_err *from);

/* All return -1, so that a failing function ends in `return gg_fail(...)`. */
int gg_fail(struct gg_err *err, enum gg_kind kind, const char *fmt, ...) GG_PRINTF(3, 4);
int gg_vfail(struct gg_err *err, enum gg_kind kind, const char *fmt, va_list ap) GG_PRINTF(3, 0);
/* GG_SYSTEM with errno's meaning appended; errno is read at entry. */
int gg_fail_errno(struct gg_err *err, const char *fmt, ...) GG_PRINTF(2, 3);
int gg_fail_at(struct gg_err *err, enum gg_kind kind, struct gg_pos pos, const char *fmt, ...)
	GG_PRINTF(4, 5);
/* Puts "WORDS: " in front of the text. */
int gg_context(struct gg_err *err, const char *fmt, ...) GG_PRINTF(2, 3);
/* Sets the remedy unless one is there; keeps the rest. */
int gg_hint(struct gg_err *err, const char *fmt, ...) GG_PRINTF(2, 3);

/* The analyzer looks at one file at a time: told here that these never return anything but -1. */
#if defined(__clang_analyzer__) && !defined(GG_ERR_DEFINES)
#define gg_fail(...)                                                                               \
	({                                                                                         \
		(void)gg_fail(__VA_ARGS__);                                                        \
		-1;                                                                                \
	})
#define gg_fail_errno(...)                                                                         \
	({                                                                                         \
		(void)gg_fail_errno(__VA_ARGS__);                                                  \
		-1;                                                                                \
	})
#define gg_fail_at(...)                                                                            \
	({                                                                                         \
		(void)gg_fail_at(__VA_ARGS__);                                                     \
		-1;                                                                                \
	})
#define gg_context(...)                                                                            \
	({                                                                                         \
		(void)gg_context(__VA_ARGS__);                                                     \
		-1;                                                                                \
	})
#define gg_hint(...)                                                                               \
	({                                                                                         \
		(void)gg_hint(__VA_ARGS__);                                                        \
		-1;                                                                                \
	})
#endif

#define _cleanup_err_ GG_CLEANUP(gg_err_done)
