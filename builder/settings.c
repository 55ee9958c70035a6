/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/settings.h"

#include <errno.h>
#include <stdlib.h>

#include "layers/base/fd.h"

static char *settings_path(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && config[0] == '/')
		return gg_asprintf("%s/ggbuild/config.yaml", config);
	if (home && home[0] == '/')
		return gg_asprintf("%s/.config/ggbuild/config.yaml", home);
	return NULL;
}

int settings_read(struct config **ret, struct gg_err *err)
{
	_cleanup_free_ char *path = settings_path();
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	_cleanup_buf_ struct gg_buf text = { 0 }, words = { 0 };
	struct recipe_errors errors = { 0 };
	int r;

	if (!path || (fd < 0 && (errno == ENOENT || errno == ENOTDIR)))
		return 0;
	if (fd < 0)
		return gg_fail_errno(err, "open configuration '%s'", path);
	if (gg_read_fd(fd, RECIPE_MAX_BYTES, &text, err) < 0)
		return gg_context(err, "configuration '%s'", path);
	r = config_parse(path, text.data ? text.data : "", text.len, ret, &errors);
	if (r < 0) {
		recipe_errors_print(&errors, text.data, text.len, &words);
		gg_fail(err, GG_USAGE, "%s",
			words.data ? words.data : "the configuration is wrong");
		err->whole = true;
	}
	recipe_errors_done(&errors);
	return r;
}

int settings_read_policy(const char *path, struct policy **ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 }, words = { 0 };
	struct recipe_errors errors = { 0 };
	int r;

	if (gg_read_regular(AT_FDCWD, path, RECIPE_MAX_BYTES, &text, err) < 0)
		return gg_context(err, "policy");
	r = policy_parse(path, text.data ? text.data : "", text.len, ret, &errors);
	if (r < 0) {
		recipe_errors_print(&errors, text.data, text.len, &words);
		gg_fail(err, GG_USAGE, "%s", words.data ? words.data : "the policy is wrong");
		err->whole = true;
	}
	recipe_errors_done(&errors);
	return r;
}
