/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests that queue pairs have no room for yet: in line, and sent in that order as completions
 * make room. To fio they are queued like the others. Were it told that a queue is full, it would
 * send the request again, but some of its versions then expect other data of all that follow when
 * they verify a mix of reads and writes.
 */
#include "engine.h"

void nvio_fio_hold(struct nvio_fio_job *job, struct io_u *io_u)
{
	struct nvio_fio_io *io = io_u->engine_data;

	if (!job->held)
		job->held_end = &job->held;
	*job->held_end = io_u;
	job->held_end = &io->next;
	io->next = NULL;
}

/* As far as there is room. What is refused is done: returns how many of them are in @done; for more
 * than @max the next call is. */
int nvio_fio_send_held(struct thread_data *td, struct nvio_completion *done, int max)
{
	struct nvio_fio_job *job = td->io_ops_data;
	int n = 0;

	while (job->held) {
		struct io_u *io_u = job->held;
		const struct nvio_fio_io *io = io_u->engine_data;
		int err = nvio_fio_request(td, FILE_ENG_DATA(io_u->file), io_u);

		if (err == -EAGAIN || (err && n == max))
			break;
		job->held = io->next;
		if (!err)
			continue;
		nvio_fio_refused(io_u, err);
		done[n++] = (struct nvio_completion){ .user_data = (uintptr_t)io_u };
	}
	nvio_fio_submit(job); /* what went wrong, the next poll says */
	return n;
}
