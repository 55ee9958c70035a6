/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls that a step may use, those that are refused by name, and those that succeed without effect.
 * Names that an architecture or the library does not know are skipped.
 */
#pragma once

static const char *const filter_allowed[] = {
	/* files by name */
	"access", "chdir", "chmod", "chown", "chroot", "creat", "faccessat", "faccessat2", "fchmodat", "fchownat",
	"fstatat64", "getxattr", "lchown", "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "lremovexattr",
	"lsetxattr", "lstat", "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat", "openat2",
	"readlink", "readlinkat", "removexattr", "rename", "renameat", "renameat2", "rmdir", "setxattr", "stat", "statfs",
	"statx", "symlink", "symlinkat", "truncate", "unlink", "unlinkat", "utime", "utimensat", "utimes", "futimesat",
	"inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "name_to_handle_at", "getcwd", "umask",
	/* descriptors */
	"close", "close_range", "copy_file_range", "dup", "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl",
	"epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "fadvise64", "fallocate", "fchdir", "fchmod",
	"fchown", "fcntl", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstatfs",
	"ftruncate", "getdents", "getdents64", "lseek", "memfd_create", "pipe", "pipe2", "poll", "ppoll",
	"pread64", "preadv", "preadv2", "pselect6", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readv",
	"select", "sendfile", "signalfd", "signalfd4", "splice", "tee", "timerfd_create", "timerfd_gettime",
	"timerfd_settime", "vmsplice", "write", "writev", "cachestat",
	/* asynchronous I/O of the old kind */
	"io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit",
	/* memory */
	"brk", "get_mempolicy", "madvise", "mbind", "membarrier", "mincore", "mlock", "mlock2", "mlockall", "mmap",
	"mprotect", "mremap", "mseal", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
	"process_madvise", "process_mrelease", "remap_file_pages", "set_mempolicy", "memfd_secret", "map_shadow_stack",
	"set_mempolicy_home_node",
	/* processes and threads */
	"_exit", "alarm", "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "futex",
	"futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu",
	"getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpgid", "getpgrp", "getpid", "getppid",
	"getpriority", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid", "ioprio_get",
	"ioprio_set", "kill", "pause", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "restart_syscall",
	"riscv_flush_icache", "riscv_hwprobe", "rseq", "s390_runtime_instr", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
	"sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
	"sched_yield", "seccomp", "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsuid",
	"setgid", "setgroups", "setitimer", "setpgid", "setpriority", "setregid", "setresgid", "setresuid", "setreuid",
	"setrlimit", "setsid", "setuid", "sysinfo", "tgkill", "time", "times", "tkill", "uname", "vfork", "wait4",
	"waitid", "waitpid", "getrandom",
	"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self",
	/* signals and time */
	"clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "rt_sigaction", "rt_sigpending",
	"rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
	"sigaltstack", "sigreturn", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
	"clock_adjtime", "adjtimex",
	/* sockets and System V IPC, all in namespaces of their own */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv", "recvfrom",
	"recvmmsg", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
	"mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget",
	"msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget",
	/* 32-bit architectures have these instead */
	"_llseek", "_newselect", "arm_fadvise64_64", "cacheflush", "chown32", "clock_getres_time64", "clock_gettime64",
	"clock_nanosleep_time64", "fadvise64_64", "fchown32", "fcntl64", "fstat64", "fstatfs64", "ftruncate64",
	"futex_time64", "getegid32", "geteuid32", "getgid32", "getgroups32", "getresgid32", "getresuid32", "getuid32",
	"io_pgetevents_time64", "lchown32", "lstat64", "mmap2", "mq_timedreceive_time64", "mq_timedsend_time64",
	"ppoll_time64", "pselect6_time64", "recvmmsg_time64", "rt_sigtimedwait_time64", "sched_rr_get_interval_time64",
	"semtimedop_time64", "sendfile64", "set_tls", "setfsgid32", "setfsuid32", "setgid32", "setgroups32", "setregid32",
	"setresgid32", "setresuid32", "setreuid32", "setuid32", "sigaction", "signal", "sigpending", "sigprocmask",
	"sigsuspend", "stat64", "statfs64", "timer_gettime64", "timer_settime64", "timerfd_gettime64",
	"timerfd_settime64", "truncate64", "ugetrlimit", "utimensat_time64",
};

/* Calls newer than the libseccomp that we may be built with; numbers from 424 on are the same everywhere. cachestat,
 * fchmodat2, map_shadow_stack, futex_wake, futex_wait, futex_requeue; mseal, setxattrat, getxattrat, listxattrat,
 * removexattrat. */
static const int filter_allowed_new[] = { 451, 452, 453, 454, 455, 456, 462, 463, 464, 465, 466 };

static const char *const filter_denied[] = {
	/* file systems and namespaces */
	"mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig",
	"fspick", "pivot_root", "unshare", "setns", "open_by_handle_at", "quotactl", "quotactl_fd", "swapon", "swapoff",
	"lookup_dcookie", "fanotify_init", "fanotify_mark", "nfsservctl",
	/* other processes, kernel memory and code */
	"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "bpf", "perf_event_open",
	"userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "add_key", "request_key", "keyctl",
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module",
	"get_kernel_syms", "query_module", "move_pages", "migrate_pages", "modify_ldt", "vm86", "vm86old",
	/* the machine */
	"reboot", "acct", "settimeofday", "clock_settime", "clock_settime64", "stime", "syslog", "iopl", "ioperm",
	"sethostname", "setdomainname", "vhangup", "uselib", "ustat", "sysfs", "_sysctl",
};

static const char *const filter_without_effect[] = {
	"fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "sync_file_range2",
};
