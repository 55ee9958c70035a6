/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/network_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "builder/sandbox/network.h"
#include "layers/base/fd.h"

enum { POLL_MS = 5, ROUTE_MS = 5000, DNS_TRIES = 3, DNS_MS = 1000, TABLE_MAX = 1 << 20 };

/* Lines "DEVICE DESTINATION …" and "DESTINATION LENGTH … DEVICE", in hexadecimal; lo has a default route of its own in
 * the second one. */
static bool has_default_route(void)
{
	FILE *v4 = fopen("/proc/self/net/route", "re"),
	     *v6 = fopen("/proc/self/net/ipv6_route", "re");
	char line[512], to[40], len[8], device[32];
	bool found = false;

	while (v4 && !found && fgets(line, sizeof(line), v4))
		found = sscanf(line, "%*s %39s", to) == 1 && gg_streq(to, "00000000");
	while (v6 && !found && fgets(line, sizeof(line), v6))
		found = sscanf(line, "%39s %7s %*s %*s %*s %*s %*s %*s %*s %31s", to, len,
			       device) == 3 &&
			strspn(to, "0") == strlen(to) && gg_streq(len, "00") &&
			!gg_streq(device, "lo");
	if (v4)
		fclose(v4);
	if (v6)
		fclose(v6);
	return found;
}

static int wait_for_route(int helper, struct gg_err *err)
{
	struct pollfd p = { .fd = helper, .events = POLLIN };

	for (int waited = 0; waited < ROUTE_MS; waited += POLL_MS) {
		if (has_default_route())
			return 0;
		if (poll(&p, 1, POLL_MS) > 0)
			return gg_fail(err, GG_SYSTEM, "it gave up");
	}
	return gg_fail(err, GG_SYSTEM, "it made no default route within %d s", ROUTE_MS / 1000);
}

/* An "unreachable" route for 169.254.0.0/16, which the step cannot take away: it has no CAP_NET_ADMIN. */
static int forbid_link_local(struct gg_err *err)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
		struct rtattr attribute;
		struct in_addr destination;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_NEWROUTE,
			    .nlmsg_flags =
				    NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK },
		.route = { .rtm_family = AF_INET,
			   .rtm_dst_len = 16,
			   .rtm_table = RT_TABLE_MAIN,
			   .rtm_protocol = RTPROT_STATIC,
			   .rtm_scope = RT_SCOPE_UNIVERSE,
			   .rtm_type = RTN_UNREACHABLE },
		.attribute = { .rta_len = RTA_LENGTH(sizeof(struct in_addr)), .rta_type = RTA_DST },
		.destination.s_addr = htonl(0xa9fe0000),
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	_cleanup_close_ int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n;

	if (sock < 0 || send(sock, &request, sizeof(request), 0) < 0)
		return gg_fail_errno(err, "ask for a route");
	n = recv(sock, &answer, sizeof(answer), 0);
	if (n < (ssize_t)(NLMSG_LENGTH(sizeof(answer.error))) ||
	    answer.header.nlmsg_type != NLMSG_ERROR)
		return gg_fail(err, GG_SYSTEM, "ask for a route: no answer");
	errno = -answer.error.error;
	return errno ? gg_fail_errno(err, "make link-local addresses unreachable") : 0;
}

static bool host_has_name_servers(void)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (gg_read_file(AT_FDCWD, "/etc/resolv.conf", TABLE_MAX, &text, &ignored) < 0 ||
	    !text.data)
		return false;
	return gg_starts(text.data, "nameserver") || strstr(text.data, "\nnameserver");
}

/* Any answer will do, also a refusal. */
static int ask_name_server(struct gg_err *err)
{
	/* id, recursion desired, one question; the root, NS, IN (RFC 1035 §4.1) */
	static const unsigned char query[] = { 0x67, 0x67, 1, 0, 0, 1, 0, 0, 0,
					       0,    0,    0, 0, 0, 2, 0, 1 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	_cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = sock, .events = POLLIN };
	unsigned char answer[1024];

	inet_pton(AF_INET, NETWORK_NAMESERVER, &to.sin_addr);
	if (sock < 0 || connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0)
		return gg_fail_errno(err, "reach the name server");
	for (int i = 0; i < DNS_TRIES; i++) {
		if (send(sock, query, sizeof(query), 0) < 0 || poll(&p, 1, DNS_MS) <= 0)
			continue;
		if (recv(sock, answer, sizeof(answer), 0) >= 12 && memcmp(answer, query, 2) == 0)
			return 0;
	}
	return gg_fail(err, GG_SYSTEM, "no name server answers through it");
}

int network_probe(int netns, int helper, unsigned flags, struct gg_err *err)
{
	bool names = !(flags & NETWORK_QUIET) && host_has_name_servers();

	if (setns(netns, CLONE_NEWNET) < 0)
		return gg_fail_errno(err, "enter the network namespace");
	if (wait_for_route(helper, err) < 0 || forbid_link_local(err) < 0)
		return -1;
	return names ? ask_name_server(err) : 0;
}
