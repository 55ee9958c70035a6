/* SPDX-License-Identifier: Apache-2.0
 *
 * Probes of what can be seen: /proc and /sys, pid 1, devices, descriptors, mounts, traces of the host. And the suite.
 */
#include "escape.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

extern char **environ;

struct escape_options escape = { .host_path = "/no such path of the host", .abstract = "none" };
static unsigned probes, escapes;

int is_other_user(void)
{
	return escape.is_user && !escape.is_single;
}

static void record(const char *name, const char *result)
{
	probes++;
	if (escape.list)
		printf("%s\t%s\n", name, result);
}

void judge(int good, const char *name, const char *fmt, ...)
{
	va_list ap;

	record(name, "holds");
	if (good)
		return;
	escapes++;
	va_start(ap, fmt);
	printf("escape: %s: ", name);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

void expect(const char *name, long r, int want)
{
	const char *got_name = r < 0 ? strerrorname_np(errno) : "success";
	const char *want_name = want ? strerrorname_np(want) : "success";

	record(name, want_name);
	if (strcmp(got_name, want_name) == 0)
		return;
	escapes++;
	printf("escape: %s: %s instead of %s\n", name, got_name, want_name);
}

void expect_open(const char *path, int flags, int want)
{
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC, 0600);
	char name[256];

	snprintf(name, sizeof(name), "%s %s", (flags & O_ACCMODE) == O_RDONLY ? "read" : "write",
		 path);
	expect(name, fd, want);
	if (fd >= 0)
		close(fd);
}

/* ---- /proc and /sys ---- */

static void probe_read_only(void)
{
	static const char *const paths[] = {
		"/proc/sysrq-trigger",
		"/proc/sys/kernel/core_pattern",
		"/proc/sys/kernel/modprobe",
		"/proc/sys/kernel/hostname",
		"/proc/sys/kernel/domainname",
		"/proc/sys/kernel/msgmax",
		"/proc/sys/kernel/shmmax",
		"/proc/sys/vm/overcommit_memory",
		"/proc/sys/fs/mqueue/msg_max",
		"/proc/sys/user/max_user_namespaces",
		"/proc/sys/net/ipv4/ip_forward",
		"/proc/sys/kernel/ns_last_pid",
		"/proc/irq/default_smp_affinity",
		"/proc/sys/kernel/randomize_va_space",
		"/proc/bus/pci/devices",
		"/proc/fs/nfsd",
		"/proc/sys/vm/drop_caches",
		"/proc/sys/kernel/sysrq",
		"/proc/sys/kernel/unprivileged_bpf_disabled",
	};
	char name[128];

	for (size_t i = 0; i < COUNT(paths); i++) {
		/* Whose file is ours to write meets the read-only mount, the others' their mode. */
		int fd = open(paths[i], O_WRONLY | O_CLOEXEC);

		snprintf(name, sizeof(name), "write %s", paths[i]);
		judge(fd < 0 && (errno == EROFS || errno == EACCES || errno == ENOENT ||
				 errno == EISDIR),
		      name, "%s", fd < 0 ? strerrorname_np(errno) : "success");
	}
}

static void probe_masks(void)
{
	static const char *const files[] = { "/proc/interrupts",  "/proc/kcore",
					     "/proc/keys",        "/proc/latency_stats",
					     "/proc/sched_debug", "/proc/timer_list",
					     "/proc/timer_stats" };
	static const char *const dirs[] = { "/proc/acpi", "/proc/asound", "/proc/scsi", "/sys",
					    "/sys/firmware" };
	char text[64], name[64];

	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(name, sizeof(name), "%s is masked", files[i]);
		judge(slurp(files[i], text, sizeof(text)) == 0, name, "it reads '%s'", text);
	}
	for (size_t i = 0; i < COUNT(dirs); i++) {
		DIR *dir = opendir(dirs[i]);
		int n = 0;

		while (dir && readdir(dir))
			n++;
		snprintf(name, sizeof(name), "%s is masked", dirs[i]);
		judge(n == 0 || n == 2, name, "%d entries", n);
		if (dir)
			closedir(dir);
	}
	expect("unmask by rename", rename("/proc/interrupts", "/proc/x"), ENOENT);
	expect("unmask by unlink", unlink("/proc/interrupts"), EACCES);
}

static void probe_proc(void)
{
	char text[64];

	probe_read_only();
	probe_masks();
	expect("mkdir in /sys", mkdir("/sys/x", 0700), EROFS);
	expect_open("/sys/kernel/uevent_helper", O_WRONLY, ENOENT);
	expect_open("/sys/fs/cgroup/release_agent", O_WRONLY, ENOENT);
	expect_open("/proc/sys/fs/binfmt_misc/register", O_WRONLY, ENOENT);
	expect("chmod /proc/sys/kernel/core_pattern", chmod("/proc/sys/kernel/core_pattern", 0666),
	       EROFS);
	slurp("/proc/sys/user/max_user_namespaces", text, sizeof(text));
	judge(strcmp(text, "0\n") == 0, "max_user_namespaces is 0", "it is %s", text);
	/* Our own program's file, and so the builder's were it ours. */
	expect_open("/proc/self/exe", O_WRONLY, is_other_user() ? EACCES : ETXTBSY);
}

/* Pid 1 is a piece of the builder. */
static void probe_init(void)
{
	static const char *const unreadable[] = {
		"/proc/1/environ",    "/proc/1/mem",        "/proc/1/maps",    "/proc/1/auxv",
		"/proc/1/pagemap",    "/proc/1/stack",      "/proc/1/exe",     "/proc/1/root/",
		"/proc/1/cwd/",       "/proc/1/fd/",        "/proc/1/fd/3",    "/proc/1/fdinfo/",
		"/proc/1/map_files/", "/proc/1/task/1/mem", "/proc/1/syscall", "/proc/1/smaps",
		"/proc/1/numa_maps",  "/proc/1/ns/mnt"
	};
	static const char *const links[] = { "/proc/1/exe", "/proc/1/root", "/proc/1/cwd",
					     "/proc/1/ns/mnt", "/proc/1/ns/user" };
	char text[256], name[64];
	struct stat st;

	for (size_t i = 0; i < COUNT(unreadable); i++) {
		int fd = open(unreadable[i], O_RDONLY | O_CLOEXEC);

		/* Linux 6.18 opens maps and says EACCES or nothing on reading. */
		snprintf(name, sizeof(name), "read %s", unreadable[i]);
		judge(fd < 0 ? errno == EACCES || errno == EPERM || errno == ENOENT
			     : read(fd, text, sizeof(text)) <= 0,
		      name, "%s", fd < 0 ? strerrorname_np(errno) : "success");
		if (fd >= 0)
			close(fd);
	}
	/* In a loop: whoever replaces a program waits for the moment at which nobody runs it. */
	for (int i = 0; i < 100; i++)
		expect_open("/proc/1/exe", O_WRONLY, EACCES);
	expect_open("/proc/1/mem", O_RDWR, EACCES);
	expect_open("/proc/1/oom_score_adj", O_WRONLY, EACCES);
	for (size_t i = 0; i < COUNT(links); i++) {
		snprintf(name, sizeof(name), "readlink %s", links[i]);
		expect(name, readlink(links[i], text, sizeof(text)), EACCES);
	}
	expect("chdir /proc/1/cwd", chdir("/proc/1/cwd"), EACCES);
	expect("chroot /proc/1/root", chroot("/proc/1/root"), EACCES);
	expect("kill pid 1", kill(1, SIGKILL), is_other_user() ? EPERM : 0);
	expect("pid 1 lives on", stat("/proc/1", &st), 0);
	judge(getppid() == 1, "pid 1 is our parent", "%d is", getppid());
}

/* Where pid 1 answers for the kernel, it can look at itself; what we may not, it must not for us. */
static void probe_deputy(void)
{
	static const char *const to_init[] = { "/proc/1/exe", "/proc/1/fd/3", "/proc/1/ns/mnt",
					       "/proc/1/cwd", "/proc/1/root" };
	static const char *const detours[] = { "/tmp/../proc/1/exe", "/proc/./1/exe",
					       "//proc/1/exe", "/proc/1/task/1/exe" };
	char name[128], list[256];
	struct statx sx;
	struct stat st, own;

	for (size_t i = 0; i < COUNT(to_init); i++) {
		const char *path = to_init[i];

		snprintf(name, sizeof(name), "stat %s", path);
		expect(name, stat(path, &st), EACCES);
		snprintf(name, sizeof(name), "statx %s", path);
		expect(name, statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &sx), EACCES);
		snprintf(name, sizeof(name), "chown %s", path);
		expect(name, chown(path, 5, 5), EACCES);
		snprintf(name, sizeof(name), "set a time of %s", path);
		expect(name, utimensat(AT_FDCWD, path, NULL, 0), EACCES);
		snprintf(name, sizeof(name), "list the attributes of %s", path);
		expect(name, listxattr(path, list, sizeof(list)), EACCES);
		snprintf(name, sizeof(name), "make a directory in %s", path);
		snprintf(list, sizeof(list), "%s/made", path);
		expect(name, mkdir(list, 0700), EACCES);
	}
	/* By names that only the kernel sees through. */
	for (size_t i = 0; i < COUNT(detours); i++) {
		unlink("/tmp/to-init");
		symlink(detours[i], "/tmp/to-init");
		snprintf(name, sizeof(name), "stat a symlink to %s", detours[i]);
		expect(name, stat("/tmp/to-init", &st), EACCES);
		snprintf(name, sizeof(name), "statx a symlink to %s", detours[i]);
		expect(name, statx(AT_FDCWD, "/tmp/to-init", 0, STATX_BASIC_STATS, &sx), EACCES);
		snprintf(name, sizeof(name), "chown a symlink to %s", detours[i]);
		expect(name, chown("/tmp/to-init", (uid_t)-1, 0), EACCES);
		snprintf(name, sizeof(name), "list the attributes of a symlink to %s", detours[i]);
		expect(name, listxattr("/tmp/to-init", list, sizeof(list)), EACCES);
		snprintf(name, sizeof(name), "chown %s", detours[i]);
		expect(name, chown(detours[i], (uid_t)-1, 0), EACCES);
	}
	unlink("/tmp/to-init");
	symlink("/proc/self/exe", "/tmp/to-self");
	stat("/bin/probe", &own);
	judge(stat("/tmp/to-self", &st) == 0 && st.st_ino == own.st_ino && st.st_dev == own.st_dev,
	      "a symlink to /proc/self/exe leads to the command", "it leads elsewhere");
	judge(stat("/tmp/../proc/self/exe", &st) == 0 && st.st_ino == own.st_ino &&
		      st.st_dev == own.st_dev,
	      "/tmp/../proc/self/exe is the command", "it is another");
	unlink("/tmp/to-self");
}

/* ---- devices, descriptors, mounts ---- */

static void probe_nodes(void)
{
	static const struct {
		const char *name, *path;
		mode_t mode;
		unsigned major, minor;
	} nodes[] = {
		{ "mknod a disk", "/tmp/b", S_IFBLK, 8, 0 },
		{ "mknod a virtual disk", "/tmp/b", S_IFBLK, 254, 0 },
		{ "mknod mem", "/tmp/c", S_IFCHR, 1, 1 },
		{ "mknod null", "/tmp/c", S_IFCHR, 1, 3 },
		{ "mknod kmsg", "/tmp/c", S_IFCHR, 1, 11 },
		{ "mknod fuse", "/tmp/c", S_IFCHR, 10, 229 },
		{ "mknod tun", "/tmp/c", S_IFCHR, 10, 200 },
		{ "mknod a whiteout", "/tmp/c", S_IFCHR, 0, 0 },
		{ "mknod mem in /dev/shm", "/dev/shm/c", S_IFCHR, 1, 1 },
	};

	for (size_t i = 0; i < COUNT(nodes); i++)
		expect(nodes[i].name,
		       mknod(nodes[i].path, nodes[i].mode | 0600,
			     makedev(nodes[i].major, nodes[i].minor)),
		       EPERM);
}

static void probe_devices(void)
{
	static const char *const present[] = { "null", "zero", "full",  "random", "urandom",
					       "tty",  "fd",   "stdin", "stdout", "stderr",
					       "ptmx", "pts",  "shm" };
	static const char *const absent[] = { "mem",    "kmem", "port",    "kmsg",
					      "fuse",   "net",  "console", "loop-control",
					      "sda",    "vda",  "kvm",     "uinput",
					      "mapper", "dri",  "tty0",    "hwrng" };
	DIR *dir = opendir("/dev");
	unsigned strange = 0;
	struct dirent *e;
	char path[64], c = 0;

	while (dir && (e = readdir(dir))) {
		size_t i = 0;

		while (i < COUNT(present) && strcmp(present[i], e->d_name) != 0)
			i++;
		strange += i == COUNT(present) && e->d_name[0] != '.';
	}
	closedir(dir);
	judge(strange == 0, "/dev holds what it should and nothing else", "%u others", strange);
	for (size_t i = 0; i < COUNT(present); i++) {
		snprintf(path, sizeof(path), "/dev/%s", present[i]);
		judge(faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0, path, "%s",
		      strerrorname_np(errno));
	}
	for (size_t i = 0; i < COUNT(absent); i++) {
		snprintf(path, sizeof(path), "/dev/%s", absent[i]);
		expect_open(path, O_RDONLY, ENOENT);
	}
	probe_nodes();
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC),
	    null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	expect("fill /dev/full", write(full, &c, 1), ENOSPC);
	judge(read(null, &c, 1) == 0, "/dev/null is empty", "it is not");
	judge(read(0, &c, 1) == 0, "standard input is empty", "it is not");
	expect("replace /dev/null", rename("/dev/null", "/dev/x"),
	       is_other_user() ? EACCES : EBUSY);
	expect("mkdir in /dev/pts", mkdir("/dev/pts/x", 0700), is_other_user() ? EACCES : EPERM);
}

/* Which wall is met first depends on who asks; all mean the same. */
static void expect_closed(const char *name, long r)
{
	judge(r < 0 && (errno == EROFS || errno == EACCES || errno == EPERM), name, "%s",
	      r < 0 ? strerrorname_np(errno) : "success");
}

/* What belongs to the store and is seen in here. */
static void probe_input(void)
{
	static const char path[] = "/input/file";
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	expect_closed("write an input", open(path, O_WRONLY | O_CLOEXEC));
	expect_closed("make a file in an input",
		      open("/input/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	expect_closed("chmod an input", chmod(path, 0777));
	expect_closed("chown an input", chown(path, 0, 0));
	expect_closed("chown an input to another", chown(path, 5, 5));
	expect_closed("chown an input's directory", lchown("/input", 5, 5));
	expect_closed("set an input's times", utimensat(AT_FDCWD, path, times, 0));
	expect_closed("set an attribute of an input", setxattr(path, "user.x", "x", 1, 0));
	expect_closed("remove an input", unlink(path));
	expect_closed("rename an input", rename(path, "/input/other"));
	expect_closed("link an input", link(path, "/input/other"));
	expect_closed("make a symlink in an input", symlink("file", "/input/link"));
	expect_closed("make a directory in an input", mkdir("/input/dir", 0777));
	expect_closed("make a fifo in an input", mkfifo("/input/fifo", 0666));
	expect_closed("truncate an input", truncate(path, 0));
}

/* A node of the host's. */
static void probe_null(void)
{
	static const char null[] = "/dev/null";
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	expect("chmod /dev/null", chmod(null, 0600), EPERM);
	expect("chown /dev/null", chown(null, 0, 0), EPERM);
	expect("chown /dev/null to another", chown(null, 5, 5), EPERM);
	expect("set /dev/null's times", utimensat(AT_FDCWD, null, times, 0), EPERM);
	expect("set an attribute of /dev/null", setxattr(null, "user.x", "x", 1, 0), EPERM);
	expect("unlink /dev/null", unlink(null), is_other_user() ? EACCES : EBUSY);
}

/* Memory is not limited here, but what is kept in it by way of files is. */
static void probe_full_memory(void)
{
	static char block[1 << 20];
	int fd = open("/dev/shm/fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), n = 0;

	memset(block, 1, sizeof(block));
	while (n < 128 && write(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
		n++;
	judge(n <= 64 && errno == ENOSPC, "fill /dev/shm", "%d MiB", n);
	close(fd);
	unlink("/dev/shm/fill");
}

/* Out of a chroot within the root by a descriptor from outside of it: into the root, no farther. */
static void probe_chroot(const struct stat *root)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;
	pid_t pid = fork();
	struct stat st;

	if (pid == 0) {
		mkdir("/tmp/jail", 0700);
		_exit(chroot("/tmp/jail") < 0 || fchdir(fd) < 0 || chdir("../../../../..") < 0 ||
		      stat(".", &st) < 0 || st.st_ino != root->st_ino || st.st_dev != root->st_dev);
	}
	waitpid(pid, &status, 0);
	judge(status == 0, "chroot in chroot", "it leads out");
	close(fd);
}

static void probe_descriptors(void)
{
	char path[64], text[4096];
	struct stat root, st;
	int seen = 0;

	for (int fd = 3; fd < 4096; fd++)
		seen += fcntl(fd, F_GETFD) >= 0;
	judge(seen == 0, "no descriptors but 0, 1 and 2", "%d are open", seen);
	stat("/", &root);
	for (int fd = 3; fd < 16; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d/../../../..", fd);
		expect(path, chdir(path), ENOENT);
	}
	judge(getcwd(text, sizeof(text)) && text[0] == '/', "the working directory is in the root",
	      "%s", text);
	expect("chdir ..", chdir("/../../../../.."), 0);
	stat(".", &st);
	judge(st.st_ino == root.st_ino && st.st_dev == root.st_dev, "'..' of the root is the root",
	      "it leads out");
	if (!escape.is_user)
		probe_chroot(&root);
}

static void probe_mounts(void)
{
	static const struct {
		const char *path;
		unsigned long flags;
	} mounts[] = {
		{ "/proc", ST_NOSUID | ST_NODEV | ST_NOEXEC },
		{ "/sys", ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY },
		{ "/dev", ST_NOSUID | ST_NOEXEC },
		{ "/dev/shm", ST_NOSUID | ST_NODEV | ST_NOEXEC },
		{ "/dev/pts", ST_NOSUID | ST_NOEXEC },
		{ "/", ST_NODEV },
		{ "/proc/sys", ST_RDONLY },
		{ "/proc/irq", ST_RDONLY },
		{ "/proc/bus", ST_RDONLY },
		{ "/proc/fs", ST_RDONLY },
	};
	struct statvfs st;
	char name[64];

	for (size_t i = 0; i < COUNT(mounts); i++) {
		snprintf(name, sizeof(name), "flags of the mount on %s", mounts[i].path);
		judge(statvfs(mounts[i].path, &st) < 0 ||
			      (st.f_flag & mounts[i].flags) == mounts[i].flags,
		      name, "%#lx", st.f_flag);
	}
	statvfs("/dev/shm", &st);
	judge(st.f_blocks * st.f_frsize <= 64u << 20, "/dev/shm has a limit", "it has none");
	statvfs("/dev", &st);
	judge(st.f_blocks * st.f_frsize <= 64u << 20, "/dev has a limit", "it has none");
	if (escape.has_input)
		probe_input();
	probe_null();
	probe_full_memory();
}

/* ---- traces of the host ---- */

static void probe_tables(void)
{
	static const char *const tables[] = { "/proc/self/mountinfo",  "/proc/self/mounts",
					      "/proc/self/mountstats", "/proc/self/cgroup",
					      "/proc/self/environ",    "/proc/1/mountinfo",
					      "/proc/self/maps",       "/proc/1/cgroup" };
	static char text[65536];
	int roots = 0, others = 0;
	char name[64];

	for (size_t i = 0; i < COUNT(tables); i++) {
		snprintf(name, sizeof(name), "%s shows no path of the host", tables[i]);
		/* The kernel says where a mount comes from. */
		if (escape.has_input && strstr(tables[i], "mountinfo"))
			continue;
		slurp(tables[i], text, sizeof(text));
		judge(!strstr(text, escape.host_path), name, "it does");
	}
	slurp("/proc/self/mountinfo", text, sizeof(text));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char to[256] = "";

		sscanf(line, "%*s %*s %*s %*s %255s", to);
		roots += strcmp(to, "/") == 0;
		others += strncmp(to, "/sys/", 5) == 0 || strncmp(to, "/mnt/", 5) == 0;
	}
	judge(roots == 1, "one mount on the root", "%d", roots);
	judge(others == 0, "no mounts of the host", "%d", others);
	slurp("/proc/self/cgroup", text, sizeof(text));
	others = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		others += strlen(line) <= 2 || strcmp(line + strlen(line) - 2, ":/") != 0;
	judge(others == 0, "cgroups read as '/'", "%d do not", others);
}

static void probe_host(void)
{
	int others = 0;
	struct utsname u;

	/* The first process that pid 1 starts. */
	judge(getpid() == 2, "a pid namespace of our own", "pid %d", getpid());
	judge(access(escape.host_path, F_OK) < 0, "a directory of the host", "it is there");
	probe_tables();
	uname(&u);
	judge(strcmp(u.nodename, "ggbuild") == 0, "the host name is ours", "%s", u.nodename);
	judge(strcmp(u.domainname, "(none)") == 0, "the domain name is ours", "%s", u.domainname);
	for (char **e = environ; *e; e++)
		others += strncmp(*e, "PATH=", 5) != 0 && strncmp(*e, "GIVEN=", 6) != 0;
	judge(others == 0, "the environment is what was given", "%d others", others);
}

/* ---- the suite ---- */

static void set_option(const char *name, const char *value)
{
	const struct {
		const char *name;
		int *value;
	} numbers[] = { { "port", &escape.port },        { "user", &escape.is_user },
			{ "single", &escape.is_single }, { "input", &escape.has_input },
			{ "setuid", &escape.is_setuid }, { "network", &escape.has_network },
			{ "list", &escape.list } };

	for (size_t i = 0; i < COUNT(numbers); i++)
		if (strncmp(name, numbers[i].name, strlen(numbers[i].name)) == 0)
			*numbers[i].value = atoi(value);
	if (strncmp(name, "path=", 5) == 0)
		escape.host_path = value;
	if (strncmp(name, "abstract=", 9) == 0)
		escape.abstract = value;
}

int verb_escape(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		set_option(argv[i], strchr(argv[i], '=') + 1);
	probe_descriptors();
	probe_host();
	probe_calls();
	probe_clone();
	probe_foreign_architectures();
	probe_arguments();
	probe_proc();
	probe_init();
	probe_deputy();
	probe_devices();
	probe_mounts();
	probe_network();
	probe_capabilities();
	probe_ids();
	probe_limits();
	printf("%u probes, %u escapes\n", probes, escapes);
	return escapes > 0;
}
