/* SPDX-License-Identifier: Apache-2.0
 *
 * From unpacked packages to a root file system: the pure part. The merged tree of all packages (dpkg's rules:
 * directory symlinks are kept and followed, /bin /sbin /lib* are links into /usr, Replaces decides about files that
 * two packages have, anything else that clashes is an error that names both), the files that no package ships
 * (dpkg's database, and without scripts what the maintainer scripts of the base would have made), and with scripts
 * the shell program that configures everything inside the sandbox in one step.
 *
 * Two ways:
 *   ROOTFS_SCRIPTS off  dpkg's status says "installed"; no script has run or will; passwd, group, shadow,
 *			 nsswitch.conf, the CA bundle, the links for awk and sh, … are written here.
 *   ROOTFS_SCRIPTS on   status says "unpacked"; rootfs_script() runs each preinst and then `dpkg --configure`.
 *
 * Same input, same bytes: nothing depends on the clock, the host or the order of `packages`.
 * Errors: GG_INTEGRITY for a package that is not as it should be, GG_RECIPE for two that clash,
 * GG_LOCK for one that is another than the lock says.
 */
#pragma once

#include "builder/debian/deb822.h"
#include "layers/tree.h"

/* A file of control.tar, "control" itself too. */
struct debian_member {
	const char *name; /* "postinst" */
	const char *bytes;
	size_t len;
	uint32_t mode;
};

struct debian_package {
	const struct debian_member *members;
	size_t n_members;
	const struct tree *data;           /* manifest of data.tar, sorted, complete */
	const char *name, *version, *arch; /* as the lock has them; NULL: they are not compared */
};

enum rootfs_flags {
	ROOTFS_SCRIPTS = 1 << 0,
};

/* Reads a file of package `package`'s data (path as in its tree) to its end. */
typedef int rootfs_read(void *ctx, size_t package, const char *path, struct gg_buf *ret,
			struct gg_err *err);

/* Something that no package ships. Missing parents are made 0755 root. It replaces a packages' file of that path. */
struct rootfs_file {
	const char *path;    /* relative: "var/lib/dpkg/status" */
	enum tree_type type; /* TREE_FILE, TREE_DIR, TREE_SYMLINK */
	uint32_t mode, uid, gid;
	const char *bytes; /* files */
	size_t len;
	const char *target; /* symlinks */
};

struct rootfs {
	struct gg_arena *arena; /* owns everything here */
	/* What the packages' files give: merged, sorted; .origin is the index of the package that has the content,
	 * sources[i] the path of entries[i] in that package's tree (it differs below a followed symlink, and is NULL for
	 * links that are made here). */
	struct tree *merged;
	const char **sources;
	struct rootfs_file *files; /* sorted by path in tree order */
	size_t n_files;
	char *script; /* with ROOTFS_SCRIPTS: for `/bin/sh`, cwd /, as root in the new root; else NULL */
};

/* `arch` is Debian's name. `epoch` (seconds) dates what has to be dated (/etc/shadow's day). */
int rootfs_make(const struct debian_package *packages, size_t n, const char *arch, int64_t epoch,
		unsigned flags, rootfs_read *read, void *ctx, struct rootfs **ret,
		struct gg_err *err) GG_MUST_USE;
void rootfs_free(struct rootfs *r);
void rootfs_freep(struct rootfs **r);
#define _cleanup_rootfs_ GG_CLEANUP(rootfs_freep)
