/* SPDX-License-Identifier: Apache-2.0
 *
 * An image as one JSON object, and templates over it: "{{.Config.Env}}", "{{json .Layers}}", "{{index .Config.Labels
 * "org.x.y"}}". Strings and numbers appear as they are, everything else as compact JSON; what an image may have and this
 * one has not is empty (null with json). Pure, but for the sizes of blobs that have no descriptor, which are looked at.
 * Errors: GG_USAGE for a template that is malformed or names what no image has, with the nearest name.
 */
#pragma once

#include "layers/base/err.h"

struct gg_json;
struct image_source;

int inspect_object(const struct image_source *s, struct gg_json **ret,
		   struct gg_err *err) GG_MUST_USE;
int inspect_format(const char *tpl, const struct gg_json *object, struct gg_buf *ret,
		   struct gg_err *err) GG_MUST_USE;
