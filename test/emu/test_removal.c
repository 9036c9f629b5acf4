/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that is pulled out, or whose server dies: everything outstanding ends once and with an
 * error, calls say that it is gone, and closing takes no time. Put back, it can be used again.
 */
#include <stdio.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "stack.h"

#define ADMIN_IDENTIFY 0x06

/* All commands first to last come out with an error, each once, and then it is said why. */
static void expect_gone(struct stack *s, unsigned int first, unsigned int last)
{
	struct nvio_sqe id = { .opcode = ADMIN_IDENTIFY, .cdw10 = 1 };
	struct nvio_completion done[STACK_BUFS];
	int nr = (int)(last - first + 1);
	uint64_t start = now_ns();
	bool seen[STACK_BUFS] = { false };
	uint8_t data[4096];

	CU_ASSERT_EQUAL_FATAL(nvio_wait(s->qpair, done, nr, STACK_BUFS, 60 * SECOND), nr);
	CU_ASSERT(now_ns() - start < 5 * SECOND);
	for (int i = 0; i < nr; i++) {
		uint64_t block = done[i].user_data;

		CU_ASSERT_FATAL(block >= first && block <= last && !seen[block]);
		seen[block] = true;
		CU_ASSERT_NOT_EQUAL(done[i].status, 0);
	}
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s->qpair), 0);
	CU_ASSERT_EQUAL(nvio_poll(s->qpair, done, 1), -ENODEV);
	CU_ASSERT_EQUAL(nvio_read(s->qpair, s->ns, stack_buf(s, 0), 0, 1, 0, 0), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "gone"));
	CU_ASSERT_EQUAL(nvio_admin(s->ctrl, &id, data, sizeof(data), NULL), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "gone"));
	CU_ASSERT_EQUAL(nvio_device_bus_master(nvio_ctrl_device(s->ctrl), false), -ENODEV);
	stack_close_within(s, 3 * SECOND);
}

static void gone_from_the_start(void)
{
	struct nvio_ctrl_opts opts = stack_opts();

	CU_ASSERT_EQUAL(stack_try("fault=gone", &opts), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(),
				      "is gone: its configuration space reads as "
				      "all ones"));
}

/* Each of the commands of bring-up is the last one. */
static void gone_during_bring_up(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	char fault[64];
	int nr;

	for (nr = 0; nr < 8; nr++) {
		uint64_t start = now_ns();
		int err;

		snprintf(fault, sizeof(fault), "fault=gone+of=0+skip=%d", nr);
		err = stack_try(fault, &opts);
		CU_ASSERT(now_ns() - start < SECOND);
		if (!err)
			break;
		CU_ASSERT_EQUAL(err, -ENODEV);
		CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "is gone: its registers read as "
								 "all ones"));
	}
	/* Identify, Set Features and the list of namespaces at least. */
	CU_ASSERT(nr >= 3 && nr < 8);
}

static void gone_in_the_middle(void)
{
	struct stack s;

	stack_open(&s, "fault=gone+opcode=2+skip=4", NULL);
	stack_write_all(&s);
	stack_read(&s, 0, 11);
	stack_expect(&s, 0, 3, 4);
	expect_gone(&s, 4, 11);
}

static void gone_while_it_sleeps(void)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	struct stack s;

	opts.interrupts = true;
	stack_open(&s, "fault=gone+opcode=2+skip=4", &opts);
	stack_write_all(&s);
	stack_read(&s, 0, 11);
	stack_expect(&s, 0, 3, 4);
	expect_gone(&s, 4, 11);
}

static void put_back(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	stack_open(&s, d.name, NULL);
	stack_write_all(&s);
	daemon_do(&d, "stall");
	stack_read(&s, 0, 7);
	daemon_do(&d, "gone");
	daemon_do(&d, "clear");
	expect_gone(&s, 0, 7);
	CU_ASSERT_EQUAL(stack_try(d.name, &opts), -ENODEV);
	daemon_do(&d, "back");
	stack_open(&s, d.name, NULL);
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 7, 8);
	stack_close_within(&s, 2 * SECOND);
	daemon_stop(&d);
}

/* The client that had it finds its controller disabled, and brings it up again. */
static void put_back_under_its_user(void)
{
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	stack_open(&s, d.name, NULL);
	stack_write_all(&s);
	daemon_do(&d, "gone");
	daemon_do(&d, "back");
	CU_ASSERT_EQUAL(stack_read_one(&s, 1), 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(&s, 1), 1), 0);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 0);
	stack_close_within(&s, 2 * SECOND);
	stack_open(&s, d.name, NULL);
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 7, 8);
	stack_close_within(&s, 2 * SECOND);
	daemon_stop(&d);
}

/* Its registers read as all ones, and yet it is there: somebody has reset it. */
static void stop_decoding(struct stack *s)
{
	const uint16_t command = PCI_COMMAND_MASTER;

	CU_ASSERT_EQUAL_FATAL(nvio_device_region_write(nvio_ctrl_device(s->ctrl),
						       NVIO_REGION_CONFIG, PCI_COMMAND, &command,
						       sizeof(command)),
			      0);
}

static uint64_t resets(struct stack *s)
{
	struct nvio_ctrl_stats stats;

	nvio_ctrl_get_stats(s->ctrl, &stats, sizeof(stats));
	CU_ASSERT_FALSE(stats.given_up);
	return stats.controller_resets + stats.subsystem_resets + stats.device_resets;
}

static void only_its_registers_are_gone(void)
{
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	stack_open(&s, d.name, NULL);
	stack_write_all(&s);
	daemon_do(&d, "drop opcode=2 count=8");
	stack_read(&s, 0, 7);
	stop_decoding(&s);
	stack_expect(&s, 0, 7, 8);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(s.qpair), 0);
	CU_ASSERT_EQUAL(resets(&s), 1);
	stack_close_within(&s, 2 * SECOND);
	daemon_stop(&d);
}

/* Whom the admin queue's silence tells of it, while the others have nothing to do. */
static void only_its_registers_are_gone_while_idle(void)
{
	struct nvio_sqe id = { .opcode = ADMIN_IDENTIFY, .cdw10 = 1 };
	uint8_t data[4096];
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	stack_open(&s, d.name, NULL);
	stack_write_all(&s);
	daemon_do(&d, "drop of=0 opcode=6 count=1");
	stop_decoding(&s);
	CU_ASSERT_EQUAL(nvio_admin(s.ctrl, &id, data, sizeof(data), NULL), -EIO);
	CU_ASSERT_EQUAL(nvio_admin(s.ctrl, &id, data, sizeof(data), NULL), 0);
	stack_read(&s, 0, 7);
	stack_expect(&s, 0, 7, 8);
	CU_ASSERT_EQUAL(resets(&s), 1);
	stack_close_within(&s, 2 * SECOND);
	daemon_stop(&d);
}

/* A read by its interrupt alone. */
static void signals_come(struct stack *s, unsigned int block)
{
	struct nvio_completion done = { .status = 0xffff };

	nvio_qpair_arm(s->qpair);
	CU_ASSERT_EQUAL(nvio_read(s->qpair, s->ns, stack_buf(s, block), block, 1, 0, block), 0);
	CU_ASSERT_EQUAL(nvio_submit(s->qpair), 1);
	CU_ASSERT_TRUE(stack_is_readable(s->qpair, 10000));
	CU_ASSERT_EQUAL(nvio_poll(s->qpair, &done, 1), 1);
	CU_ASSERT_EQUAL(done.user_data, block);
	CU_ASSERT_EQUAL(done.status, 0);
	CU_ASSERT_EQUAL(stack_differs(stack_buf(s, block), block), 0);
}

/* Resets behind the back of the driver and by it, all of which take MSI-X and the Command register
 * along. */
static void signals_come_again(void)
{
	static const struct {
		const char *first, *then;
		uint64_t subsystem_resets;
	} losses[] = { { "gone", "back", 0 }, { "no-ready count=1", "cfs", 1 } };

	for (unsigned int i = 0; i < 4; i++) {
		struct nvio_qpair_opts qpair_opts = stack_by_interrupt();
		struct nvio_ctrl_opts opts = stack_opts();
		struct nvio_ctrl_stats stats;
		struct daemon d;
		struct stack s;

		opts.interrupts = i / 2 ? NVIO_INTERRUPTS_INTX : NVIO_INTERRUPTS_MSIX;
		opts.ready_timeout_ms = 500;
		daemon_start(&d, NULL);
		stack_open_with(&s, d.name, &opts, &qpair_opts);
		stack_write_all(&s);
		signals_come(&s, 1);
		daemon_do(&d, losses[i % 2].first);
		daemon_do(&d, losses[i % 2].then);
		CU_ASSERT_EQUAL(stack_read_one(&s, 2), 0);
		nvio_ctrl_get_stats(s.ctrl, &stats, sizeof(stats));
		CU_ASSERT_EQUAL(stats.recoveries, 1);
		CU_ASSERT_EQUAL(stats.subsystem_resets, losses[i % 2].subsystem_resets);
		CU_ASSERT_EQUAL(stats.device_resets, 0);
		for (unsigned int block = 3; block < 6; block++)
			signals_come(&s, block);
		stack_close(&s);
		daemon_stop(&d);
	}
}

static void server_dies(void)
{
	struct daemon d;
	struct stack s;

	daemon_start(&d, "stall");
	stack_open(&s, d.name, NULL);
	stack_read(&s, 0, 7);
	daemon_kill(&d);
	expect_gone(&s, 0, 7);
}

/* Nobody has polled since: the first who asks it for anything hears of it. */
static void server_dies_while_idle(void)
{
	struct nvio_sqe id = { .opcode = ADMIN_IDENTIFY, .cdw10 = 1 };
	uint8_t data[4096];
	struct daemon d;
	struct stack s;

	daemon_start(&d, NULL);
	stack_open(&s, d.name, NULL);
	daemon_kill(&d);
	usleep(600000);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(nvio_admin(s.ctrl, &id, data, sizeof(data), NULL), -ENODEV);
		CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "gone"));
	}
	stack_close_within(&s, 3 * SECOND);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "gone from the start", gone_from_the_start },
		{ "gone during bring-up", gone_during_bring_up },
		{ "gone in the middle", gone_in_the_middle },
		{ "gone while it sleeps", gone_while_it_sleeps },
		{ "put back", put_back },
		{ "put back under its user", put_back_under_its_user },
		{ "only its registers are gone", only_its_registers_are_gone },
		{ "only its registers are gone, while idle",
		  only_its_registers_are_gone_while_idle },
		{ "signals come again", signals_come_again },
		{ "the server dies", server_dies },
		{ "the server dies while nobody looks", server_dies_while_idle },
	};

	return tap_run("removal", tests, sizeof(tests) / sizeof(tests[0]));
}
