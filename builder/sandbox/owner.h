/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners where there is one id: the namespace maps 0 and nothing else, so chown and setuid to others are refused by the
 * kernel and every inode is the caller's. The command's seccomp filter hands the calls that are about owners to us,
 * pid 1 of the sandbox, and each gets the answer that it would get where ids 0…65535 are mapped:
 *
 *   chown family        done in truth as 0:0, so that set-id bits and capabilities go, layers are copied up and errors
 *                       are the kernel's; then the owner is recorded with the inode (layers/base/owners.h)
 *   stat family         by the kernel, unless the object has a record; then with the recorded owner
 *   what makes objects  by the kernel, unless its maker is no root or its directory hands down a group (setgid); then
 *                       by us with the maker's umask, recorded, and an open file is handed over
 *   set*id, get*id      by a table of made-up credentials
 *   listxattr family    without the record's name. utimensat keeps a recorded symlink's time
 *   setxattr family     POSIX ACLs with every id made 0
 *   execve              with SANDBOX_SETUID: a set-id program's owner is who its process becomes
 *
 * Everything that an image or a package's script can see is there; these limits are left. Permissions are those of the
 * one real id: who became another user may do more than such a user could, never less. /proc, SO_PEERCRED and AT_UID
 * show 0; so does stat of a fifo or socket through what follows symlinks. A fifo that is written to, and a file that
 * O_CREAT makes behind a dangling symlink, lose the record. The modification time of a symlink with an owner reads as
 * the store's. openat2, setxattrat and listxattrat answer ENOSYS, as on an older kernel, since their arguments lie
 * where no filter can look. A signal whose handler is without SA_RESTART may end a call that waits for us with EINTR
 * (once we have it, no longer: Linux 5.19). Processes under a listener of an outer container cannot have ours: the
 * kernel allows one. A request costs two switches of context, some 6 us, and as much again at most: 12 % of processor
 * time for configuring a Debian root, 3 % for compiling a Rust crate.
 *
 * Credentials are kept per process, as an index into our table, in the soft RLIMIT_RTTIME, counted down from the hard
 * one: fork and execve pass it on, prlimit reads and sets it from outside, and it means nothing to what is not
 * scheduled in real time (getrlimit shows it). So no process needs to be watched from its birth, and none is confused
 * with a dead one's pid.
 *
 * Why a step gains nothing. We are in all of its namespaces with its root, user and capabilities. What is changed is
 * reached without the links of /proc that we may follow and the step may not (CAP_SYS_PTRACE, for the memory of
 * processes that are not dumpable, and our own program, a file of the host). So paths that change under us (they do:
 * arguments are in the step's memory, a continued call reads them again) lead to nothing that the step could not reach
 * itself, and no answer decides what is allowed. Whatever a request says, it costs bounded work: strings have a page,
 * lists 65536 entries, nothing that is opened waits (O_PATH, or new). A caller that dies takes its request with it.
 */
#pragma once

#include <stdint.h>

#include "layers/base/err.h"

struct owner_server;
struct sandbox_spec;

/* Before the command's process is made: credentials from the spec, which our children inherit. */
int owner_server_new(const struct sandbox_spec *spec, struct owner_server **ret,
		     struct gg_err *err) GG_MUST_USE;
/* The command's process, once its filter is loaded: sends the listener's descriptor over `sock`. */
int owner_send_listener(int sock, int listener, struct gg_err *err) GG_MUST_USE;
/* Pid 1: receives it. End of file is no error: the command's process has its own to tell. */
int owner_take_listener(struct owner_server *s, int sock, struct gg_err *err) GG_MUST_USE;
/* To poll for POLLIN; -1 when there is nobody to serve. */
int owner_listener(const struct owner_server *s);
/* Answers one request; `events` are poll's. When nobody can ask any more, the listener is closed. */
void owner_serve(struct owner_server *s, short events);
