/* SPDX-License-Identifier: Apache-2.0
 *
 * Version numbers of Debian packages, [epoch:]upstream[-revision] (deb-version(7)), and relations on them. Pure.
 */
#pragma once

#include "builder/debian/deb822.h"

/* Relations of dependency fields; "<" and ">" are the old spellings of "<=" and ">=". */
enum version_op {
	VERSION_ANY,
	VERSION_LT, /* << */
	VERSION_LE, /* <= */
	VERSION_EQ, /* = */
	VERSION_GE, /* >= */
	VERSION_GT, /* >> */
};

/* < 0, 0, > 0. Any bytes are ordered somehow; only valid ones as dpkg orders them. */
int version_compare(struct deb_slice a, struct deb_slice b);
bool version_valid(struct deb_slice v);
bool version_op_parse(struct deb_slice text, enum version_op *ret);
const char *version_op_text(enum version_op op);
/* "have OP want" */
bool version_satisfies(struct deb_slice have, enum version_op op, struct deb_slice want);
