/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/prompt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/interrupt.h"

enum { LINE_MAX_LEN = 4096 };

/* A terminal without echo, and signals that wait until it has it again. */
struct quiet {
	int tty, signals;
	bool changed;
	struct termios before;
	sigset_t mask;
};

static int quiet_begin(struct quiet *q, bool secret, struct gg_err *err)
{
	struct termios t;
	sigset_t wanted;

	gg_interrupt_signals(&wanted);
	sigaddset(&wanted, SIGTSTP);
	sigprocmask(SIG_BLOCK, &wanted, &q->mask);
	gg_interrupt_signals(&wanted);
	q->signals = signalfd(-1, &wanted, SFD_CLOEXEC);
	if (q->signals < 0)
		return gg_fail_errno(err, "ask at the terminal");
	if (!secret)
		return 0;
	if (tcgetattr(q->tty, &q->before) < 0)
		return gg_fail_errno(err, "ask at the terminal");
	t = q->before;
	t.c_lflag &= ~(tcflag_t)ECHO;
	t.c_lflag |= ECHONL;
	if (tcsetattr(q->tty, TCSAFLUSH, &t) < 0)
		return gg_fail_errno(err, "ask at the terminal");
	q->changed = true;
	return 0;
}

static void quiet_end(struct quiet *q)
{
	if (q->changed)
		tcsetattr(q->tty, TCSAFLUSH, &q->before);
	gg_close(q->signals);
	sigprocmask(SIG_SETMASK, &q->mask, NULL);
}

/* A terminal gives a line at a time. */
static int read_line(const struct quiet *q, char line[LINE_MAX_LEN], size_t *ret_len,
		     struct gg_err *err)
{
	struct pollfd polled[] = { { .fd = q->tty, .events = POLLIN },
				   { .fd = q->signals, .events = POLLIN } };

	for (size_t len = 0; len < LINE_MAX_LEN;) {
		ssize_t n;

		if (poll(polled, GG_LEN(polled), -1) < 0) {
			if (errno == EINTR)
				continue;
			return gg_fail_errno(err, "wait for the terminal");
		}
		if (polled[1].revents) {
			struct signalfd_siginfo info;

			if (read(q->signals, &info, sizeof(info)) != sizeof(info))
				return gg_fail_errno(err, "read a signal");
			return gg_fail_signal(err, (int)info.ssi_signo);
		}
		n = read(q->tty, line + len, LINE_MAX_LEN - len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return gg_fail_errno(err, "read from the terminal");
		len += (size_t)n;
		*ret_len = len;
		if (n == 0)
			return 0;
		if (line[len - 1] == '\n') {
			(*ret_len)--;
			return 0;
		}
	}
	return gg_fail(err, GG_USAGE, "the answer is longer than %d bytes", LINE_MAX_LEN);
}

static int ask(struct quiet *q, bool secret, char **ret, struct gg_err *err)
{
	char line[LINE_MAX_LEN];
	size_t len = 0;
	int r = quiet_begin(q, secret, err);

	if (r == 0)
		r = read_line(q, line, &len, err);
	quiet_end(q);
	if (r == 0 && (len == 0 || memchr(line, '\0', len)))
		r = gg_fail(err, GG_USAGE, "the answer is empty");
	if (r == 0)
		*ret = gg_strndup(line, len);
	explicit_bzero(line, sizeof(line));
	return r;
}

int prompt_ask(const char *what, bool secret, char **ret, struct gg_err *err)
{
	_cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct quiet q = { .tty = tty, .signals = -1 };

	if (tty < 0)
		return gg_fail(err, GG_USAGE, "there is no terminal to ask for %s", what);
	if (gg_write_all(tty, what, strlen(what), err) < 0 || gg_write_all(tty, ": ", 2, err) < 0)
		return gg_context(err, "terminal");
	return ask(&q, secret, ret, err);
}
