/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power states, and controllers that rest when nobody uses them: what is used next works as if they
 * had not, whoever uses it, and runs once.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stack.h"

#define STATES     "states=4," /* two of them are operational */
#define IDLE_MS    20u
#define ADMIN_GET  0x0a
#define FEATURE_PM 0x02
#define OP_WRITE   0x01
#define NR_THREADS 2u
#define NR_ROUNDS  60u
#define THREAD_LEN 4u /* blocks of a thread */

static struct nvio_power_info power_of(struct nvio_ctrl *ctrl)
{
	struct nvio_power_info info = { 0 };

	CU_ASSERT_EQUAL(nvio_ctrl_get_power(ctrl, &info, sizeof(info)), 0);
	return info;
}

static struct nvio_idle_info idle_of(struct nvio_ctrl *ctrl)
{
	struct nvio_idle_info info = { 0 };

	nvio_ctrl_get_idle(ctrl, &info, sizeof(info));
	return info;
}

static int rest(struct nvio_ctrl *ctrl, uint32_t ms, enum nvio_idle_kind kind)
{
	struct nvio_idle_opts opts = NVIO_IDLE_OPTS;

	opts.idle_ms = ms;
	opts.kind = kind;
	return nvio_ctrl_idle(ctrl, &opts);
}

static void await_rest(struct nvio_ctrl *ctrl, uint64_t nr)
{
	uint64_t until = now_ns() + 10 * SECOND;

	while (idle_of(ctrl).nr_rests < nr && now_ns() < until)
		usleep(1000);
	CU_ASSERT(idle_of(ctrl).nr_rests >= nr);
}

static void what_there_is(void)
{
	struct nvio_power_info info;
	struct stack s;

	stack_open(&s, STATES, NULL);
	info = power_of(s.ctrl);
	CU_ASSERT_EQUAL(info.nr_states, 4);
	CU_ASSERT_EQUAL(info.state, 0);
	CU_ASSERT_TRUE(info.has_apst);
	CU_ASSERT_FALSE(info.apst);
	for (unsigned int i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(info.states[i].operational, i < 2);
		CU_ASSERT_EQUAL(info.states[i].max_uw / 1000, 5000u >> i);
		CU_ASSERT_EQUAL(info.states[i].exit_us, i ? 200u << i : 0);
	}
	stack_close(&s);
	stack_open(&s, "", NULL);
	info = power_of(s.ctrl);
	CU_ASSERT_EQUAL(info.nr_states, 1);
	CU_ASSERT_FALSE(info.has_apst);
	stack_close(&s);
}

static void states_are_set(void)
{
	struct stack s;

	stack_open(&s, STATES, NULL);
	CU_ASSERT_EQUAL(nvio_ctrl_set_power_state(s.ctrl, 4), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "power states 0 to 3"));
	CU_ASSERT_EQUAL(nvio_ctrl_set_power_state(s.ctrl, 1), 0);
	CU_ASSERT_EQUAL(power_of(s.ctrl).state, 1);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	CU_ASSERT_EQUAL(power_of(s.ctrl).state, 1);
	/* I/O takes it back from one that is not operational. */
	CU_ASSERT_EQUAL(nvio_ctrl_set_power_state(s.ctrl, 3), 0);
	CU_ASSERT_EQUAL(power_of(s.ctrl).state, 3);
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	CU_ASSERT_EQUAL(power_of(s.ctrl).state, 1);
	stack_close(&s);
}

/* The third state takes 1.2 ms, there and back, the fourth 2.4 ms: idle 60 and 120 ms. */
static void states_change_by_themselves(void)
{
	struct nvio_power_info info;
	uint64_t before;
	struct stack s;

	stack_open(&s, STATES, NULL);
	CU_ASSERT_EQUAL(nvio_ctrl_set_apst(s.ctrl, 100), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_ctrl_set_apst(s.ctrl, 2000), 0);
	CU_ASSERT_TRUE(power_of(s.ctrl).apst);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
		usleep(200000);
		CU_ASSERT_EQUAL(power_of(s.ctrl).state, 2);
		before = now_ns();
		CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
		info = power_of(s.ctrl);
		CU_ASSERT_TRUE(info.apst);
		/* Unless so much time has passed that it may have changed again. */
		CU_ASSERT(info.state == 0 || now_ns() - before > 50 * MS);
	}
	CU_ASSERT_EQUAL(nvio_ctrl_set_apst(s.ctrl, 100000), 0);
	usleep(200000);
	CU_ASSERT_EQUAL(power_of(s.ctrl).state, 3);
	CU_ASSERT_EQUAL(nvio_ctrl_set_apst(s.ctrl, 0), 0);
	CU_ASSERT_FALSE(power_of(s.ctrl).apst);
	stack_close(&s);
	stack_open(&s, "", NULL);
	CU_ASSERT_EQUAL(nvio_ctrl_set_apst(s.ctrl, 2000), -ENOTSUP);
	stack_close(&s);
}

static void a_state_for_idleness(void)
{
	struct stack s;

	stack_open(&s, STATES, NULL);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(rest(s.ctrl, IDLE_MS, NVIO_IDLE_DEVICE), -ENOTSUP);
	CU_ASSERT_EQUAL(rest(s.ctrl, IDLE_MS, NVIO_IDLE_AUTO), 0);
	CU_ASSERT_EQUAL(idle_of(s.ctrl).kind, NVIO_IDLE_STATE);
	CU_ASSERT_EQUAL(idle_of(s.ctrl).state, 3);
	for (uint64_t i = 1; i <= 3; i++) {
		await_rest(s.ctrl, i);
		CU_ASSERT_TRUE(idle_of(s.ctrl).rests);
		CU_ASSERT_EQUAL(power_of(s.ctrl).state, 3);
		stack_read(&s, 0, STACK_BUFS - 1);
		stack_expect(&s, 0, STACK_BUFS - 1, STACK_BUFS);
		CU_ASSERT_EQUAL(idle_of(s.ctrl).nr_rests, i);
	}
	CU_ASSERT_EQUAL(rest(s.ctrl, 0, NVIO_IDLE_AUTO), 0);
	usleep(3 * IDLE_MS * 1000);
	CU_ASSERT_EQUAL(power_of(s.ctrl).state, 0);
	stack_close(&s);
}

static void nothing_to_rest_in(void)
{
	struct nvio_idle_opts opts = NVIO_IDLE_OPTS;
	struct stack s;

	stack_open(&s, "", NULL);
	CU_ASSERT_EQUAL(rest(s.ctrl, IDLE_MS, NVIO_IDLE_AUTO), -ENOTSUP);
	CU_ASSERT_EQUAL(rest(s.ctrl, IDLE_MS, NVIO_IDLE_STATE), -ENOTSUP);
	opts.kind = 77;
	CU_ASSERT_EQUAL(nvio_ctrl_idle(s.ctrl, &opts), -EINVAL);
	stack_close(&s);
	stack_open_plain(&s, "", NULL);
	CU_ASSERT_EQUAL(rest(s.ctrl, IDLE_MS, NVIO_IDLE_SHUTDOWN), -ENOTSUP);
	stack_close(&s);
}

/* Shut down, with all that it was lent taken back, and as it was when somebody reads. */
static void the_first_command_wakes_it(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct nvio_ctrl_stats stats;
	struct daemon d;
	struct stack s;

	for (int interrupts = 0; interrupts < 2; interrupts++) {
		opts.interrupts = interrupts;
		daemon_start(&d, NULL);
		stack_open(&s, d.name, &opts);
		stack_write_all(&s);
		CU_ASSERT_EQUAL(rest(s.ctrl, IDLE_MS, NVIO_IDLE_SHUTDOWN), 0);
		for (uint64_t i = 1; i <= 3; i++) {
			await_rest(s.ctrl, i);
			CU_ASSERT_PTR_NOT_NULL(strstr(daemon_ask(&d, "status"), "shutdown"));
			CU_ASSERT_TRUE(idle_of(s.ctrl).rests);
			stack_read(&s, 0, STACK_BUFS - 1);
			stack_expect(&s, 0, STACK_BUFS - 1, STACK_BUFS);
			CU_ASSERT_EQUAL(idle_of(s.ctrl).nr_wakes, i);
		}
		nvio_ctrl_get_stats(s.ctrl, &stats, sizeof(stats));
		CU_ASSERT_EQUAL(stats.recoveries + stats.controller_resets, 0);
		stack_close_within(&s, 2 * SECOND);
		daemon_stop(&d);
	}
}

/* A namespace that nobody has asked for yet; one that is known wakes nobody. */
static void namespaces_wake_it(void)
{
	struct nvio_ns *ns;
	struct stack s;

	stack_open(&s, "ns,size=1M,lba=4096", NULL);
	CU_ASSERT_EQUAL(rest(s.ctrl, IDLE_MS, NVIO_IDLE_SHUTDOWN), 0);
	await_rest(s.ctrl, 1);
	CU_ASSERT_PTR_EQUAL(nvio_ctrl_ns(s.ctrl, 1), s.ns);
	CU_ASSERT_EQUAL(idle_of(s.ctrl).nr_wakes, 0);
	ns = nvio_ctrl_ns(s.ctrl, 2);
	CU_ASSERT_PTR_NOT_NULL(ns);
	CU_ASSERT_EQUAL(idle_of(s.ctrl).nr_wakes, 1);
	CU_ASSERT_PTR_NULL(nvio_ctrl_ns(s.ctrl, 3));
	stack_close(&s);
}

/* ...and so does any other call; it is closed asleep, too. */
static void others_wake_it(void)
{
	struct nvio_qpair *more;
	struct stack s;

	stack_open(&s, "hmb=1M", NULL);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(rest(s.ctrl, IDLE_MS, NVIO_IDLE_SHUTDOWN), 0);
	await_rest(s.ctrl, 1);
	CU_ASSERT_EQUAL(power_of(s.ctrl).state, 0);
	await_rest(s.ctrl, 2);
	CU_ASSERT_EQUAL(nvio_qpair_create(s.ctrl, NULL, &more), 0);
	await_rest(s.ctrl, 3);
	nvio_qpair_free(more);
	CU_ASSERT_EQUAL(idle_of(s.ctrl).nr_wakes, 3);
	CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
	await_rest(s.ctrl, 4);
	CU_ASSERT_EQUAL(nvio_ctrl_reset(s.ctrl), 0);
	await_rest(s.ctrl, 5);
	CU_ASSERT_EQUAL(stack_read_one(&s, 3), 0);
	await_rest(s.ctrl, 6);
	stack_close_within(&s, 2 * SECOND);
}

/* What must not run twice does not have to end with an error: it has not run. */
static void once_is_once(void)
{
	struct nvio_completion done;
	struct nvio_io io = NVIO_IO;
	struct iovec iov;
	struct stack s;

	stack_open(&s, "", NULL);
	stack_write_all(&s);
	CU_ASSERT_EQUAL(rest(s.ctrl, IDLE_MS, NVIO_IDLE_SHUTDOWN), 0);
	iov = (struct iovec){ stack_buf(&s, 5), BLOCK };
	io.opcode = NVIO_OP_WRITE;
	io.flags = NVIO_IO_ONCE;
	io.nr_blocks = 1;
	io.iov = &iov;
	io.nr_iov = 1;
	for (uint64_t i = 1; i <= 3; i++) {
		await_rest(s.ctrl, i);
		io.slba = i;
		stack_fill(stack_buf(&s, 5), i + 100);
		CU_ASSERT_EQUAL(nvio_io(s.qpair, s.ns, &io, i), 0);
		CU_ASSERT_EQUAL(nvio_wait(s.qpair, &done, 1, 1, 5 * SECOND), 1);
		CU_ASSERT_EQUAL(done.status, 0);
		CU_ASSERT_EQUAL(done.user_data, i);
		CU_ASSERT_EQUAL(nvio_read(s.qpair, s.ns, stack_buf(&s, 6), i, 1, 0, 9), 0);
		CU_ASSERT_EQUAL(nvio_wait(s.qpair, &done, 1, 1, 5 * SECOND), 1);
		CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 6), i + 100), 0);
	}
	stack_close(&s);
}

struct user {
	pthread_t thread;
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	struct nvio_qpair *qpair;
	uint8_t *buf;
	unsigned int idx;
	unsigned int nr_wrong;
};

static int io(struct user *u, bool write, uint64_t block)
{
	struct nvio_completion done = { 0 };
	struct iovec iov = { u->buf, BLOCK };
	struct nvio_io what = NVIO_IO;
	int n;

	what.opcode = write ? NVIO_OP_WRITE : NVIO_OP_READ;
	what.flags = NVIO_IO_ONCE;
	what.slba = block;
	what.nr_blocks = 1;
	what.iov = &iov;
	what.nr_iov = 1;
	if (nvio_io(u->qpair, u->ns, &what, block))
		return -1;
	n = nvio_wait(u->qpair, &done, 1, 1, 10 * SECOND);
	return n == 1 && !done.status && done.user_data == block ? 0 : -1;
}

/* Writes and reads, with pauses about as long as it takes to fall asleep. */
static void *use(void *arg)
{
	struct user *u = arg;
	uint64_t random = u->idx + 1;

	for (unsigned int i = 0; i < NR_ROUNDS; i++) {
		uint64_t block = u->idx * THREAD_LEN + i % THREAD_LEN;

		stack_fill(u->buf, block + i * 1000);
		u->nr_wrong += io(u, true, block) != 0;
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		usleep((useconds_t)((random >> 33) % (2 * 1000 * 5)));
		memset(u->buf, 0xee, BLOCK);
		u->nr_wrong += io(u, false, block) != 0;
		u->nr_wrong += stack_differs(u->buf, block + i * 1000) != 0;
	}
	return NULL;
}

static void falling_asleep_races_with_use(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct nvio_ctrl_opts ctrl_opts = stack_opts();
	struct user users[NR_THREADS];
	struct nvio_ctrl *ctrl;

	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open("emu:lba=4096,size=16M", &ctrl_opts, &ctrl), 0);
	CU_ASSERT_EQUAL(rest(ctrl, 2, NVIO_IDLE_SHUTDOWN), 0);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		users[i] = (struct user){ .ctrl = ctrl, .ns = nvio_ctrl_ns(ctrl, 1), .idx = i };
		opts.interrupts = i;
		users[i].buf = nvio_alloc(nvio_ctrl_iommu(ctrl), BLOCK, BLOCK);
		CU_ASSERT_EQUAL_FATAL(nvio_qpair_create(ctrl, &opts, &users[i].qpair), 0);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		CU_ASSERT_EQUAL(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		pthread_join(users[i].thread, NULL);
		CU_ASSERT_EQUAL(users[i].nr_wrong, 0);
	}
	printf("# %llu rests\n", (unsigned long long)idle_of(ctrl).nr_rests);
	CU_ASSERT(idle_of(ctrl).nr_rests > 5);
	nvio_ctrl_close(ctrl);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "what there is", what_there_is },
		{ "states are set", states_are_set },
		{ "states change by themselves", states_change_by_themselves },
		{ "a state for idleness", a_state_for_idleness },
		{ "nothing to rest in", nothing_to_rest_in },
		{ "the first command wakes it", the_first_command_wakes_it },
		{ "namespaces wake it", namespaces_wake_it },
		{ "others wake it", others_wake_it },
		{ "once is once", once_is_once },
		{ "falling asleep races with use", falling_asleep_races_with_use },
	};

	return tap_run("power", tests, sizeof(tests) / sizeof(tests[0]));
}
