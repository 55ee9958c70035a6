/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/variation.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "builder/sandbox/perturb.h"

/* More than a year, and no whole number of days, hours or minutes. */
enum { AHEAD = 400 * 86400 + 6 * 3600 + 35 * 60 + 17, BACK = -10 * 365 * 86400 };

void conditions_done(struct conditions *c)
{
	gg_strv_done(&c->env);
}

void surroundings_look(struct surroundings *ret)
{
	struct utsname u = { 0 };
	cpu_set_t set;

	*ret = (struct surroundings){ .root = geteuid() == 0 };
	ret->cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	uname(&u);
	snprintf(ret->hostname, sizeof(ret->hostname), "%s", u.nodename);
	snprintf(ret->release, sizeof(ret->release), "%s", u.release);
}

static bool traces(const char **ret_why)
{
	*ret_why = "this architecture's registers are not known";
	return perturb_is_there();
}

static bool clock_ahead(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s;
	c->perturb.clock = AHEAD;
	return traces(ret_why);
}

static bool clock_back(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s;
	c->perturb.clock = BACK;
	return traces(ret_why);
}

static bool directories(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s;
	c->perturb.reversed = true;
	return traces(ret_why);
}

static bool processes(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s;
	c->perturb.pids = c->perturb.lifo = true;
	return traces(ret_why);
}

static bool processors(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	c->perturb.cpus = s->cpus + 1;
	return traces(ret_why);
}

static bool one_processor(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	*ret_why = "there is only one";
	c->perturb.cpus = 1;
	return s->cpus > 1;
}

static bool kernel(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s;
	c->perturb.release = "7.13.0-verify";
	return traces(ret_why);
}

static bool addresses(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s, (void)ret_why;
	c->perturb.personality = ADDR_NO_RANDOMIZE;
	return true;
}

static bool jobs(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)ret_why;
	c->jobs = s->jobs + 1;
	return true;
}

static bool other_umask(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s, (void)ret_why;
	c->umask = 077;
	return true;
}

static bool locale(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s, (void)ret_why;
	/* Turkish letters have another case; a comma divides decimals. */
	gg_strv_setenv(&c->env, "LC_ALL", "tr_TR.UTF-8");
	gg_strv_setenv(&c->env, "LANG", "tr_TR.UTF-8");
	gg_strv_setenv(&c->env, "LANGUAGE", "tr");
	return true;
}

static bool time_zone(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s, (void)ret_why;
	gg_strv_setenv(&c->env, "TZ", "XYZ-13:45");
	return true;
}

/* Variables that programs of builds take for orders. */
static bool environment(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	static const char *const noise[] = {
		"SOURCE_DATE_EPOCH=86400",
		"CFLAGS=-O0 -g3",
		"CXXFLAGS=-O0 -g3",
		"LDFLAGS=-Wl,-s",
		"RUSTFLAGS=-Copt-level=0",
		"MAKEFLAGS=-j7",
		"USER=somebody",
		"LOGNAME=somebody",
		"USERNAME=somebody",
		"EMAIL=a@b.test",
		"SHELL=/bin/false",
		"TERM=dumb",
		"GZIP_OPT=-1",
		"XZ_OPT=-0",
		"PERL_HASH_SEED=7",
		"PYTHONHASHSEED=7",
		"DEBIAN_FRONTEND=dialog",
		"COLUMNS=33",
		"NOISE=for the rebuild",
	};

	(void)s, (void)ret_why;
	for (size_t i = 0; i < GG_LEN(noise); i++)
		gg_strv_putenv(&c->env, noise[i]);
	return true;
}

static bool host_name(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	*ret_why = "only root can change it";
	c->hostname = "verify-elsewhere";
	return s->root;
}

static bool place(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s, (void)ret_why;
	c->elsewhere = true;
	return true;
}

static bool home(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	(void)s, (void)ret_why;
	c->home = true;
	return true;
}

static bool file_system(const struct surroundings *s, struct conditions *c, const char **ret_why)
{
	*ret_why = s->why_no_filesystem;
	c->filesystem = true;
	return s->filesystem;
}

const struct variation variations[] = {
	{ "clock", "wall clocks 400 days, 6 h, 35 min and 17 s ahead", false, clock_ahead },
	{ "clock-back", "wall clocks 10 years back", true, clock_back },
	{ "directories", "entries of directories in reverse order", false, directories },
	{ "processes", "other process ids, children start in reverse order", false, processes },
	{ "processors", "one processor more is told of", false, processors },
	{ "one-processor", "one processor", true, one_processor },
	{ "kernel", "another kernel release", false, kernel },
	{ "addresses", "personality without address randomisation", false, addresses },
	{ "jobs", "one action more at once", false, jobs },
	{ "umask", "umask 0077", false, other_umask },
	{ "locale", "locale tr_TR.UTF-8", false, locale },
	{ "time-zone", "time zone 13:45 h east", false, time_zone },
	{ "environment", "variables that compilers and archivers obey", false, environment },
	{ "host-name", "another host name", false, host_name },
	{ "path", "another path of the recipe, another working directory", false, place },
	{ "home", "another HOME and TMPDIR", false, home },
	{ "file-system", "the store on another file system", false, file_system },
};
const size_t n_variations = GG_LEN(variations);

/* ---- to the rebuild ---- */

char *perturb_text(const struct sandbox_perturb *p)
{
	_cleanup_buf_ struct gg_buf b = { 0 };

	if (p->clock)
		gg_buf_printf(&b, "clock=%lld ", (long long)p->clock);
	if (p->reversed)
		gg_buf_puts(&b, "reversed=1 ");
	if (p->lifo)
		gg_buf_puts(&b, "lifo=1 ");
	if (p->pids)
		gg_buf_puts(&b, "pids=1 ");
	if (p->cpus)
		gg_buf_printf(&b, "cpus=%u ", p->cpus);
	if (p->personality)
		gg_buf_printf(&b, "personality=%lu ", p->personality);
	if (p->release)
		gg_buf_printf(&b, "release=%s ", p->release);
	return gg_buf_steal(&b);
}

static bool take(const char *key, const char *value, struct sandbox_perturb *ret)
{
	char *end = NULL;
	long long n = strtoll(value, &end, 10);

	if (gg_streq(key, "release")) {
		ret->release = value;
		return *value;
	}
	if (!*value || *end)
		return false;
	if (gg_streq(key, "clock"))
		ret->clock = n;
	else if (gg_streq(key, "reversed"))
		ret->reversed = n;
	else if (gg_streq(key, "lifo"))
		ret->lifo = n;
	else if (gg_streq(key, "pids"))
		ret->pids = n;
	else if (gg_streq(key, "cpus"))
		ret->cpus = (unsigned)n;
	else if (gg_streq(key, "personality"))
		ret->personality = (unsigned long)n;
	else
		return false;
	return true;
}

int perturb_parse(const char *text, struct sandbox_perturb *ret, char **ret_text,
		  struct gg_err *err)
{
	*ret = (struct sandbox_perturb){ 0 };
	*ret_text = gg_strdup(text);
	for (char *word = *ret_text; *word;) {
		char *end = word + strcspn(word, " "),
		     *value = memchr(word, '=', (size_t)(end - word));
		bool last = !*end;

		*end = '\0';
		if (value)
			*value++ = '\0';
		if (end > word && (!value || !take(word, value, ret)))
			return gg_fail(err, GG_USAGE, "%s: '%s' is none of its words",
				       PERTURB_VARIABLE, word);
		word = last ? end : end + 1;
	}
	return 0;
}
