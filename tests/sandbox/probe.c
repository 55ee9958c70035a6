/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs inside a sandbox, statically linked, and depends on nothing of ours.
 *
 *   probe escape [KEY=VALUE]…   tries to get out; each try must fail with the exact errno. One line for each that does
 *                               not, at the end "N probes, M escapes". Keys: path (of the host), abstract (socket
 *                               name), port (on the host's loopback), user (1: not root), setuid (1: no_new_privs off),
 *                               network (1: the host's network is there on purpose)
 *   probe VERB [ARGUMENT]…      small helpers for the tests of single promises; see the table at the end
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

extern char **environ;

static unsigned probes, escapes;
static const char *host_path = "/no such path of the host", *abstract_name = "none";
static int port, is_user, is_setuid, has_network;

__attribute__((format(printf, 2, 3))) static void judge(int good, const char *fmt, ...)
{
	va_list ap;

	probes++;
	if (good)
		return;
	escapes++;
	va_start(ap, fmt);
	printf("escape: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

/* r is a system call's result, errno its error. */
static void expect(const char *what, long r, int want)
{
	int got = r < 0 ? errno : 0;

	judge(got == want, "%s: got %s, wanted %s", what, got ? strerrorname_np(got) : "success",
	      want ? strerrorname_np(want) : "success");
}

static void expect_open(const char *path, int flags, int want)
{
	char what[256];
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC, 0600);

	snprintf(what, sizeof(what), "open %s (%s)", path, (flags & O_ACCMODE) == O_RDONLY ? "read" : "write");
	expect(what, fd, want);
	if (fd >= 0)
		close(fd);
}

static size_t slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len + 1 < size && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	if (fd >= 0)
		close(fd);
	return len;
}

/* ---- system calls that are refused by name ---- */

struct call {
	const char *name;
	long nr;
	int want;
};
#define DENIED(name) { #name, SYS_##name, EPERM }

static void probe_calls(void)
{
	static const struct call calls[] = {
		DENIED(mount), DENIED(umount2), DENIED(pivot_root), DENIED(unshare), DENIED(setns),
		DENIED(fsopen), DENIED(fsmount), DENIED(fsconfig), DENIED(fspick), DENIED(move_mount),
		DENIED(open_tree), DENIED(mount_setattr), DENIED(open_by_handle_at), DENIED(quotactl),
		DENIED(quotactl_fd), DENIED(swapon), DENIED(swapoff), DENIED(fanotify_init), DENIED(fanotify_mark),
		DENIED(ptrace), DENIED(process_vm_readv), DENIED(process_vm_writev), DENIED(pidfd_getfd), DENIED(kcmp),
		DENIED(bpf), DENIED(perf_event_open), DENIED(userfaultfd), DENIED(io_uring_setup),
		DENIED(io_uring_enter), DENIED(io_uring_register), DENIED(add_key), DENIED(request_key), DENIED(keyctl),
		DENIED(kexec_load), DENIED(init_module), DENIED(finit_module), DENIED(delete_module),
		DENIED(move_pages), DENIED(migrate_pages), DENIED(reboot), DENIED(acct), DENIED(settimeofday),
		DENIED(clock_settime), DENIED(syslog), DENIED(sethostname), DENIED(setdomainname), DENIED(vhangup),
#ifdef __x86_64__
		DENIED(kexec_file_load), DENIED(iopl), DENIED(ioperm), DENIED(modify_ldt), DENIED(uselib), DENIED(ustat),
		DENIED(sysfs), DENIED(lookup_dcookie), DENIED(create_module), DENIED(query_module),
		DENIED(get_kernel_syms),
#endif
		{ "clone3", SYS_clone3, ENOSYS },
		{ "statmount", 457, ENOSYS },
		{ "listmount", 458, ENOSYS },
		{ "lsm_set_self_attr", 460, ENOSYS },
		{ "open_tree_attr", 467, ENOSYS },
		{ "a call of the future", 999, ENOSYS },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		expect(calls[i].name, syscall(calls[i].nr, 0L, 0L, 0L, 0L, 0L, 0L), calls[i].want);
}

static void probe_clone(void)
{
	static const struct call flags[] = {
		{ "CLONE_NEWNS", CLONE_NEWNS, 0 },	 { "CLONE_NEWCGROUP", CLONE_NEWCGROUP, 0 },
		{ "CLONE_NEWUTS", CLONE_NEWUTS, 0 },	 { "CLONE_NEWIPC", CLONE_NEWIPC, 0 },
		{ "CLONE_NEWUSER", CLONE_NEWUSER, 0 }, { "CLONE_NEWPID", CLONE_NEWPID, 0 },
		{ "CLONE_NEWNET", CLONE_NEWNET, 0 },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		/* The upper half of the register is not looked at by the kernel and must not help. */
		for (int high = 0; high < 2; high++) {
			unsigned long f = (unsigned long)flags[i].nr | SIGCHLD | (high ? 1UL << 40 : 0);
			long pid = syscall(SYS_clone, f, 0L, 0L, 0L, 0L);

			if (pid == 0)
				_exit(0);
			expect(flags[i].name, pid, EPERM);
			if (pid > 0)
				waitpid((pid_t)pid, NULL, 0);
		}
	}
}

/* Whether fn's child is killed by SIGSYS. */
static void expect_killed(const char *what, void (*fn)(long), long argument)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn(argument);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	judge(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %#x instead of SIGSYS", what, status);
}

#ifdef __x86_64__
static void compat_call(long nr)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0) : "memory");
	(void)r;
}

static void x32_call(long nr)
{
	syscall(nr | 0x40000000, 0L, 0L, 0L, 0L, 0L, 0L);
}
#endif

static void probe_foreign_architectures(void)
{
#ifdef __x86_64__
	/* getpid, mount, ptrace, socketcall (which hides the address family), clone, unshare, keyctl, socket, bpf */
	static const long compat[] = { 20, 21, 26, 102, 120, 310, 288, 359, 357 };
	static const long x32[] = { SYS_getpid, SYS_mount, SYS_ptrace, SYS_socket, SYS_unshare };

	for (size_t i = 0; i < sizeof(compat) / sizeof(compat[0]); i++)
		expect_killed("32-bit call", compat_call, compat[i]);
	for (size_t i = 0; i < sizeof(x32) / sizeof(x32[0]); i++)
		expect_killed("x32 call", x32_call, x32[i]);
#endif
}

static void probe_arguments(void)
{
	static const unsigned long personalities[] = { ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, MMAP_PAGE_ZERO, PER_SVR4,
						       ADDR_COMPAT_LAYOUT };
	static const struct call families[] = { { "AF_ALG", AF_ALG, 0 },
						{ "AF_VSOCK", AF_VSOCK, 0 },
						{ "AF_PACKET", AF_PACKET, 0 } };
	int pty = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	char c = 'x';

	expect("open /dev/ptmx", pty, 0);
	for (int high = 0; high < 2; high++) {
		unsigned long upper = high ? 1UL << 40 : 0;

		expect("TIOCSTI", syscall(SYS_ioctl, pty, TIOCSTI | upper, &c), EPERM);
		expect("TIOCLINUX", syscall(SYS_ioctl, pty, TIOCLINUX | upper, &c), EPERM);
		for (size_t i = 0; i < 3; i++)
			expect(families[i].name, syscall(SYS_socket, (unsigned long)families[i].nr | upper, SOCK_DGRAM, 0),
			       EPERM);
	}
	close(pty);
	for (size_t i = 0; i < sizeof(personalities) / sizeof(personalities[0]); i++)
		expect("personality", syscall(SYS_personality, personalities[i]), EPERM);
	expect("personality(-1)", syscall(SYS_personality, 0xffffffffUL), 0);
	expect("personality(PER_LINUX)", syscall(SYS_personality, 0UL), 0);
}

/* ---- /proc and /sys ---- */

static void probe_proc_paths(void)
{
	static const char *const read_only[] = {
		"/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
		"/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname", "/proc/sys/kernel/msgmax",
		"/proc/sys/kernel/shmmax", "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/mqueue/msg_max",
		"/proc/sys/user/max_user_namespaces", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/ns_last_pid",
		"/proc/irq/default_smp_affinity", "/proc/sys/kernel/randomize_va_space",
	};
	static const char *const masked_files[] = { "/proc/interrupts", "/proc/kcore",	    "/proc/keys",
						    "/proc/latency_stats", "/proc/sched_debug", "/proc/timer_list",
						    "/proc/timer_stats" };
	static const char *const masked_dirs[] = { "/proc/acpi", "/proc/asound", "/proc/scsi", "/sys" };
	char text[64];

	for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++)
		if (access(read_only[i], F_OK) == 0) {
			/* Whose file is ours to write meets the read-only mount, the others' their mode. */
			int fd = open(read_only[i], O_WRONLY | O_CLOEXEC);

			judge(fd < 0 && (errno == EROFS || errno == EACCES), "write %s: %s", read_only[i],
			      fd < 0 ? strerrorname_np(errno) : "success");
		}
	for (size_t i = 0; i < sizeof(masked_files) / sizeof(masked_files[0]); i++)
		judge(slurp(masked_files[i], text, sizeof(text)) == 0, "read %s: '%s'", masked_files[i], text);
	for (size_t i = 0; i < sizeof(masked_dirs) / sizeof(masked_dirs[0]); i++) {
		DIR *dir = opendir(masked_dirs[i]);
		int n = 0;

		while (dir && readdir(dir))
			n++;
		judge(n == 0 || n == 2, "%s has %d entries", masked_dirs[i], n);
		if (dir)
			closedir(dir);
	}
	expect("mkdir in /sys", mkdir("/sys/x", 0700), EROFS);
	expect_open("/sys/kernel/uevent_helper", O_WRONLY, ENOENT);
	expect_open("/sys/fs/cgroup/release_agent", O_WRONLY, ENOENT);
	expect_open("/proc/sys/fs/binfmt_misc/register", O_WRONLY, ENOENT);
	expect("chmod of /proc/sys", chmod("/proc/sys/kernel/core_pattern", 0666), EROFS);
	slurp("/proc/sys/user/max_user_namespaces", text, sizeof(text));
	judge(strcmp(text, "0\n") == 0, "max_user_namespaces is %s", text);
	expect("unmask by rename", rename("/proc/interrupts", "/proc/x"), ENOENT);
	expect("unmask by unlink", unlink("/proc/interrupts"), EACCES);
}

/* Pid 1 is a piece of the builder. */
static void probe_init(void)
{
	static const char *const unreadable[] = { "/proc/1/environ", "/proc/1/mem",   "/proc/1/maps", "/proc/1/auxv",
						  "/proc/1/pagemap", "/proc/1/stack", "/proc/1/exe",  "/proc/1/root/",
						  "/proc/1/cwd/",    "/proc/1/fd/",   "/proc/1/fd/3", "/proc/1/fdinfo/",
						  "/proc/1/map_files/" };
	static const char *const links[] = { "/proc/1/exe", "/proc/1/root", "/proc/1/cwd", "/proc/1/ns/mnt",
					     "/proc/1/ns/user" };
	char text[256];
	struct stat st;

	for (size_t i = 0; i < sizeof(unreadable) / sizeof(unreadable[0]); i++) {
		int fd = open(unreadable[i], O_RDONLY | O_CLOEXEC);

		/* Linux 6.18 opens maps and says EACCES or nothing on reading. */
		judge(fd < 0 ? errno == EACCES || errno == EPERM || errno == ENOENT
			     : read(fd, text, sizeof(text)) <= 0,
		      "open %s: %s", unreadable[i], fd < 0 ? strerrorname_np(errno) : "success");
		if (fd >= 0)
			close(fd);
	}
	expect_open("/proc/1/exe", O_WRONLY, EACCES);
	expect_open("/proc/1/exe", O_RDWR, EACCES);
	expect_open("/proc/1/mem", O_RDWR, EACCES);
	expect_open("/proc/1/oom_score_adj", O_WRONLY, EACCES);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		expect(links[i], readlink(links[i], text, sizeof(text)), EACCES);
	expect("chdir /proc/1/cwd", chdir("/proc/1/cwd"), EACCES);
	expect("chroot /proc/1/root", chroot("/proc/1/root"), EACCES);
	expect("kill pid 1", kill(1, SIGKILL), is_user ? EPERM : 0);
	expect("pid 1 lives", stat("/proc/1", &st), 0);
	judge(getppid() == 1, "our parent is %d", getppid());
}

/* ---- privileges ---- */

static uint64_t status_field(const char *name)
{
	char text[8192], *at;

	slurp("/proc/self/status", text, sizeof(text));
	at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, 16) : UINT64_MAX;
}

static void probe_capabilities(void)
{
	/* chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service sys_chroot setfcap */
	const uint64_t eleven = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 18 |
				UINT64_C(1) << 31;
	uint64_t have = is_user ? 0 : eleven;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[2] = { { ~0u, ~0u, 0 }, { ~0u, ~0u, 0 } };

	judge(status_field("\nCapInh:\t") == 0, "inheritable capabilities");
	judge(status_field("\nCapAmb:\t") == 0, "ambient capabilities");
	judge(status_field("\nCapPrm:\t") == have, "permitted %llx", (long long)status_field("\nCapPrm:\t"));
	judge(status_field("\nCapEff:\t") == have, "effective %llx", (long long)status_field("\nCapEff:\t"));
	judge(status_field("\nCapBnd:\t") == eleven, "bounding %llx", (long long)status_field("\nCapBnd:\t"));
	judge(status_field("\nNoNewPrivs:\t") == (uint64_t)!is_setuid, "no_new_privs");
	judge(status_field("\nSeccomp:\t") == 2, "no filter");
	expect("capset to all", syscall(SYS_capset, &header, all), EPERM);
	expect("ambient CAP_SYS_ADMIN", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0), EPERM);
	expect("PR_SET_MM", prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0), EPERM);
	if (!is_setuid)
		expect("no_new_privs off", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	expect("bounding set", prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0 ? 0 : -1, 0);
}

static void probe_ids(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	struct sched_param param = { .sched_priority = 1 };
	struct timex tx = { .modes = ADJ_FREQUENCY };
	gid_t foreign = 70000;

	expect("chown to an id that is not mapped", chown("/proc/self/cwd", 70000, 70000), EINVAL);
	expect("become an id that is not mapped", setresuid(70000, 70000, 70000), EINVAL);
	expect("become a group that is not mapped", setresgid(70000, 70000, 70000), EINVAL);
	expect("setgroups", setgroups(1, &foreign), is_user ? EPERM : EINVAL);
	expect_open("/proc/self/uid_map", O_WRONLY, 0);
	expect("raise RLIMIT_NOFILE", setrlimit(RLIMIT_NOFILE, &limit), EPERM);
	expect("raise RLIMIT_NPROC", setrlimit(RLIMIT_NPROC, &limit), EPERM);
	expect("raise RLIMIT_CORE", setrlimit(RLIMIT_CORE, &limit), EPERM);
	expect("real-time scheduling", sched_setscheduler(0, SCHED_FIFO, &param), EPERM);
	expect("nice -20", setpriority(PRIO_PROCESS, 0, -20), EACCES);
	expect("set the clock's speed", adjtimex(&tx), EPERM);
	judge(getsid(0) == getpid(), "no session of its own");
	expect_open("/dev/tty", O_RDWR, ENXIO);
	judge(umask(022) == 022, "the umask is not 022");
	if (is_user) {
		expect("become root", setresuid(0, 0, 0), EPERM);
		expect("read a root's file", open("/etc/secret-of-root", O_RDONLY), EACCES);
		expect("chroot", chroot("/"), EPERM);
	}
}

/* Without a limit on processes a step takes the machine. For uid 0 of a user namespace it counts as for anybody. */
static void probe_fork_bomb(void)
{
	struct rlimit now, low = { 24, 4096 };
	pid_t children[64];
	int n = 0, failed = 0;

	getrlimit(RLIMIT_NPROC, &now);
	judge(now.rlim_cur <= 4096 && now.rlim_max <= 4096, "RLIMIT_NPROC is %llu", (long long)now.rlim_max);
	low.rlim_max = now.rlim_max;
	setrlimit(RLIMIT_NPROC, &low);
	while (n < 64 && !failed) {
		pid_t pid = fork();

		if (pid == 0) {
			pause();
			_exit(0);
		}
		if (pid < 0)
			failed = errno;
		else
			children[n++] = pid;
	}
	judge(failed == EAGAIN, "fork bomb: %d children", n);
	while (n-- > 0) {
		kill(children[n], SIGKILL);
		waitpid(children[n], NULL, 0);
	}
	low.rlim_cur = now.rlim_cur;
	setrlimit(RLIMIT_NPROC, &low);
}

/* ---- devices, files, descriptors ---- */

static void probe_devices(void)
{
	static const char *const present[] = { "null", "zero", "full", "random", "urandom", "tty",    "fd",
					       "stdin", "stdout", "stderr", "ptmx",   "pts",	"shm" };
	static const char *const absent[] = { "mem", "kmem", "port", "kmsg", "fuse",	 "net",	 "console", "loop-control",
					      "sda", "vda",  "kvm",  "uinput", "mapper", "dri", "tty0",	 "hwrng" };
	DIR *dir = opendir("/dev");
	struct dirent *e;
	char c = 0;

	while (dir && (e = readdir(dir))) {
		size_t i = 0, n = sizeof(present) / sizeof(present[0]);

		while (i < n && strcmp(present[i], e->d_name) != 0)
			i++;
		judge(i < n || e->d_name[0] == '.', "/dev/%s is there", e->d_name);
	}
	closedir(dir);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/dev/%s", absent[i]);
		expect_open(path, O_RDONLY, ENOENT);
	}
	expect("mknod block", mknod("/tmp/b", S_IFBLK | 0600, makedev(8, 0)), EPERM);
	expect("mknod root disk", mknod("/tmp/b", S_IFBLK | 0600, makedev(254, 0)), EPERM);
	expect("mknod /dev/mem", mknod("/tmp/c", S_IFCHR | 0600, makedev(1, 1)), EPERM);
	expect("mknod null", mknod("/tmp/c", S_IFCHR | 0600, makedev(1, 3)), EPERM);
	expect("mknod whiteout", mknod("/tmp/c", S_IFCHR | 0600, makedev(0, 0)), EPERM);
	expect("mknod in /dev/shm", mknod("/dev/shm/c", S_IFCHR | 0600, makedev(1, 1)), EPERM);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	expect("write /dev/full", write(full, &c, 1), ENOSPC);
	judge(read(null, &c, 1) == 0, "/dev/null holds something");
	expect("stdin is /dev/null", read(0, &c, 1) == 0 ? 0 : -1, 0);
	expect("replace /dev/null", rename("/dev/null", "/dev/x"), is_user ? EACCES : EBUSY);
}

static void probe_descriptors(void)
{
	char path[64], text[4096];
	struct stat root, st;
	int seen = 0;

	for (int fd = 3; fd < 4096; fd++)
		seen += fcntl(fd, F_GETFD) >= 0;
	judge(seen == 0, "%d descriptors were inherited", seen);
	stat("/", &root);
	for (int fd = 3; fd < 16; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d/../../../..", fd);
		expect(path, chdir(path), ENOENT);
	}
	judge(getcwd(text, sizeof(text)) && text[0] == '/', "the working directory is %s", text);
	/* Out of the root by "..", also of a chroot within it. */
	expect("chdir ..", chdir("/../../../../.."), 0);
	stat(".", &st);
	judge(st.st_ino == root.st_ino && st.st_dev == root.st_dev, "'..' of the root leads out");
	if (!is_user) {
		int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			mkdir("/tmp/jail", 0700);
			_exit(chroot("/tmp/jail") < 0 || fchdir(fd) < 0 || chdir("../../../../..") < 0 ||
			      stat(".", &st) < 0 || st.st_ino != root.st_ino || st.st_dev != root.st_dev);
		}
		waitpid(pid, &status, 0);
		judge(status == 0, "chroot in chroot leads out");
		close(fd);
	}
}

static void probe_host(void)
{
	static const char *const tables[] = { "/proc/self/mountinfo", "/proc/self/mounts", "/proc/self/mountstats",
					      "/proc/self/cgroup", "/proc/self/environ", "/proc/1/mountinfo" };
	static char text[65536];
	struct utsname u;
	int roots = 0;

	expect_open(host_path, O_RDONLY, ENOENT);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		slurp(tables[i], text, sizeof(text));
		judge(!strstr(text, host_path), "%s shows a path of the host", tables[i]);
	}
	slurp("/proc/self/mountinfo", text, sizeof(text));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char from[256] = "", to[256] = "";

		sscanf(line, "%*s %*s %*s %255s %255s", from, to);
		roots += strcmp(to, "/") == 0;
		judge(strncmp(to, "/sys/", 5) != 0 && strncmp(to, "/mnt/", 5) != 0, "mount of the host: %s", line);
	}
	judge(roots == 1, "%d mounts on the root", roots);
	uname(&u);
	judge(strcmp(u.nodename, "ggbuild") == 0, "the host name is %s", u.nodename);
	slurp("/proc/self/cgroup", text, sizeof(text));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		judge(strlen(line) > 2 && strcmp(line + strlen(line) - 2, ":/") == 0, "cgroup %s", line);
	judge(getpid() < 64, "pid %d: this is no pid namespace of its own", getpid());
	for (char **e = environ; *e; e++)
		judge(strncmp(*e, "PATH=", 5) == 0 || strncmp(*e, "GIVEN=", 6) == 0, "environment: %s", *e);
}

/* ---- memory of others, network ---- */

static int connect_inet(const char *ip, int to, int type)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)to) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	inet_pton(AF_INET, ip, &sa.sin_addr);
	r = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (r < 0 && errno == EINPROGRESS)
		r = 0;
	int saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static void probe_network(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract_name));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in lo = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (has_network)
		return;
	memcpy(un.sun_path + 1, abstract_name, strlen(abstract_name));
	expect("abstract socket of the host", connect(fd, (struct sockaddr *)&un, len), ECONNREFUSED);
	close(fd);
	expect("tcp to somewhere", connect_inet("192.0.2.1", 80, SOCK_STREAM), ENETUNREACH);
	expect("udp to somewhere", connect_inet("192.0.2.1", 53, SOCK_DGRAM), ENETUNREACH);
	expect("udp to a name server", connect_inet("198.51.100.53", 53, SOCK_DGRAM), ENETUNREACH);
	expect("link-local", connect_inet("169.254.169.254", 80, SOCK_STREAM), ENETUNREACH);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	lo.sin_port = htons((uint16_t)port);
	expect("the host's loopback", connect(fd, (struct sockaddr *)&lo, sizeof(lo)), ECONNREFUSED);
	close(fd);
	expect("raw socket", socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), EPERM);
	/* Our own loopback is up. */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	lo.sin_port = 0;
	expect("bind to 127.0.0.1", bind(fd, (struct sockaddr *)&lo, sizeof(lo)), 0);
	close(fd);
}

static void probe_mounts(void)
{
	static const struct {
		const char *path;
		unsigned long flags;
	} mounts[] = {
		{ "/proc", ST_NOSUID | ST_NODEV | ST_NOEXEC }, { "/sys", ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY },
		{ "/dev", ST_NOSUID | ST_NOEXEC },	       { "/dev/shm", ST_NOSUID | ST_NODEV | ST_NOEXEC },
		{ "/dev/pts", ST_NOSUID | ST_NOEXEC },	       { "/", ST_NODEV },
		{ "/proc/sys", ST_RDONLY },		       { "/proc/irq", ST_RDONLY },
	};
	struct statvfs st;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		judge(statvfs(mounts[i].path, &st) == 0 && (st.f_flag & mounts[i].flags) == mounts[i].flags,
		      "%s is mounted with flags %#lx", mounts[i].path, st.f_flag);
	statvfs("/dev/shm", &st);
	judge(st.f_blocks * st.f_frsize <= 64u << 20, "/dev/shm has no limit");
	statvfs("/dev", &st);
	judge(st.f_blocks * st.f_frsize <= 64u << 20, "/dev has no limit");
}

static int verb_escape(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		char *value = strchr(argv[i], '=') + 1;

		if (strncmp(argv[i], "path=", 5) == 0)
			host_path = value;
		else if (strncmp(argv[i], "abstract=", 9) == 0)
			abstract_name = value;
		else if (strncmp(argv[i], "port=", 5) == 0)
			port = atoi(value);
		else if (strncmp(argv[i], "user=", 5) == 0)
			is_user = atoi(value);
		else if (strncmp(argv[i], "setuid=", 7) == 0)
			is_setuid = atoi(value);
		else if (strncmp(argv[i], "network=", 8) == 0)
			has_network = atoi(value);
	}
	probe_descriptors();
	probe_host();
	probe_calls();
	probe_clone();
	probe_foreign_architectures();
	probe_arguments();
	probe_proc_paths();
	probe_init();
	probe_devices();
	probe_network();
	probe_mounts();
	probe_capabilities();
	probe_ids();
	probe_fork_bomb();
	printf("%u probes, %u escapes\n", probes, escapes);
	return escapes > 0;
}

/* ---- helpers for single promises ---- */

static int verb_env(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (char **e = environ; *e; e++)
		puts(*e);
	return 0;
}

static int verb_exit(int argc, char **argv)
{
	(void)argc;
	return atoi(argv[0]);
}

static int verb_signal(int argc, char **argv)
{
	(void)argc;
	raise(atoi(argv[0]));
	return 0;
}

/* cat PATH…: contents, or the error's name. */
static int verb_cat(int argc, char **argv)
{
	static char text[65536];

	for (int i = 0; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) < 0 || access(argv[i], R_OK) < 0) {
			printf("%s\n", strerrorname_np(errno));
			continue;
		}
		slurp(argv[i], text, sizeof(text));
		printf("%o %s\n", st.st_mode & 07777, text);
	}
	return 0;
}

/* write PATH TEXT */
static int verb_write(int argc, char **argv)
{
	int fd = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	(void)argc;
	if (fd < 0 || write(fd, argv[1], strlen(argv[1])) < 0 || fsync(fd) < 0) {
		printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	return 0;
}

static int verb_unlink(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (remove(argv[i]) < 0)
			printf("%s\n", strerrorname_np(errno));
	return 0;
}

/* swap DIR TARGET: DIR is emptied of its name and becomes a symlink. */
static int verb_swap(int argc, char **argv)
{
	char away[256];

	(void)argc;
	snprintf(away, sizeof(away), "%s.away", argv[0]);
	if (rename(argv[0], away) < 0 || symlink(argv[1], argv[0]) < 0) {
		printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	return 0;
}

static int verb_cwd(int argc, char **argv)
{
	char text[4096];

	(void)argc, (void)argv;
	puts(getcwd(text, sizeof(text)) ? text : strerrorname_np(errno));
	return 0;
}

static int verb_ids(int argc, char **argv)
{
	gid_t groups[64];
	int n = getgroups(64, groups);

	(void)argc, (void)argv;
	printf("%u %u", getuid(), getgid());
	for (int i = 0; i < n; i++)
		printf(" %u", groups[i]);
	printf("\n");
	return 0;
}

static int verb_sleep(int argc, char **argv)
{
	signal(SIGTERM, argc > 1 ? SIG_IGN : SIG_DFL);
	sleep((unsigned)atoi(argv[0]));
	return 0;
}

/* daemon: leaves processes in sessions of their own behind, then ends. They hold the output open. */
static int verb_daemon(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			setsid();
			if (fork() != 0)
				_exit(0);
			signal(SIGTERM, SIG_IGN);
			signal(SIGHUP, SIG_IGN);
			sleep(3600);
			_exit(0);
		}
	puts("left");
	return 0;
}

static int verb_netns(int argc, char **argv)
{
	char text[64] = "";

	(void)argc, (void)argv;
	if (readlink("/proc/self/ns/net", text, sizeof(text) - 1) < 0)
		return 1;
	puts(text);
	return 0;
}

static int verb_memory(int argc, char **argv)
{
	size_t len = (size_t)atoi(argv[0]) << 20;
	char *p = malloc(len);

	(void)argc;
	memset(p, 1, len);
	return p[len / 2] - 1;
}

static int connect_abstract(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(un.sun_path + 1, name, strlen(name));
	return connect(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
}

static int connect_patiently(const char *ip, int to, int type)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)to) };
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, ip, &sa.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa));
}

/* A question for a name server, three times if need be. */
static int ask(const char *ip, int to)
{
	static const char query[17] = { 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 };
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)to) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = 1 };
	char answer[512];

	inet_pton(AF_INET, ip, &sa.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (int i = 0; i < 3; i++) {
		sendto(fd, query, sizeof(query), 0, (struct sockaddr *)&sa, sizeof(sa));
		if (recv(fd, answer, sizeof(answer), 0) >= 12) {
			puts("answer");
			return 0;
		}
	}
	puts("silence");
	return 1;
}

/* reach tcp|udp|abstract|ask TO PORT: what connect says */
static int verb_reach(int argc, char **argv)
{
	int to = atoi(argv[2]), r;

	(void)argc;
	if (strcmp(argv[0], "ask") == 0)
		return ask(argv[1], to);
	if (strcmp(argv[0], "abstract") == 0)
		r = connect_abstract(argv[1]);
	else
		r = connect_patiently(argv[1], to, strcmp(argv[0], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM);
	puts(r < 0 ? strerrorname_np(errno) : "success");
	return 0;
}

/* abstract NAME: 0 when a child can connect to our own one */
static int verb_abstract(int argc, char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 1;
	pid_t pid;

	(void)argc;
	memcpy(un.sun_path + 1, argv[0], strlen(argv[0]));
	if (bind(fd, (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[0]))) < 0 || listen(fd, 1) < 0)
		return 1;
	pid = fork();
	if (pid == 0)
		_exit(connect_abstract(argv[0]) < 0);
	waitpid(pid, &status, 0);
	return status != 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	int arguments;
} verbs[] = {
	{ "escape", verb_escape, 0 }, { "env", verb_env, 0 },	  { "exit", verb_exit, 1 },   { "signal", verb_signal, 1 },
	{ "cat", verb_cat, 1 },	      { "write", verb_write, 2 }, { "unlink", verb_unlink, 1 }, { "swap", verb_swap, 2 },
	{ "cwd", verb_cwd, 0 },	      { "ids", verb_ids, 0 },	  { "sleep", verb_sleep, 1 }, { "daemon", verb_daemon, 0 },
	{ "netns", verb_netns, 0 },   { "memory", verb_memory, 1 }, { "reach", verb_reach, 3 }, { "abstract", verb_abstract, 1 },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].arguments)
			return verbs[i].run(argc - 2, argv + 2);
	fprintf(stderr, "probe: unknown verb\n");
	return 64;
}
