/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for completions, of one queue pair or several, by polling or asleep. It ends with what
 * was asked for, at the deadline, or when a queue pair fails: each command has a deadline of its
 * own in the library, so that nothing waits for ever.
 */
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "engine.h"

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Takes what there is, sends what now has room, and counts what is done in @have. Returns 0, or a
 * negative errno of a queue pair. */
static int poll_all(struct thread_data *td, int *have, int max)
{
	struct nvio_fio_job *job = td->io_ops_data;
	const int before = *have;

	for (unsigned int i = 0; i < job->nr_qpairs && *have < max; i++) {
		int ret;

		if (job->interrupts)
			nvio_qpair_arm(job->qpairs[i]);
		ret = nvio_poll(job->qpairs[i], job->done + *have, max - *have);
		if (ret < 0)
			return ret;
		*have += ret;
	}
	if (job->held && *have > before)
		*have += nvio_fio_send_held(td, job->done + *have, max - *have);
	return 0;
}

static unsigned int outstanding(const struct nvio_fio_job *job)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < job->nr_qpairs; i++)
		nr += nvio_qpair_outstanding(job->qpairs[i]);
	return nr;
}

static int64_t shorter(int64_t a, int64_t b)
{
	return b < 0 || (a >= 0 && a < b) ? a : b;
}

/* Until an interrupt, or work that none tells of, or @left nanoseconds; -1: as long as it takes. */
static void sleep_for_any(const struct nvio_fio_job *job, int64_t left)
{
	struct timespec ts;

	for (unsigned int i = 0; i < job->nr_qpairs; i++)
		left = shorter(nvio_qpair_timeout(job->qpairs[i]), left);
	ts.tv_sec = left / 1000000000;
	ts.tv_nsec = left % 1000000000;
	ppoll(job->fds, job->nr_qpairs, left < 0 ? NULL : &ts, NULL);
}

static int wait_one(struct nvio_fio_job *job, int min, int max, int64_t timeout)
{
	int ret;

	if (!min)
		return nvio_poll(job->qpairs[0], job->done, max);
	ret = nvio_wait(job->qpairs[0], job->done, min, max, timeout);
	return ret == -ETIMEDOUT ? 0 : ret;
}

static int wait_any(struct thread_data *td, int have, int min, int max, int64_t timeout)
{
	const struct nvio_fio_job *job = td->io_ops_data;
	int64_t left = timeout, end = timeout < 0 ? 0 : now_ns() + timeout;

	for (;;) {
		int err = poll_all(td, &have, max);

		if (err)
			return have ? have : err; /* the next call will tell of it */
		if (have >= min || !outstanding(job))
			return have;
		if (timeout >= 0) {
			left = end - now_ns();
			if (left <= 0)
				return have;
		}
		if (job->interrupts)
			sleep_for_any(job, left);
	}
}

int nvio_fio_wait(struct thread_data *td, int have, int min, int max,
		  const struct timespec *timeout)
{
	struct nvio_fio_job *job = td->io_ops_data;
	int64_t ns = timeout ? timeout->tv_sec * 1000000000LL + timeout->tv_nsec : -1;
	int ret;

	if (job->interrupts && job->nr_qpairs == 1 && !job->held)
		ret = wait_one(job, min, max, ns);
	else
		ret = wait_any(td, have, min, max, ns);
	if (ret < 0 && !td->error)
		log_err("nvio: %s\n", nvio_last_error());
	/* fio's own word for it would be that the error is unknown. */
	if (ret < 0)
		td_verror(td, -ret, "getevents");
	return ret;
}

/* What nobody asks for is to be told here when it went wrong; a job that has failed has told why.
 */
static void finish_unasked(struct thread_data *td, int nr)
{
	for (int i = 0; i < nr; i++) {
		const struct io_u *io_u = nvio_fio_event(td, i);
		char *text;

		if (!io_u->error || td->error)
			continue;
		text = nvio_fio_error_text(io_u);
		log_err("nvio: %s: %s\n", io_u->file->file_name, text ? text : "");
		free(text);
		td_verror(td, (int)io_u->error, "drain");
	}
}

bool nvio_fio_drain(struct thread_data *td)
{
	struct nvio_fio_job *job = td->io_ops_data;

	job->nr_queued = 0; /* their doorbell is rung by the poll */
	while (outstanding(job)) {
		int have = 0, err = poll_all(td, &have, (int)td->o.iodepth);

		finish_unasked(td, have);
		if (err && !td->error) {
			log_err("nvio: %s\n", nvio_last_error());
			td_verror(td, -err, "drain");
		}
		if (err)
			return false;
	}
	return true;
}
