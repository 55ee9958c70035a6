/* SPDX-License-Identifier: Apache-2.0
 *
 * The escape suite: tests/sandbox/probe.c as the step, once for each way in which a step can run. Beside it, on the
 * host, wait what it would like to reach: a listener on loopback, an abstract socket, a file.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/sandbox/sandbox_fixture.h"

struct bait {
	char abstract[64], port[32], path[96];
};

static void lay_bait(struct fixture *f, struct bait *b)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(in);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char name[32];

	CHECK(bind(tcp, (struct sockaddr *)&in, sizeof(in)) == 0 && listen(tcp, 8) == 0);
	CHECK(getsockname(tcp, (struct sockaddr *)&in, &len) == 0);
	snprintf(b->port, sizeof(b->port), "port=%d", ntohs(in.sin_port));
	snprintf(name, sizeof(name), "ggbait%d", getpid());
	snprintf(b->abstract, sizeof(b->abstract), "abstract=%s", name);
	memcpy(un.sun_path + 1, name, strlen(name));
	CHECK(bind(local, (struct sockaddr *)&un,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) == 0);
	CHECK(listen(local, 8) == 0);
	snprintf(b->path, sizeof(b->path), "path=%s", f->path);
}

static void escape(struct fixture *f, const char *name, uint32_t uid, unsigned flags)
{
	struct box *b = box_new(f, name);
	unsigned probes = 0, escapes = 1;
	struct bait bait;
	const char *last;
	int status;

	lay_bait(f, &bait);
	/* Descriptors that somebody forgot to mark (S1): directories of the host, one of them "/". */
	for (int fd = 100; fd < 110; fd++)
		CHECK(dup2(f->dir, fd) == fd);
	CHECK(open("/", O_RDONLY | O_DIRECTORY) >= 0);
	b->spec.uid = b->spec.gid = uid;
	b->spec.flags = flags;
	status = box_run(b, "escape", bait.path, bait.abstract, bait.port, uid ? "user=1" : "user=0",
			 flags & SANDBOX_SETUID ? "setuid=1" : "setuid=0",
			 flags & SANDBOX_NETWORK ? "network=1" : "network=0", NULL);
	last = strstr(b->text, " probes");
	while (last && last > b->text && last[-1] != '\n')
		last--;
	CHECK(last && sscanf(last, "%u probes, %u escapes", &probes, &escapes) == 2);
	if (status != 0 || escapes > 0)
		fprintf(stderr, "%s", b->text);
	CHECK(status == 0 && escapes == 0 && probes >= 250);
	box_free(b);
}

JOB(root)
{
	escape(f, "root", 0, 0);
}

JOB(user)
{
	escape(f, "user", 1000, 0);
}

JOB(setuid)
{
	escape(f, "setuid", 0, SANDBOX_SETUID);
}

JOB(network)
{
	escape(f, "network", 0, SANDBOX_NETWORK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_setuid),
		cmocka_unit_test(test_network),
	};

	return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
