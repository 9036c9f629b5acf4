/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queue pairs whose controller lies or goes away, and memory that is taken away under them.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nvme/tend.h"
#include "qpair_bench.h"
#include "tap.h"

/* Sends two commands and answers with an identifier that is not outstanding. */
static void answer_wrongly(uint16_t cid, bool good_one_first)
{
	struct bench b;
	struct nvio_completion done[8];
	uint16_t first, second;

	setup(&b, 4);
	nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1);
	nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 2);
	nvio_submit(&b.qpair);
	first = fetch(&b)->cid;
	second = fetch(&b)->cid;
	if (good_one_first) {
		complete(&b, first, 0, 0);
		complete(&b, first, 0, 0);
		CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 1);
		CU_ASSERT_EQUAL(done[0].user_data, 1);
	} else {
		complete(&b, cid, 0, 0);
	}
	memset(done, 0x55, sizeof(done));
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), -EIO);
	CU_ASSERT_EQUAL(done[0].user_data, 0x5555555555555555ull);
	/* It takes the lie back. */
	b.posted--;
	complete(&b, second, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), -EIO);
	CU_ASSERT_EQUAL(done[0].user_data, 0x5555555555555555ull);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 3), -EIO);
	CU_ASSERT_TRUE(b.cq_doorbell <= (good_one_first ? 1 : 0));
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), good_one_first ? 1 : 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "failed"));
	teardown(&b);
}

static void fails_on_a_lie(void)
{
	answer_wrongly(2, false); /* free */
	answer_wrongly(4, false); /* just beyond */
	answer_wrongly(0xffff, false); /* far beyond */
	answer_wrongly(0, true); /* twice */
}

static void knows_what_memory_it_uses(void)
{
	struct bench b;
	struct nvio_completion done[2];
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	setup(&b, 4);
	nvio_qpair_watch_memory(&b.qpair);
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p, 4096, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p + 4096, 4096, NVIO_DMA_RW), 0);
	nvio_read(&b.qpair, &b.ns, p, 0, 1, 0, 1);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 4096), -EBUSY);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p + 4096, 4096), 0);
	nvio_submit(&b.qpair);
	complete(&b, fetch(&b)->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 4096), -EBUSY);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 2), 1);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 4096), 0);
	nvio_mem_user_remove(nvio_memory_of(b.iommu), &b.qpair.user);
	teardown(&b);
	munmap(p, 8192);
}

/* Unregistering against the I/O path: whatever was queued had its memory registered at that moment.
 */
struct race {
	struct bench b;
	char *page;
	bool stop;
	int unregistered;
};

static void *unregister_for_ever(void *arg)
{
	struct race *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		if (nvio_mem_unregister(r->b.iommu, r->page, 4096))
			continue;
		__atomic_fetch_add(&r->unregistered, 1, __ATOMIC_RELAXED);
		nvio_mem_register(r->b.iommu, r->page, 4096, NVIO_DMA_RW);
	}
	return NULL;
}

static void unregister_races_with_io(void)
{
	static struct race r;
	struct nvio_completion done[2];
	pthread_t thread;
	uint64_t iova;
	int queued = 0, wrong = 0;

	setup(&r.b, 1);
	nvio_qpair_watch_memory(&r.b.qpair);
	r.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_EQUAL(nvio_mem_register(r.b.iommu, r.page, 4096, NVIO_DMA_RW), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, unregister_for_ever, &r), 0);
	for (int i = 0;
	     i < 200000 || (!__atomic_load_n(&r.unregistered, __ATOMIC_RELAXED) && i < 20000000);
	     i++) {
		if (nvio_read(&r.b.qpair, &r.b.ns, r.page, 0, 1, 0, 1))
			continue;
		queued++;
		/* Outstanding: it stays registered, or is about to be put back. */
		while (nvio_mem_iova(r.b.iommu, r.page, 1, NVIO_DMA_RW, &iova) != 1)
			wrong++;
		wrong += r.b.qpair.sq[0].prp1 != iova && r.b.qpair.sq[1].prp1 != iova;
		nvio_submit(&r.b.qpair);
		complete(&r.b, fetch(&r.b)->cid, 0, 0);
		nvio_poll(&r.b.qpair, done, 2);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(queued > 0);
	CU_ASSERT_TRUE(r.unregistered > 0);
	nvio_mem_user_remove(nvio_memory_of(r.b.iommu), &r.b.qpair.user);
	teardown(&r.b);
	munmap(r.page, 4096);
}

static void completes_what_a_gone_device_left(void)
{
	struct bench b;
	struct nvio_completion done[8];
	uint64_t sum = 0;

	setup(&b, 4);
	for (uint64_t i = 1; i <= 4; i++)
		nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, i);
	nvio_submit(&b.qpair);
	complete(&b, fetch(&b)->cid, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), 1);
	sum += done[0].user_data;
	nvio_qpair_gone(&b.qpair);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 3);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 2), 2);
	CU_ASSERT_EQUAL(done[0].status, 0x371);
	sum += done[0].user_data + done[1].user_data;
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 1);
	CU_ASSERT_EQUAL(nvio_wait(&b.qpair, done, 1, 8, 1000000), 1);
	sum += done[0].user_data;
	CU_ASSERT_EQUAL(sum, 1 + 2 + 3 + 4);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 8), -ENODEV);
	CU_ASSERT_EQUAL(nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 5), -ENODEV);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	teardown(&b);
}

/* An answer that comes twice is not the answer to the command that came after. */
static void an_old_answer_is_no_new_one(void)
{
	struct bench b;
	struct nvio_completion done[2];
	uint16_t old;

	setup(&b, 4);
	nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, 1);
	nvio_submit(&b.qpair);
	old = fetch(&b)->cid;
	complete(&b, old, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 2), 1);
	nvio_read(&b.qpair, &b.ns, b.buf, 8, 1, 0, 2);
	nvio_submit(&b.qpair);
	CU_ASSERT_NOT_EQUAL(fetch(&b)->cid, old);
	complete(&b, old, 0, 0);
	done[0].user_data = 77;
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 2), -EIO);
	CU_ASSERT_EQUAL(done[0].user_data, 77);
	teardown(&b);
}

/* Identifiers go round many times, and none is 0xffff. */
static void identifiers_go_round(void)
{
	struct bench b;
	struct nvio_completion done[8];
	int wrong = 0;

	setup(&b, 7);
	for (int i = 0; i < 100000; i++) {
		uint16_t cid;

		wrong += nvio_read(&b.qpair, &b.ns, b.buf, 0, 1, 0, (uint64_t)i) != 0;
		nvio_submit(&b.qpair);
		cid = fetch(&b)->cid;
		wrong += cid == 0xffff || cid % 8 == 7;
		complete(&b, cid, 0, 0);
		wrong += nvio_poll(&b.qpair, done, 8) != 1 || done[0].user_data != (uint64_t)i;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	teardown(&b);
}

/* What was refused is not outstanding: its identifiers are free. */
static void a_refused_pair_leaves_nothing(void)
{
	struct bench b;
	struct nvio_completion done[2];
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	setup(&b, 4);
	nvio_qpair_watch_memory(&b.qpair);
	b.ctrl.fuses = NVIO_FUSES_COMPARE_WRITE;
	b.ctrl.oncs = NVIO_ONCS_COMPARE;
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p, 4096, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, p, p + 4096, 0, 1, 0, 1), -EFAULT);
	CU_ASSERT_EQUAL(nvio_compare_and_write(&b.qpair, &b.ns, b.buf, b.buf, 0, 257, 0, 1),
			-EINVAL);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 4096), 0);
	complete(&b, 0, 0, 0);
	CU_ASSERT_EQUAL(nvio_poll(&b.qpair, done, 2), -EIO);
	nvio_mem_user_remove(nvio_memory_of(b.iommu), &b.qpair.user);
	teardown(&b);
	munmap(p, 4096);
}

/* How long after its completion an interrupt comes. */
#define BEHIND_US 60000

struct late {
	struct bench b;
	int eventfd;
	uint16_t cid;
	unsigned int nr_told;
};

static void count_told(void *arg, enum nvio_log_level level, const char *line)
{
	if (level == NVIO_LOG_WARN && strstr(line, "without an interrupt"))
		++*(unsigned int *)arg;
}

/*
 * The controller: answers who sleeps by now, and signals after the answer was seen. The sanitizer
 * of threads takes it for a thread of the program.
 */
__attribute__((no_sanitize("thread"))) static void *answer_late(void *arg)
{
	struct late *l = arg;
	struct nvio_cqe *cqe = &l->b.qpair.cq[0];

	usleep(100000);
	cqe->cid = l->cid;
	__atomic_store_n(&cqe->status, l->b.phase, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&l->b.cq_doorbell, __ATOMIC_ACQUIRE))
		usleep(1000);
	usleep(BEHIND_US);
	CU_ASSERT_EQUAL(eventfd_write(l->eventfd, 1), 0);
	return NULL;
}

/* On a machine that stood still a completion may be seen long before its interrupt. */
static void tells_late_interrupts_from_lost_ones(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct nvio_completion done;
	pthread_t thread;
	static struct late l;

	setup(&l.b, 4);
	l.b.ctrl.irq = NVIO_IRQ_MSIX;
	l.eventfd = eventfd(0, EFD_CLOEXEC);
	l.b.qpair.fd = epoll_create1(EPOLL_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(epoll_ctl(l.b.qpair.fd, EPOLL_CTL_ADD, l.eventfd, &event), 0);
	nvio_log_set(count_told, &l.nr_told, NVIO_LOG_WARN);
	nvio_read(&l.b.qpair, &l.b.ns, l.b.buf, 0, 1, 0, 7);
	nvio_submit(&l.b.qpair);
	l.cid = fetch(&l.b)->cid;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, answer_late, &l), 0);
	CU_ASSERT_EQUAL(nvio_wait(&l.b.qpair, &done, 1, 1, -1), 1);
	CU_ASSERT_EQUAL(done.user_data, 7);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(l.nr_told, 0);
	nvio_log_set(NULL, NULL, NVIO_LOG_ERROR);
	close(l.eventfd);
	teardown(&l.b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "fails on a lie", fails_on_a_lie },
		{ "knows what memory it uses", knows_what_memory_it_uses },
		{ "unregistering races with I/O", unregister_races_with_io },
		{ "completes what a gone device left", completes_what_a_gone_device_left },
		{ "an old answer is no new one", an_old_answer_is_no_new_one },
		{ "identifiers go round", identifiers_go_round },
		{ "a refused pair leaves nothing", a_refused_pair_leaves_nothing },
		{ "tells late interrupts from lost ones", tells_late_interrupts_from_lost_ones },
	};

	return tap_run("qpair_faults", tests, sizeof(tests) / sizeof(tests[0]));
}
