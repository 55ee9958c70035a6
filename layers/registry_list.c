/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists that a registry gives: tags, page after page, and what refers to a manifest.
 */
#include "layers/registry_private.h"

#include "layers/base/json.h"
#include "layers/image_source.h"
#include "layers/oci.h"

enum { PAGE = 1000, MAX_PAGES = 1000, MAX_TAGS = 1000000, MAX_REFERRERS = 100000 };

static int take_tags(const struct http_exchange *x, struct gg_strv *ret, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *j =
		gg_json_parse(x->text.data ? x->text.data : "", x->text.len, err);
	const struct gg_json *tags = gg_json_get(j, "tags");

	if (!j)
		return gg_context(err, "list of tags");
	for (size_t i = 0; i < gg_json_len(tags); i++) {
		const char *tag = gg_json_text(gg_json_at(tags, i));

		if (!tag || !reference_tag_valid(tag))
			return gg_fail(err, GG_INTEGRITY, "list of tags: tags[%zu] is no tag", i);
		if (ret->n == MAX_TAGS)
			return gg_fail(err, GG_INTEGRITY, "list of tags: more than %d", MAX_TAGS);
		gg_strv_add(ret, tag);
	}
	return 0;
}

/* The next page's URL, which must be of the same origin; NULL at the end. */
static int next_page(const struct registry_endpoint *e, const struct http_exchange *x,
		     const char *url, char **ret, struct gg_err *err)
{
	_cleanup_free_ char *link = http_exchange_header(x, "link");
	_cleanup_free_ char *target = link ? registry_next_link(link) : NULL;
	_cleanup_free_ char *next =
		target ? http_client_resolve(e->registry->client, url, target) : NULL;
	_cleanup_free_ char *origin = next ? http_client_origin(e->registry->client, next) : NULL;
	_cleanup_free_ char *ours = http_client_origin(e->registry->client, e->origin);

	*ret = NULL;
	if (!target)
		return 0;
	if (!origin || !ours || !gg_streq(origin, ours))
		return gg_fail(err, GG_REMOTE, "the next page is at another place");
	if (gg_streq(next, url))
		return gg_fail(err, GG_REMOTE, "the next page is the same");
	*ret = gg_steal(&next);
	return 0;
}

static int tags_of(struct registry_endpoint *e, struct gg_strv *ret, bool *ret_found,
		   struct gg_err *err)
{
	_cleanup_free_ char *url = NULL;

	if (registry_settle(e, err) < 0)
		return -1;
	url = gg_asprintf("%s/tags/list?n=%d", e->base, PAGE);
	*ret_found = false;
	for (unsigned page = 0; url; page++) {
		struct http_exchange x = { .max_text = IMAGE_MAX_DOCUMENT };
		char *next = NULL;
		int r;

		if (page == MAX_PAGES)
			return gg_fail(err, GG_REMOTE, "list of tags: more than %d pages",
				       MAX_PAGES);
		r = registry_ask(e, &x, url, NULL, err);
		if (r == 0 && x.status == 404)
			r = registry_refused(e, &x, err);
		if (r == 0)
			r = take_tags(&x, ret, err);
		if (r == 0 && next_page(e, &x, url, &next, err) < 0)
			r = gg_context(err, "list of tags");
		http_exchange_done(&x);
		free(url);
		url = next;
		if (r < 0)
			return -1;
		*ret_found = true;
	}
	return 0;
}

int registry_tags(struct registry *r, struct gg_strv *ret, struct gg_err *err)
{
	bool found;

	/* The registry itself: mirrors hold what somebody asked for. */
	return tags_of(&r->v[r->n - 1], ret, &found, err);
}

static struct gg_json *manifests_of(const char *bytes, size_t len, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *j = gg_json_parse(bytes, len, err);
	struct gg_json *list = gg_json_get(j, "manifests");

	if (!j)
		return NULL;
	if (!gg_json_is_array(list)) {
		gg_fail(err, GG_INTEGRITY, "an index without manifests");
		return NULL;
	}
	return gg_json_ref(list);
}

static int fallback(struct registry *r, const struct gg_digest *d, struct gg_json **ret,
		    struct gg_err *err)
{
	struct registry_manifest m = { 0 };
	char hex[GG_DIGEST_HEX];
	_cleanup_free_ char *tag = gg_asprintf("sha256-%s", gg_digest_hex(d, hex));
	bool found;

	if (registry_manifest_get(r, tag, &m, &found, err) < 0)
		return -1;
	*ret = found ? manifests_of(m.bytes, m.len, err) : gg_json_array();
	registry_manifest_done(&m);
	return *ret ? 0 : gg_context(err, "referrers in '%s'", tag);
}

/* One page of the API; *ret_next is the URL of the one behind it, or NULL. */
static int referrers_page(struct registry_endpoint *e, const char *url, struct gg_json *list,
			  char **ret_next, bool *ret_found, struct gg_err *err)
{
	struct http_exchange x = { .max_text = IMAGE_MAX_DOCUMENT };
	_cleanup_json_ struct gg_json *page = NULL;
	int r = registry_ask(e, &x, url, "Accept: " OCI_INDEX_TYPE, err);

	*ret_next = NULL;
	*ret_found = r == 0 && x.status == 200;
	if (*ret_found) {
		page = manifests_of(x.text.data ? x.text.data : "", x.text.len, err);
		r = page ? next_page(e, &x, url, ret_next, err) : -1;
	}
	http_exchange_done(&x);
	if (r == 0 && gg_json_len(list) + gg_json_len(page) > MAX_REFERRERS)
		r = gg_fail(err, GG_INTEGRITY, "more than %d", MAX_REFERRERS);
	for (size_t i = 0; r == 0 && i < gg_json_len(page); i++)
		gg_json_append_take(list, gg_json_ref(gg_json_at(page, i)));
	return r;
}

int registry_referrers(struct registry *r, const struct gg_digest *d, struct gg_json **ret,
		       struct gg_err *err)
{
	struct registry_endpoint *e = &r->v[r->n - 1];
	_cleanup_json_ struct gg_json *list = gg_json_array();
	_cleanup_free_ char *url = NULL;
	char text[GG_DIGEST_TEXT];
	bool found = true;

	if (registry_settle(e, err) < 0)
		return -1;
	url = gg_asprintf("%s/referrers/%s", e->base, gg_digest_text(d, text));
	for (unsigned page = 0; url; page++) {
		char *next = NULL;
		int result = page < MAX_PAGES
				     ? referrers_page(e, url, list, &next, &found, err)
				     : gg_fail(err, GG_REMOTE, "more than %d pages", MAX_PAGES);

		free(url);
		url = next;
		if (result < 0)
			return gg_context(err, "referrers of %s", text);
		if (!found && page > 0)
			return gg_fail(err, GG_REMOTE, "referrers of %s: a page is gone", text);
		if (!found)
			return fallback(r, d, ret, err);
	}
	*ret = gg_steal(&list);
	return 0;
}
