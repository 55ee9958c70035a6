/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void report_send(int sock, const struct report *r)
{
	ssize_t n;

	/* Nobody listens: the caller has died or given up, and its end of file is our death. */
	do
		n = send(sock, r, sizeof(*r), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
}

void report_send_error(int sock, const struct gg_err *err)
{
	struct report r = { .type = REPORT_ERROR, .kind = err->kind, .errnum = err->errnum };

	snprintf(r.text, sizeof(r.text), "%s", err->text ? err->text : "");
	snprintf(r.hint, sizeof(r.hint), "%s", err->hint ? err->hint : "");
	report_send(sock, &r);
}

int report_receive(int sock, struct report *ret, struct gg_err *err)
{
	ssize_t n;

	do
		n = recv(sock, ret, sizeof(*ret), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return gg_fail_errno(err, "hear from the sandbox");
	if (n == 0)
		return 0;
	if (n != sizeof(*ret))
		return gg_fail(err, GG_INTERNAL, "a report from the sandbox has %zd bytes", n);
	ret->text[sizeof(ret->text) - 1] = '\0';
	ret->hint[sizeof(ret->hint) - 1] = '\0';
	return 1;
}

int report_fail(const struct report *r, struct gg_err *err)
{
	if (err->kind == GG_OK)
		err->errnum = r->errnum;
	gg_fail(err, r->kind, "%s", r->text);
	if (r->hint[0])
		gg_hint(err, "%s", r->hint);
	return -1;
}
