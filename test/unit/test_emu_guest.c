/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a virtual machine monitor's client and the driver of its guest send, in their order, as it
 * was seen with QEMU's vfio-user-pci and Linux: requests ahead of replies, memory that is mapped
 * anew under an enabled controller, posted register writes, INTx, function-level reset.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emu_client.h"
#include "nvme/wire.h"
#include "tap.h"

#define BAR0   0
#define CONFIG 7
#define INTX   0
#define MSIX   2

#define NO_REPLY 0x10u
#define RAM_LEN  0x200000u

/* Where the guest puts things; entries of its queues. */
enum { ASQ = 0x101000, ACQ = 0x102000, DATA = 0x103000, ENTRIES = 32 };

static struct client c;
static int ram_fd, irq_fd;
static uint8_t *ram;
static uint32_t tail, head;

static void setup(void)
{
	static const char caps[] =
		"{\"capabilities\": {\"pgsizes\": 4096, \"max_msg_fds\": 16, "
		"\"max_dma_maps\": 65535, \"max_data_xfer_size\": 1048576, "
		"\"migration\": {\"max_bitmap_size\": 268435456, \"pgsize\": 4096}, "
		"\"write_multiple\": true}}";

	client_open(&c);
	CU_ASSERT_EQUAL_FATAL(client_version(&c, 0, caps), 0);
	CU_ASSERT_EQUAL(get16(c.reply + 18), 0);
	CU_ASSERT(c.reply_len <= 16 + 4 + sizeof(caps));
	ram_fd = memfd_create("ram", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(ram_fd, RAM_LEN), 0);
	ram = mmap(NULL, RAM_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
	CU_ASSERT_FATAL(ram != MAP_FAILED);
	irq_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void teardown(void)
{
	munmap(ram, RAM_LEN);
	close(ram_fd);
	close(irq_fd);
	client_close(&c);
}

static void map_all(void)
{
	CU_ASSERT_EQUAL(client_map(&c, 0, RAM_LEN, ram_fd, 0, 3), 0);
}

/* A register or doorbell write that is not answered. */
static void post(uint64_t offset, uint32_t value)
{
	uint8_t message[16 + 16 + 4] = { 0 };

	put16(message, c.id++);
	put16(message + 2, 10);
	put32(message + 4, sizeof(message));
	put32(message + 8, NO_REPLY);
	put64(message + 16, offset);
	put32(message + 24, BAR0);
	put32(message + 28, 4);
	put32(message + 32, value);
	client_send(&c, message, sizeof(message), NULL, 0);
	client_step(&c);
}

static void enable(void)
{
	memset(ram + ACQ, 0, 4096);
	tail = head = 0;
	client_write32(&c, CONFIG, 4, 6);
	post(0x24, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	post(0x28, ASQ);
	post(0x2c, 0);
	post(0x30, ACQ);
	post(0x34, 0);
	post(0x14, 0x460001);
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0x1c), 1);
}

static void submit_identify(void)
{
	struct nvio_sqe sqe = { .opcode = 6, .cid = (uint16_t)tail, .prp1 = DATA, .cdw10 = 1 };

	memcpy(ram + ASQ + tail * sizeof(sqe), &sqe, sizeof(sqe));
	tail = (tail + 1) % ENTRIES;
	post(0x1000, tail);
	while (nvio_emu_ctrl_poll(c.server->ctrl))
		;
}

/* Whether the next completion is there; takes it without telling the controller. */
static bool reap(void)
{
	const uint32_t *cqe = (const uint32_t *)(ram + ACQ) + 4 * head;

	if (!(cqe[3] >> 16 & 1))
		return false;
	CU_ASSERT_EQUAL(cqe[3] >> 17, 0);
	head++;
	return true;
}

static void identify_works(void)
{
	memset(ram + DATA, 0, 4096);
	submit_identify();
	CU_ASSERT(reap());
	CU_ASSERT_EQUAL(memcmp(ram + DATA + 24, "nvio software controller", 24), 0);
	post(0x1004, head);
}

/* RAM and a read-only memory without a descriptor, both before the first reply. */
static void requests_ahead_of_replies(void)
{
	uint8_t message[2][48] = { 0 }, reply[64];

	setup();
	for (int i = 0; i < 2; i++) {
		put16(message[i], (uint16_t)(i + 1));
		put16(message[i] + 2, 2);
		put32(message[i] + 4, 48);
		put32(message[i] + 16, 32);
		put32(message[i] + 20, i ? 1 : 3);
		put64(message[i] + 32, i ? 0xffff0000 : 0);
		put64(message[i] + 40, i ? 0x10000 : RAM_LEN);
		client_send(&c, message[i], 48, &ram_fd, !i);
	}
	client_step(&c);
	CU_ASSERT_EQUAL_FATAL(recv(c.fd, reply, sizeof(reply), MSG_DONTWAIT), 32);
	for (uint16_t i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(get16(reply + 16 * i), i + 1);
		CU_ASSERT_EQUAL(get32(reply + 16 * i + 4), 16);
		CU_ASSERT_EQUAL(get32(reply + 16 * i + 8), 1);
	}
	enable();
	identify_works();
	teardown();
}

/* Firmware moves the windows of ROMs: all memory goes and comes back in pieces, several times. */
static void memory_anew_while_enabled(void)
{
	static const struct {
		uint64_t iova, len;
		bool ram;
	} pieces[] = { { 0, 0xc0000, true },       { 0xc0000, 0x20000, false },
		       { 0xe0000, 0x10000, true }, { 0xf0000, 0x10000, false },
		       { 0x100000, 0x2000, true }, { 0x102000, RAM_LEN - 0x102000, true } };
	const size_t nr = sizeof(pieces) / sizeof(pieces[0]);

	setup();
	map_all();
	enable();
	for (int round = 0; round < 3; round++) {
		CU_ASSERT_EQUAL(client_unmap(&c, 0, RAM_LEN, 0), 0);
		for (size_t i = 0; i < nr; i++)
			CU_ASSERT_EQUAL(client_map(&c, pieces[i].iova, pieces[i].len,
						   pieces[i].ram ? ram_fd : -1,
						   pieces[i].ram ? pieces[i].iova : 0,
						   pieces[i].ram ? 3 : 1),
					0);
		identify_works();
		for (size_t i = 0; i < nr; i++)
			CU_ASSERT_EQUAL(client_unmap(&c, pieces[i].iova, pieces[i].len, 0), 0);
		map_all();
		identify_works();
	}
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0x1c), 1);
	teardown();
}

static void unmask(void)
{
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x11, INTX, 0, 1, NULL, 0), 0);
}

/*
 * The guest rings the completion doorbell, and with the same access its monitor unmasks: the
 * controller has had no turn in between. What the guest has not seen interrupts it again.
 */
static void intx_unmasked_after_a_doorbell(void)
{
	setup();
	map_all();
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x24, INTX, 0, 1, &irq_fd, 1), 0);
	enable();
	submit_identify();
	CU_ASSERT_EQUAL(events_of(irq_fd), 1);
	CU_ASSERT(reap());
	post(0x1004, head);
	unmask();
	CU_ASSERT_EQUAL(events_of(irq_fd), 0);
	CU_ASSERT_FALSE(client_read32(&c, CONFIG, 4) & 1u << 19);
	submit_identify();
	submit_identify();
	CU_ASSERT_EQUAL(events_of(irq_fd), 1);
	CU_ASSERT(reap());
	post(0x1004, head);
	unmask();
	CU_ASSERT_EQUAL(events_of(irq_fd), 1);
	CU_ASSERT(reap());
	post(0x1004, head);
	unmask();
	CU_ASSERT_EQUAL(events_of(irq_fd), 0);
	teardown();
}

/* The guest has seen the completion before its monitor looked at the eventfd: it would find
 * nothing. */
static void intx_taken_back_by_a_doorbell(void)
{
	setup();
	map_all();
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x24, INTX, 0, 1, &irq_fd, 1), 0);
	enable();
	submit_identify();
	CU_ASSERT(reap());
	post(0x1004, head);
	CU_ASSERT_EQUAL(events_of(irq_fd), 0);
	CU_ASSERT_FALSE(client_read32(&c, CONFIG, 4) & 1u << 19);
	/* Taken back, it leaves no mask behind; looked at, it does. */
	submit_identify();
	CU_ASSERT_EQUAL(events_of(irq_fd), 1);
	CU_ASSERT(reap());
	post(0x1004, head);
	submit_identify();
	CU_ASSERT_EQUAL(events_of(irq_fd), 0);
	unmask();
	/* A mask of the client's own stays. */
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x09, INTX, 0, 1, NULL, 0), 0);
	CU_ASSERT(reap());
	post(0x1004, head);
	submit_identify();
	CU_ASSERT_EQUAL(events_of(irq_fd), 1);
	teardown();
}

/* As in the first one, when the guest's end of interrupt arrives through an eventfd. */
static void intx_unmasked_by_eventfd(void)
{
	const uint64_t one = 1;
	int unmask_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	setup();
	map_all();
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x24, INTX, 0, 1, &irq_fd, 1), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x14, INTX, 0, 1, &unmask_fd, 1), 0);
	enable();
	submit_identify();
	CU_ASSERT_EQUAL(events_of(irq_fd), 1);
	CU_ASSERT_EQUAL(write(unmask_fd, &one, sizeof(one)), 8);
	nvio_emu_server_poll_irqs(c.server);
	CU_ASSERT_EQUAL(events_of(irq_fd), 1);
	CU_ASSERT(reap());
	post(0x1004, head);
	CU_ASSERT_EQUAL(write(unmask_fd, &one, sizeof(one)), 8);
	nvio_emu_server_poll_irqs(c.server);
	CU_ASSERT_EQUAL(events_of(irq_fd), 0);
	close(unmask_fd);
	teardown();
}

/* Memory and eventfds outlive the guest's reset, and the guest sets up all else again. */
static void function_level_reset(void)
{
	setup();
	map_all();
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x24, MSIX, 0, 1, &irq_fd, 1), 0);
	enable();
	identify_works();
	CU_ASSERT_EQUAL(events_of(irq_fd), 1);
	for (int round = 0; round < 2; round++) {
		uint16_t control = 0xa810;

		CU_ASSERT_EQUAL(client_write(&c, CONFIG, 0x58, &control, 2), 0);
		CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x58) & 0x8000, 0);
		CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 4) & 0x407, 0);
		CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0x14), 0);
		CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0x1c), 0);
		CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0x1000), 0);
		control = 0x8000;
		CU_ASSERT_EQUAL(client_write(&c, CONFIG, 0x92, &control, 2), 0);
		enable();
		identify_works();
		CU_ASSERT_EQUAL(events_of(irq_fd), 1);
	}
	teardown();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "requests ahead of replies", requests_ahead_of_replies },
		{ "memory mapped anew while enabled", memory_anew_while_enabled },
		{ "INTx unmasked right after a doorbell", intx_unmasked_after_a_doorbell },
		{ "INTx taken back by a doorbell", intx_taken_back_by_a_doorbell },
		{ "INTx unmasked by eventfd after a doorbell", intx_unmasked_by_eventfd },
		{ "function-level reset", function_level_reset },
	};

	return tap_run("emu_guest", tests, sizeof(tests) / sizeof(tests[0]));
}
