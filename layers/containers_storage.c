/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/containers_storage.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layers/archive_index.h"
#include "layers/base/fd.h"
#include "layers/layout_archive.h"
#include "layers/reference.h"

extern char **environ;

enum { SAID_MAX = 1 << 20 };

static int parse(struct transport_target *t, const char *rest, struct gg_err *err)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;

	if (reference_parse(rest, &r, err) < 0)
		return gg_context(err, "%s '%s'", t->source ? "image" : "output", t->text);
	if (r.has_digest && !t->source)
		return gg_fail(err, GG_USAGE, "output '%s': name a tag, not a digest", t->text);
	t->place = r.unqualified ? gg_asprintf("localhost/%s", rest) : reference_text(&r);
	return 0;
}

static char *identity(const struct transport_target *t)
{
	return gg_asprintf("containers-storage:%s", t->place);
}

/* ---- skopeo ---- */

static int spawn(char *const argv[], int said, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int r;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGINT);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, said, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, said, STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	r = posix_spawnp(ret, argv[0], &files, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

/* The last line, which says why. */
static const char *last_line(struct gg_buf *said)
{
	const char *newline;

	while (said->len && said->data[said->len - 1] == '\n')
		said->data[--said->len] = '\0';
	newline = said->len ? strrchr(said->data, '\n') : NULL;
	return newline ? newline + 1 : said->len ? said->data : "it does not say why";
}

static int run(char *const argv[], struct gg_err *err)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	_cleanup_buf_ struct gg_buf said = { 0 };
	int ends[2], status, r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return gg_fail_errno(err, "pipe");
	ours = ends[0];
	theirs = ends[1];
	errno = spawn(argv, theirs, &pid);
	if (errno) {
		gg_fail_errno(err, "start '%s'", argv[0]);
		return gg_hint(err, "install skopeo, or write an oci-archive:FILE, which "
				    "`podman load` takes");
	}
	gg_close(gg_steal_fd(&theirs));
	r = gg_read_fd(ours, SAID_MAX, &said, err);
	gg_close(gg_steal_fd(&ours)); /* who says more than that is not waited for */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return gg_context(err, "what '%s' says", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return gg_fail(err, GG_SYSTEM, "'%s' fails: %.500s", argv[0], last_line(&said));
}

/* ---- the archive between ---- */

static void temp_done(char **dir)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	if (*dir && gg_remove_tree(AT_FDCWD, *dir, &ignored) < 0)
		gg_context(&ignored, "'%s' was left behind", *dir);
	free(*dir);
}

static char *temp_open(struct gg_err *err)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *dir = gg_asprintf("%s/ggbuild-XXXXXX", tmp && *tmp ? tmp : "/tmp");

	if (mkdtemp(dir))
		return gg_steal(&dir);
	gg_fail_errno(err, "mkdir '%s'", dir);
	return NULL;
}

static int check(const struct transport_target *t, struct gg_err *err)
{
	char *const argv[] = { "skopeo", "--version", NULL };

	(void)t;
	return run(argv, err);
}

static int write_image(const struct transport_target *t, const struct transport_image *image,
		       struct gg_err *err)
{
	GG_CLEANUP(temp_done) char *dir = temp_open(err);
	_cleanup_free_ char *file = gg_asprintf("%s/image", dir ? dir : ""),
			    *from = gg_asprintf("oci-archive:%s", file),
			    *to = gg_asprintf("containers-storage:%s", t->place);
	struct transport_target archive = { .transport = &transport_oci_archive,
					    .text = t->text,
					    .place = file };

	char *const argv[] = { "skopeo", "copy", "--quiet", "--preserve-digests", from, to, NULL };

	if (!dir || transport_oci_archive.write(&archive, image, err) < 0)
		return -1;
	return run(argv, err);
}

static int read_image(struct transport_target *t, struct image_source *s, struct gg_err *err)
{
	GG_CLEANUP(temp_done) char *dir = temp_open(err);
	_cleanup_free_ char *file = gg_asprintf("%s/image", dir ? dir : ""),
			    *to = gg_asprintf("oci-archive:%s", file),
			    *from = gg_asprintf("containers-storage:%s", t->place);
	char *const argv[] = { "skopeo", "copy", "--quiet", from, to, NULL };
	int fd;

	if (!dir || run(argv, err) < 0)
		return -1;
	fd = gg_openat(AT_FDCWD, file, O_RDONLY, 0, err);
	if (fd < 0 || archive_index_take(fd, &t->members, err) < 0)
		return -1;
	return transport_oci_archive.read(t, s, err);
}

const struct transport transport_containers_storage = {
	.name = "containers-storage",
	.form = "containers-storage:REF",
	.many = true,
	.documents = true,
	.remote = true,
	.parse = parse,
	.read = read_image,
	.identity = identity,
	.check = check,
	.write = write_image,
};
