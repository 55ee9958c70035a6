/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that recipe, command line and lock can break.
 */
#include <string.h>

#include "builder/image_place.h"
#include "builder/mirror.h"
#include "builder/policy_report.h"
#include "builder/resolve_distro.h"
#include "builder/session.h"
#include "builder/step_network.h"

struct checking {
	struct session *session;
	const struct policy *policy;
	const struct project *project;
	const struct build_options *options;
	const struct plan *plan; /* or NULL */
	struct policy_report report;
};

#define VIOLATE(c, at, rule, key, ...)                                                             \
	policy_violate(&(c)->report, (at), (c)->policy->rule.pos, (key), __VA_ARGS__)

/* A command whose work is the lock may change it. */
static bool wants_lock(const struct checking *c)
{
	return c->policy->locked.on && !c->options->complete;
}

/* What nobody names but the step, in the order of recipe_step_is_hermetic. */
static void check_hermetic(struct checking *c, const struct recipe_step *s)
{
	const char *what = s->network ? "a network" : s->caches.n ? "a cache" : "a secret";

	if (c->policy->hermetic.on && !recipe_step_is_hermetic(s))
		VIOLATE(c, s->pos, hermetic, "hermetic", "step '%s' is not hermetic: it has %s",
			s->name, what);
}

static void check_step(struct checking *c, const struct recipe_step *s)
{
	bool fetch = s->kind == RECIPE_STEP_FETCH;

	check_hermetic(c, s);
	if (c->policy->network.on && s->network && !fetch)
		VIOLATE(c, s->pos, network, "network", "step '%s' has a network", s->name);
	if (c->policy->caches.on && s->caches.n)
		VIOLATE(c, s->pos, caches, "caches", "step '%s' has the cache '%s'", s->name,
			s->caches.v[0]);
	if (c->policy->secrets.on && s->secrets.n)
		VIOLATE(c, s->pos, secrets, "secrets", "step '%s' has the secret '%s'", s->name,
			s->secrets.v[0]);
	if (fetch && c->policy->fetches.pos.line && !policy_matches(&c->policy->fetches, s->fetch))
		VIOLATE(c, s->pos, fetches, "fetches", "fetch '%s' is not among those allowed",
			s->fetch);
	if ((fetch || s->network) && c->policy->isolated.on &&
	    c->session->fetch_network != STEP_NETWORK_ISOLATED)
		VIOLATE(c, s->pos, isolated, "fetch-network",
			"%s '%s' may get the host's network without --fetch-network isolated",
			fetch ? "fetch" : "step", fetch ? s->fetch : s->name);
}

/* Without user, password, query and fragment. */
static char *bare_url(const char *url)
{
	const char *host = strstr(url, "://"), *at;
	size_t len = strcspn(url, "?#");

	if (!host)
		return gg_strndup(url, len);
	host += strlen("://");
	for (at = host + strcspn(host, "/?#"); at > host && at[-1] != '@';)
		at--;
	if (at == host)
		return gg_strndup(url, len);
	return gg_asprintf("%.*s%.*s", (int)(host - url), url, (int)(url + len - at), at);
}

static void check_url(struct checking *c, struct gg_pos at, const struct policy_list *list,
		      const char *key, const char *what, const char *url)
{
	_cleanup_free_ char *bare = bare_url(url);

	if (list->pos.line && !policy_matches_url(list, bare))
		policy_violate(&c->report, at, list->pos, key, "%s '%s' is not among those allowed",
			       what, bare);
}

/* Where this machine has no mirror, nothing can come from one. */
static void check_mirrors(struct checking *c, const struct recipe_from *from)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	const struct policy_list *list = &c->policy->mirrors;
	const struct apt_mirrors *m;

	if (!list->pos.line || c->session->offline)
		return;
	m = mirror_find(c->session, from, &ignored);
	if (!m)
		return;
	check_url(c, from->pos, list, "mirrors", "mirror", m->main);
	if (!gg_streq(m->main, m->security))
		check_url(c, from->pos, list, "mirrors", "mirror", m->security);
}

static int check_keyring(struct checking *c, const struct recipe_from *from, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT] = "host";
	struct gg_digest digest;

	if (!c->policy->keyrings.pos.line)
		return 0;
	if (from->keyring) {
		if (resolve_distro_keyring(c->session, from, &digest, err) < 0)
			return -1;
		gg_digest_text(&digest, text);
	}
	if (policy_matches(&c->policy->keyrings, text))
		return 0;
	if (from->keyring)
		VIOLATE(c, from->pos, keyrings, "keyrings",
			"keyring '%s' (%s) is not among those allowed", from->keyring, text);
	else
		VIOLATE(c, from->pos, keyrings, "keyrings",
			"packages are signed by this machine's keyring");
	return 0;
}

static struct gg_pos place_of(const struct recipe_from *from, const char *package)
{
	for (size_t i = 0; i < from->packages.n; i++) {
		const char *asked = from->packages.v[i];

		if (strcspn(asked, "=") == strlen(package) &&
		    !strncmp(asked, package, strlen(package)))
			return from->package_pos[i];
	}
	return from->pos;
}

static const struct lock_distro *locked(const struct checking *c, const struct recipe_from *from)
{
	_cleanup_free_ char *key = plan_distro_key(from);

	/* It creates what is absent, which is no change of content. */
	return lock_find_distro(lock_platform(c->project->lock, c->options->platform), key);
}

static void check_packages(struct checking *c, const struct recipe_stage *stage)
{
	const struct policy_names *rule = &c->policy->packages;
	const struct lock_distro *d =
		rule->pos.line || wants_lock(c) ? locked(c, &stage->from) : NULL;

	if (!d && wants_lock(c))
		VIOLATE(c, stage->from.pos, locked, "locked",
			"the packages of stage '%s' are not in the lock", stage->name);
	for (size_t i = 0; d && rule->pos.line && i < d->n_packages; i++)
		if (!policy_names_allow(rule, d->packages[i].name))
			VIOLATE(c, place_of(&stage->from, d->packages[i].name), packages,
				"packages", "package '%s' gets into stage '%s'",
				d->packages[i].name, stage->name);
}

/* Allowed by its whole reference, or by its repository. */
static void check_image(struct checking *c, struct gg_pos at, const char *reference)
{
	const struct policy_list *rule = &c->policy->images;
	_cleanup_free_ char *whole = image_place_rule(reference);
	_cleanup_free_ char *repository = gg_strndup(whole, strcspn(whole, "@"));
	char *slash = strrchr(repository, '/'), *colon = strchr(slash ? slash : repository, ':');
	_cleanup_free_ char *key = lock_image_key(reference);

	if (colon && gg_starts(reference, "docker://"))
		*colon = '\0';
	if (rule->pos.line && !policy_matches_url(rule, whole) && !policy_matches(rule, repository))
		policy_violate(&c->report, at, rule->pos, "images",
			       "image '%s' is not among those allowed", whole);
	if (wants_lock(c) &&
	    !lock_find_image(lock_platform(c->project->lock, c->options->platform), key))
		VIOLATE(c, at, locked, "locked", "image '%s' is not in the lock", whole);
}

static int check_from(struct checking *c, const struct recipe_stage *stage, struct gg_err *err)
{
	const struct recipe_from *from = &stage->from;

	if (from->kind == RECIPE_FROM_ROOTFS && plan_is_url(from->rootfs))
		check_url(c, from->pos, &c->policy->urls, "urls", "URL", from->rootfs);
	if (from->kind == RECIPE_FROM_IMAGE)
		check_image(c, from->pos, from->image);
	if (from->kind != RECIPE_FROM_DISTRO)
		return 0;
	if (c->policy->scripts.on && from->scripts)
		VIOLATE(c, from->pos, scripts, "scripts", "stage '%s' runs its packages' scripts",
			stage->name);
	check_mirrors(c, from);
	check_packages(c, stage);
	return check_keyring(c, from, err);
}

static bool has_url(const struct lock *lock, const struct gg_digest *d)
{
	for (size_t i = 0; i < lock->n_urls; i++)
		if (gg_digest_eq(&lock->urls[i].sha256, d))
			return true;
	return false;
}

static void check_inputs(struct checking *c)
{
	const struct recipe *r = c->project->recipe;

	for (size_t i = 0; i < r->n_inputs; i++) {
		const struct recipe_input *input = &r->inputs[i];

		if (input->kind == RECIPE_INPUT_IMAGE)
			check_image(c, input->pos, input->image);
		if (input->kind != RECIPE_INPUT_URL)
			continue;
		check_url(c, input->pos, &c->policy->urls, "urls", "URL", input->url);
		if (wants_lock(c) && !has_url(c->project->lock, &input->sha256))
			VIOLATE(c, input->pos, locked, "locked", "input '%s' is not in the lock",
				input->name);
	}
}

static void check_lock(struct checking *c)
{
	if (!wants_lock(c))
		return;
	if (c->options->relock)
		VIOLATE(c, (struct gg_pos){ 0 }, locked, "locked", "--relock changes the lock");
	if (c->project->lock_missing)
		VIOLATE(c, (struct gg_pos){ 0 }, locked, "locked", "there is no lock '%s'",
			c->project->lock_name);
	for (size_t i = 0; c->plan && i < c->plan->n_nodes; i++) {
		const struct plan_node *n = &c->plan->nodes[i];

		if (n->kind == PLAN_STEP && n->step->kind == RECIPE_STEP_FETCH && !n->pinned)
			VIOLATE(c, n->step->pos, locked, "locked",
				"fetch '%s' is not in the lock as the recipe has it",
				n->step->fetch);
	}
}

static void check_user(struct checking *c)
{
	const struct recipe_image *image = &c->project->recipe->image;

	if (c->policy->root.on && image->present && (!image->user.name || image->user.uid == 0))
		VIOLATE(c, image->user.name ? image->user.pos : image->pos, root, "root",
			"the image runs as root");
}

int policy_check(struct session *s, struct project *p, const struct build_options *o,
		 const struct plan *plan, struct gg_err *err)
{
	struct checking c = { .session = s,
			      .policy = s->policy,
			      .project = p,
			      .options = o,
			      .plan = plan,
			      .report = { .policy = s->policy, .recipe = p->recipe } };
	int r = 0;

	check_lock(&c);
	for (size_t i = 0; r == 0 && i < p->recipe->n_stages; i++) {
		const struct recipe_stage *stage = &p->recipe->stages[i];

		r = check_from(&c, stage, err);
		for (size_t j = 0; j < stage->n_steps; j++)
			check_step(&c, &stage->steps[j]);
	}
	check_inputs(&c);
	check_user(&c);
	if (r == 0)
		return policy_report_end(&c.report, err);
	recipe_errors_done(&c.report.errors);
	return -1;
}
