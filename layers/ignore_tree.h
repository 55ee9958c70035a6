/* SPDX-License-Identifier: Apache-2.0
 *
 * An ignore list applied to a tree's manifest: excluded entries go, but for directories that something kept lies in.
 * The root stays. Pure.
 */
#pragma once

struct ignore;
struct tree;

void ignore_tree(const struct ignore *ig, struct tree *t);
