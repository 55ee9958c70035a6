/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/settle.h"

#include "builder/sandbox/userns.h"
#include "layers/base/log.h"
#include "layers/base/mem.h"
#include "layers/store.h"

char *settle_ids(const struct userns *ns)
{
	switch (ns->kind) {
	case USERNS_SHIFTED:
		break;
	case USERNS_SUBUID:
		return gg_asprintf("%u-%u", ns->uids.v[0].first, ns->gids.v[0].first);
	case USERNS_SINGLE:
	case USERNS_NONE:
		return gg_strdup("own");
	}
	return gg_strdup("");
}

int settle(struct userns *ns, struct store *store, bool *ret_changed, struct gg_err *err)
{
	_cleanup_free_ char *before = settle_ids(ns), *after = NULL;
	enum userns_kind was = ns->kind;
	bool again = ns->settled;

	if (userns_settle(ns, err) < 0)
		return -1;
	after = settle_ids(ns);
	if (was == USERNS_SUBUID && ns->kind == USERNS_SINGLE)
		gg_log(GG_LOG_WARNING, "one id instead of a range: %s",
		       ns->why.text ? ns->why.text : "");
	if (ret_changed)
		*ret_changed = !gg_streq(before, after);
	if (again)
		return 0;
	if (store_take_ids(store, after, err) < 0)
		return -1;
	return store_reclaim(store, err);
}
