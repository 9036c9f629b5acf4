/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shadow doorbells: when the register is written, word by word and over many rounds of rings of
 * several sizes; that no doorbell is lost to a controller that sleeps; and a queue pair with them.
 * And doorbells that pause, by a clock of 300 ns to each reading.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <nvio/quirk.h>

#include "base/clock.h"
#include "base/mmio.h"
#include "nvme/doorbell.h"
#include "qpair_bench.h"
#include "tap.h"

#define NS_PER_READING 300

static uint32_t ns_per_reading = NS_PER_READING;
static const uint32_t *paused_for; /* a doorbell; NULL: the clock is the machine's */
static uint32_t readings;
static uint32_t readings_too_late; /* after it was rung */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!paused_for)
		return (int)syscall(SYS_clock_gettime, id, ts);
	readings_too_late += *paused_for != DOORBELL_UNTOUCHED;
	ts->tv_sec = 0;
	ts->tv_nsec = ++readings * ns_per_reading;
	return 0;
}

/* Rings with these words in memory. */
static bool rings(uint32_t old, uint32_t event, uint16_t value)
{
	uint32_t words[2] = { old, event };
	struct nvio_shadow shadow = { &words[0], &words[1] };
	bool ret = nvio_shadow_ring(&shadow, value);

	CU_ASSERT_EQUAL(words[0], value);
	CU_ASSERT_EQUAL(words[1], event);
	return ret;
}

static void words_one_by_one(void)
{
	/* The controller has seen all: it wants to hear of the next. */
	CU_ASSERT_TRUE(rings(0, 0, 1));
	CU_ASSERT_TRUE(rings(5, 5, 6));
	CU_ASSERT_TRUE(rings(5, 5, 37));
	/* It is still at work on earlier ones. */
	CU_ASSERT_FALSE(rings(5, 4, 6));
	CU_ASSERT_FALSE(rings(5, 0, 37));
	/* It is in the middle of what is new: the change passes the index. */
	CU_ASSERT_TRUE(rings(5, 7, 9));
	CU_ASSERT_TRUE(rings(5, 8, 9));
	CU_ASSERT_FALSE(rings(5, 9, 9));
	/* Nothing new. */
	CU_ASSERT_FALSE(rings(5, 5, 5));
	CU_ASSERT_FALSE(rings(5, 4, 5));
	/* Over the end of a ring of 128. */
	CU_ASSERT_TRUE(rings(127, 127, 0));
	CU_ASSERT_TRUE(rings(126, 126, 3));
	CU_ASSERT_TRUE(rings(126, 127, 3));
	CU_ASSERT_TRUE(rings(126, 1, 3));
	CU_ASSERT_FALSE(rings(126, 120, 3));
	CU_ASSERT_FALSE(rings(0, 127, 1));
	/* Over 16 bits, the upper half of a word being nobody's. */
	CU_ASSERT_TRUE(rings(0xffff, 0xffff, 0));
	CU_ASSERT_TRUE(rings(0xfffe, 0xfffe, 2));
	CU_ASSERT_FALSE(rings(0xffff, 0xfffe, 0));
	CU_ASSERT_TRUE(rings(0x1fffe, 0x7fffe, 2));
}

/*
 * A controller that works in bursts and sleeps when it has seen all, in one thread: whenever it
 * sleeps with work to do, the register must have been written.
 */
static void a_ring_of(uint16_t size)
{
	uint32_t value = 0, event = 0, head = 0, spared = 0, lost = 0, useless = 0;
	struct nvio_shadow shadow = { &value, &event };
	uint32_t in_ring = 0;
	bool asleep = true;

	for (int i = 0; i < 200000; i++) {
		uint32_t room = size - 1u - in_ring, n = room ? (uint32_t)rand() % room + 1 : 0;

		if (n && rand() % 2) {
			in_ring += n;
			if (nvio_shadow_ring(&shadow, (uint16_t)((value + n) % size)))
				asleep = false;
			else if (asleep)
				lost++;
			else
				spared++;
		}
		if (asleep)
			continue;
		/* It takes some, says how far it is, looks once more, and sleeps if that is all. */
		n = (uint32_t)rand() % (in_ring + 1);
		head = (head + n) % size;
		in_ring -= n;
		event = head;
		asleep = value == head;
		useless += asleep && in_ring;
	}
	CU_ASSERT_EQUAL(lost, 0);
	CU_ASSERT_EQUAL(useless, 0);
	/* In a ring for one command the controller has always seen all that was there before. */
	CU_ASSERT(spared > 1000 || size == 2);
}

static void rings_of_several_sizes(void)
{
	static const uint16_t sizes[] = { 2, 3, 17, 129, 4096, 32769, 65535 };

	srand(7);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		a_ring_of(sizes[i]);
}

/* The two threads of the next test and what is between them. */
struct pair {
	uint32_t value;
	uint32_t event;
	sem_t rung;
	uint32_t nr; /* doorbells in all */
	uint32_t seen; /* by the controller */
	bool lost;
};

#define PAIR_SIZE 31u

/* The controller's loop: it sleeps when it has told how far it is and there is nothing more. */
static void *be_controller(void *arg)
{
	struct pair *p = arg;
	uint32_t head = 0;

	while (p->seen < p->nr) {
		uint32_t tail = __atomic_load_n(&p->value, __ATOMIC_SEQ_CST);
		struct timespec limit;

		if (tail != head) {
			uint32_t n = (tail + PAIR_SIZE - head) % PAIR_SIZE;

			__atomic_store_n(&p->seen, p->seen + n, __ATOMIC_RELEASE);
			head = tail;
			__atomic_store_n(&p->event, head, __ATOMIC_SEQ_CST);
			/* qemu-user lets the load above pass the store, which arm64 does not. */
			nvio_smp_mb();
			continue;
		}
		clock_gettime(CLOCK_REALTIME, &limit);
		limit.tv_sec += 10;
		if (sem_timedwait(&p->rung, &limit)) {
			p->lost = __atomic_load_n(&p->value, __ATOMIC_RELAXED) != head;
			break;
		}
	}
	__atomic_store_n(&p->seen, p->nr, __ATOMIC_RELEASE);
	return NULL;
}

static void a_sleeper_misses_none(void)
{
	static struct pair p = { .nr = 300000 };
	struct nvio_shadow shadow = { &p.value, &p.event };
	uint32_t rung = 0, tail = 0;
	pthread_t thread;

	sem_init(&p.rung, 0, 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, be_controller, &p), 0);
	for (uint32_t i = 0; i < p.nr; i++) {
		/* The ring has room for all but one. */
		while (i - __atomic_load_n(&p.seen, __ATOMIC_ACQUIRE) >= PAIR_SIZE - 1 &&
		       __atomic_load_n(&p.seen, __ATOMIC_RELAXED) < i)
			sched_yield();
		tail = (tail + 1) % PAIR_SIZE;
		if (!nvio_shadow_ring(&shadow, (uint16_t)tail))
			continue;
		rung++;
		sem_post(&p.rung);
	}
	pthread_join(thread, NULL);
	sem_destroy(&p.rung);
	CU_ASSERT_FALSE(p.lost);
	CU_ASSERT(rung > 0);
	CU_ASSERT(rung <= p.nr);
}

/* A queue pair whose doorbells are words in memory, and registers behind them. */
static void a_queue_pair(void)
{
	uint32_t words[4] = { 0 }, rung = DOORBELL_UNTOUCHED;
	struct nvio_completion done[8];
	struct nvio_qpair_stats stats;
	struct bench b;

	setup(&b, 4);
	b.qpair.sq_doorbell = b.qpair.cq_doorbell = NULL;
	b.qpair.sq_register = &b.sq_doorbell;
	b.qpair.cq_register = &b.cq_doorbell;
	b.qpair.sq_shadow = (struct nvio_shadow){ &words[0], &words[1] };
	b.qpair.cq_shadow = (struct nvio_shadow){ &words[2], &words[3] };
	b.sq_doorbell = b.cq_doorbell = DOORBELL_UNTOUCHED;
	for (uint16_t i = 0; i < 12; i++) {
		/* Of every second command the controller wants to hear. */
		words[1] = i % 2 ? (words[0] + 4) % 5 : words[0];
		CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, i, 1, 0, i), 0);
		CU_ASSERT_EQUAL(nvio_submit(&b.qpair), 1);
		CU_ASSERT_EQUAL(words[0], (i + 1u) % 5);
		rung = i % 2 ? rung : words[0];
		CU_ASSERT_EQUAL(b.sq_doorbell, rung);
		complete(&b, b.qpair.sq[i % 5].cid, 0, 0);
		/* Of completions never: its index is far behind. */
		words[3] = (words[2] + 4) % 5;
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 1);
		CU_ASSERT_EQUAL(done[0].user_data, i);
		CU_ASSERT_EQUAL(words[2], (i + 1u) % 5);
	}
	CU_ASSERT_EQUAL(b.cq_doorbell, DOORBELL_UNTOUCHED);
	nvio_qpair_get_stats(&b.qpair, &stats, sizeof(stats));
	CU_ASSERT_EQUAL(stats.sq_doorbells, 12);
	CU_ASSERT_EQUAL(stats.cq_doorbells, 12);
	CU_ASSERT_EQUAL(stats.doorbells_spared, 6 + 12);
	teardown(&b);
}

/* Queues so many commands and rings for them. Returns how long that paused, in readings. */
static uint32_t pause_for(struct bench *b, uint16_t nr)
{
	for (uint16_t i = 0; i < nr; i++)
		CU_ASSERT_EQUAL(nvio_read(&b->qpair, &b->ns, b->buf, i, 1, 0, i), 0);
	b->sq_doorbell = DOORBELL_UNTOUCHED;
	readings = 0;
	CU_ASSERT_EQUAL(nvio_submit(&b->qpair), nr);
	CU_ASSERT_EQUAL(b->sq_doorbell, (uint32_t)(b->qpair.sq_next - b->qpair.sq));
	return readings;
}

/* The quirk: before the doorbell of a few commands, and only of those. */
static void few_commands_pause(void)
{
	/* Until 1,000 ns after the first one. */
	const uint32_t pause = 1 + (1000 + NS_PER_READING - 1) / NS_PER_READING;
	struct nvio_completion done[8];
	struct bench b;

	setup(&b, 40);
	b.qpair.sq_register = &b.sq_doorbell;
	b.qpair.cq_register = &b.cq_doorbell;
	paused_for = &b.sq_doorbell;
	nvio_doorbells_use(&b.qpair);
	CU_ASSERT_EQUAL(pause_for(&b, 1), 0);
	b.ctrl.info.quirks = NVIO_QUIRK_DOORBELL_PAUSE;
	nvio_doorbells_use(&b.qpair);
	CU_ASSERT_EQUAL(pause_for(&b, 1), pause);
	CU_ASSERT_EQUAL(pause_for(&b, 2), pause);
	CU_ASSERT_EQUAL(pause_for(&b, 1), 0);
	CU_ASSERT_EQUAL(pause_for(&b, 8), 0);
	for (uint16_t i = 0; i < 13; i++)
		complete(&b, b.qpair.sq[i].cid, 0, 0);
	b.sq_doorbell = DOORBELL_UNTOUCHED;
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 8);
	CU_ASSERT_EQUAL(pause_for(&b, 1), 0);
	b.sq_doorbell = DOORBELL_UNTOUCHED;
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 5);
	CU_ASSERT_EQUAL(pause_for(&b, 3), pause);
	CU_ASSERT_EQUAL(pause_for(&b, 1), 0);
	/* Those that a reset has ended are not under way. */
	b.qpair.nr_drained = 5;
	CU_ASSERT_EQUAL(pause_for(&b, 1), pause);
	/* A clock that stands still. */
	ns_per_reading = 0;
	CU_ASSERT_EQUAL(pause_for(&b, 1), 1 + 64);
	CU_ASSERT_EQUAL(readings_too_late, 0);
	paused_for = NULL;
	teardown(&b);
}

/* Where a pause can be taken: one that moves with each reading, and not far. */
static void a_clock_for_pauses(void)
{
	static const uint32_t doorbell = DOORBELL_UNTOUCHED;

	paused_for = &doorbell;
	ns_per_reading = NS_PER_READING;
	CU_ASSERT_TRUE(nvio_clock_is_fine());
	ns_per_reading = 0;
	CU_ASSERT_FALSE(nvio_clock_is_fine());
	ns_per_reading = 1500;
	CU_ASSERT_FALSE(nvio_clock_is_fine());
	paused_for = NULL;
}

/* What a controller says of the distance of its doorbells decides how many shadows a page has. */
static void as_many_as_a_page_has(void)
{
	struct nvio_ctrl ctrl = { .info = { .page_len = 4096 } };

	for (unsigned int dstrd = 0; dstrd < 16; dstrd++) {
		unsigned int max, pairs = 4096 / 8 >> dstrd;

		ctrl.doorbell_stride = 4u << dstrd;
		max = nvio_shadow_max_qpairs(&ctrl);
		CU_ASSERT_EQUAL(max, pairs > 1 ? pairs - 1 : 0);
		if (max)
			CU_ASSERT((2 * max + 1) * ctrl.doorbell_stride + 4 <= 4096);
	}
	/* The last one of all, far behind 4 GiB. */
	CU_ASSERT_EQUAL(nvio_reg_doorbell_offset(&ctrl, 65535, true), 0x1000 + 131071ull * 131072);
}

/* A page without room for an I/O queue pair's: asked for, they are refused; else registers do. */
static void none_that_do_not_fit(void)
{
	for (unsigned int dstrd = 9; dstrd < 16; dstrd++) {
		struct nvio_ctrl ctrl = {
			.info = { .page_len = 4096 },
			.oacs = NVIO_OACS_DOORBELL_BUFFERS,
			.doorbell_stride = 4u << dstrd,
		};

		ctrl.opts.shadow_doorbells = NVIO_ON;
		CU_ASSERT_EQUAL(nvio_shadow_set_up(&ctrl), -ENOTSUP);
		ctrl.opts.shadow_doorbells = NVIO_AUTO;
		CU_ASSERT_EQUAL(nvio_shadow_set_up(&ctrl), 0);
		CU_ASSERT_PTR_NULL(ctrl.shadow);
		CU_ASSERT_FALSE(ctrl.info.shadow_doorbells);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "words one by one", words_one_by_one },
		{ "rings of several sizes", rings_of_several_sizes },
		{ "a sleeper misses none", a_sleeper_misses_none },
		{ "a queue pair", a_queue_pair },
		{ "few commands pause", few_commands_pause },
		{ "a clock for pauses", a_clock_for_pauses },
		{ "as many as a page has", as_many_as_a_page_has },
		{ "none that do not fit", none_that_do_not_fit },
	};

	return tap_run("doorbell", tests, ARRAY_LEN(tests));
}
