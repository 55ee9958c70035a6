/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild man`: the manual page, for the installation.
 */
#include "builder/commands.h"

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	(void)options;
	(void)args;
	options_man(&command_program, GGBUILD_VERSION, &text);
	return command_print(text.data, text.len, err);
}

const struct command_def command_man = {
	.name = "man", .summary = "print the manual page", .hidden = true, .run = run
};
