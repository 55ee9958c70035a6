/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/policy.h"

#include <string.h>
#include <strings.h>

#include "layers/base/glob.h"
#include "recipes/check.h"

/* ---- reading ---- */

static void read_version(struct check *c, const struct yaml_node *node, void *out)
{
	int64_t version;

	(void)out;
	if (check_int(c, node, 0, INT32_MAX, &version) == 0 && version != 1) {
		check_fail(c, node->pos, "this ggbuild reads version 1 of policies, not %lld",
			   (long long)version);
		check_hint(c, "write policy: 1, or use the ggbuild that the policy is for");
	}
}

static void read_rule(struct check *c, const struct yaml_node *node, struct policy_rule *rule,
		      bool on)
{
	bool value = !on;

	check_bool(c, node, &value);
	*rule = (struct policy_rule){ .pos = node->pos, .on = value == on };
}

/* true forbids, false says nothing; and the other way round. */
static void read_must(struct check *c, const struct yaml_node *node, void *out)
{
	read_rule(c, node, out, true);
}

static void read_may(struct check *c, const struct yaml_node *node, void *out)
{
	read_rule(c, node, out, false);
}

static void read_network(struct check *c, const struct yaml_node *node, void *out)
{
	static const char *const words[] = { "any", "isolated" };
	const char *text = check_raw(c, node, "any or isolated");

	if (!text)
		return;
	if (!gg_streq(text, words[0]) && !gg_streq(text, words[1])) {
		check_fail(c, node->pos, "'%s' is no network of fetch steps", check_shown(c, text));
		check_suggest(c, text, words, GG_LEN(words), "any or isolated");
		return;
	}
	*(struct policy_rule *)out =
		(struct policy_rule){ .pos = node->pos, .on = gg_streq(text, words[1]) };
}

static void read_list(struct check *c, const struct yaml_node *node, void *out)
{
	struct policy_list *list = out;
	const char **v;
	size_t n = 0;

	if (!check_is(c, node, YAML_LIST, "a list of patterns"))
		return;
	v = gg_arena_calloc(c->arena, node->n + 1, sizeof(*v));
	c->item = true;
	for (size_t i = 0; i < node->n; i++) {
		v[n] = check_raw(c, node->values[i], "a pattern");
		if (v[n] && !*v[n])
			check_fail(c, node->values[i]->pos, "an empty pattern in '%s'", c->key);
		n += v[n] != NULL;
	}
	c->item = false;
	*list = (struct policy_list){ .pos = node->pos, .patterns = { .v = v, .n = n } };
}

static void read_keyrings(struct check *c, const struct yaml_node *node, void *out)
{
	struct policy_list *list = out;
	struct gg_digest ignored;

	read_list(c, node, out);
	for (size_t i = 0; node->kind == YAML_LIST && i < list->patterns.n; i++) {
		const char *is = list->patterns.v[i];

		if (gg_streq(is, "host") ||
		    (gg_starts(is, "sha256:") &&
		     gg_digest_from_hex(is + strlen("sha256:"), &ignored) == 0))
			continue;
		check_fail(c, node->values[i]->pos, "'%s' is no keyring", check_shown(c, is));
		check_hint(c, "write host for this machine's own, or sha256: and the 64 hex digits "
			      "that sha256sum prints of a keyring file");
	}
}

static const struct check_field names_fields[] = {
	{ "allow", read_list, offsetof(struct policy_names, allow), 0, 0, NULL },
	{ "deny", read_list, offsetof(struct policy_names, deny), 0, 0, NULL },
};
static const struct check_shape names_shape = CHECK_SHAPE("'packages'", names_fields);

static void read_names(struct check *c, const struct yaml_node *node, void *out)
{
	((struct policy_names *)out)->pos = node->pos;
	check_map(c, node, &names_shape, 0, out);
}

static void read_unknown(struct check *c, const struct yaml_node *node, void *out)
{
	static const char *const words[] = { "allow", "deny" };
	struct policy_licenses *l = out;
	const char *text = check_raw(c, node, "allow or deny");

	l->unknown_pos = node->pos;
	l->unknown_allowed = text && gg_streq(text, words[0]);
	if (!text || gg_streq(text, words[0]) || gg_streq(text, words[1]))
		return;
	check_fail(c, node->pos, "'unknown' must be allow or deny, not '%s'", check_shown(c, text));
	check_suggest(c, text, words, GG_LEN(words), NULL);
}

/* Licences have names without case (machine-readable debian/copyright 1.0, "Short name"). */
static const char *lower(struct gg_arena *arena, const char *text)
{
	char *copy = gg_arena_strdup(arena, text);

	for (char *p = copy; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	return copy;
}

static void read_licenses_list(struct check *c, const struct yaml_node *node, void *out)
{
	struct policy_list *list = out;
	const char **v;

	read_list(c, node, out);
	v = gg_arena_calloc(c->arena, list->patterns.n + 1, sizeof(*v));
	for (size_t i = 0; i < list->patterns.n; i++)
		v[i] = lower(c->arena, list->patterns.v[i]);
	list->patterns.v = v;
}

static void read_known(struct check *c, const struct yaml_node *node, void *out)
{
	if (check_is(c, node, YAML_MAP, "a map PACKAGE: licence"))
		*(struct recipe_list *)out = check_pairs(c, node, "a package");
}

#define LICENSES(field) offsetof(struct policy_licenses, field)
static const struct check_field licenses_fields[] = {
	{ "allow", read_licenses_list, LICENSES(allow), 0, 0, NULL },
	{ "deny", read_licenses_list, LICENSES(deny), 0, 0, NULL },
	{ "unknown", read_unknown, 0, 0, 0, NULL },
	{ "known", read_known, LICENSES(known), 0, 0, NULL },
};
#undef LICENSES
static const struct check_shape licenses_shape = CHECK_SHAPE("'licenses'", licenses_fields);

static void read_licenses(struct check *c, const struct yaml_node *node, void *out)
{
	struct policy_licenses *l = out;

	l->pos = l->unknown_pos = node->pos;
	check_map(c, node, &licenses_shape, 0, l);
}

static void read_size(struct check *c, const struct yaml_node *node, void *out)
{
	static const char *const units[] = { "", "KiB", "MiB", "GiB" };
	struct policy *p = out;
	const char *text = check_raw(c, node, "a size like 200MiB");
	size_t digits = text ? strspn(text, "0123456789") : 0;

	if (!text)
		return;
	for (unsigned i = 0; digits && digits <= 9 && i < GG_LEN(units); i++) {
		if (!gg_streq(text + digits, units[i]))
			continue;
		p->max_size = strtoull(text, NULL, 10) << (10 * i);
		p->max_size_pos = node->pos;
		return;
	}
	check_wrong_type(c, node, "a size like 200MiB");
	check_hint(c, "a number of bytes, or of KiB, MiB or GiB");
}

#define POLICY(field) offsetof(struct policy, field)
static const struct check_field fields[] = {
	{ "policy", read_version, 0, CHECK_REQUIRED, 0, "begin with policy: 1" },
	{ "hermetic", read_must, POLICY(hermetic), 0, 0, NULL },
	{ "network", read_may, POLICY(network), 0, 0, NULL },
	{ "caches", read_may, POLICY(caches), 0, 0, NULL },
	{ "secrets", read_may, POLICY(secrets), 0, 0, NULL },
	{ "scripts", read_may, POLICY(scripts), 0, 0, NULL },
	{ "locked", read_must, POLICY(locked), 0, 0, NULL },
	{ "root", read_may, POLICY(root), 0, 0, NULL },
	{ "fetches", read_list, POLICY(fetches), 0, 0, NULL },
	{ "fetch-network", read_network, POLICY(isolated), 0, 0, NULL },
	{ "mirrors", read_list, POLICY(mirrors), 0, 0, NULL },
	{ "urls", read_list, POLICY(urls), 0, 0, NULL },
	{ "images", read_list, POLICY(images), 0, 0, NULL },
	{ "keyrings", read_keyrings, POLICY(keyrings), 0, 0, NULL },
	{ "packages", read_names, POLICY(packages), 0, 0, NULL },
	{ "licenses", read_licenses, POLICY(licenses), 0, 0, NULL },
	{ "setuid", read_list, POLICY(setuid), 0, 0, NULL },
	{ "max-size", read_size, 0, 0, 0, NULL },
};
#undef POLICY
static const struct check_shape shape = CHECK_SHAPE("a policy", fields);

int policy_parse(const char *file, const char *text, size_t len, struct policy **ret,
		 struct recipe_errors *ret_errors)
{
	static const struct vars none = { .what = "variable", .where = "args" };
	_cleanup_policy_ struct policy *p = gg_zalloc(sizeof(*p));
	struct recipe_source source = { .file = file, .len = len };
	struct check c = {
		.errors = ret_errors, .source = &source, .vars = &none, .budget = CHECK_EXPANSION
	};
	const struct yaml_node *root;

	c.arena = p->arena = gg_arena_new();
	p->file = file;
	source.text = gg_arena_strndup(c.arena, text, len);
	root = yaml_parse(c.arena, &source, ret_errors);
	if (root)
		check_map(&c, root, &shape, 0, p);
	recipe_errors_sort(ret_errors);
	if (ret_errors->n)
		return -1;
	*ret = gg_steal(&p);
	return 0;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	gg_arena_free(p->arena);
	free(p);
}

void policy_freep(struct policy **p)
{
	policy_free(*p);
}

/* ---- asking ---- */

bool policy_matches(const struct policy_list *l, const char *name)
{
	for (size_t i = 0; i < l->patterns.n; i++)
		if (glob_match(l->patterns.v[i], name))
			return true;
	return false;
}

/* A component that leads elsewhere, also as a URL may write it. */
static bool climbs(const char *url)
{
	for (const char *p = url; *p; p += strspn(p, "/")) {
		size_t len = strcspn(p, "/"), dots = 0, at = 0;

		while (at < len && (p[at] == '.' || !strncasecmp(p + at, "%2e", 3))) {
			at += p[at] == '.' ? 1 : 3;
			dots++;
		}
		if (at == len && (dots == 1 || dots == 2))
			return true;
		p += len;
	}
	return false;
}

static char *without_slash(const char *url)
{
	size_t len = strlen(url);

	while (len && url[len - 1] == '/')
		len--;
	return gg_strndup(url, len);
}

bool policy_matches_url(const struct policy_list *l, const char *url)
{
	_cleanup_free_ char *clean = without_slash(url);

	if (climbs(clean))
		return false;
	for (size_t i = 0; i < l->patterns.n; i++) {
		_cleanup_free_ char *pattern = without_slash(l->patterns.v[i]);

		if (glob_match_prefix(pattern, clean))
			return true;
	}
	return false;
}

bool policy_names_allow(const struct policy_names *n, const char *name)
{
	return (!n->allow.pos.line || policy_matches(&n->allow, name)) &&
	       !policy_matches(&n->deny, name);
}

/* An exception ("GPL-2+ with Font exception") takes nothing back: its licence counts as well. */
static bool matches_license(const struct policy_list *l, const char *name)
{
	const char *with = strstr(name, " with ");
	_cleanup_free_ char *bare = gg_strndup(name, with ? (size_t)(with - name) : strlen(name));

	return policy_matches(l, name) || policy_matches(l, bare);
}

/* "and" binds closer than "or", and a comma before either undoes that; the loosest comes first. */
static bool allows(const struct policy_licenses *l, const char *expression, unsigned level)
{
	static const struct {
		const char *word;
		bool all;
	} levels[] = {
		{ ", and ", true }, { ", or ", false }, { " or ", false }, { " and ", true }
	};
	bool all = level < GG_LEN(levels) && levels[level].all;
	const char *word = level < GG_LEN(levels) ? levels[level].word : NULL;

	if (!word)
		return (!l->allow.pos.line || matches_license(&l->allow, expression)) &&
		       !matches_license(&l->deny, expression);
	for (const char *p = expression;;) {
		const char *end = strstr(p, word);
		_cleanup_free_ char *part = gg_strndup(p, end ? (size_t)(end - p) : strlen(p));

		if (allows(l, part, level + 1) != all)
			return !all;
		if (!end)
			return all;
		p = end + strlen(word);
	}
}

bool policy_license_allows(const struct policy_licenses *l, const char *expression)
{
	struct gg_arena *arena = gg_arena_new();
	bool r = allows(l, lower(arena, expression), 0);

	gg_arena_free(arena);
	return r;
}

const char *policy_license_known(const struct policy_licenses *l, const char *package)
{
	for (size_t i = 0; i < l->known.n; i++) {
		const char *pair = l->known.v[i], *is = strchr(pair, '=');
		_cleanup_free_ char *pattern = gg_strndup(pair, (size_t)(is - pair));

		if (glob_match(pattern, package))
			return is + 1;
	}
	return NULL;
}
