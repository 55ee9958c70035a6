/* SPDX-License-Identifier: Apache-2.0
 *
 * builder/plan.c: keys are digests of texts that say everything, and nothing twice.
 */
#include "builder/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/embedded.h"

static struct recipe *load(const char *text)
{
	struct recipe_options options = { 0 };
	struct recipe_errors errors = { 0 };
	struct recipe *r = NULL;

	if (recipe_load("test.recipe", text, strlen(text), &options, &r, &errors) < 0) {
		for (size_t i = 0; i < errors.n; i++)
			print_error("%u: %s\n", errors.v[i].pos.line, errors.v[i].text);
		fail();
	}
	recipe_errors_done(&errors);
	return r;
}

static struct plan *plan(const struct recipe *r, const struct lock *lock)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct gg_digest none[8] = { 0 };
	struct plan_input in = { .recipe = r,
				 .lock = lock,
				 .platform = "linux/amd64",
				 .locals = none,
				 .rootfs_files = none };
	struct plan *p = NULL;

	if (plan_make(&in, &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static void key_of(const char *recipe, const char *step, struct gg_digest *ret)
{
	_cleanup_recipe_ struct recipe *r = load(recipe);
	_cleanup_lock_ struct lock *lock = lock_new();
	_cleanup_plan_ struct plan *p = plan(r, lock);
	const struct plan_node *n = plan_find(p, step);

	assert_non_null(n);
	assert_true(n->keyed);
	*ret = n->key;
}

#define STEP(run)                                                                                  \
	"recipe: 1\nname: x\nstages:\n  s:\n    from: scratch\n    steps:\n      - name: it\n    " \
	"    run: " run "\n"

/* "argument [13]" and two arguments look like one of 13 bytes with a newline in it, unless both are written as long. */
static void no_text_imitates_another(void **state)
{
	struct gg_digest one, two;

	(void)state;
	key_of(STEP("[x, \"argument a\\nargument b\"]"), "it", &one);
	key_of(STEP("[x, \"[21]\", \"argument a\", b]"), "it", &two);
	assert_false(gg_digest_eq(&one, &two));
	key_of(STEP("[x, \"a\\nargument b\"]"), "it", &one);
	key_of(STEP("[x, \"[12]\\na\", b]"), "it", &two);
	assert_false(gg_digest_eq(&one, &two));
	key_of(STEP("[x, \"a\\nargument b\\nargument c\"]"), "it", &one);
	key_of(STEP("[x, \"[23]\", a, b, c]"), "it", &two);
	assert_false(gg_digest_eq(&one, &two));
	key_of(STEP("[x, \"[14]\", \"a\", \"b\"]"), "it", &one);
	{
		_cleanup_recipe_ struct recipe *r = load(STEP("[x, \"[14]\", a, b]"));
		_cleanup_lock_ struct lock *lock = lock_new();
		_cleanup_plan_ struct plan *p = plan(r, lock);

		assert_non_null(strstr(plan_find(p, "it")->text,
				       "\nargument [4]\n[14]\nargument a\nargument b\n"));
	}
}

/* The plan of a recipe whose first stage has packages, of which the lock knows one. */
static struct plan *locked_plan(const struct recipe *r, struct lock *lock)
{
	struct lock_package package = { .name = "gcc",
					.version = "1",
					.architecture = "amd64",
					.path = "pool/g/gcc.deb",
					.suite = "trixie",
					.size = 7 };
	struct lock_distro entry = { .distro = "debian", .packages = &package, .n_packages = 1 };
	_cleanup_free_ char *key = plan_distro_key(&r->stages[0].from);

	memset(package.sha256.bytes, 1, sizeof(package.sha256.bytes));
	entry.key = key;
	lock_put_distro(lock, lock_platform(lock, "linux/amd64"), &entry);
	return plan(r, lock);
}

/* With its packages in the lock the starter is a whole plan. */
static void the_starter_is_a_plan(void **state)
{
	_cleanup_lock_ struct lock *lock = lock_new();
	_cleanup_recipe_ struct recipe *r = NULL;
	_cleanup_plan_ struct plan *p = NULL;

	(void)state;
	for (size_t i = 0; i < n_embedded_files; i++)
		if (gg_streq(embedded_files[i].name, "starter.recipe"))
			r = load(embedded_files[i].data);
	assert_non_null(r);
	p = locked_plan(r, lock);
	assert_true(p->has_image);
	assert_true(p->hermetic);
	assert_int_equal(p->n_tests, 1);
	for (size_t i = 0; i < p->n_nodes; i++)
		assert_true(p->nodes[i].keyed);
	assert_true(plan_downloads(plan_find(p, "package gcc")));
	assert_ptr_equal(plan_find(p, "compile"), plan_find(p, "builder/compile"));
	assert_null(plan_find(p, "nothing"));
}

#define PACKAGES(epoch, scripts)                                                                   \
	"recipe: 1\nname: x\nepoch: " epoch "\nstages:\n"                                          \
	"  s: { from: { debian: trixie, packages: [gcc], scripts: " scripts " } }\n"
#define USER(epoch)                                                                                \
	"recipe: 1\nname: x\nepoch: " epoch "\nstages: { s: { from: scratch } }\n"                 \
	"image: { from: s, user: { name: app, uid: 1000, gid: 1000 } }\n"

static void packages_key_of(const char *recipe, struct gg_digest *ret)
{
	_cleanup_recipe_ struct recipe *r = load(recipe);
	_cleanup_lock_ struct lock *lock = lock_new();
	_cleanup_plan_ struct plan *p = locked_plan(r, lock);

	*ret = plan_find(p, "s")->key;
}

/* The day of the epoch is written into shadow(5): that of packages, configured or not, and that of the image's user. */
static void what_holds_a_date_depends_on_the_epoch(void **state)
{
	static const char *const scripts[][2] = {
		{ PACKAGES("86400", "true"), PACKAGES("864000", "true") },
		{ PACKAGES("86400", "false"), PACKAGES("864000", "false") },
	};
	struct gg_digest one, two;

	(void)state;
	for (size_t i = 0; i < GG_LEN(scripts); i++) {
		packages_key_of(scripts[i][0], &one);
		packages_key_of(scripts[i][1], &two);
		assert_false(gg_digest_eq(&one, &two));
	}
	key_of(USER("86400"), "layer user", &one);
	key_of(USER("864000"), "layer user", &two);
	assert_false(gg_digest_eq(&one, &two));
}

#define SECRET(how)                                                                                \
	"recipe: 1\nname: x\nsecrets: [ { id: t, " how " } ]\nstages:\n"                           \
	"  s: { from: scratch, steps: [ { name: it, run: [x], secrets: [t] } ] }\n"

static void the_place_of_a_secret_counts(void **state)
{
	struct gg_digest one, two;

	(void)state;
	key_of(SECRET("env: A"), "it", &one);
	key_of(SECRET("env: B"), "it", &two);
	assert_false(gg_digest_eq(&one, &two));
	key_of(SECRET("file: /A"), "it", &two);
	assert_false(gg_digest_eq(&one, &two));
}

static void goals_reach_what_they_read(void **state)
{
	_cleanup_recipe_ struct recipe *r =
		load("recipe: 1\nname: x\nstages:\n"
		     "  a: { from: scratch, steps: [ { make: [ { directory: /a } ] } ] }\n"
		     "  b: { from: scratch, steps: [ { make: [ { directory: /b } ] } ] }\n"
		     "  c: { from: a, steps: [ { copy: [ { from: b, path: /b, to: /c } ] } ] }\n"
		     "  d: { from: scratch, steps: [ { make: [ { directory: /d } ] } ] }\n");
	_cleanup_lock_ struct lock *lock = lock_new();
	_cleanup_plan_ struct plan *p = plan(r, lock);
	size_t goal = (size_t)(plan_find(p, "c/1") - p->nodes), n = 0;
	bool reached[16] = { false };

	(void)state;
	assert_true(p->n_nodes < 16);
	plan_reach(p, &goal, 1, reached);
	for (size_t i = 0; i < p->n_nodes; i++)
		n += reached[i];
	assert_int_equal(n, 3);
	assert_false(reached[plan_find(p, "d/1") - p->nodes]);
}

#define BASED(reference, step)                                                                     \
	"recipe: 1\nname: x\nstages:\n"                                                            \
	"  s: { from: { image: " reference " }, steps: [ " step " ] }\n"                           \
	"image: { from: s }\n"

/* An image of two layers; `config` and `top` tell several apart. */
static void lock_image(struct lock *lock, const char *reference, char config, char top)
{
	_cleanup_free_ char *key = lock_image_key(reference);
	struct lock_image_layer layers[2] = { 0 };
	struct lock_image image = { .key = key, .name = "base", .layers = layers, .n_layers = 2 };

	for (size_t i = 0; i < 2; i++) {
		char c = i ? top : 'a';

		layers[i].blob = (struct lock_blob){ .media_type = "tar", .size = 1 };
		gg_digest_of(&c, 1, &layers[i].blob.digest);
		layers[i].diff_id = layers[i].blob.digest;
	}
	image.config.media_type = "config";
	gg_digest_of(&config, 1, &image.config.digest);
	lock_put_image(lock, lock_platform(lock, "linux/amd64"), &image);
}

struct based {
	struct recipe *recipe;
	struct lock *lock;
	struct plan *plan;
};

static void based_done(struct based *b)
{
	plan_free(b->plan);
	lock_free(b->lock);
	recipe_free(b->recipe);
}

static const struct plan_node *based(struct based *b, const char *recipe, char config, char top,
				     const char *node)
{
	b->recipe = load(recipe);
	b->lock = lock_new();
	lock_image(b->lock, b->recipe->stages[0].from.image, config, top);
	b->plan = plan(b->recipe, b->lock);
	assert_non_null(plan_find(b->plan, node));
	return plan_find(b->plan, node);
}

static bool same_key(const char *one, const char *two, char config, char top, const char *node)
{
	struct based a GG_CLEANUP(based_done) = { 0 }, b GG_CLEANUP(based_done) = { 0 };

	return gg_digest_eq(&based(&a, one, '1', 'b', node)->key,
			    &based(&b, two, config, top, node)->key);
}

static void layers_of_an_image_are_named_by_their_chain(void **state)
{
	static const char one[] = BASED("base", "{ name: it, run: [x] }"),
			  elsewhere[] = BASED("\"oci:dir\"", "{ name: it, run: [x] }");
	struct based b GG_CLEANUP(based_done) = { 0 };
	const struct plan_node *n = based(&b, one, '1', 'b', "image base layer 2");
	/* ChainID: of "sha256:" and the digest of "a", a blank, and the same of "b". */
	static const char chain[] =
		"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb sha256:"
		"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";
	char text[GG_DIGEST_TEXT];
	struct gg_digest d;

	(void)state;
	gg_digest_of(chain, strlen(chain), &d);
	assert_non_null(strstr(n->text, gg_digest_text(&d, text)));
	assert_int_equal(b.plan->n_layers, 3);
	assert_int_equal(b.plan->nodes[b.plan->packs[0]].kind, PLAN_BLOB);
	assert_int_equal(b.plan->nodes[b.plan->packs[1]].kind, PLAN_BLOB);
	assert_int_equal(b.plan->nodes[b.plan->packs[2]].kind, PLAN_PACK);
	/* Wherever it comes from and whatever is above. */
	assert_true(same_key(one, elsewhere, '2', 'c', "image base layer 1"));
	assert_true(same_key(one, elsewhere, '2', 'b', "image base layer 2"));
	assert_false(same_key(one, one, '1', 'c', "image base layer 2"));
}

static void what_an_image_says_of_commands_counts(void **state)
{
	static const char run[] = BASED("base", "{ name: it, run: [x] }"),
			  root[] = BASED("base", "{ name: it, run: [x], user: root }"),
			  top[] = BASED("base", "{ name: it, run: [x], workdir: / }"),
			  make[] = BASED("base", "{ name: it, make: [ { directory: /d } ] }");

	(void)state;
	assert_true(same_key(run, run, '1', 'b', "s/it"));
	assert_false(same_key(run, run, '2', 'b', "s/it"));
	assert_false(same_key(run, run, '1', 'c', "s/it"));
	assert_false(same_key(run, root, '1', 'b', "s/it"));
	assert_false(same_key(run, top, '1', 'b', "s/it"));
	assert_true(same_key(make, make, '2', 'b', "s/it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_text_imitates_another),
		cmocka_unit_test(the_starter_is_a_plan),
		cmocka_unit_test(what_holds_a_date_depends_on_the_epoch),
		cmocka_unit_test(the_place_of_a_secret_counts),
		cmocka_unit_test(goals_reach_what_they_read),
		cmocka_unit_test(layers_of_an_image_are_named_by_their_chain),
		cmocka_unit_test(what_an_image_says_of_commands_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
