/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/bundle_job.h"

#include "builder/job.h"
#include "builder/progress.h"
#include "builder/session.h"

enum { POLL_MS = 100 };

static uint64_t id_of(const struct bundle_job *job)
{
	return (uint64_t)(uintptr_t)job;
}

static void take_message(void *ctx, const struct gg_json *m)
{
	struct bundle_job *job = ctx;

	progress_job_bytes(job->session->progress, id_of(job),
			   (uint64_t)gg_json_get_int(m, "done", 0),
			   (uint64_t)gg_json_get_int(m, "total", 0));
}

static void ended(void *ctx, const struct gg_json *result, struct gg_err *err)
{
	struct bundle_job *job = ctx;

	job->ended = true;
	job->result = gg_json_ref((struct gg_json *)result);
	progress_job_end(job->session->progress, id_of(job),
			 err->kind == GG_OK ? PROGRESS_DONE : PROGRESS_FAILED,
			 job_now_ns() - job->started);
	gg_err_move(&job->err, err);
}

static void killed(void *ctx)
{
	struct bundle_job *job = ctx;

	job->ended = true;
}

static int work(void *ctx, const struct job_port *port, struct gg_json *result, struct gg_err *err)
{
	const struct bundle_job *job = ctx;

	return job->run(job->ctx, port, result, err);
}

int bundle_job_start(struct session *s, struct bundle_job *job, struct gg_err *err)
{
	struct job_spec spec = { .run = work,
				 .message = take_message,
				 .done = ended,
				 .killed = killed,
				 .ctx = job,
				 .userns = job->userns };

	job->session = s;
	job->started = job_now_ns();
	progress_tick(s->progress, job->started);
	progress_job_start(s->progress, id_of(job), job->name);
	return jobs_start(s->jobs, &spec, err);
}

int bundle_job_wait(struct session *s, struct bundle_job *job, struct gg_err *err)
{
	while (!job->ended) {
		progress_tick(s->progress, job_now_ns());
		if (jobs_poll(s->jobs, POLL_MS, err) < 0) {
			jobs_kill(s->jobs);
			return -1;
		}
	}
	if (job->err.kind == GG_OK)
		return 0;
	gg_err_move(err, &job->err);
	return -1;
}

void bundle_job_done(struct bundle_job *job)
{
	if (job->session && !job->ended)
		jobs_kill(job->session->jobs);
	gg_json_unref(job->result);
	gg_err_done(&job->err);
}
