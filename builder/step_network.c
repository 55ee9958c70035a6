/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/step_network.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "builder/grants.h"
#include "builder/sandbox/network.h"
#include "builder/sandbox/scope.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/base/log.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define TUN "/dev/net/tun"

enum { TUN_MAJOR = 10, TUN_MINOR = 200, RESOLV_CONF_MAX = 1 << 16 };

const char *const step_network_names[] = { "auto", "host", "isolated", NULL };

static bool wants_own(const struct grants *g, const struct session *s)
{
	return g->network && (s->fetch_network == STEP_NETWORK_ISOLATED ||
			      (s->fetch_network == STEP_NETWORK_AUTO && !g->loopback));
}

/* What each helper says is in the error's text. */
void step_network_explain(struct gg_err *err)
{
	const char *absent = strstr(err->text, NETWORK_ABSENT);

	if (absent && strstr(absent + 1, NETWORK_ABSENT))
		gg_hint(err, "install passt or slirp4netns, or give fetch steps the host's "
			     "network: --fetch-network host");
	else if (strstr(err->text, "tun") && access(TUN, R_OK | W_OK) < 0)
		gg_hint(err,
			"helpers need " TUN ", which is for others here: as root, chmod 0666 " TUN
			"; or give fetch steps the host's network: --fetch-network host");
	else
		gg_hint(err, "give fetch steps the host's network: --fetch-network host");
}

int step_network_tun(int dir, int *ret, struct gg_err *err)
{
	struct stat st;

	*ret = -1;
	if (stat(TUN, &st) == 0 && (st.st_mode & 0006) == 0006)
		return 0;
	/* Not allowed, in some containers: the helper then says that it cannot open the device. */
	if (mknodat(dir, "tun", S_IFCHR | 0600, makedev(TUN_MAJOR, TUN_MINOR)) < 0)
		return 0;
	if (fchmodat(dir, "tun", 0666, 0) < 0)
		return gg_fail_errno(err, "chmod the device node 'tun'");
	*ret = gg_openat(dir, "tun", O_PATH | O_NOFOLLOW, 0, err);
	return *ret < 0 ? -1 : 0;
}

int step_network_prepare(struct grants *g, const struct session *s, int dir, struct gg_err *err)
{
	int fd;

	if (!wants_own(g, s))
		return 0;
	if (step_network_tun(dir, &fd, err) < 0)
		return -1;
	if (fd >= 0)
		g->tun = grants_keep(g, fd);
	return 0;
}

static void note(int logfd, const char *text)
{
	_cleanup_free_ char *line = gg_asprintf("[network: %s]\n", text);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (logfd >= 0 && gg_write_all(logfd, line, strlen(line), &err) < 0)
		gg_log(GG_LOG_WARNING, "log of the step: %s", err.text);
}

static void note_host(int logfd, const char *why)
{
	_cleanup_free_ char *text =
		gg_asprintf("the host's, %s its abstract sockets%s%s",
			    scope_is_there() ? "without" : "with", why ? "; " : "", why ? why : "");

	note(logfd, text);
}

/* Where short names are looked for stays what it is on the host; the servers are the network's own. */
static char *resolv_conf(void)
{
	_cleanup_buf_ struct gg_buf host = { 0 }, mine = { 0 };
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	char *rest, *line;

	gg_buf_puts(&mine, "nameserver " NETWORK_NAMESERVER "\n");
	if (gg_read_file(AT_FDCWD, RESOLV_CONF, RESOLV_CONF_MAX, &host, &ignored) < 0 || !host.data)
		return gg_buf_steal(&mine);
	for (rest = host.data; (line = strsep(&rest, "\n"));)
		if (gg_starts(line, "search ") || gg_starts(line, "domain ") ||
		    gg_starts(line, "options "))
			gg_buf_printf(&mine, "%s\n", line);
	return gg_buf_steal(&mine);
}

int step_network_enter(struct grants *g, const struct session *s, int logfd, struct network *ret,
		       struct gg_err *err)
{
	_cleanup_err_ struct gg_err why = GG_ERR_INIT;
	_cleanup_free_ char *text = NULL;

	*ret = (struct network)NETWORK_INIT;
	if (!g->network)
		return 0;
	if (!wants_own(g, s)) {
		note_host(logfd, s->fetch_network == STEP_NETWORK_HOST
					 ? NULL
					 : "--fetch-env names its loopback");
		return 0;
	}
	if (network_isolate(g->tun, 0, ret, &why) == 0) {
		text = gg_asprintf("its own, connected by %s", ret->helper);
		note(logfd, text);
		grants_bytes(g, RESOLV_CONF, resolv_conf());
		return 0;
	}
	if (s->fetch_network == STEP_NETWORK_ISOLATED) {
		gg_err_move(err, &why);
		gg_context(err, "make a network of its own");
		step_network_explain(err);
		return -1;
	}
	note_host(logfd, why.text);
	return 0;
}
