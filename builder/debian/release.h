/* SPDX-License-Identifier: Apache-2.0
 *
 * A suite's InRelease file: who signed it, what it says, whether it is of today. The signature is judged by gpgv, run
 * as a program with an empty environment; what it writes with --output is the only text that is used. Accepted iff at
 * least one good signature (GOODSIG and VALIDSIG) of a key in the keyrings and no BADSIG: a signature of an unknown
 * key beside a good one is no error, whatever gpgv's exit status is.
 * Errors: GG_INTEGRITY for anything wrong with the file, with key ids and the remedy; GG_SYSTEM when gpgv cannot run.
 * No clock: the caller passes `now`. No network. Forks (gpgv); otherwise only memory files.
 */
#pragma once

#include "builder/debian/deb822.h"
#include "layers/base/digest.h"

/* Public keys for gpgv: files (binary or ASCII armour; below no root, as given) and armoured texts. */
struct release_keys {
	struct gg_strv files;
	struct gg_strv texts;
};
void release_keys_done(struct release_keys *k);
#define _cleanup_release_keys_ GG_CLEANUP(release_keys_done)

/* Verifies a clear-signed text. `name` is what errors call it (a URL without user info); `distro` ("debian",
 * "ubuntu") chooses the remedy. The signed text is appended to ret_text. */
int release_verify(const char *name, const char *distro, const void *inrelease, size_t len,
		   const struct release_keys *keys, struct gg_buf *ret_text,
		   struct gg_err *err) GG_MUST_USE;

/* The binary form of ASCII-armoured keys (RFC 9580, 6.2), one or many blocks, checksums verified when present. */
int release_dearmor(const char *name, const char *text, size_t len, struct gg_buf *ret,
		    struct gg_err *err) GG_MUST_USE;

struct release_file {
	const char *path; /* relative to dists/SUITE/ */
	uint64_t size;
	struct gg_digest sha256;
};

struct release {
	struct gg_arena *arena; /* owns the strings */
	const char *origin;     /* "" where absent, as the next ones */
	const char *suite;      /* "stable" */
	const char *codename;   /* "trixie" */
	struct gg_strv architectures, components;
	int64_t date;        /* seconds */
	int64_t valid_until; /* seconds, or -1 where the suite sets none */
	bool by_hash;        /* Acquire-By-Hash: yes */
	bool all_is_separate; /* arch-all packages are only in binary-all (no No-Support-for-Architecture-all) */
	struct release_file *files; /* sorted by path */
	size_t n_files;
};
int release_parse(const char *name, const char *text, size_t len, struct release **ret,
		  struct gg_err *err) GG_MUST_USE;
void release_free(struct release *r);
void release_freep(struct release **r);
#define _cleanup_release_ GG_CLEANUP(release_freep)

enum release_flags {
	RELEASE_IGNORE_EXPIRY = 1 << 0, /* a snapshot of the past, or a build from a lock */
};
/* That the file is `suite` (by Suite or Codename), not expired at `now` and not from more than 5 minutes after it. */
int release_check(const struct release *r, const char *name, const char *suite, int64_t now,
		  unsigned flags, struct gg_err *err) GG_MUST_USE;
/* NULL when the release has no such file. */
const struct release_file *release_find(const struct release *r, const char *path);
/* The best Packages file of COMPONENT/binary-ARCH that is listed (.xz, then .gz, then plain); NULL when none.
 * ret_path (owned by the caller): where to get it below dists/SUITE/, the by-hash path when the release has it. */
const struct release_file *release_packages(const struct release *r, const char *component,
					    const char *arch, char **ret_path);
/* "Sat, 15 Nov 2025 10:02:44 UTC" to seconds; -1 when it is anything else. */
int64_t release_date(struct deb_slice text);
