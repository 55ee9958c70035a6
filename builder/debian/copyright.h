/* SPDX-License-Identifier: Apache-2.0
 *
 * What debian/copyright says of licences, where it is machine-readable (copyright-format 1.0, once DEP 5): its first
 * stanza has a Format. Of each stanza with Files, and of the first, the License's first line: an expression of short
 * names. Stanzas of a licence's text alone repeat parts of those and do not count. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/mem.h"

/* Expressions, each once, sorted. False when it says nothing that can be relied on: it is no such file, is broken, or a
 * stanza with Files has no expression. */
bool copyright_licenses(const char *text, size_t len, struct gg_strv *ret);
