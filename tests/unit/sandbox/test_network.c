/* SPDX-License-Identifier: Apache-2.0
 *
 * A network that is not the host's: what it connects and what it hides, for each helper; what becomes of helpers; what
 * is said when none works. The machine's name server is a fake one on loopback, so nothing leaves this machine.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "builder/sandbox/mountapi.h"
#include "builder/sandbox/network.h"
#include "builder/sandbox/scope.h"
#include "tests/unit/sandbox/sandbox_fixture.h"

/* Shared with jobs. */
struct bait {
	char port[8], abstract[32], name_server[32], resolv_conf[64];
	pid_t helper;
};
static struct bait *bait;

static void mount_over(int fd, const char *path, const char *place)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_close_ int tree = mountapi_clone(fd, path, &err),
			    target = open(place, O_PATH | O_CLOEXEC);

	CHECK(tree >= 0 && target >= 0);
	CHECK(mountapi_attach(tree, target, place, &err) == 0);
}

/* What the machine seems to be: its resolv.conf, and the programs in PATH (of this machine, or scripts). */
static void set_resolver(struct fixture *f, const char *text)
{
	put_file(f->space, "resolv.conf", text);
	mount_over(f->space, "resolv.conf", "/etc/resolv.conf");
}

static int use_bin(struct fixture *f, const char *name)
{
	int bin = open_dir(f->space, name);

	mount_over(f->space, name, "/mnt");
	CHECK(setenv("PATH", "/mnt:/nowhere", 1) == 0);
	return bin;
}

static void put_script(int bin, const char *name, const char *text)
{
	put_file(bin, name, text);
	CHECK(fchmodat(bin, name, 0755, 0) == 0);
}

static char *place_of(const char *program)
{
	static const char *const dirs[] = { "/usr/bin", "/usr/local/bin", "/usr/sbin", "/sbin" };

	for (size_t i = 0; i < GG_LEN(dirs); i++) {
		char *path = gg_asprintf("%s/%s", dirs[i], program);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static void only(struct fixture *f, const char *program)
{
	_cleanup_free_ char *path = place_of(program), *name = gg_asprintf("only-%s", program);
	int bin = use_bin(f, name);

	CHECK(path && (symlinkat(path, bin, program) == 0 || errno == EEXIST));
}

/* As root, before jobs: the host's /dev/net/tun may be for root alone. */
static int open_tun(struct fixture *f)
{
	int fd;

	if (mknodat(f->space, "tun", S_IFCHR | 0666, makedev(10, 200)) < 0)
		assert_int_equal(errno, EEXIST);
	assert_int_equal(fchmodat(f->space, "tun", 0666, 0), 0);
	fd = openat(f->space, "tun", O_PATH | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}
static int tun;

static void lay_bait(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);

	assert_int_equal(bind(tcp, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(tcp, 64), 0);
	assert_int_equal(getsockname(tcp, (struct sockaddr *)&in, &len), 0);
	snprintf(bait->port, sizeof(bait->port), "%d", ntohs(in.sin_port));
	snprintf(bait->abstract, sizeof(bait->abstract), "ggnetwork%d", getpid());
	memcpy(un.sun_path + 1, bait->abstract, strlen(bait->abstract));
	assert_int_equal(bind(local, (struct sockaddr *)&un,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					  strlen(bait->abstract))),
			 0);
	assert_int_equal(listen(local, 64), 0);
}

/* Answers every query with itself, marked as an answer. Lives until the group ends. */
static pid_t serve_names(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	/* An address of this process's own: another run of this test may be under way. */
	snprintf(bait->name_server, sizeof(bait->name_server), "127.88.%d.%d", getpid() >> 8 & 255,
		 getpid() & 255);
	snprintf(bait->resolv_conf, sizeof(bait->resolv_conf), "nameserver %s\n",
		 bait->name_server);
	inet_pton(AF_INET, bait->name_server, &at.sin_addr);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	pid = fork();
	if (pid != 0) {
		close(sock);
		return pid;
	}
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		unsigned char query[512];
		ssize_t n = recvfrom(sock, query, sizeof(query), 0, (struct sockaddr *)&from, &len);

		query[2] |= 0x80;
		if (n >= 12)
			sendto(sock, query, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}

/* ---- inside ---- */

static void reach(struct box *b, const char *kind, const char *to, const char *port,
		  const char *want)
{
	b->spec.flags = SANDBOX_NETWORK;
	CHECK(box_run(b, "reach", kind, to, port, NULL) == 0);
	CHECK_TEXT(b->text, want);
}

static void check_isolation(struct fixture *f, const char *helper)
{
	struct network n = NETWORK_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct box *b = box_new(f, helper);

	/* Now it is there, from the same process. */
	reach(b, "tcp", "127.0.0.1", bait->port, "success\n");
	if (network_isolate(tun, 0, &n, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	CHECK(err.kind == GG_OK);
	CHECK_TEXT(n.helper, helper);
	reach(b, "tcp", "127.0.0.1", bait->port, "ECONNREFUSED\n");
	reach(b, "tcp", "127.0.0.2", bait->port, "ECONNREFUSED\n");
	reach(b, "abstract", bait->abstract, "", "ECONNREFUSED\n");
	reach(b, "tcp", "169.254.169.254", "80", "EHOSTUNREACH\n");
	reach(b, "udp", "169.254.1.1", "53", "EHOSTUNREACH\n");
	if (strcmp(helper, "slirp4netns") == 0) {
		/* Its name for the host's loopback, but for the name server. */
		reach(b, "tcp", "10.0.2.2", bait->port, "ENETUNREACH\n");
		reach(b, "ask", NETWORK_NAMESERVER, "53", "answer\n");
	}
	CHECK(box_run(b, "escape", "network=1", NULL) == 0);
	network_done(&n);
	CHECK(n.pid == 0);
}

JOB(slirp4netns)
{
	set_resolver(f, bait->resolv_conf);
	only(f, "slirp4netns");
	check_isolation(f, "slirp4netns");
}

/* Without name servers on the machine nobody is asked. */
JOB(pasta)
{
	set_resolver(f, "# none\n");
	only(f, "pasta");
	check_isolation(f, "pasta");
}

/* The host's network, for comparison: loopback is there, and what Landlock can hide is not. */
JOB(host)
{
	struct box *b = box_new(f, "host");

	reach(b, "tcp", "127.0.0.1", bait->port, "success\n");
	reach(b, "abstract", bait->abstract, "", scope_is_there() ? "EPERM\n" : "success\n");
	/* Its own abstract sockets still work. */
	CHECK(box_run(b, "abstract", "ours", NULL) == 0);
}

/* ---- helpers that are of no use ---- */

static void refuse(struct fixture *f, const char *pasta, const char *slirp, const char *want)
{
	char before[64] = "", after[64] = "";
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct network n;
	int bin = use_bin(f, want[0] == 'p' ? want : "bin");

	if (pasta)
		put_script(bin, "pasta", pasta);
	if (slirp)
		put_script(bin, "slirp4netns", slirp);
	CHECK(readlink("/proc/self/ns/net", before, sizeof(before) - 1) > 0);
	CHECK(network_isolate(tun, 0, &n, &err) == -1 && err.kind == GG_SYSTEM && n.pid == 0 &&
	      !n.helper);
	CHECK_TEXT(err.text, want);
	CHECK(readlink("/proc/self/ns/net", after, sizeof(after) - 1) > 0);
	CHECK_TEXT(after, before);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

JOB(not_installed)
{
	refuse(f, NULL, NULL, "pasta: it is not installed; slirp4netns: it is not installed");
}

JOB(useless)
{
	refuse(f, "#!/bin/sh\necho first\necho no such option\n",
	       "#!/bin/sh\nexec /bin/sleep 100\n",
	       "pasta: no such option; slirp4netns: it made no default route within 5 s");
}

/* It connects to nothing. */
JOB(silent)
{
	static const char script[] =
		"#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
		"nsenter --net=/proc/self/fd/3 sh -ec 'ip link add one type veth peer name two\n"
		"ip address add 10.0.2.100/24 dev one; ip link set two up; ip link set one up\n"
		"ip route add default via 10.0.2.2' >/dev/null 2>&1\nexec /bin/sleep 100\n";

	set_resolver(f, bait->resolv_conf);
	refuse(f, NULL, script,
	       "pasta: it is not installed; slirp4netns: no name server answers through it");
}

/* ---- helpers end with us ---- */

static pid_t child_of(pid_t pid)
{
	_cleanup_free_ char *path = gg_asprintf("/proc/%d/task/%d/children", pid, pid);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };

	CHECK(gg_read_file(AT_FDCWD, path, 4096, &text, &err) == 0 && text.len > 0);
	return atoi(text.data);
}

static void start_one(struct fixture *f, struct network *ret)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	set_resolver(f, "");
	only(f, place_of("slirp4netns") ? "slirp4netns" : "pasta");
	CHECK(network_isolate(tun, 0, ret, &err) == 0);
	bait->helper = child_of(ret->pid);
	CHECK(bait->helper > 0 && kill(bait->helper, 0) == 0);
}

JOB(done)
{
	struct network n;

	start_one(f, &n);
	network_done(&n);
	CHECK(kill(bait->helper, 0) == -1 && errno == ESRCH);
}

static void job_killed(struct fixture *f)
{
	struct network n;

	start_one(f, &n);
	raise(SIGKILL);
}

static void test_killed(void **state)
{
	int status = job_status(*state, job_killed);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	for (int i = 0; i < 500 && kill(bait->helper, 0) == 0; i++)
		usleep(10000);
	assert_int_equal(kill(bait->helper, 0), -1);
}

static pid_t name_server;

static int group_setup(void **state)
{
	_cleanup_free_ char *slirp = place_of("slirp4netns"), *pasta = place_of("pasta");

	if (!slirp || !pasta) {
		fprintf(stderr, "slirp4netns and passt are not installed\n");
		exit(77);
	}
	bait = mmap(NULL, sizeof(*bait), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(bait != MAP_FAILED);
	if (fixture_make(state) < 0)
		return -1;
	tun = open_tun(*state);
	lay_bait();
	name_server = serve_names();
	return 0;
}

static int group_teardown(void **state)
{
	kill(name_server, SIGKILL);
	waitpid(name_server, NULL, 0);
	return fixture_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slirp4netns), cmocka_unit_test(test_pasta),
		cmocka_unit_test(test_host),        cmocka_unit_test(test_not_installed),
		cmocka_unit_test(test_useless),     cmocka_unit_test(test_silent),
		cmocka_unit_test(test_done),        cmocka_unit_test(test_killed),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
