/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/release.h"

#include <errno.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layers/base/fd.h"

#define SIGNED_BEGIN "-----BEGIN PGP SIGNED MESSAGE-----"
#define SIGNATURE_BEGIN "-----BEGIN PGP SIGNATURE-----"
#define SIGNATURE_END "-----END PGP SIGNATURE-----"

enum {
	KEYRING_MAX = 16 << 20,
	RELEASE_MAX = 64 << 20,
	STATUS_MAX = 1 << 20,
	KEYRINGS_MAX = 64,
	STATUS_FD = 3,
	FIRST_KEYRING_FD = 16,
	PARENT_FD_MIN =
		128, /* above every descriptor that the child gets, so that no dup2 overwrites a source */
};

void release_keys_done(struct release_keys *k)
{
	gg_strv_done(&k->files);
	gg_strv_done(&k->texts);
}

static const char *keyring_package(const char *distro)
{
	return gg_streq(distro, "ubuntu") ? "ubuntu-keyring" : "debian-archive-keyring";
}

static int memory_file(const char *name, const void *bytes, size_t len, struct gg_err *err)
{
	_cleanup_close_ int low = memfd_create(name, MFD_CLOEXEC);
	_cleanup_close_ int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, PARENT_FD_MIN);

	if (fd < 0)
		return gg_fail_errno(err, "make a memory file");
	if (len && (gg_write_all(fd, bytes, len, err) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		return err->kind ? -1 : gg_fail_errno(err, "rewind a memory file");
	return gg_steal_fd(&fd);
}

/* The keyrings as memory files in the binary form that gpgv wants. */
struct keyrings {
	int fds[KEYRINGS_MAX];
	size_t n;
};

static void keyrings_done(struct keyrings *k)
{
	for (size_t i = 0; i < k->n; i++)
		gg_close(k->fds[i]);
}
#define _cleanup_keyrings_ GG_CLEANUP(keyrings_done)

static bool is_armoured(const struct gg_buf *b)
{
	return b->len && memmem(b->data, b->len, "-----BEGIN PGP PUBLIC KEY BLOCK-----", 36);
}

/* OpenPGP packets (RFC 9580, 4.2: the first is a key's), or a key box of GnuPG. */
static bool is_keyring(const struct gg_buf *b)
{
	unsigned char tag = (unsigned char)b->data[0];
	unsigned type = tag & 0x40 ? tag & 0x3f : tag >> 2 & 0xf;

	return ((tag & 0x80) && type == 6) || (b->len > 12 && !memcmp(b->data + 8, "KBXf", 4));
}

static int add_keyring(struct keyrings *k, const char *name, const struct gg_buf *bytes,
		       struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf binary = { 0 };
	const struct gg_buf *use = bytes;

	if (k->n == KEYRINGS_MAX)
		return gg_fail(err, GG_USAGE, "read keyring '%s': more than %d keyrings", name,
			       KEYRINGS_MAX);
	if (is_armoured(bytes)) {
		if (release_dearmor(name, bytes->data, bytes->len, &binary, err) < 0)
			return -1;
		use = &binary;
	}
	if (!use->len)
		return 0;
	if (!is_keyring(use))
		return gg_fail(err, GG_USAGE, "read keyring '%s': it holds no OpenPGP key", name);
	int fd = memory_file("keyring", use->data, use->len, err);
	if (fd < 0)
		return -1;
	k->fds[k->n++] = fd;
	return 0;
}

static int read_keyrings(const char *distro, const struct release_keys *keys, struct keyrings *k,
			 struct gg_err *err)
{
	for (size_t i = 0; i < keys->files.n; i++) {
		_cleanup_buf_ struct gg_buf bytes = { 0 };

		if (gg_read_file(AT_FDCWD, keys->files.v[i], KEYRING_MAX, &bytes, err) < 0) {
			gg_context(err, "read keyring");
			if (err->errnum == ENOENT)
				gg_hint(err,
					"install the package %s, or name a file with `keyring:`",
					keyring_package(distro));
			return -1;
		}
		if (add_keyring(k, keys->files.v[i], &bytes, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < keys->texts.n; i++) {
		struct gg_buf text = { .data = keys->texts.v[i], .len = strlen(keys->texts.v[i]) };

		if (!is_armoured(&text))
			return gg_fail(err, GG_INTEGRITY,
				       "read an inline key: no armoured public key");
		if (add_keyring(k, "inline key", &text, err) < 0)
			return -1;
	}
	if (k->n)
		return 0;
	gg_fail(err, GG_USAGE, "verify the signatures of the %s archive: no keyring", distro);
	return gg_hint(err, "install the package %s, or name a file with `keyring:`",
		       keyring_package(distro));
}

/* gpgv would also take other OpenPGP messages, and text around this one; an InRelease is exactly one. */
static int check_frame(const char *name, struct deb_slice text, struct gg_err *err)
{
	struct deb_slice rest = text, line;
	unsigned signatures = 0, ends = 0, lines = 0;

	while (deb_slice_split(&rest, '\n', &line)) {
		if (!lines++ && !deb_slice_is(line, SIGNED_BEGIN)) {
			gg_fail(err, GG_INTEGRITY, "verify '%s': it is no signed text", name);
			return gg_hint(err, "the server may have sent a page of its own: look at "
					    "what it sends");
		}
		if (!line.len)
			continue;
		if (ends || (lines > 1 && deb_slice_is(line, SIGNED_BEGIN)))
			return gg_fail(err, GG_INTEGRITY,
				       "verify '%s': text outside of its signature", name);
		signatures += deb_slice_is(line, SIGNATURE_BEGIN);
		ends += deb_slice_is(line, SIGNATURE_END);
	}
	if (signatures != 1 || ends != 1)
		return gg_fail(err, GG_INTEGRITY,
			       "verify '%s': it is cut short: no complete signature", name);
	return 0;
}

struct run {
	int in, out, status, log;
};

static void run_done(struct run *r)
{
	gg_close(r->in);
	gg_close(r->out);
	gg_close(r->status);
	gg_close(r->log);
}
#define _cleanup_run_ GG_CLEANUP(run_done)

static int spawn(const struct run *r, const struct keyrings *k, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv argv = { 0 };
	char *const environment[] = { (char *)"LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;
	int code, wstatus;
	pid_t pid;

	gg_strv_add(&argv, "gpgv");
	gg_strv_addf(&argv, "--status-fd=%d", STATUS_FD);
	gg_strv_add(&argv, "--output=-");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, r->in, 0);
	posix_spawn_file_actions_adddup2(&actions, r->out, 1);
	posix_spawn_file_actions_adddup2(&actions, r->log, 2);
	posix_spawn_file_actions_adddup2(&actions, r->status, STATUS_FD);
	for (size_t i = 0; i < k->n; i++) {
		int fd = FIRST_KEYRING_FD + (int)i;

		posix_spawn_file_actions_adddup2(&actions, k->fds[i], fd);
		gg_strv_addf(&argv, "--keyring=/proc/self/fd/%d", fd);
	}
	code = posix_spawnp(&pid, "gpgv", &actions, NULL, argv.v, environment);
	posix_spawn_file_actions_destroy(&actions);
	if (code) {
		errno = code;
		gg_fail_errno(err, "run 'gpgv'");
		return code == ENOENT ? gg_hint(err, "install the package gpgv") : -1;
	}
	while (waitpid(pid, &wstatus, 0) < 0)
		if (errno != EINTR)
			return gg_fail_errno(err, "wait for 'gpgv'");
	if (WIFSIGNALED(wstatus))
		return gg_fail(err, GG_SYSTEM, "run 'gpgv': ended by signal %d", WTERMSIG(wstatus));
	return 0;
}

/* What the status lines said, by kind of outcome. */
struct verdict {
	unsigned good, plaintexts;
	struct gg_strv bad, expired, revoked, unknown;
	bool last_good; /* the signature being reported was announced as good */
};

static void verdict_done(struct verdict *v)
{
	gg_strv_done(&v->bad);
	gg_strv_done(&v->expired);
	gg_strv_done(&v->revoked);
	gg_strv_done(&v->unknown);
}
#define _cleanup_verdict_ GG_CLEANUP(verdict_done)

static void read_status(struct deb_slice text, struct verdict *v)
{
	struct deb_slice line, word, what, key;

	while (deb_slice_split(&text, '\n', &line)) {
		if (!deb_slice_word(&line, &word) || !deb_slice_is(word, "[GNUPG:]") ||
		    !deb_slice_word(&line, &what))
			continue;
		if (!deb_slice_word(&line, &key))
			key = deb_slice("");
		if (deb_slice_is(what, "NEWSIG"))
			v->last_good = false;
		else if (deb_slice_is(what, "GOODSIG"))
			v->last_good = true;
		else if (deb_slice_is(what, "VALIDSIG"))
			v->good += v->last_good;
		else if (deb_slice_is(what, "PLAINTEXT"))
			v->plaintexts++;
		else if (deb_slice_is(what, "BADSIG"))
			gg_strv_take(&v->bad, deb_slice_dup(key));
		else if (deb_slice_is(what, "EXPKEYSIG") || deb_slice_is(what, "EXPSIG"))
			gg_strv_take(&v->expired, deb_slice_dup(key));
		else if (deb_slice_is(what, "REVKEYSIG"))
			gg_strv_take(&v->revoked, deb_slice_dup(key));
		else if (deb_slice_is(what, "NO_PUBKEY"))
			gg_strv_take(&v->unknown, deb_slice_dup(key));
	}
}

static char *join(const struct gg_strv *l)
{
	struct gg_buf b = { 0 };

	for (size_t i = 0; i < l->n; i++)
		gg_buf_printf(&b, "%s%s", i ? ", " : "", l->v[i]);
	return gg_buf_steal(&b);
}

static int refuse(const char *name, const char *distro, const struct release_keys *keys,
		  const char *what, const struct gg_strv *ids, struct gg_err *err)
{
	_cleanup_free_ char *list = join(ids), *files = join(&keys->files);

	gg_fail(err, GG_INTEGRITY, "verify '%s': %s %s%s%s", name, what, list,
		keys->files.n ? "; looked in " : "", files);
	return gg_hint(
		err,
		"install or update the package %s, or name a file that has the key with `keyring:`",
		keyring_package(distro));
}

static int judge(const char *name, const char *distro, const struct release_keys *keys,
		 const struct verdict *v, int log, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf words = { 0 };

	if (v->bad.n) {
		_cleanup_free_ char *list = join(&v->bad);

		gg_fail(err, GG_INTEGRITY, "verify '%s': bad signature of key %s", name, list);
		return gg_hint(err, "the file was changed on its way: use another mirror");
	}
	if (v->good && v->plaintexts == 1)
		return 0;
	if (v->revoked.n)
		return refuse(name, distro, keys, "signed with a revoked key:", &v->revoked, err);
	if (v->expired.n)
		return refuse(name, distro, keys, "signed with an expired key:", &v->expired, err);
	if (v->unknown.n)
		return refuse(name, distro, keys, "no public key for its signatures:", &v->unknown,
			      err);
	if (lseek(log, 0, SEEK_SET) < 0 || gg_read_fd(log, STATUS_MAX, &words, err) < 0)
		return err->kind ? -1 : gg_fail_errno(err, "read the words of gpgv");
	struct deb_slice text = deb_slice_trim((struct deb_slice){ words.data, words.len });
	return gg_fail(err, GG_INTEGRITY, "verify '%s': no good signature%s%.*s", name,
		       text.len ? ": " : "", (int)(text.len < 400 ? text.len : 400),
		       text.p ? text.p : "");
}

static int reread(int fd, size_t max, struct gg_buf *ret, struct gg_err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return gg_fail_errno(err, "rewind a memory file");
	return gg_read_fd(fd, max, ret, err);
}

int release_verify(const char *name, const char *distro, const void *inrelease, size_t len,
		   const struct release_keys *keys, struct gg_buf *ret_text, struct gg_err *err)
{
	_cleanup_run_ struct run r = { -1, -1, -1, -1 };
	_cleanup_keyrings_ struct keyrings k = { 0 };
	_cleanup_verdict_ struct verdict v = { 0 };
	_cleanup_buf_ struct gg_buf status = { 0 };

	if (check_frame(name, (struct deb_slice){ inrelease, len }, err) < 0)
		return -1;
	if (read_keyrings(distro, keys, &k, err) < 0)
		return -1;
	if ((r.in = memory_file("inrelease", inrelease, len, err)) < 0 ||
	    (r.out = memory_file("release", NULL, 0, err)) < 0 ||
	    (r.status = memory_file("status", NULL, 0, err)) < 0 ||
	    (r.log = memory_file("log", NULL, 0, err)) < 0)
		return -1;
	if (spawn(&r, &k, err) < 0 || reread(r.status, STATUS_MAX, &status, err) < 0)
		return -1;
	read_status((struct deb_slice){ status.data, status.len }, &v);
	if (judge(name, distro, keys, &v, r.log, err) < 0)
		return -1;
	return reread(r.out, RELEASE_MAX, ret_text, err);
}
