/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/action.h"

#include <string.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/tree.h"

struct action_tree *action_tree(const struct action *a, size_t node)
{
	for (size_t i = 0; i < a->n_trees; i++)
		if (a->trees[i].node == node)
			return &a->trees[i];
	return NULL;
}

int action_open_tree(struct action *a, size_t node, struct action_tree **ret, struct gg_err *err)
{
	struct action_tree *t = action_tree(a, node), fresh = { .fd = -1, .node = node };

	if (!t) {
		if (execution_digest(a->execution, node, "tree", &fresh.digest, err) < 0)
			return -1;
		fresh.fd = store_tree_open(a->session->store, &fresh.digest, err);
		if (fresh.fd < 0)
			return gg_context(err, "tree of '%s'", a->plan->nodes[node].name);
		GG_GROW(a->trees, a->n_trees, a->cap_trees);
		a->trees[a->n_trees] = fresh;
		t = &a->trees[a->n_trees++];
	}
	if (ret)
		*ret = t;
	return 0;
}

int action_load_tree(struct action *a, size_t node, struct action_tree **ret, struct gg_err *err)
{
	struct action_tree *t;

	if (action_open_tree(a, node, &t, err) < 0)
		return -1;
	if (!t->tree && store_tree_manifest(a->session->store, &t->digest, &t->tree, err) < 0)
		return gg_context(err, "manifest of '%s'", a->plan->nodes[node].name);
	if (ret)
		*ret = t;
	return 0;
}

int action_open_trees(struct action *a, const size_t *nodes, size_t n, bool load, struct gg_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = load ? action_load_tree(a, nodes[i], NULL, err) : action_open_tree(a, nodes[i], NULL, err);

		if (r < 0)
			return -1;
	}
	return 0;
}

int action_keep_fd(struct action *a, int fd)
{
	GG_GROW(a->fds, a->n_fds, a->cap_fds);
	a->fds[a->n_fds++] = fd;
	return fd;
}

int action_mkdir(struct action *a, const char *name, struct gg_err *err)
{
	if (mkdirat(a->tmp.fd, name, 0755) < 0)
		return gg_fail_errno(err, "mkdir '%s'", name);
	/* mkdir's mode went through the umask, and this becomes the mode of a root directory. */
	if (fchmodat(a->tmp.fd, name, 0755, 0) < 0)
		return gg_fail_errno(err, "chmod '%s'", name);
	return gg_openat(a->tmp.fd, name, O_RDONLY | O_DIRECTORY, 0, err);
}

int action_give_tree(struct action *a, const char *dir, const struct tree *t, struct gg_json *result,
		     struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int fd = gg_openat(a->tmp.fd, "manifest", O_WRONLY | O_CREAT | O_EXCL, 0600, err);

	if (fd < 0)
		return -1;
	tree_text(t, &text);
	if (gg_write_all(fd, text.data, text.len, err) < 0)
		return gg_context(err, "manifest");
	gg_json_set_str(result, "directory", dir);
	gg_json_set_int(result, "entries", (int64_t)t->n);
	return 0;
}

int action_take_tree(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	const char *dir = gg_json_get_str(result, "directory", "");
	char text[GG_DIGEST_TEXT];
	_cleanup_buf_ struct gg_buf manifest = { 0 };
	struct gg_digest d;

	if (gg_read_file(a->tmp.fd, "manifest", SIZE_MAX, &manifest, err) < 0)
		return -1;
	if (store_tree_adopt(a->session->store, a->tmp.fd, dir, manifest.data, manifest.len, &d, err) < 0)
		return -1;
	gg_json_set_str(a->record, "tree", gg_digest_text(&d, text));
	return 0;
}

int action_take_blob(struct action *a, const struct gg_json *result, const char *field, struct gg_err *err)
{
	const struct gg_json *blob = gg_json_get(result, field);
	struct gg_digest d;

	if (gg_digest_parse(gg_json_get_str(blob, "digest", ""), &d, err) < 0)
		return -1;
	if (store_blob_adopt(a->session->store, a->tmp.fd, field, &d, (uint64_t)gg_json_get_int(blob, "size", -1),
			     err) < 0)
		return -1;
	gg_json_set_str(a->record, field, gg_json_get_str(blob, "digest", ""));
	return 0;
}

void action_environment(const struct action *a, struct gg_strv *ret)
{
	_cleanup_free_ char *epoch = gg_asprintf("%lld", (long long)a->plan->epoch);

	gg_strv_setenv(ret, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	gg_strv_setenv(ret, "HOME", "/root");
	gg_strv_setenv(ret, "LC_ALL", "C.UTF-8");
	gg_strv_setenv(ret, "TZ", "UTC");
	gg_strv_setenv(ret, "SOURCE_DATE_EPOCH", epoch);
}
