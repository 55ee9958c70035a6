/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/policy_report.h"

#include <string.h>

#include "recipes/recipe_error.h"

void policy_violate(struct policy_report *r, struct gg_pos at, struct gg_pos rule, const char *key,
		    const char *fmt, ...)
{
	struct recipe_source source = { .file = r->recipe->file,
					.text = r->recipe->text,
					.len = strlen(r->recipe->text) };
	va_list ap;

	if (!at.file)
		at.file = r->recipe->file;
	va_start(ap, fmt);
	recipe_errors_vadd(&r->errors, &source, at, fmt, ap);
	va_end(ap);
	recipe_errors_hint(&r->errors, "the policy forbids it: '%s' in %s:%u", key, rule.file,
			   rule.line);
}

int policy_report_end(struct policy_report *r, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf words = { 0 };
	int result = 0;

	if (r->errors.n) {
		recipe_errors_sort(&r->errors);
		recipe_errors_print(&r->errors, r->recipe->text, strlen(r->recipe->text), &words);
		result = gg_fail(err, GG_GATE, "%s", words.data);
		err->whole = true;
	}
	recipe_errors_done(&r->errors);
	return result;
}
