/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild completion SHELL`.
 */
#include "builder/commands.h"

static const char *const shells[] = { "bash", "zsh", "fish", NULL };

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	(void)options;
	if (options_completion(&command_program, args->v[0], &text, err) < 0)
		return -1;
	return command_print(text.data, text.len, err);
}

const struct command_def command_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.summary = "print a completion script for a shell",
	.text = "  bash: eval \"$(ggbuild completion bash)\"\n"
		"  zsh:  ggbuild completion zsh >~/.zfunc/_ggbuild\n"
		"  fish: ggbuild completion fish >~/.config/fish/completions/ggbuild.fish",
	.min_args = 1,
	.max_args = 1,
	.words = shells,
	.run = run,
};
