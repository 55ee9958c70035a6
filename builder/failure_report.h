/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a build failed, for the program that started it and named a file in GGBUILD_REPORT: lines "WORD VALUE", written
 * when an action has failed and not otherwise.
 *   kind  the error's kind, which is the exit status
 *   step  the fetch's name as --fetch-env takes it, else the step's name      (only when a step failed)
 *   piece NAME@VERSION                                                        (only when it came out of a piece)
 *   env   NAME=VALUE, one line each, of the step's arguments and environment; values of several lines are left out
 * It holds nothing that the recipe does not. What cannot be written is logged, not an error: the build has one already.
 */
#pragma once

#include "layers/base/err.h"

struct recipe_step;

/* path NULL or empty: nobody asked. step may be NULL. An existing file is replaced. */
void failure_report(const char *path, enum gg_kind kind, const struct recipe_step *step);
