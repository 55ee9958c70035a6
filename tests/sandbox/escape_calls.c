/* SPDX-License-Identifier: Apache-2.0
 *
 * Probes of the kernel's interface: system calls, architectures, capabilities, ids, limits, the network.
 */
#include "escape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/fs.h>

#include "probe.h"

struct call {
	const char *name;
	long nr;
	int want;
};
#define DENIED(name)                                                                               \
	{                                                                                          \
		"call " #name, SYS_##name, EPERM                                                   \
	}

void probe_calls(void)
{
	static const struct call calls[] = {
		DENIED(mount),
		DENIED(umount2),
		DENIED(pivot_root),
		DENIED(unshare),
		DENIED(setns),
		DENIED(fsopen),
		DENIED(fsmount),
		DENIED(fsconfig),
		DENIED(fspick),
		DENIED(move_mount),
		DENIED(open_tree),
		DENIED(mount_setattr),
		DENIED(open_by_handle_at),
		DENIED(quotactl),
		DENIED(quotactl_fd),
		DENIED(swapon),
		DENIED(swapoff),
		DENIED(fanotify_init),
		DENIED(fanotify_mark),
		DENIED(ptrace),
		DENIED(process_vm_readv),
		DENIED(process_vm_writev),
		DENIED(pidfd_getfd),
		DENIED(kcmp),
		DENIED(bpf),
		DENIED(perf_event_open),
		DENIED(userfaultfd),
		DENIED(io_uring_setup),
		DENIED(io_uring_enter),
		DENIED(io_uring_register),
		DENIED(add_key),
		DENIED(request_key),
		DENIED(keyctl),
		DENIED(kexec_load),
		DENIED(init_module),
		DENIED(finit_module),
		DENIED(delete_module),
		DENIED(move_pages),
		DENIED(migrate_pages),
		DENIED(reboot),
		DENIED(acct),
		DENIED(settimeofday),
		DENIED(clock_settime),
		DENIED(syslog),
		DENIED(sethostname),
		DENIED(setdomainname),
		DENIED(vhangup),
#ifdef __x86_64__
		DENIED(kexec_file_load),
		DENIED(iopl),
		DENIED(ioperm),
		DENIED(modify_ldt),
		DENIED(uselib),
		DENIED(ustat),
		DENIED(sysfs),
		DENIED(lookup_dcookie),
		DENIED(create_module),
		DENIED(query_module),
		DENIED(get_kernel_syms),
#endif
		{ "call clone3", SYS_clone3, ENOSYS },
		{ "call statmount", 457, ENOSYS },
		{ "call listmount", 458, ENOSYS },
		{ "call lsm_set_self_attr", 460, ENOSYS },
		{ "call open_tree_attr", 467, ENOSYS },
		{ "call of the future (999)", 999, ENOSYS },
	};

	for (size_t i = 0; i < COUNT(calls); i++)
		expect(calls[i].name, syscall(calls[i].nr, 0L, 0L, 0L, 0L, 0L, 0L), calls[i].want);
}

void probe_clone(void)
{
	static const struct call flags[] = {
		{ "clone into a mount namespace", CLONE_NEWNS, 0 },
		{ "clone into a cgroup namespace", CLONE_NEWCGROUP, 0 },
		{ "clone into a uts namespace", CLONE_NEWUTS, 0 },
		{ "clone into an ipc namespace", CLONE_NEWIPC, 0 },
		{ "clone into a user namespace", CLONE_NEWUSER, 0 },
		{ "clone into a pid namespace", CLONE_NEWPID, 0 },
		{ "clone into a network namespace", CLONE_NEWNET, 0 },
	};

	for (size_t i = 0; i < COUNT(flags); i++) {
		/* The upper half of the register is not looked at by the kernel and must not help. */
		for (int high = 0; high < 2; high++) {
			unsigned long f =
				(unsigned long)flags[i].nr | SIGCHLD | (high ? 1UL << 40 : 0);
			long pid = syscall(SYS_clone, f, 0L, 0L, 0L, 0L);
			char name[96];

			if (pid == 0)
				_exit(0);
			snprintf(name, sizeof(name), "%s%s", flags[i].name,
				 high ? ", bit 40 set" : "");
			expect(name, pid, EPERM);
			if (pid > 0)
				waitpid((pid_t)pid, NULL, 0);
		}
	}
}

#ifdef __x86_64__
/* Whether fn's child is killed by SIGSYS. */
static void expect_killed(const char *name, void (*fn)(long), long argument)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn(argument);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	judge(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, name,
	      "status %#x instead of SIGSYS", status);
}

static void compat_call(long nr)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
			 : "memory");
	(void)r;
}

static void x32_call(long nr)
{
	syscall(nr | 0x40000000, 0L, 0L, 0L, 0L, 0L, 0L);
}
#endif

void probe_foreign_architectures(void)
{
#ifdef __x86_64__
	/* Numbers of i386: what is refused by name above, and socketcall, which hides the address family. */
	static const struct call compat[] = {
		{ "exit", 1, 0 },
		{ "getpid", 20, 0 },
		{ "mount", 21, 0 },
		{ "umount", 22, 0 },
		{ "stime", 25, 0 },
		{ "ptrace", 26, 0 },
		{ "acct", 51, 0 },
		{ "umount2", 52, 0 },
		{ "chroot", 61, 0 },
		{ "sethostname", 74, 0 },
		{ "settimeofday", 79, 0 },
		{ "uselib", 86, 0 },
		{ "swapon", 87, 0 },
		{ "reboot", 88, 0 },
		{ "ioperm", 101, 0 },
		{ "socketcall", 102, 0 },
		{ "syslog", 103, 0 },
		{ "iopl", 110, 0 },
		{ "vhangup", 111, 0 },
		{ "vm86old", 113, 0 },
		{ "swapoff", 115, 0 },
		{ "clone", 120, 0 },
		{ "setdomainname", 121, 0 },
		{ "modify_ldt", 123, 0 },
		{ "create_module", 127, 0 },
		{ "init_module", 128, 0 },
		{ "delete_module", 129, 0 },
		{ "quotactl", 131, 0 },
		{ "personality", 136, 0 },
		{ "vm86", 166, 0 },
		{ "pivot_root", 217, 0 },
		{ "clock_settime", 264, 0 },
		{ "kexec_load", 283, 0 },
		{ "add_key", 286, 0 },
		{ "request_key", 287, 0 },
		{ "keyctl", 288, 0 },
		{ "migrate_pages", 294, 0 },
		{ "unshare", 310, 0 },
		{ "move_pages", 317, 0 },
		{ "perf_event_open", 336, 0 },
		{ "fanotify_init", 338, 0 },
		{ "open_by_handle_at", 342, 0 },
		{ "setns", 346, 0 },
		{ "process_vm_readv", 347, 0 },
		{ "process_vm_writev", 348, 0 },
		{ "kcmp", 349, 0 },
		{ "finit_module", 350, 0 },
		{ "bpf", 357, 0 },
		{ "socket", 359, 0 },
		{ "userfaultfd", 374, 0 },
		{ "io_uring_setup", 425, 0 },
		{ "open_tree", 428, 0 },
		{ "move_mount", 429, 0 },
		{ "fsopen", 430, 0 },
		{ "fsmount", 432, 0 },
		{ "clone3", 435, 0 },
		{ "pidfd_getfd", 438, 0 },
		{ "mount_setattr", 442, 0 },
	};
	static const struct call x32[] = { { "getpid", SYS_getpid, 0 },
					   { "mount", SYS_mount, 0 },
					   { "ptrace", SYS_ptrace, 0 },
					   { "socket", SYS_socket, 0 },
					   { "unshare", SYS_unshare, 0 } };
	char name[64];

	for (size_t i = 0; i < COUNT(compat); i++) {
		snprintf(name, sizeof(name), "int 0x80: %s", compat[i].name);
		expect_killed(name, compat_call, compat[i].nr);
	}
	for (size_t i = 0; i < COUNT(x32); i++) {
		snprintf(name, sizeof(name), "x32: %s", x32[i].name);
		expect_killed(name, x32_call, x32[i].nr);
	}
#endif
}

static void probe_terminal(void)
{
	static const struct call requests[] = { { "TIOCSTI", TIOCSTI, 0 },
						{ "TIOCLINUX", TIOCLINUX, 0 },
						{ "TIOCSETD", TIOCSETD, 0 } };
	int pty = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64], c = 'x';

	expect("a terminal of our own", pty, 0);
	for (size_t i = 0; i < COUNT(requests); i++)
		for (int high = 0; high < 2; high++) {
			snprintf(name, sizeof(name), "%s%s", requests[i].name,
				 high ? ", bit 40 set" : "");
			expect(name,
			       syscall(SYS_ioctl, pty,
				       (unsigned long)requests[i].nr | (high ? 1UL << 40 : 0), &c),
			       EPERM);
		}
	close(pty);
}

static void probe_families(void)
{
	static const struct call families[] = {
		{ "AF_ALG", AF_ALG, EPERM },
		{ "AF_VSOCK", AF_VSOCK, EPERM },
		{ "AF_PACKET", AF_PACKET, EPERM },
		{ "AF_KEY", AF_KEY, EAFNOSUPPORT },
		{ "AF_X25", AF_X25, EAFNOSUPPORT },
		{ "AF_APPLETALK", AF_APPLETALK, EAFNOSUPPORT },
		{ "AF_RDS", AF_RDS, EAFNOSUPPORT },
		{ "AF_PPPOX", AF_PPPOX, EAFNOSUPPORT },
		{ "AF_LLC", AF_LLC, EAFNOSUPPORT },
		{ "AF_CAN", AF_CAN, EAFNOSUPPORT },
		{ "AF_TIPC", AF_TIPC, EAFNOSUPPORT },
		{ "AF_BLUETOOTH", AF_BLUETOOTH, EAFNOSUPPORT },
		{ "AF_RXRPC", AF_RXRPC, EAFNOSUPPORT },
		{ "AF_IEEE802154", AF_IEEE802154, EAFNOSUPPORT },
		{ "AF_NFC", AF_NFC, EAFNOSUPPORT },
		{ "AF_KCM", AF_KCM, EAFNOSUPPORT },
		{ "AF_QIPCRTR", AF_QIPCRTR, EAFNOSUPPORT },
		{ "AF_SMC", AF_SMC, EAFNOSUPPORT },
		{ "AF_XDP", AF_XDP, EAFNOSUPPORT },
		{ "AF_MCTP", 45, EAFNOSUPPORT },
	};
	char name[64];

	for (size_t i = 0; i < COUNT(families); i++)
		for (int high = 0; high < 2; high++) {
			snprintf(name, sizeof(name), "socket %s%s", families[i].name,
				 high ? ", bit 40 set" : "");
			expect(name,
			       syscall(SYS_socket,
				       (unsigned long)families[i].nr | (high ? 1UL << 40 : 0),
				       SOCK_DGRAM, 0),
			       families[i].want);
		}
	expect("socket AF_UNIX", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 0);
	expect("socket AF_NETLINK", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), 0);
}

void probe_arguments(void)
{
	static const struct call personalities[] = {
		{ "ADDR_NO_RANDOMIZE", ADDR_NO_RANDOMIZE, EPERM },
		{ "READ_IMPLIES_EXEC", READ_IMPLIES_EXEC, EPERM },
		{ "MMAP_PAGE_ZERO", MMAP_PAGE_ZERO, EPERM },
		{ "PER_SVR4", PER_SVR4, EPERM },
		{ "ADDR_COMPAT_LAYOUT", ADDR_COMPAT_LAYOUT, EPERM },
		{ "-1", 0xffffffff, 0 },
		{ "PER_LINUX", 0, 0 },
	};
	int flags = FS_IMMUTABLE_FL, file = open("/tmp/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char name[64];

	probe_terminal();
	probe_families();
	for (size_t i = 0; i < COUNT(personalities); i++) {
		snprintf(name, sizeof(name), "personality %s", personalities[i].name);
		expect(name, syscall(SYS_personality, personalities[i].nr), personalities[i].want);
	}
	judge(ioctl(file, FS_IOC_SETFLAGS, &flags) < 0, "make a file immutable", "success");
	judge(ioctl(file, FIFREEZE, 0) < 0, "freeze the file system", "success");
	close(file);
}

static uint64_t status_field(const char *name)
{
	char text[8192], *at;

	slurp("/proc/self/status", text, sizeof(text));
	at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, 16) : UINT64_MAX;
}

static void expect_field(const char *field, uint64_t want)
{
	char name[64], key[32];
	uint64_t got;

	snprintf(key, sizeof(key), "\n%s:\t", field);
	snprintf(name, sizeof(name), "%s is %016llx", field, (unsigned long long)want);
	got = status_field(key);
	judge(got == want, name, "it is %016llx", (unsigned long long)got);
}

void probe_capabilities(void)
{
	/* chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service sys_chroot setfcap */
	const uint64_t eleven = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 |
				1 << 8 | 1 << 10 | 1 << 18 | UINT64_C(1) << 31;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[2] = { { ~0u, ~0u, 0 }, { ~0u, ~0u, 0 } };

	expect_field("CapInh", 0);
	expect_field("CapAmb", 0);
	expect_field("CapPrm", escape.is_user ? 0 : eleven);
	expect_field("CapEff", escape.is_user ? 0 : eleven);
	expect_field("CapBnd", eleven);
	expect_field("NoNewPrivs", !escape.is_setuid);
	expect_field("Seccomp", 2);
	expect("capset to all", syscall(SYS_capset, &header, all), EPERM);
	expect("ambient CAP_SYS_ADMIN",
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0), EPERM);
	expect("PR_SET_MM", prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0), EPERM);
	if (!escape.is_setuid)
		expect("no_new_privs off", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	expect("CAP_SYS_ADMIN is not in the bounding set",
	       prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0 ? 0 : -1, 0);
}

void probe_ids(void)
{
	struct sched_param param = { .sched_priority = 1 };
	struct timex tx = { .modes = ADJ_FREQUENCY };
	gid_t foreign = 70000;

	expect("chown to an id that is not mapped", chown("/proc/self/cwd", 70000, 70000), EINVAL);
	expect("become a user that is not mapped", setresuid(70000, 70000, 70000), EINVAL);
	expect("become a group that is not mapped", setresgid(70000, 70000, 70000), EINVAL);
	expect("setgroups", setgroups(1, &foreign), escape.is_user ? EPERM : EINVAL);
	int map = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	judge(map < 0 || write(map, "0 0 1\n", 6) < 0, "write the map of user ids", "success");
	close(map);
	expect("real-time scheduling", sched_setscheduler(0, SCHED_FIFO, &param), EPERM);
	expect("nice -20", setpriority(PRIO_PROCESS, 0, -20), EACCES);
	expect("set the clock's speed", adjtimex(&tx), EPERM);
	judge(getsid(0) == getpid(), "a session of our own", "session %d", getsid(0));
	expect_open("/dev/tty", O_RDWR, ENXIO);
	judge(umask(022) == 022, "the umask is 022", "it is not");
	if (escape.is_user) {
		expect("become root", setresuid(0, 0, 0), EPERM);
		expect_open("/etc/secret-of-root", O_RDONLY, is_other_user() ? EACCES : 0);
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
	judge(failed == EAGAIN, "fork bomb", "%d children", n);
	while (n-- > 0) {
		kill(children[n], SIGKILL);
		waitpid(children[n], NULL, 0);
	}
	low.rlim_cur = now.rlim_cur;
	setrlimit(RLIMIT_NPROC, &low);
}

/* A hard limit that the caller has set lower stays. */
void probe_limits(void)
{
	static const struct {
		const char *name;
		int resource;
		rlim_t soft, hard;
	} limits[] = {
		{ "RLIMIT_CORE is 0", RLIMIT_CORE, 0, 0 },
		{ "RLIMIT_NOFILE is 1024:524288", RLIMIT_NOFILE, 1024, 524288 },
		{ "RLIMIT_NPROC is 4096", RLIMIT_NPROC, 4096, 4096 },
	};
	static const struct call raise_hard[] = { { "raise RLIMIT_NOFILE", RLIMIT_NOFILE, 0 },
						  { "raise RLIMIT_NPROC", RLIMIT_NPROC, 0 },
						  { "raise RLIMIT_CORE", RLIMIT_CORE, 0 } };
	struct rlimit now, infinite = { RLIM_INFINITY, RLIM_INFINITY };

	for (size_t i = 0; i < COUNT(limits); i++) {
		getrlimit(limits[i].resource, &now);
		judge(now.rlim_cur <= limits[i].soft && now.rlim_max <= limits[i].hard,
		      limits[i].name, "%llu:%llu", (unsigned long long)now.rlim_cur,
		      (unsigned long long)now.rlim_max);
	}
	for (size_t i = 0; i < COUNT(raise_hard); i++)
		expect(raise_hard[i].name, setrlimit((int)raise_hard[i].nr, &infinite), EPERM);
	probe_fork_bomb();
}

/* Asynchronous, so that a network that leads somewhere shows at once. */
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

void probe_network(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(escape.abstract));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in lo = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	expect("raw socket", socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), EPERM);
	if (escape.has_network)
		return;
	memcpy(un.sun_path + 1, escape.abstract, strlen(escape.abstract));
	expect("an abstract socket of the host", connect(fd, (struct sockaddr *)&un, len),
	       ECONNREFUSED);
	close(fd);
	expect("tcp to somewhere", connect_inet("192.0.2.1", 80, SOCK_STREAM), ENETUNREACH);
	expect("udp to somewhere", connect_inet("192.0.2.1", 53, SOCK_DGRAM), ENETUNREACH);
	expect("udp to a name server", connect_inet("198.51.100.53", 53, SOCK_DGRAM), ENETUNREACH);
	expect("tcp to a link-local address", connect_inet("169.254.169.254", 80, SOCK_STREAM),
	       ENETUNREACH);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	lo.sin_port = htons((uint16_t)escape.port);
	expect("a listener on the host's loopback", connect(fd, (struct sockaddr *)&lo, sizeof(lo)),
	       ECONNREFUSED);
	close(fd);
	/* Our own loopback is up. */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	lo.sin_port = 0;
	expect("bind to our own loopback", bind(fd, (struct sockaddr *)&lo, sizeof(lo)), 0);
	close(fd);
}
