/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop of one worker: what is measured runs here, so here nothing is allocated, divided, locked
 * or printed while all goes well, and no cache line is written that another thread touches.
 *
 * One reading of the clock for each poll that found something serves as the time of completion of
 * what it found and as the time of submission of what takes its place.
 */
#include <inttypes.h>
#include <errno.h>
#include <time.h>
#include "perf/worker.h"

#define POLL_BATCH 32

/*
 * Polls without a completion between two looks at the clock. Completions bring the time along; only
 * a worker whose drives have gone quiet needs this look, to notice the end, and a few microseconds
 * late is soon enough. Reading the clock at each idle poll would double what the poll costs.
 */
#define IDLE_POLLS 256

#define NS_PER_S UINT64_C(1000000000)

/* How long I/Os may take to come back when the time is up. */
#define DRAIN_NS (10 * NS_PER_S)

enum phase { WARMUP, MEASURE, DRAIN };

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t next_place(struct perf_qpair *q)
{
	uint64_t place;

	if (q->random)
		return rng_below(&q->rng, q->nr_places);
	place = q->next_place;
	q->next_place = place + 1 < q->nr_places ? place + 1 : 0;
	return place;
}

static bool next_is_read(struct perf_qpair *q)
{
	return (q->mixed ? rng_next(&q->rng) >> 32 : 0) < q->read_threshold;
}

/* Metadata lies apart from the blocks. */
static int queue_with_metadata(struct perf_qpair *q, const struct perf_slot *slot, uint64_t slba,
			       uint64_t idx)
{
	const struct nvio_ns_info *info = &q->ns->info;
	size_t data_len = (size_t)q->io_blocks * info->block_len;
	const struct iovec iov = { slot->buf, data_len };
	struct nvio_io io = NVIO_IO;

	io.opcode = next_is_read(q) ? NVIO_OP_READ : NVIO_OP_WRITE;
	io.flags = q->flags;
	io.slba = slba;
	io.nr_blocks = q->io_blocks;
	io.iov = &iov;
	io.nr_iov = 1;
	io.metadata = slot->metadata;
	io.metadata_len = q->metadata_len;
	io.tags.reference = slba;
	return nvio_io(q->handle, q->ns_handle, &io, idx);
}

/* Queues an I/O through a slot whose buffer is free; the doorbell comes later. */
static int queue_io(struct perf_qpair *q, uint64_t idx, uint64_t now)
{
	struct perf_slot *slot = &q->slots[idx];
	uint64_t slba = next_place(q) * q->io_blocks;
	int err;

	slot->start_ns = now;
	if (slot->metadata)
		err = queue_with_metadata(q, slot, slba, idx);
	else if (next_is_read(q))
		err = nvio_read(q->handle, q->ns_handle, slot->buf, slba, q->io_blocks, q->flags,
				idx);
	else
		err = nvio_write(q->handle, q->ns_handle, slot->buf, slba, q->io_blocks, q->flags,
				 idx);
	if (err)
		return err;
	q->stats.submitted++;
	q->left--;
	return 0;
}

/* A call of the library failed: the unit submits nothing more; what can be polled drains. */
static void fail_unit(struct perf_worker *w, struct perf_qpair *q, bool dead)
{
	unsigned int i;

	perf_say("%s queue %u: %s", q->ns->name, q->number, nvio_last_error());
	q->failed = true;
	q->dead = dead;
	for (i = 0; i < w->nr_live; i++)
		if (w->live[i]->unit == q->unit) {
			w->live[i]->stopped = true;
			w->live[i]->left = 0;
		}
}

static void count_error(struct perf_qpair *q, unsigned int status)
{
	q->stats.errors++;
	if (q->failed)
		return;
	q->failed = true;
	perf_say("%s queue %u: an I/O failed: %s (status 0x%04x); more are only counted",
		 q->ns->name, q->number, nvio_status_text(status), status);
}

static uint64_t outstanding(const struct perf_qpair *q)
{
	return q->stats.submitted - q->stats.completed;
}

static void account(struct perf_qpair *q, const struct nvio_completion *done, uint64_t now)
{
	struct perf_stats *stats = &q->stats;
	uint64_t latency = now - q->slots[done->user_data].start_ns;

	stats->completed++;
	if (__builtin_expect(done->status != 0, 0)) {
		count_error(q, done->status);
		return;
	}
	stats->latency_sum += latency;
	if (latency < stats->latency_min)
		stats->latency_min = latency;
	if (latency > stats->latency_max)
		stats->latency_max = latency;
	if (q->hist)
		hist_add(q->hist, latency);
}

/*
 * Puts slots to work. I/Os that take several commands each may fill the queue pair before all slots
 * have one: the rest waits for the next completions.
 */
static void refill(struct perf_worker *w, struct perf_qpair *q, uint64_t now)
{
	while (q->left && q->nr_idle) {
		uint64_t place = q->next_place;
		int err = queue_io(q, q->idle[q->nr_idle - 1], now);

		if (err == -EAGAIN && outstanding(q)) {
			q->next_place = place;
			return;
		}
		if (err) {
			fail_unit(w, q, false);
			return;
		}
		q->nr_idle--;
	}
}

/* Polls once, and puts new I/Os where old ones ended. Return: the time, when it looked; else 0. */
static uint64_t step(struct perf_worker *w, struct perf_qpair *q)
{
	struct nvio_completion done[POLL_BATCH];
	int nr = nvio_poll(q->handle, done, POLL_BATCH);
	uint64_t now;
	int i;

	if (nr == 0)
		return 0;
	now = clock_ns();
	q->last_ns = now;
	if (nr < 0) {
		fail_unit(w, q, true);
		return now;
	}
	for (i = 0; i < nr; i++) {
		account(q, &done[i], now);
		q->idle[q->nr_idle++] = done[i].user_data;
	}
	refill(w, q, now);
	/* One doorbell for the batch. The next poll would ring it, but after other queue pairs. */
	if (!q->stopped && nvio_submit(q->handle) < 0)
		fail_unit(w, q, true);
	return now;
}

/* Fills a queue pair for the first time; with -n below the depth, no further than that. */
static void fill(struct perf_worker *w, struct perf_qpair *q, uint64_t now)
{
	unsigned int i;

	if (q->stopped)
		return;
	q->left = UINT64_MAX;
	/* Slot 0 is on top. */
	for (i = q->depth; i-- > 0;)
		if (!w->opts->nr_ios || i < w->opts->nr_ios)
			q->idle[q->nr_idle++] = i;
	refill(w, q, now);
	if (!q->stopped && nvio_submit(q->handle) < 0)
		fail_unit(w, q, true);
}

/* Counting begins; what is outstanding counts as submitted now, for it completes in this time. */
static void start_counting(const struct perf_worker *w, struct perf_qpair *q, uint64_t now)
{
	uint64_t nr = outstanding(q);

	if (q->stopped)
		return;
	if (q->hist)
		*q->hist = (struct hist){ 0 };
	q->stats = (struct perf_stats){ .submitted = nr, .latency_min = UINT64_MAX };
	q->left = (w->opts->nr_ios ? w->opts->nr_ios : UINT64_MAX) - nr;
	q->start_ns = now;
	q->last_ns = now;
	q->counting = true;
}

static void start_measure(struct perf_worker *w, uint64_t now)
{
	unsigned int i;

	for (i = 0; i < w->nr_live; i++)
		start_counting(w, w->live[i], now);
	w->phase = MEASURE;
	w->deadline = now + w->opts->seconds * NS_PER_S;
}

static void start_drain(struct perf_worker *w, uint64_t now)
{
	unsigned int i;

	for (i = 0; i < w->nr_live; i++)
		w->live[i]->left = 0;
	w->phase = DRAIN;
	w->deadline = now + DRAIN_NS;
}

/* The commands are still the device's; closing the queue pair ends them. */
static void give_up(struct perf_worker *w, uint64_t now)
{
	unsigned int i;

	for (i = 0; i < w->nr_live; i++) {
		struct perf_qpair *q = w->live[i];

		perf_say("%s queue %u: %" PRIu64 " I/Os did not complete within %u s of the end",
			 q->ns->name, q->number, outstanding(q),
			 (unsigned int)(DRAIN_NS / NS_PER_S));
		q->failed = true;
		q->last_ns = now;
	}
	w->nr_live = 0;
}

/* A request to stop cuts short what is before the drain, not the drain itself. */
static void look_at_time(struct perf_worker *w, uint64_t now)
{
	bool stop = perf_stopping() && w->phase != DRAIN;

	if (now < w->deadline && !stop)
		return;
	if (w->phase == WARMUP && !stop)
		start_measure(w, now);
	else if (w->phase != DRAIN)
		start_drain(w, now);
	else
		give_up(w, now);
}

/* Lets one round of polls go by. Return: the time, when it looked; else 0. */
static uint64_t poll_all(struct perf_worker *w)
{
	uint64_t latest = 0, now;
	unsigned int i;

	for (i = 0; i < w->nr_live; i++) {
		now = step(w, w->live[i]);
		if (now)
			latest = now;
	}
	return latest;
}

static void drop_done(struct perf_worker *w)
{
	unsigned int i = 0;

	while (i < w->nr_live) {
		const struct perf_qpair *q = w->live[i];

		if (q->dead || (!q->left && !outstanding(q)))
			w->live[i] = w->live[--w->nr_live];
		else
			i++;
	}
}

void perf_loop(struct perf_worker *w)
{
	uint64_t now = clock_ns();
	unsigned int idle = 0, i;

	w->phase = WARMUP;
	w->deadline = now + w->opts->warmup * NS_PER_S;
	for (i = 0; i < w->nr_live; i++)
		fill(w, w->live[i], now);
	look_at_time(w, now);
	drop_done(w);
	while (w->nr_live) {
		now = poll_all(w);
		if (!now && ++idle < IDLE_POLLS)
			continue;
		idle = 0;
		look_at_time(w, now ? now : clock_ns());
		drop_done(w);
	}
}
