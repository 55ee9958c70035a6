/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/transport_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layers/archive_index.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/containers_storage.h"
#include "layers/docker_archive.h"
#include "layers/docker_daemon.h"
#include "layers/layout.h"
#include "layers/layout_archive.h"
#include "layers/transport_registry.h"
#include "layers/transport_rootfs.h"
#include "layers/oci.h"

static const struct transport *const transports[] = {
	&transport_oci,           &transport_oci_archive, &transport_docker_archive,
	&transport_docker_daemon, &transport_registry,    &transport_containers_storage,
	&transport_rootfs,        &transport_tar
};

static char *known_forms(bool source)
{
	_cleanup_strv_ struct gg_strv forms = { 0 };
	struct gg_buf b = { 0 };

	for (size_t i = 0; i < GG_LEN(transports); i++)
		if (source ? transports[i]->read != NULL : transports[i]->write != NULL)
			gg_strv_add(&forms, transports[i]->form);
	for (size_t i = 0; i < forms.n; i++)
		gg_buf_printf(&b, "%s%s",
			      i == 0             ? ""
			      : i + 1 == forms.n ? " or "
						 : ", ",
			      forms.v[i]);
	return gg_buf_steal(&b);
}

/* The transport that "NAME:" names, or NULL. */
static const struct transport *by_name(const char *text, bool source)
{
	size_t len = strcspn(text, ":");

	for (size_t i = 0; text[len] && i < GG_LEN(transports); i++) {
		const struct transport *t = transports[i];

		if (strlen(t->name) == len && strncmp(t->name, text, len) == 0 &&
		    (source ? t->read != NULL : t->write != NULL))
			return t;
	}
	return NULL;
}

static int parse(const struct transport *known, const char *text, const char *rest, bool source,
		 struct transport_target *ret, struct gg_err *err)
{
	struct transport_target t = { .transport = known,
				      .source = source,
				      .text = gg_strdup(text) };

	if (known->parse(&t, rest, err) < 0) {
		transport_target_done(&t);
		return -1;
	}
	*ret = t;
	return 0;
}

static int not_known(const char *text, bool source, struct gg_err *err)
{
	_cleanup_free_ char *forms = known_forms(source);

	if (source) {
		gg_fail(err, GG_USAGE, "there is no image '%s'", text);
		return gg_hint(err, "write %s, or the path of one", forms);
	}
	gg_fail(err, GG_USAGE, "output '%s' is not known", text);
	return gg_hint(err, "write %s", forms);
}

int transport_parse(const char *text, struct transport_target *ret, struct gg_err *err)
{
	const struct transport *known = by_name(text, false);

	if (!known)
		return not_known(text, false, err);
	return parse(known, text, text + strlen(known->name) + 1, false, ret, err);
}

/* By what is there. NULL without an error: no image is. */
static const struct transport *by_content(const char *path, struct archive_index **ret_members,
					  struct gg_err *err)
{
	_cleanup_archive_index_ struct archive_index *members = NULL;
	const struct transport *known;
	struct stat st;
	int fd;

	if (stat(path, &st) < 0)
		return NULL;
	if (S_ISDIR(st.st_mode))
		return &transport_oci;
	if (!S_ISREG(st.st_mode))
		return NULL;
	fd = gg_openat(AT_FDCWD, path, O_RDONLY, 0, err);
	if (fd < 0 || archive_index_take(fd, &members, err) < 0) {
		gg_context(err, "image '%s'", path);
		return NULL;
	}
	/* `docker save` writes both; a layout has more that can be checked. */
	known = archive_index_has(members, "oci-layout")      ? &transport_oci_archive
		: archive_index_has(members, "manifest.json") ? &transport_docker_archive
							      : NULL;
	if (known)
		*ret_members = gg_steal(&members);
	return known;
}

int transport_parse_source(const char *text, struct transport_target *ret, struct gg_err *err)
{
	const struct transport *known = by_name(text, true);
	_cleanup_archive_index_ struct archive_index *members = NULL;
	_cleanup_free_ char *path = NULL;

	if (known)
		return parse(known, text, text + strlen(known->name) + 1, true, ret, err);
	path = gg_strndup(text, strcspn(text, ":"));
	known = by_content(path, &members, err);
	if (!known)
		return err->kind ? -1 : not_known(text, true, err);
	if (parse(known, text, text, true, ret, err) < 0)
		return -1;
	ret->members = gg_steal(&members);
	return 0;
}

void transport_target_done(struct transport_target *t)
{
	free(t->text);
	free(t->place);
	free(t->ref);
	archive_index_free(t->members);
	*t = (struct transport_target)TRANSPORT_TARGET_INIT;
}

int transport_parse_path(struct transport_target *t, const char *rest, struct gg_err *err)
{
	const char *colon = strchrnul(rest, ':'), *what = t->source ? "image" : "output";

	if (colon == rest) {
		gg_fail(err, GG_USAGE, "%s '%s' names no place", what, t->text);
		return gg_hint(err, "write %s", t->transport->form);
	}
	t->place = gg_strndup(rest, (size_t)(colon - rest));
	if (!*colon)
		return 0;
	t->ref = gg_strdup(colon + 1);
	if (oci_ref_valid(t->ref))
		return 0;
	gg_fail(err, GG_USAGE, "%s '%s': '%s' is no reference", what, t->text, t->ref);
	return gg_hint(
		err, "a reference is letters and digits, divided by one of - . _ : @ + / or by --, "
		     "like v1.2-rc1");
}

int transport_open_failed(const struct transport_target *t, struct gg_err *err)
{
	if (errno == ENOENT || errno == ENOTDIR) {
		gg_fail(err, GG_USAGE,
			errno == ENOENT ? "'%s' does not exist" : "'%s' is no directory", t->place);
		return -1;
	}
	return gg_fail_errno(err, "open '%s'", t->place);
}

struct archive_index *transport_open_archive(struct transport_target *t, struct gg_err *err)
{
	struct archive_index *x = NULL;
	struct stat st;
	int fd;

	if (t->members)
		return gg_steal(&t->members);
	fd = open(t->place, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		transport_open_failed(t, err);
		return NULL;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		gg_close(fd);
		gg_fail(err, GG_USAGE, "'%s' is no regular file", t->place);
		return NULL;
	}
	return archive_index_take(fd, &x, err) < 0 ? NULL : x;
}

int transport_open_parent(const char *path, char **ret_name, struct gg_err *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent =
		slash ? gg_strndup(path, slash == path ? 1 : (size_t)(slash - path))
		      : gg_strdup(".");
	int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0) {
		*ret_name = gg_strdup(slash ? slash + 1 : path);
		return dir;
	}
	gg_fail_errno(err, "open '%s'", parent);
	return err->errnum == ENOENT ? gg_hint(err, "make that directory first") : -1;
}

int transport_check_writable(int dir, const char *path, struct gg_err *err)
{
	if (faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	gg_fail_errno(err, "write to '%s'", path);
	return gg_hint(err, "choose a place that you may write to");
}

int transport_open_file(const char *path, char **ret_name, struct gg_err *err)
{
	_cleanup_close_ int dir = transport_open_parent(path, ret_name, err);
	struct stat st;

	if (dir < 0)
		return -1;
	if (!**ret_name ||
	    (fstatat(dir, *ret_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))) {
		gg_fail(err, GG_USAGE, "'%s' is not a regular file", path);
		return gg_hint(err, "choose another name, or remove what is there");
	}
	if (transport_check_writable(dir, path, err) < 0)
		return -1;
	return gg_steal_fd(&dir);
}

/* The real path; of what does not exist yet, that of its directory and its name. A missing directory is found later. */
char *transport_path_identity(const struct transport_target *t)
{
	_cleanup_free_ char *real = realpath(t->place, NULL), *parent = NULL;
	const char *slash = strrchr(t->place, '/');

	if (real)
		return gg_steal(&real);
	parent = slash ? gg_strndup(t->place, slash == t->place ? 1 : (size_t)(slash - t->place))
		       : gg_strdup(".");
	real = realpath(parent, NULL);
	return gg_asprintf("%s/%s",
			   !real                 ? parent
			   : gg_streq(real, "/") ? ""
						 : real,
			   slash ? slash + 1 : t->place);
}

char *transport_without_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return gg_strndup(path, len);
}

char *transport_directory_identity(const struct transport_target *t)
{
	_cleanup_free_ char *path = transport_without_slashes(t->place);
	struct transport_target bare = { .place = path };

	return transport_path_identity(&bare);
}

static int check_pair(const struct transport_target *a, const struct transport_target *b,
		      struct gg_err *err)
{
	_cleanup_free_ char *one = a->transport->identity(a), *two = b->transport->identity(b);

	if (!gg_streq(one, two))
		return 0;
	if (a->transport == b->transport && a->transport->many && a->ref && b->ref &&
	    !gg_streq(a->ref, b->ref))
		return 0;
	gg_fail(err, GG_USAGE, "outputs '%s' and '%s' are the same place", a->text, b->text);
	if (a->transport == b->transport && a->transport->many && (!a->ref || !b->ref))
		return gg_hint(err,
			       "give both a reference: without one, '%s' holds this image alone",
			       a->place);
	return gg_hint(err, "leave one of them out");
}

int transport_check(const struct transport_target *targets, size_t n, struct gg_err *err)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (check_pair(&targets[k], &targets[i], err) < 0)
				return -1;
	for (size_t i = 0; i < n; i++)
		if (targets[i].transport->check(&targets[i], err) < 0)
			return gg_context(err, "output '%s'", targets[i].text);
	return 0;
}

int transport_write(const struct transport_target *t, const struct transport_image *image,
		    struct gg_err *err)
{
	if (t->transport->write(t, image, err) == 0)
		return 0;
	if (err->errnum == ENOSPC || err->errnum == EDQUOT)
		gg_hint(err, "free some space on the file system that holds '%s'", t->place);
	return gg_context(err, "output '%s'", t->text);
}

struct image_blob *transport_image_list(struct transport_image *image)
{
	struct image_blob *all = gg_calloc(image->n_layers + 2, sizeof(*all));
	size_t n = 0;

	all[n++] = image->root;
	all[n++] = image->config;
	for (size_t i = 0; i < image->n_layers; i++) {
		const struct image_blob *b = &image->layers[i].blob;
		size_t k = 0;

		/* Two layers may be the same blob. */
		while (k < n && !gg_digest_eq(&all[k].digest, &b->digest))
			k++;
		if (k == n)
			all[n++] = *b;
	}
	image->blobs = image->manifests = all;
	image->n_blobs = n;
	image->n_manifests = 1;
	return all;
}

struct gg_json *transport_descriptor(const struct transport_target *t,
				     const struct transport_image *image)
{
	const struct gg_json *old = gg_json_get(image->descriptor, "annotations");
	struct gg_json *d = gg_json_copy(image->descriptor),
		       *annotations = old ? gg_json_copy(old) : gg_json_object();

	gg_json_set_str(annotations, OCI_REF_NAME, t->ref ? t->ref : "latest");
	gg_json_take(d, "annotations", annotations);
	return d;
}
