/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/doctor_store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/fd.h"

/* "36 35 98:0 /root /mount-point options [optional]... - type source options", by the mount's id, for device numbers
 * are not those of files on every file system. proc_pid_mountinfo(5) */
char *doctor_store_file_system(int fd)
{
	_cleanup_free_ char *line = NULL;
	char type[64] = "";
	struct statx stx;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t cap = 0;

	if (!f)
		return gg_strdup("");
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 || !(stx.stx_mask & STATX_MNT_ID))
		stx.stx_mnt_id = 0;
	while (!type[0] && getline(&line, &cap, f) > 0) {
		unsigned long long id;
		const char *rest = strstr(line, " - ");

		if (sscanf(line, "%llu", &id) == 1 && id == stx.stx_mnt_id && rest)
			sscanf(rest, " - %63s", type);
	}
	fclose(f);
	return gg_strdup(type);
}

static int open_there(const char *path, const char *ids, struct doctor_store *s, struct gg_err *err)
{
	struct store_options how = { .ids = ids };

	if (store_open(path, &how, &s->store, err) < 0 ||
	    store_tmp_new(s->store, geteuid(), &s->tmp, err) < 0)
		return -1;
	s->fd = s->tmp.fd;
	return 0;
}

/* The nearest directory above that exists must take a new one from us. */
static int open_above(const char *path, struct doctor_store *s, struct gg_err *err)
{
	_cleanup_free_ char *above = gg_strdup(path), *name = gg_temp_name(".doctor");
	_cleanup_close_ int fd = -1;
	char *slash;

	do {
		slash = strrchr(above, '/');
		if (slash == above)
			slash++;
		if (slash)
			*slash = '\0';
		fd = open(slash ? above : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} while (fd < 0 && errno == ENOENT && slash && above[1]);
	if (fd < 0)
		gg_fail_errno(err, "open '%s'", slash ? above : ".");
	else if (mkdirat(fd, name, 0700) < 0)
		gg_fail_errno(err, "make a directory in '%s'", slash ? above : ".");
	else if (unlinkat(fd, name, AT_REMOVEDIR) < 0)
		gg_fail_errno(err, "remove a directory from '%s'", slash ? above : ".");
	if (err->kind != GG_OK)
		return gg_hint(err, "--store names another directory");
	s->fd = gg_steal_fd(&fd);
	return 0;
}

void doctor_store_open(const char *path, const char *ids, struct doctor_store *ret)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int r;

	*ret = (struct doctor_store)DOCTOR_STORE_INIT;
	ret->path = path;
	r = access(path, F_OK) < 0 && errno == ENOENT ? open_above(path, ret, &err)
						      : open_there(path, ids, ret, &err);
	if (r == 0)
		return;
	ret->problem = gg_steal(&err.text);
	ret->remedy = gg_steal(&err.hint);
}

void doctor_store_done(struct doctor_store *s)
{
	if (!s->store)
		gg_close(s->fd);
	store_tmp_done(&s->tmp);
	store_close(s->store);
	free(s->problem);
	free(s->remedy);
	*s = (struct doctor_store)DOCTOR_STORE_INIT;
}
