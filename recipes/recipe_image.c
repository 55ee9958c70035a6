/* SPDX-License-Identifier: Apache-2.0
 *
 * The image: its layers and its configuration.
 */
#include "recipes/recipe_read.h"

#include <string.h>

static void image_from(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_image *image = out;
	const struct check_names *sets[] = { &c->stages };
	const char *name;

	image->from_pos = node->pos;
	if (node->kind == YAML_MAP) {
		check_wrong_type(c, node, "scratch or a stage's name");
		check_hint(c,
			   "make it a stage: stages: { base: { from: … } }, and here from: base");
		return;
	}
	name = check_scalar(c, node, "scratch or a stage's name");
	if (!name || gg_streq(name, "scratch"))
		return;
	if (check_find(&c->stages, name)) {
		image->from = name;
		return;
	}
	check_unknown(c, node->pos, "stage", name, sets, 1);
	check_hint(c, "declare it under 'stages', or write scratch");
}

static void user_name(struct check *c, const struct yaml_node *node, void *out)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz_0123456789-";
	const char *name = check_scalar(c, node, "a user's name");

	if (!name)
		return;
	/* What useradd takes on Debian, so that every tool in the image does. */
	if (*name && strlen(name) <= 32 && memchr(rest, *name, 27) && !name[strspn(name, rest)]) {
		*(const char **)out = name;
		return;
	}
	check_fail(c, check_pos(c, node), "'%s' is no name of a user or group",
		   check_shown(c, name));
	check_hint(c, "at most 32 small letters, digits, '_' and '-', with a letter or '_' first");
}

#define USER(field) offsetof(struct recipe_user, field)
static const struct check_field user_fields[] = {
	{ "name", user_name, USER(name), CHECK_REQUIRED, .help = "name: the user's name" },
	{ "uid", check_id, USER(uid), CHECK_REQUIRED, .help = "uid: 1000 is usual" },
	{ "gid", check_id, USER(gid) },
	{ "group", user_name, USER(group) },
	{ "home", check_path, USER(home) },
	{ "shell", check_path, USER(shell) },
	{ "replace", check_bool, USER(replace) },
};
#undef USER
static const struct check_shape user_shape = CHECK_SHAPE("'user'", user_fields);

/* passwd's fields are divided by colons. */
static void no_colon(struct check *c, const struct yaml_node *node, const char *key,
		     const char *value)
{
	const struct yaml_node *at = yaml_get(node, key);

	if (!at || !value || !strchr(value, ':'))
		return;
	check_fail(c, at->pos, "'%s' holds a ':', which divides the fields of /etc/passwd", key);
	check_hint(c, "take another path");
}

static void image_user(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_user *user = out;

	user->pos = node->pos;
	if (node->kind == YAML_SCALAR && !yaml_is_null(node)) {
		check_wrong_type(c, node, "a map { name, uid, gid, home }");
		check_hint(c, "write { name: app, uid: 1000, gid: 1000, home: /home/app }");
		return;
	}
	if (!check_map(c, node, &user_shape, 0, user))
		return;
	if (!yaml_get(node, "gid"))
		user->gid = user->uid;
	if (!user->group)
		user->group = user->name;
	if (!user->home)
		user->home = "/";
	if (!user->shell)
		user->shell = "/bin/sh";
	no_colon(c, node, "home", user->home);
	no_colon(c, node, "shell", user->shell);
}

static void layer_copies(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_layer *layer = out;

	layer->n_copies = read_copies(c, node, &layer->copies);
}

static void layer_makes(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_layer *layer = out;

	layer->n_makes = read_makes(c, node, &layer->makes);
}

static const struct check_field layer_fields[] = {
	{ "name", check_word, offsetof(struct recipe_layer, name) },
	{ "copy", layer_copies, 0 },
	{ "make", layer_makes, 0 },
};
static const struct check_shape layer_shape = CHECK_SHAPE("a layer", layer_fields);

static void image_layers(struct check *c, const struct yaml_node *node, void *out)
{
	enum { LAYER_LIMIT = 120 }; /* engines mount at most about 127 */
	struct recipe_image *image = out;
	struct recipe_layer *v;

	if (!check_is(c, node, YAML_LIST, "a list of layers"))
		return;
	if (node->n > LAYER_LIMIT) {
		check_fail(c, node->pos, "%zu layers, engines mount at most %d", node->n,
			   LAYER_LIMIT);
		check_hint(c, "put more copies into one layer");
		return;
	}
	v = gg_arena_calloc(c->arena, node->n, sizeof(*v));
	for (size_t i = 0; i < node->n; i++) {
		v[i].pos = node->values[i]->pos;
		v[i].name = gg_arena_printf(c->arena, "layer-%zu", i + 1);
		if (!check_map(c, node->values[i], &layer_shape, 0, &v[i]))
			continue;
		for (size_t k = 0; k < i; k++)
			if (gg_streq(v[k].name, v[i].name)) {
				check_fail(c, v[i].pos, "a layer is called '%s' already",
					   v[i].name);
				check_hint(c, "the first one is in line %u", v[k].pos.line);
				break;
			}
		if (!yaml_get(node->values[i], "copy") && !yaml_get(node->values[i], "make")) {
			check_fail(c, v[i].pos, "layer '%s' is empty", v[i].name);
			check_hint(c, "give it 'copy' or 'make'");
		}
		read_twins(c, &v[i]);
	}
	image->layers = v;
	image->n_layers = node->n;
}

static void image_env(struct check *c, const struct yaml_node *node, void *out)
{
	*(struct recipe_list *)out = check_env(c, node, (struct recipe_list){ 0 }, false);
}

/* What ggbuild states of an image, nobody else does. */
static void no_statement(struct check *c, const struct yaml_node *node)
{
	for (size_t i = 0; node->kind == YAML_MAP && i < node->n; i++) {
		const struct yaml_node *key = node->keys[i];

		if (key->kind != YAML_SCALAR || !gg_starts(key->text, RECIPE_STATEMENTS))
			continue;
		check_fail(c, key->pos, "'%s' is for ggbuild to set", check_shown(c, key->text));
		check_hint(c, "keys that begin with " RECIPE_STATEMENTS
			      " are its own statements; take another name");
	}
}

static void image_labels(struct check *c, const struct yaml_node *node, void *out)
{
	no_statement(c, node);
	*(struct recipe_list *)out = check_pairs(c, node, "a label");
}

static void image_annotations(struct check *c, const struct yaml_node *node, void *out)
{
	no_statement(c, node);
	*(struct recipe_list *)out = check_pairs(c, node, "an annotation");
}

/* A list as it is; a text as its shell's. The shell text is not expanded. */
static void image_command(struct check *c, const struct yaml_node *node, void *out)
{
	const char *shell;

	if (node->kind == YAML_LIST) {
		check_list(c, node, out);
		return;
	}
	shell = check_raw(c, node, "a list of arguments or a shell text");
	if (shell && *shell) {
		const char *const argv[] = { "/bin/sh", "-c", shell };

		*(struct recipe_list *)out = check_list_of(c, (char *const *)argv, GG_LEN(argv));
	} else if (shell) {
		check_fail(c, node->pos, "'%s' is empty", c->key);
		check_hint(c, "write [] for none");
	}
}

static const char *port_of(struct check *c, const struct yaml_node *node)
{
	static const char *const protocols[] = { "tcp", "udp", "sctp" };
	const char *text = check_scalar(c, node, "a port like 8080 or 8080/udp"), *protocol;
	size_t digits = text ? strspn(text, "0123456789") : 0;
	unsigned long port;

	if (!text)
		return NULL;
	port = digits && digits <= 5 ? strtoul(text, NULL, 10) : 0;
	protocol = text[digits] == '/' ? text + digits + 1 : "tcp";
	if (port < 1 || port > 65535 || (text[digits] && text[digits] != '/')) {
		check_fail(c, check_pos(c, node), "'%s' is no port", check_shown(c, text));
		check_hint(c,
			   "write a number from 1 to 65535, and /udp or /sctp when it is not tcp");
		return NULL;
	}
	for (size_t i = 0; i < GG_LEN(protocols); i++)
		if (gg_streq(protocol, protocols[i]))
			return gg_arena_printf(c->arena, "%lu/%s", port, protocol);
	check_fail(c, check_pos(c, node), "'%s' is no protocol of ports", check_shown(c, protocol));
	check_suggest(c, protocol, protocols, GG_LEN(protocols), "tcp, udp or sctp");
	return NULL;
}

static void image_ports(struct check *c, const struct yaml_node *node, void *out)
{
	_cleanup_strv_ struct gg_strv ports = { 0 };

	if (node->kind != YAML_LIST) {
		check_wrong_type(c, node, "a list of ports");
		if (node->kind == YAML_SCALAR && !yaml_is_null(node))
			check_hint(c, "write [%s]", check_shown(c, node->text));
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		const char *port = port_of(c, node->values[i]);

		if (port && gg_strv_has(&ports, port)) {
			check_fail(c, node->values[i]->pos, "port %s is listed twice", port);
			check_hint(c, "keep one of them");
		} else if (port) {
			gg_strv_add(&ports, port);
		}
	}
	gg_strv_sort(&ports);
	*(struct recipe_list *)out = check_list_of(c, ports.v, ports.n);
}

static void image_signal(struct check *c, const struct yaml_node *node, void *out)
{
	static const char *const names[] = {
		"SIGABRT", "SIGALRM", "SIGCONT", "SIGHUP",  "SIGINT",  "SIGKILL", "SIGPIPE",
		"SIGPWR",  "SIGQUIT", "SIGSTOP", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH",
	};
	const char *text = check_scalar(c, node, "a signal like SIGTERM");
	long number;

	if (!text)
		return;
	number = strspn(text, "0123456789") == strlen(text) && strlen(text) <= 2
			 ? strtol(text, NULL, 10)
			 : 0;
	for (size_t i = 0; i < GG_LEN(names); i++)
		if (gg_streq(text, names[i]))
			number = 1;
	if (gg_starts(text, "SIGRTMIN+") && text[9] && strlen(text) <= 11 &&
	    !text[9 + strspn(text + 9, "0123456789")])
		number = 1;
	if (number >= 1 && number <= 64) {
		*(const char **)out = text;
		return;
	}
	check_fail(c, check_pos(c, node), "'%s' is no signal", check_shown(c, text));
	check_suggest(c, text, names, GG_LEN(names),
		      "a name like SIGTERM, or a number from 1 to 64");
}

struct compression_file {
	const char *format;
	struct gg_pos format_pos;
	const struct yaml_node *level;
};

static void compression_format(struct check *c, const struct yaml_node *node, void *out)
{
	struct compression_file *f = out;

	f->format = check_scalar(c, node, "gzip, zstd or none");
	f->format_pos = check_pos(c, node);
}

static void compression_level(struct check *c, const struct yaml_node *node, void *out)
{
	(void)c;
	*(const struct yaml_node **)out = node;
}

static const struct check_field compression_fields[] = {
	{ "format", compression_format, 0, CHECK_REQUIRED, .help = "format: gzip, zstd or none" },
	{ "level", compression_level, offsetof(struct compression_file, level) },
};
static const struct check_shape compression_shape =
	CHECK_SHAPE("'compression'", compression_fields);

static void image_compression(struct check *c, const struct yaml_node *node, void *out)
{
	static const char *const formats[] = { "gzip", "zstd", "none" };
	static const int64_t highest[] = { 12, 19, 0 };
	struct recipe_image *image = out;
	struct compression_file f = { 0 };
	size_t i = 0;
	int64_t level;

	if (node->kind == YAML_MAP)
		check_map(c, node, &compression_shape, 0, &f);
	else
		compression_format(c, node, &f);
	if (!f.format)
		return;
	while (i < GG_LEN(formats) && !gg_streq(f.format, formats[i]))
		i++;
	if (i == GG_LEN(formats)) {
		check_fail(c, f.format_pos, "'%s' is no compression", check_shown(c, f.format));
		check_suggest(c, f.format, formats, GG_LEN(formats), "gzip, zstd or none");
		return;
	}
	image->compression = (enum recipe_compression)i;
	if (!f.level)
		return;
	c->key = "level";
	if (!highest[i])
		check_fail(c, f.level->pos, "'none' has no level");
	else if (!check_int(c, f.level, 1, highest[i], &level))
		image->level = (int)level;
}

#define IMAGE(field) offsetof(struct recipe_image, field)
static const struct check_field image_fields[] = {
	{ "from", image_from, 0 },
	{ "user", image_user, IMAGE(user) },
	{ "layers", image_layers, 0 },
	{ "env", image_env, IMAGE(env) },
	{ "workdir", check_path, IMAGE(workdir) },
	{ "entrypoint", image_command, IMAGE(entrypoint) },
	{ "cmd", image_command, IMAGE(cmd) },
	{ "ports", image_ports, IMAGE(ports) },
	{ "exposed-ports", image_ports, IMAGE(ports) },
	{ "volumes", check_paths, IMAGE(volumes) },
	{ "stop-signal", image_signal, IMAGE(stop_signal) },
	{ "labels", image_labels, IMAGE(labels) },
	{ "annotations", image_annotations, IMAGE(annotations) },
	{ "author", check_text, IMAGE(author) },
	{ "healthcheck", read_health, IMAGE(health) },
	{ "compression", image_compression, 0 },
	{ "platforms", NULL, 0, CHECK_LATER,
	  .help = "leave it out: the image is for this machine's platform" },
};
#undef IMAGE
static const struct check_shape image_shape = CHECK_SHAPE("'image'", image_fields);

void read_image(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_image *image = &((struct recipe *)out)->image;
	const struct yaml_node *second = yaml_get(node, "exposed-ports");

	image->pos = node->pos;
	image->present = check_map(c, node, &image_shape, 0, image);
	if (second && yaml_get(node, "ports")) {
		check_fail(c, second->pos, "'image' has both 'ports' and 'exposed-ports'");
		check_hint(c, "they mean the same; keep 'ports'");
	}
}
