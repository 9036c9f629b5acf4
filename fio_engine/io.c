/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O path: plain reads and writes go to the library as they are, one doorbell is rung for what
 * was queued, completions are taken as they lie in the library's array. The rest is request.c's and
 * wait.c's.
 */
#include "engine.h"

static inline bool placed(const struct io_u *io_u)
{
#if FIO_IOOPS_VERSION >= 32
	return io_u->dtype;
#else
	(void)io_u;
	return false;
#endif
}

static int send_plain(const struct nvio_fio_file *file, struct io_u *io_u)
{
	uint64_t slba = io_u->offset >> file->unit_shift;
	uint32_t nr_blocks = (uint32_t)(io_u->xfer_buflen >> file->unit_shift);

	if (io_u->ddir == DDIR_READ)
		return nvio_read(file->qpair, file->ns, io_u->xfer_buf, slba, nr_blocks, 0,
				 (uintptr_t)io_u);
	return nvio_write(file->qpair, file->ns, io_u->xfer_buf, slba, nr_blocks, 0,
			  (uintptr_t)io_u);
}

/* Queued, too: what there is no room for waits in line. */
static __attribute__((noinline)) enum fio_q_status not_sent(struct nvio_fio_job *job,
							    struct io_u *io_u, int err)
{
	if (err != -EAGAIN) {
		nvio_fio_refused(io_u, err);
		return FIO_Q_COMPLETED;
	}
	nvio_fio_hold(job, io_u);
	job->queued[job->nr_queued++] = io_u;
	return FIO_Q_QUEUED;
}

enum fio_q_status nvio_fio_queue(struct thread_data *td, struct io_u *io_u)
{
	struct nvio_fio_job *job = td->io_ops_data;
	struct nvio_fio_file *file = FILE_ENG_DATA(io_u->file);
	int ret;

	fio_ro_check(td, io_u);
	if (fio_unlikely(job->held))
		ret = -EAGAIN;
	else if (io_u->ddir <= DDIR_WRITE && file->plain[io_u->ddir] && !placed(io_u) &&
		 !((io_u->offset | io_u->xfer_buflen) & file->unit_mask))
		ret = send_plain(file, io_u);
	else
		ret = nvio_fio_request(td, file, io_u);
	if (fio_unlikely(ret))
		return not_sent(job, io_u, ret);
	job->queued[job->nr_queued++] = io_u;
	return FIO_Q_QUEUED;
}

int nvio_fio_submit(const struct nvio_fio_job *job)
{
	int ret = 0;

	if (job->qpair)
		return nvio_submit(job->qpair);
	for (unsigned int i = 0; i < job->nr_qpairs && ret >= 0; i++)
		ret = nvio_submit(job->qpairs[i]);
	return ret;
}

static void set_issue_time(struct thread_data *td, const struct nvio_fio_job *job)
{
	struct timespec now;

	if (!fio_fill_issue_time(td))
		return;
	fio_gettime(&now, NULL);
	for (unsigned int i = 0; i < job->nr_queued; i++) {
		job->queued[i]->issue_time = now;
		io_u_queued(td, job->queued[i]);
	}
	if (td->o.read_iolog_file)
		td->last_issue = now;
}

int nvio_fio_commit(struct thread_data *td)
{
	struct nvio_fio_job *job = td->io_ops_data;
	int ret;

	if (!job->nr_queued)
		return 0;
	set_issue_time(td, job);
	ret = nvio_fio_submit(job);
	io_u_mark_submit(td, job->nr_queued);
	job->nr_queued = 0;
	if (ret >= 0)
		return 0;
	log_err("nvio: %s: %s\n", td->o.name, nvio_last_error());
	return ret;
}

int nvio_fio_getevents(struct thread_data *td, unsigned int min, unsigned int max,
		       const struct timespec *timeout)
{
	struct nvio_fio_job *job = td->io_ops_data;
	int ret;

	/* A poll submits, and what it completes is no longer ours to give a time. */
	if (job->nr_queued) {
		ret = nvio_fio_commit(td);
		if (ret)
			return ret;
	}
	if (job->qpair && !job->held) {
		ret = nvio_poll(job->qpair, job->done, (int)max);
		if (!fio_unlikely(ret < (int)min))
			return ret;
		if (ret >= 0)
			return nvio_fio_wait(td, ret, (int)min, (int)max, timeout);
	}
	return nvio_fio_wait(td, 0, (int)min, (int)max, timeout);
}

struct io_u *nvio_fio_event(struct thread_data *td, int event)
{
	const struct nvio_fio_job *job = td->io_ops_data;
	const struct nvio_completion *done = &job->done[event];
	struct io_u *io_u = (struct io_u *)(uintptr_t)done->user_data;

	if (fio_unlikely(done->status || job->check_reads))
		nvio_fio_finish(td, io_u, done);
	return io_u;
}
