/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening what is ours and closed to us: a tree's files and directories have the modes of its manifest on disk, and
 * without CAP_DAC_OVERRIDE (a user without a user namespace) a file of mode 0000 cannot be read by the user that it
 * belongs to. Its mode is opened for as long as the open takes and put back; who is killed in between leaves it open,
 * which nothing minds: the manifest is the authority. Only inodes of the effective user are touched, never through a
 * symlink.
 */
#pragma once

#include <stdint.h>

/* gg_openat2 for reading, without O_CREAT; symlinks are never followed where that is refused. -1 with errno. */
int unlock_open(int rootfd, const char *path, int flags, uint64_t resolve);
