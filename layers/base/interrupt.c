/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/interrupt.h"

#include <string.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

void gg_interrupt_signals(sigset_t *ret)
{
	sigemptyset(ret);
	for (size_t i = 0; i < GG_LEN(signals); i++)
		sigaddset(ret, signals[i]);
}

int gg_fail_signal(struct gg_err *err, int n)
{
	return gg_fail(err, (enum gg_kind)(128 + n), "interrupted by SIG%s", sigabbrev_np(n));
}

int gg_interrupted(struct gg_err *err)
{
	sigset_t waiting;

	if (sigpending(&waiting) < 0)
		return 0;
	for (size_t i = 0; i < GG_LEN(signals); i++)
		if (sigismember(&waiting, signals[i]) == 1)
			return gg_fail_signal(err, signals[i]);
	return 0;
}
