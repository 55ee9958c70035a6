/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/docker_load.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/docker_archive_write.h"
#include "layers/docker_engine.h"
#include "layers/http_client.h"
#include "layers/transport.h"

enum { MAX_LIST = 64 << 20, MAX_IMAGES = 10000, PIPE_BYTES = 1 << 20 };

/* ---- what the engine has ---- */

struct survey {
	const struct transport_image *image;
	size_t known; /* layers of it, from the bottom */
};

/* How many layers at the bottom are the same: the engine finds a layer by its ChainID, which all below it make. */
static size_t common(const struct transport_image *image, const struct gg_json *inspected)
{
	const struct gg_json *layers = gg_json_get(gg_json_get(inspected, "RootFS"), "Layers");
	size_t n = 0;

	for (; n < image->n_layers && n < gg_json_len(layers); n++) {
		const char *text = gg_json_text(gg_json_at(layers, n));
		char ours[GG_DIGEST_TEXT];

		if (!text || !gg_streq(text, gg_digest_text(&image->layers[n].diff_id, ours)))
			break;
	}
	return n;
}

/* An image that has gone since it was listed is no matter. */
static void inspected(void *ctx, struct http_exchange *x)
{
	struct survey *s = ctx;
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *v = NULL;
	size_t n;

	if (x->error.kind != GG_OK || x->status != 200 || x->text.len == 0)
		return;
	v = gg_json_parse(x->text.data, x->text.len, &ignored);
	n = v ? common(s->image, v) : 0;
	if (n > s->known)
		s->known = n;
	gg_buf_done(&x->text);
}

static struct gg_json *list_images(struct docker_engine *e, struct gg_err *err)
{
	struct http_exchange x = { .max_text = MAX_LIST };
	struct gg_json *list = NULL;

	docker_engine_ask(e, "GET", "/images/json", &x);
	if (http_client_call(docker_engine_client(e), &x, err) == 0) {
		if (x.status != 200)
			http_exchange_refused(&x, err);
		else
			list = gg_json_parse(x.text.data ? x.text.data : "", x.text.len, err);
	}
	http_exchange_done(&x);
	return list;
}

static bool is_id(const char *id)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct gg_digest ignored;

	return id && gg_digest_parse(id, &ignored, &err) == 0;
}

static int survey(struct docker_engine *e, struct survey *s, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *list = list_images(e, err);
	size_t n = gg_json_len(list) < MAX_IMAGES ? gg_json_len(list) : MAX_IMAGES;
	struct http_exchange *x;
	bool idle;
	int r;

	if (!list)
		return gg_context(err, "list its images");
	x = gg_calloc(n, sizeof(*x));
	for (size_t i = 0; i < n; i++) {
		const char *id = gg_json_get_str(gg_json_at(list, i), "Id", NULL);
		_cleanup_free_ char *path = gg_asprintf("/images/%s/json", id ? id : "");

		if (!is_id(id))
			continue;
		docker_engine_ask(e, "GET", path, &x[i]);
		x[i].max_text = 4 << 20;
		x[i].done = inspected;
		x[i].ctx = s;
		http_client_start(docker_engine_client(e), &x[i]);
	}
	r = http_client_run(docker_engine_client(e), -1, &idle, err);
	for (size_t i = 0; i < n; i++)
		http_exchange_done(&x[i]);
	free(x);
	return r;
}

/* ---- the stream ---- */

/* The archive is made on a thread of its own and comes through a socket pair: libcurl asks for bytes, the archive's maker
 * gives them. */
struct stream {
	const struct transport_image *image;
	const char *name;
	size_t known;
	const struct registry_settings *settings;
	int in, out;
	pthread_t thread;
	bool running;
	int result;
	struct gg_err problem;
};

static int put(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	const struct stream *s = ctx;

	for (size_t done = 0; done < len;) {
		ssize_t n = send(s->out, (const char *)bytes + done, len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return gg_fail(err, GG_REMOTE, "it takes no more");
		done += (size_t)n;
	}
	return 0;
}

static bool is_known(void *ctx, size_t layer)
{
	const struct stream *s = ctx;

	return layer < s->known;
}

static void *make(void *ctx)
{
	struct stream *s = ctx;
	struct docker_archive_options o = { .name = s->name,
					    .write = put,
					    .ctx = s,
					    .fd = -1,
					    .dir = -1,
					    .as_is = true,
					    .leave_out = is_known };

	s->result = docker_archive_write(s->image, &o, &s->problem);
	shutdown(s->out, SHUT_WR);
	return NULL;
}

static int start(struct stream *s, struct gg_err *err)
{
	int fds[2], size = PIPE_BYTES, r;
	sigset_t all, before;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return gg_fail_errno(err, "make a pair of sockets");
	s->in = fds[0];
	s->out = fds[1];
	setsockopt(s->out, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&s->thread, NULL, make, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = r;
	if (r != 0)
		return gg_fail_errno(err, "start a thread");
	s->running = true;
	return 0;
}

static void join(struct stream *s)
{
	if (s->running)
		pthread_join(s->thread, NULL);
	s->running = false;
}

static void stop(struct stream *s)
{
	/* A maker that is not finished gets EPIPE. */
	if (s->in >= 0)
		shutdown(s->in, SHUT_RDWR);
	join(s);
	gg_close(s->in);
	gg_close(s->out);
	gg_err_done(&s->problem);
}

static ssize_t give(void *ctx, void *to, size_t max, uint64_t offset, struct gg_err *err)
{
	struct stream *s = ctx;
	ssize_t n;

	do
		n = recv(s->in, to, max, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return gg_fail_errno(err, "read the archive");
	if (n == 0) {
		/* The end, or only how far it came. */
		join(s);
		if (s->result < 0) {
			gg_err_move(err, &s->problem);
			return -1;
		}
	}
	if (s->settings && s->settings->progress)
		s->settings->progress(s->settings->ctx, offset + (uint64_t)n, 0);
	return n;
}

/* ---- the answer ---- */

/* A line of JSON for each thing that happened, one of them with an error if it went wrong. */
static int judge_line(const char *line, size_t len, struct gg_err *err)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *v = gg_json_parse(line, len, &ignored);
	const char *words = v ? gg_json_get_str(v, "error", NULL) : NULL;

	return words ? gg_fail(err, GG_REMOTE, "it refuses the image: %s", words) : 0;
}

static int judge(const struct http_exchange *x, struct gg_err *err)
{
	const char *line = x->text.data;

	if (x->status != 200)
		return http_exchange_refused(x, err);
	while (line && *line) {
		size_t len = strcspn(line, "\r\n");

		if (len > 0 && judge_line(line, len, err) < 0)
			return -1;
		line += len + strspn(line + len, "\r\n");
	}
	return 0;
}

/* *ret_refused: the engine itself said no. */
static int send_once(struct docker_engine *e, struct stream *s, bool *ret_refused,
		     struct gg_err *err)
{
	static const char *const headers[] = { "Content-Type: application/x-tar", NULL };
	struct http_exchange x = { .headers = headers,
				   .read = give,
				   .body_len = UINT64_MAX,
				   .max_text = 1 << 20,
				   .ctx = s };
	int r;

	s->in = s->out = -1;
	s->result = 0;
	r = start(s, err);
	if (r == 0) {
		docker_engine_ask(e, "POST", "/images/load?quiet=1", &x);
		r = http_client_call(docker_engine_patient(e), &x, err);
		*ret_refused = r == 0 && judge(&x, err) < 0;
		if (*ret_refused)
			r = -1;
	}
	stop(s);
	http_exchange_done(&x);
	return r;
}

int docker_load(struct docker_engine *e, const struct transport_image *image, const char *name,
		const struct registry_settings *settings, struct gg_err *err)
{
	struct survey found = { .image = image };
	struct stream s = { .image = image, .name = name, .settings = settings };
	_cleanup_err_ struct gg_err first = GG_ERR_INIT;
	bool refused = false;

	if (!docker_engine_is_podman(e) && survey(e, &found, err) < 0)
		return -1;
	s.known = found.known;
	if (s.known == 0)
		return send_once(e, &s, &refused, err);
	if (send_once(e, &s, &refused, &first) == 0)
		return 0;
	if (!refused) {
		gg_err_move(err, &first);
		return -1;
	}
	s.known = 0;
	return send_once(e, &s, &refused, err);
}
