/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Namespaces that go, come back, change their size or their format while somebody uses them.
 */
#include <nvme/types.h>
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>

#include "events.h"

#define ADMIN_ATTACH 0x15
#define ADMIN_FORMAT 0x80

#define TWO_NAMESPACES "ns,lba=4096,size=1M"

static uint32_t listed(const struct nvio_async_event *event, unsigned int idx)
{
	uint32_t nsid;

	memcpy(&nsid, event->log + idx * sizeof(nsid), sizeof(nsid));
	return le32toh(nsid);
}

/* Waits for the one command that is outstanding. Returns its status. */
static int finish(struct stack *s)
{
	struct nvio_completion done;
	int ret = nvio_wait(s->qpair, &done, 1, 1, 2 * SECOND);

	return ret == 1 ? done.status : -1;
}

/* A block into the first buffer. */
static int read_from(struct stack *s, struct nvio_ns *ns, uint64_t block)
{
	int err = nvio_read(s->qpair, ns, stack_buf(s, 0), block, 1, 0, 0);

	return err ? err : finish(s);
}

struct told {
	pthread_mutex_t lock;
	pthread_cond_t news;
	int nr;
	uint32_t nsid; /* that is not active any more */
	struct nvio_async_event event;
};

/* Calls back into the library, as it may. */
static void tell(void *arg, struct nvio_ctrl *ctrl, const struct nvio_async_event *event)
{
	struct told *told = arg;
	uint32_t nsid = nvio_ctrl_next_nsid(ctrl, 1);

	pthread_mutex_lock(&told->lock);
	told->nr++;
	told->nsid = nsid;
	told->event = *event;
	pthread_cond_signal(&told->news);
	pthread_mutex_unlock(&told->lock);
}

/* Waits up to five seconds. */
static void expect_told(struct told *told, int nr)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	pthread_mutex_lock(&told->lock);
	while (told->nr < nr && !pthread_cond_timedwait(&told->news, &told->lock, &until))
		;
	pthread_mutex_unlock(&told->lock);
	CU_ASSERT_EQUAL(told->nr, nr);
}

static void attach(struct stack *s, uint32_t nsid, bool on)
{
	struct nvio_sqe sqe = { .opcode = ADMIN_ATTACH, .nsid = nsid, .cdw10 = !on };
	struct nvme_id_ctrl *id = calloc(1, sizeof(*id));
	uint16_t list[2048] = { htole16(1) };
	struct nvio_sqe identify = { .opcode = 6, .cdw10 = 1 };

	CU_ASSERT_EQUAL(nvio_admin(s->ctrl, &identify, id, sizeof(*id), NULL), 0);
	list[1] = id->cntlid;
	free(id);
	CU_ASSERT_EQUAL(nvio_admin(s->ctrl, &sqe, list, sizeof(list), NULL), 0);
}

/* By a function, in a thread of the library's. A namespace is taken away and put back. */
static void by_function(void)
{
	struct told told = { .lock = PTHREAD_MUTEX_INITIALIZER,
			     .news = PTHREAD_COND_INITIALIZER,
			     .nsid = 77 };
	struct nvio_async_opts opts = events_often();
	struct nvio_async_event event;
	struct nvio_ctrl_info info;
	struct nvio_ns *second, *again;
	struct stack s;

	opts.fn = tell;
	opts.arg = &told;
	events_start(&s, TWO_NAMESPACES, &opts);
	CU_ASSERT_EQUAL(nvio_ctrl_async_next(s.ctrl, &event, sizeof(event)), -EINVAL);
	CU_ASSERT_EQUAL(nvio_ctrl_async_fd(s.ctrl), -EINVAL);
	second = nvio_ctrl_ns(s.ctrl, 2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(second);
	attach(&s, 2, false);
	expect_told(&told, 1);
	CU_ASSERT_EQUAL(told.nsid, 0);
	CU_ASSERT_EQUAL(told.event.type, NVIO_ASYNC_NOTICE);
	CU_ASSERT_EQUAL(listed(&told.event, 0), 2);
	CU_ASSERT_EQUAL(listed(&told.event, 1), 0);
	CU_ASSERT_PTR_NULL(nvio_ctrl_ns(s.ctrl, 2));
	CU_ASSERT_EQUAL(nvio_read(s.qpair, second, stack_buf(&s, 0), 0, 1, 0, 0), -ESTALE);
	CU_ASSERT_EQUAL(nvio_flush(s.qpair, second, 0), -ESTALE);
	CU_ASSERT_EQUAL(read_from(&s, s.ns, 3), 0);
	nvio_ctrl_get_info(s.ctrl, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.nr_namespaces, 1);
	attach(&s, 2, true);
	expect_told(&told, 2);
	CU_ASSERT_EQUAL(told.nsid, 2);
	again = nvio_ctrl_ns(s.ctrl, 2);
	CU_ASSERT(again && again != second);
	CU_ASSERT_EQUAL(read_from(&s, again, 255), 0);
	CU_ASSERT_EQUAL(stack_is_not(stack_buf(&s, 0), 0), 0);
	CU_ASSERT_EQUAL(nvio_read(s.qpair, second, stack_buf(&s, 0), 0, 1, 0, 0), -ESTALE);
	stack_close_within(&s, SECOND);
}

static uint64_t nr_blocks(const struct stack *s)
{
	struct nvio_ns_info info;

	nvio_ns_get_info(s->ns, &info, sizeof(info));
	return info.nr_blocks;
}

/* Half of it is gone, and comes back; the handle stays. Namespaces have 4,096 blocks here. */
static void resized(void)
{
	struct nvio_async_opts opts = events_often();
	struct nvio_async_event event;
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	events_start(&s, d.name, &opts);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(nr_blocks(&s), 4096);
	stack_fill(stack_buf(&s, 0), 3000);
	CU_ASSERT_EQUAL(nvio_write(s.qpair, s.ns, stack_buf(&s, 0), 3000, 1, 0, 0), 0);
	CU_ASSERT_EQUAL(finish(&s), 0);
	daemon_do(&d, "identify cns=0 byte=1 value=8 count=0");
	daemon_do(&d, "aen type=2 info=0 log=4");
	events_expect(&s, 2, 0, 4, &event);
	CU_ASSERT_EQUAL(nr_blocks(&s), 2048);
	CU_ASSERT_PTR_EQUAL(nvio_ctrl_ns(s.ctrl, 1), s.ns);
	CU_ASSERT_EQUAL(nvio_read(s.qpair, s.ns, stack_buf(&s, 0), 2048, 1, 0, 0), -EINVAL);
	CU_ASSERT_EQUAL(stack_read_one(&s, 5), 0);
	daemon_do(&d, "clear");
	daemon_do(&d, "aen type=2 info=0 log=4");
	events_expect(&s, 2, 0, 4, &event);
	CU_ASSERT_EQUAL(nr_blocks(&s), 4096);
	memset(stack_buf(&s, 0), 0xee, BLOCK);
	CU_ASSERT_EQUAL(read_from(&s, s.ns, 3000), 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 0), 3000), 0);
	stack_close_within(&s, SECOND);
	daemon_stop(&d);
}

/* What changed while the controller was reset has no event of its own. */
static void changed_in_a_reset(void)
{
	struct nvio_async_opts opts = events_often();
	struct nvio_async_event event;
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	events_start(&s, d.name, &opts);
	daemon_do(&d, "identify cns=0 byte=1 value=8 count=0");
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	events_expect(&s, 2, 0, 4, &event);
	CU_ASSERT_TRUE(event.synthetic);
	CU_ASSERT_EQUAL(listed(&event, 0), 1);
	CU_ASSERT_EQUAL(listed(&event, 1), 0);
	CU_ASSERT_EQUAL(nr_blocks(&s), 2048);
	stack_close_within(&s, SECOND);
	daemon_stop(&d);
}

/* One thread reads what the other resizes. */
static void resized_under_load(void)
{
	struct nvio_async_opts opts = events_often();
	struct nvio_async_event event;
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	events_start(&s, d.name, &opts);
	stack_write_all(&s);
	for (int i = 0; i < 10; i++) {
		uint64_t until = now_ns() + 20 * MS;

		if (i % 2)
			daemon_do(&d, "clear");
		else
			daemon_do(&d, "identify cns=0 byte=1 value=8 count=0");
		daemon_do(&d, "aen type=2 info=0 log=4");
		while (now_ns() < until)
			CU_ASSERT_EQUAL(stack_read_one(&s, 9), 0);
		events_expect(&s, 2, 0, 4, &event);
		CU_ASSERT_EQUAL(nr_blocks(&s), i % 2 ? 4096 : 2048);
	}
	stack_close_within(&s, SECOND);
	daemon_stop(&d);
}

/* Another format is another namespace: buffers of the old one are too small, or too large. */
static void formatted(void)
{
	struct nvio_sqe sqe = { .opcode = ADMIN_FORMAT, .nsid = 1 };
	struct nvio_ns_info info;
	struct nvio_ns *now;
	struct stack s;

	stack_open(&s, "", NULL);
	stack_write_all(&s);
	/* Nothing has changed. */
	CU_ASSERT_EQUAL(nvio_ctrl_rescan(s.ctrl), 0);
	CU_ASSERT_EQUAL(nvio_admin(s.ctrl, &sqe, NULL, 0, NULL), 0);
	CU_ASSERT_EQUAL(nvio_ctrl_rescan(s.ctrl), 1);
	CU_ASSERT_EQUAL(nvio_ctrl_rescan(s.ctrl), 0);
	CU_ASSERT_EQUAL(nvio_read(s.qpair, s.ns, stack_buf(&s, 0), 0, 1, 0, 0), -ESTALE);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "nvio_ctrl_ns()"));
	now = nvio_ctrl_ns(s.ctrl, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(now);
	nvio_ns_get_info(now, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.block_len, 512);
	CU_ASSERT_EQUAL(info.nr_blocks, 32768);
	CU_ASSERT_EQUAL(read_from(&s, now, 32767), 0);
	stack_close_within(&s, SECOND);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "one goes and comes, told by a function", by_function },
		{ "resized", resized },
		{ "resized under load", resized_under_load },
		{ "changed in a reset", changed_in_a_reset },
		{ "formatted", formatted },
	};

	return tap_run("namespaces", tests, sizeof(tests) / sizeof(tests[0]));
}
