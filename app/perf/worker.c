/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads: one for each core, pinned, each with its share of the queue pairs. What they do is in
 * loop.c. Also the flag that ends a run early.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "perf/worker.h"

/* Alone on its line: all workers read it, and it is written once at most. */
static struct {
	atomic_bool flag;
	char rest[CACHE_LINE - sizeof(atomic_bool)];
} stop __attribute__((aligned(CACHE_LINE)));

/* Relaxed: nothing else is handed over with the flag. */
void perf_stop(void)
{
	atomic_store_explicit(&stop.flag, true, memory_order_relaxed);
}

bool perf_stopping(void)
{
	return atomic_load_explicit(&stop.flag, memory_order_relaxed);
}

/* Held while threads are being started: they begin together, or not at all. */
struct gate {
	pthread_mutex_t lock;
	bool open;
};

struct thread {
	pthread_t id;
	struct gate *gate;
	struct perf_worker *worker;
};

static void *thread_main(void *arg)
{
	struct thread *thread = arg;
	bool open;

	pthread_mutex_lock(&thread->gate->lock);
	open = thread->gate->open;
	pthread_mutex_unlock(&thread->gate->lock);
	if (open)
		perf_loop(thread->worker);
	return NULL;
}

static int start_thread(struct thread *thread, unsigned int core)
{
	struct cores one = { 0 };
	pthread_attr_t attr;
	int err;

	cores_add(&one, core);
	err = pthread_attr_init(&attr);
	if (err)
		return err;
	err = pthread_attr_setaffinity_np(&attr, sizeof(one.bits), (cpu_set_t *)one.bits);
	if (!err)
		err = pthread_create(&thread->id, &attr, thread_main, thread);
	pthread_attr_destroy(&attr);
	return err;
}

/* Gives a worker the queue pairs that are meant for its core. */
static int set_up_worker(struct perf_worker *worker, const struct perf_opts *opts,
			 struct perf_qpairs *qpairs, unsigned int core)
{
	size_t i;

	worker->opts = opts;
	worker->live = cache_alloc(qpairs->nr * sizeof(*worker->live));
	if (!worker->live)
		return ENOMEM;
	for (i = 0; i < qpairs->nr; i++)
		if (qpairs->all[i].core == core)
			worker->live[worker->nr_live++] = &qpairs->all[i];
	return 0;
}

static int run_threads(const struct cores *cores, struct perf_qpairs *qpairs,
		       const struct perf_opts *opts, struct thread *threads,
		       struct perf_worker *workers, struct perf_msg *msg)
{
	struct gate gate = { PTHREAD_MUTEX_INITIALIZER, false };
	unsigned int core, nr = 0;
	int err = 0;

	pthread_mutex_lock(&gate.lock);
	for (core = cores_next(cores, 0); core < CORES_MAX; core = cores_next(cores, core + 1)) {
		threads[nr].gate = &gate;
		threads[nr].worker = &workers[nr];
		err = set_up_worker(&workers[nr], opts, qpairs, core);
		if (!err)
			err = start_thread(&threads[nr], core);
		if (err)
			break;
		nr++;
	}
	gate.open = !err;
	pthread_mutex_unlock(&gate.lock);
	while (nr--)
		pthread_join(threads[nr].id, NULL);
	return err ? perf_fail(msg, "cannot start the thread for core %u: %s", core, strerror(err))
		   : 0;
}

int perf_run(const struct perf_opts *opts, const struct cores *cores, struct perf_qpairs *qpairs,
	     struct perf_msg *msg)
{
	unsigned int nr = cores_count(cores), i;
	struct perf_worker *workers = cache_alloc(nr * sizeof(*workers));
	struct thread *threads = calloc(nr, sizeof(*threads));
	int err;

	if (workers && threads)
		err = run_threads(cores, qpairs, opts, threads, workers, msg);
	else
		err = perf_fail(msg, "out of memory");
	for (i = 0; workers && i < nr; i++)
		free(workers[i].live);
	free(workers);
	free(threads);
	return err;
}
