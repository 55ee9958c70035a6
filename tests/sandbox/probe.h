/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The file's text, cut off at size; "" when it cannot be read. Returns its length. */
size_t slurp(const char *path, char *text, size_t size);
/* escape [KEY=VALUE]… */
int verb_escape(int argc, char **argv);
/* probe_ambient.c */
int verb_ambient(int argc, char **argv);
int verb_names(int argc, char **argv);
int verb_children(int argc, char **argv);
int verb_deadlines(int argc, char **argv);
int verb_busy(int argc, char **argv);
