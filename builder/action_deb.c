/* SPDX-License-Identifier: Apache-2.0
 *
 * DEB: a package archive becomes a tree (its data) and a blob of its control files: for each "NAME MODE LEN\n" and
 * LEN bytes, sorted by name. ROOTFS: a tar archive becomes a tree.
 */
#include <string.h>

#include "builder/action.h"
#include "builder/control.h"
#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/deb.h"
#include "layers/extract.h"
#include "layers/tree.h"

static int give_control(struct action *a, struct deb *deb, struct gg_json *result,
			struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	const struct deb_member *members;
	struct gg_json *blob = gg_json_object();
	char digest[GG_DIGEST_TEXT];
	struct gg_digest d;
	size_t n;

	gg_json_take(result, "control", blob);
	if (deb_control(deb, &members, &n, err) < 0)
		return -1;
	control_write(members, n, &text);
	gg_digest_of(text.data, text.len, &d);
	gg_json_set_str(blob, "digest", gg_digest_text(&d, digest));
	gg_json_set_int(blob, "size", (int64_t)text.len);
	return gg_write_file(a->tmp.fd, "control", text.data, text.len, 0600, 0, err);
}

static int deb_work(struct action *a, const struct job_port *port, struct gg_json *result,
		    struct gg_err *err)
{
	_cleanup_close_ int dir = action_mkdir(a, "tree", err);
	GG_CLEANUP(deb_closep) struct deb *deb = NULL;
	struct extract_options how = { .owners = action_owners(a) };
	_cleanup_tree_ struct tree *t = NULL;

	(void)port;
	if (dir < 0 || deb_open(a->blobfd, &deb, err) < 0 ||
	    give_control(a, deb, result, err) < 0 || deb_extract(deb, dir, &how, &t, err) < 0)
		return -1;
	return action_give_tree(a, "tree", t, result, err);
}

static int deb_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	if (action_take_blob(a, result, "control", err) < 0)
		return -1;
	return action_take_tree(a, result, err);
}

/* Here and not in each child: loading takes longer than reading most packages. */
static int load_library(struct action *a, struct gg_err *err)
{
	(void)a;
	return archive_load(err);
}

const struct action_ops action_deb = {
	.bounded = true, .prepare = load_library, .work = deb_work, .commit = deb_commit
};

static int rootfs_work(struct action *a, const struct job_port *port, struct gg_json *result,
		       struct gg_err *err)
{
	_cleanup_close_ int dir = action_mkdir(a, "tree", err);
	struct extract_options how = { .flags = EXTRACT_AHEAD, .owners = action_owners(a) };
	_cleanup_tree_ struct tree *t = NULL;

	(void)port;
	if (dir < 0 || extract_archive(a->blobfd, dir, &how, &t, NULL, err) < 0)
		return -1;
	return action_give_tree(a, "tree", t, result, err);
}

const struct action_ops action_rootfs = { .bounded = true,
					  .work = rootfs_work,
					  .commit = action_take_tree };
