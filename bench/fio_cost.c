/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fio_cost nvio|null ROUNDS: what fio's loop does with an engine at depth 32: queues 4 KiB reads,
 * commits them, takes their completions, looks at each. The queue pair lies in plain memory.
 *
 * Prints how many I/Os that were. scripts/bench-fio runs it under callgrind, which counts what
 * happens inside measured() in functions of the engines and of the library. What they call of fio
 * does nothing here.
 */
#include "engine.h"

#include "fio_cost.h"
#include "plain.h"

#define DEPTH 32

/* Of fio, as far as the engines need it. */
void fio_gettime(struct timespec *ts, void *caller)
{
	(void)caller;
	*ts = (struct timespec){ 0 };
}

void io_u_queued(struct thread_data *td, struct io_u *io_u)
{
	(void)td;
	(void)io_u;
}

void io_u_mark_submit(struct thread_data *td, unsigned int nr)
{
	(void)td;
	(void)nr;
}

ssize_t log_err(const char *format, ...)
{
	fprintf(stderr, "%s", format);
	abort();
}

/* Of a request that failed: none does. */
enum error_type_bit td_error_type(enum fio_ddir ddir, int err)
{
	(void)ddir;
	(void)err;
	abort();
}

int td_non_fatal_error(struct thread_data *td, enum error_type_bit etype, int err)
{
	(void)td;
	(void)etype;
	(void)err;
	abort();
}

void update_error_count(struct thread_data *td, int err)
{
	(void)td;
	(void)err;
	abort();
}

void fio_mark_td_terminate(struct thread_data *td)
{
	(void)td;
	abort();
}

void register_ioengine(struct ioengine_ops *ops)
{
	(void)ops;
}

void unregister_ioengine(struct ioengine_ops *ops)
{
	(void)ops;
}

struct run {
	struct thread_data *td;
	struct ioengine_ops ops;
	struct plain *plain;
	struct io_u *io_us;
	struct fio_file f;
	struct nvio_fio_file file;
	struct nvio_fio_job job;
};

static unsigned int take(const struct run *run, unsigned int max, unsigned long *n)
{
	int done = run->ops.getevents(run->td, 1, max, NULL);

	if (done <= 0)
		abort();
	for (int i = 0; i < done; i++) {
		const struct io_u *io_u = run->ops.event(run->td, i);

		*n += io_u->file == &run->f && !io_u->error;
	}
	return (unsigned int)done;
}

/* What is counted. Returns how many I/Os were completed. */
static __attribute__((noinline)) unsigned long measured(struct run *run, unsigned long rounds)
{
	struct thread_data *td = run->td;
	unsigned long n = 0;

	while (rounds--) {
		for (unsigned int i = 0; i < DEPTH; i++) {
			if (run->ops.queue(td, &run->io_us[i]) != FIO_Q_QUEUED)
				abort();
		}
		if (run->ops.commit(td))
			abort();
		if (run->plain)
			plain_serve(run->plain, 0);
		/* A poll may end where the ring begins again. */
		for (unsigned int left = DEPTH; left;)
			left -= take(run, left, &n);
	}
	return n;
}

static bool use_null(struct run *run)
{
	run->ops = *null_engine();
	return !run->ops.init(run->td);
}

static bool use_nvio(struct run *run)
{
	char *buf;

	run->plain = plain_new(1, 4 * DEPTH, 4096, 0);
	if (!run->plain)
		return false;
	buf = nvio_alloc(plain_iommu(run->plain), DEPTH * 4096, 4096);
	if (!buf)
		return false;
	run->file.ns = plain_ns(run->plain);
	run->file.qpair = plain_qpair(run->plain, 0);
	run->file.unit = 4096;
	run->file.unit_mask = 4095;
	run->file.unit_shift = 12;
	run->file.plain[DDIR_READ] = true;
	run->job.qpair = run->file.qpair;
	run->job.done = calloc(DEPTH, sizeof(*run->job.done));
	run->job.queued = calloc(DEPTH, sizeof(struct io_u *));
	run->td->io_ops_data = &run->job;
	FILE_SET_ENG_DATA(&run->f, &run->file);
	for (unsigned int i = 0; i < DEPTH; i++)
		run->io_us[i].xfer_buf = buf + i * 4096;
	run->ops.queue = nvio_fio_queue;
	run->ops.commit = nvio_fio_commit;
	run->ops.getevents = nvio_fio_getevents;
	run->ops.event = nvio_fio_event;
	return run->job.done && run->job.queued;
}

int main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run)); /* a constant would make a copy of measured() */
	unsigned long done, rounds;

	if (argc != 3 || !run)
		return EXIT_FAILURE;
	rounds = strtoul(argv[2], NULL, 10);
	run->td = calloc(1, sizeof(*run->td));
	run->io_us = calloc(DEPTH, sizeof(*run->io_us));
	if (!run->td || !run->io_us)
		return EXIT_FAILURE;
	run->td->io_ops = &run->ops;
	run->td->o.iodepth = DEPTH;
	for (unsigned int i = 0; i < DEPTH; i++) {
		run->io_us[i].ddir = DDIR_READ;
		run->io_us[i].file = &run->f;
		run->io_us[i].offset = i * 4096;
		run->io_us[i].xfer_buflen = 4096;
	}
	if (!(strcmp(argv[1], "null") ? use_nvio(run) : use_null(run)))
		return EXIT_FAILURE;
	done = measured(run, rounds);
	printf("%lu\n", done);
	return done == rounds * DEPTH ? EXIT_SUCCESS : EXIT_FAILURE;
}
