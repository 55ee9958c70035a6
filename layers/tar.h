/* SPDX-License-Identifier: Apache-2.0
 *
 * The deterministic tar writer: one entry of a tree becomes header bytes, and nothing else decides them. Pure: no
 * descriptors, no clock; whoever writes the archive puts content, tar_padding(size) zeros and, at the end, TAR_END
 * zeros after them (no padding to a record). POSIX.1-1988 ustar, POSIX.1-2001 pax records, image-spec layer.md.
 *
 * Format version 1. Any change of a byte below is a new version, because every diffID would change.
 *
 *   name      the path without "./"; a directory ends in '/'; the root is "./", and is left out when it is a plain
 *             0755 0:0 directory. Raw bytes, no character set. At most 100 bytes; else split at the first '/' that leaves
 *             1..100 bytes for name and 1..155 for prefix; else a pax "path", and name is its first 100 bytes.
 *   mode      07777 bits;  uid, gid, size, mtime: octal, NUL-terminated; what does not fit is 0 there and a pax record.
 *   chksum    6 octal digits, NUL, space
 *   typeflag  '0' file  '1' hard link to the first name  '2' symlink  '3' '4' devices  '5' directory  '6' fifo
 *   linkname  a target of more than 100 bytes: its first 100 bytes and a pax "linkpath"
 *   magic     "ustar\0" "00"; uname and gname empty; devmajor and devminor 0 but for devices
 *   whiteout  an empty file ".wh.NAME", mode 0, 0:0, the mtime of all; an opaque directory is followed at once by
 *             "DIR/.wh..wh..opq", which is like it (".wh..wh..opq" for the root, also when the root is left out)
 *   pax       only when needed: an 'x' entry named "PaxHeader", mode 0644, 0:0, mtime 0, with the records in this
 *             order: path, linkpath, size, uid, gid, mtime, SCHILY.xattr.NAME (by name). A hard link has no xattrs:
 *             they belong to the inode, whose first name carries them.
 *
 * Never sparse, no atime or ctime, sockets do not exist here. Errors are GG_INTEGRITY: a name that begins with ".wh."
 * (it would mean a deletion), a path with empty, "." or ".." components, a device number or xattr name that has no
 * place in the format.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

struct gg_buf;
struct tree_entry;

enum { TAR_FORMAT = 1, TAR_BLOCK = 512, TAR_END = 2 * TAR_BLOCK };

/* Appends the header bytes of an entry (none for a plain root). mtime in seconds since the epoch. */
int tar_entry(const struct tree_entry *e, int64_t mtime, struct gg_buf *ret,
	      struct gg_err *err) GG_MUST_USE;
/* Zeros needed after `size` bytes of content: 0..511. */
size_t tar_padding(uint64_t size);
/* TAR_END zero bytes, for padding and the end. */
extern const char tar_zeros[TAR_END];
