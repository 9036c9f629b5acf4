/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts of the software controller: SET_IRQS in all its forms, MSI-X masking and pending bits,
 * INTx as a level, and what resets and config writes do to them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "emu_client.h"
#include "tap.h"

#define BAR4   4
#define CONFIG 7

#define INTX 0
#define MSI  1
#define MSIX 2
#define ERR  3
#define REQ  4

/* SET_IRQS flags by name. */
#define NONE    0x01u
#define BOOL    0x02u
#define EVENTFD 0x04u
#define MASK    0x08u
#define UNMASK  0x10u
#define TRIGGER 0x20u

#define MSIX_CTRL      0x92
#define VECTOR_CTRL(v) ((uint64_t)(v)*16 + 12)

static struct client c;
static int fds[4];

static void raise_vector(unsigned int vector)
{
	c.server->bus.raise(&c.server->bus, vector);
}

static void lower(void)
{
	c.server->bus.lower(&c.server->bus);
}

static void setup(void)
{
	size_t i;

	client_open(&c);
	CU_ASSERT_EQUAL_FATAL(client_version(&c, 1, NULL), 0);
	for (i = 0; i < 4; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void teardown(void)
{
	size_t i;

	for (i = 0; i < 4; i++)
		close(fds[i]);
	client_close(&c);
}

static uint64_t pending_bits(void)
{
	uint8_t data[8] = { 0 };

	CU_ASSERT_EQUAL(client_read(&c, BAR4, 0x1000, data, sizeof(data)), 0);
	return get64(data);
}

static int set_bools(uint32_t action, uint32_t index, uint32_t count, const char *bools)
{
	uint8_t payload[28] = { 28 };

	put32(payload + 4, BOOL | action);
	put32(payload + 8, index);
	put32(payload + 16, count);
	memcpy(payload + 20, bools, 4);
	return client_request(&c, 8, payload, 24, NULL, 0);
}

static void irq_info(void)
{
	static const uint32_t expected[5][2] = {
		{ 7, 1 }, { 1, 0 }, { 3, 65 }, { 1, 1 }, { 1, 1 }
	};
	uint8_t payload[16] = { 16 };
	uint32_t i;

	setup();
	for (i = 0; i < 5; i++) {
		put32(payload + 8, i);
		CU_ASSERT_EQUAL(client_request(&c, 7, payload, 16, NULL, 0), 0);
		CU_ASSERT_EQUAL(c.reply_len, 32);
		CU_ASSERT_EQUAL(get32(c.reply + 16), 16);
		CU_ASSERT_EQUAL(get32(c.reply + 20), expected[i][0]);
		CU_ASSERT_EQUAL(get32(c.reply + 24), i);
		CU_ASSERT_EQUAL(get32(c.reply + 28),
				i == MSIX ? c.server->irqs.nr_vectors : expected[i][1]);
	}
	put32(payload + 8, 5);
	CU_ASSERT_EQUAL(client_request(&c, 7, payload, 16, NULL, 0), EINVAL);
	teardown();
}

static void msix_by_eventfds(void)
{
	setup();
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 2, fds, 2), 0);
	/* What the kernel's vfio-pci does as well: the function's MSI-X is on now. */
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x90) >> 30, 2);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 3, 1, &fds[2], 1), 0);
	raise_vector(0);
	raise_vector(1);
	raise_vector(1);
	raise_vector(3);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	CU_ASSERT_EQUAL(events_of(fds[1]), 2);
	CU_ASSERT_EQUAL(events_of(fds[2]), 1);
	/* One without an eventfd waits until it gets one; one that is not there is nothing. */
	raise_vector(2);
	raise_vector(100000);
	CU_ASSERT_EQUAL(pending_bits(), 4);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 2, 1, &fds[3], 1), 0);
	CU_ASSERT_EQUAL(events_of(fds[3]), 1);
	CU_ASSERT_EQUAL(pending_bits(), 0);
	/* Without descriptors: taken away. */
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 1, NULL, 0), 0);
	raise_vector(0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 0);
	teardown();
}

static void msix_disabled_as_a_whole(void)
{
	setup();
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 2, fds, 2), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, NONE | TRIGGER, MSIX, 0, 0, NULL, 0), 0);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x90) >> 30, 0);
	raise_vector(1);
	CU_ASSERT_EQUAL(events_of(fds[1]), 0);
	CU_ASSERT_EQUAL(pending_bits(), 0);
	CU_ASSERT_EQUAL(c.server->irqs.vectors[0].trigger, -1);
	teardown();
}

static void msix_vector_mask(void)
{
	setup();
	CU_ASSERT_EQUAL(client_read32(&c, BAR4, VECTOR_CTRL(1)), 1);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 2, fds, 2), 0);
	CU_ASSERT_EQUAL(client_read32(&c, BAR4, VECTOR_CTRL(1)), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | MASK, MSIX, 1, 1, &fds[2], 1), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | UNMASK, MSIX, 1, 1, &fds[3], 1), 0);
	client_write32(&c, BAR4, VECTOR_CTRL(1), UINT32_MAX);
	CU_ASSERT_EQUAL(client_read32(&c, BAR4, VECTOR_CTRL(1)), 1);
	CU_ASSERT_EQUAL(events_of(fds[2]), 1);
	raise_vector(1);
	raise_vector(1);
	CU_ASSERT_EQUAL(events_of(fds[1]), 0);
	CU_ASSERT_EQUAL(pending_bits(), 2);
	client_write32(&c, BAR4, 0x1000, 0);
	CU_ASSERT_EQUAL(pending_bits(), 2);
	client_write32(&c, BAR4, VECTOR_CTRL(1), 0);
	CU_ASSERT_EQUAL(events_of(fds[1]), 1);
	CU_ASSERT_EQUAL(events_of(fds[3]), 1);
	CU_ASSERT_EQUAL(pending_bits(), 0);
	/* By message it is the same mask. */
	CU_ASSERT_EQUAL(client_set_irqs(&c, NONE | MASK, MSIX, 0, 2, NULL, 0), 0);
	CU_ASSERT_EQUAL(client_read32(&c, BAR4, VECTOR_CTRL(0)), 1);
	raise_vector(0);
	raise_vector(1);
	CU_ASSERT_EQUAL(set_bools(UNMASK, MSIX, 2, "\0\1\0\0"), 0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 0);
	CU_ASSERT_EQUAL(events_of(fds[1]), 1);
	teardown();
}

static void msix_function_mask(void)
{
	setup();
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 2, fds, 2), 0);
	CU_ASSERT_EQUAL(client_write(&c, CONFIG, MSIX_CTRL, "\0\300", 2), 0);
	raise_vector(0);
	raise_vector(1);
	CU_ASSERT_EQUAL(pending_bits(), 3);
	CU_ASSERT_EQUAL(client_write(&c, CONFIG, MSIX_CTRL + 1, "\200", 1), 0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	CU_ASSERT_EQUAL(events_of(fds[1]), 1);
	CU_ASSERT_EQUAL(pending_bits(), 0);
	/* In D3hot nothing is sent, and what came up meanwhile is once back in D0. */
	client_write32(&c, CONFIG, 0x44, 3);
	raise_vector(1);
	CU_ASSERT_EQUAL(events_of(fds[1]), 0);
	client_write32(&c, CONFIG, 0x44, 0);
	CU_ASSERT_EQUAL(events_of(fds[1]), 1);
	teardown();
}

/* The client is told once, and again after it unmasked while the line is still up. */
static void intx_is_a_level(void)
{
	setup();
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, INTX, 0, 1, fds, 1), 0);
	raise_vector(0);
	raise_vector(0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	CU_ASSERT(client_read32(&c, CONFIG, 4) & 1u << 19);
	CU_ASSERT_EQUAL(client_set_irqs(&c, NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	lower();
	CU_ASSERT_FALSE(client_read32(&c, CONFIG, 4) & 1u << 19);
	CU_ASSERT_EQUAL(client_set_irqs(&c, NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 0);
	raise_vector(0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	teardown();
}

static void intx_disable(void)
{
	setup();
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, INTX, 0, 1, fds, 1), 0);
	client_write32(&c, CONFIG, 4, 1u << 10);
	raise_vector(0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 0);
	CU_ASSERT(client_read32(&c, CONFIG, 4) & 1u << 19);
	client_write32(&c, CONFIG, 4, 0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	lower();
	/* Masked by message; other vectors are nothing without MSI-X. */
	CU_ASSERT_EQUAL(set_bools(MASK, INTX, 1, "\1\0\0\0"), 0);
	raise_vector(0);
	raise_vector(1);
	CU_ASSERT_EQUAL(events_of(fds[0]), 0);
	CU_ASSERT_EQUAL(set_bools(UNMASK, INTX, 1, "\0\0\0\0"), 0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 0);
	CU_ASSERT_EQUAL(set_bools(UNMASK, INTX, 1, "\1\0\0\0"), 0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	teardown();
}

static void intx_unmasked_by_eventfd(void)
{
	const uint64_t one = 1;
	struct pollfd polls[EMU_IRQ_POLL_FDS];

	setup();
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, INTX, 0, 1, fds, 1), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | MASK, INTX, 0, 1, &fds[1], 1), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | UNMASK, INTX, 0, 1, &fds[2], 1), 0);
	CU_ASSERT_EQUAL(nvio_emu_irq_poll_fds(&c.server->irqs, polls), 2);
	raise_vector(0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	nvio_emu_irq_poll(&c.server->irqs);
	CU_ASSERT_EQUAL(events_of(fds[0]), 0);
	CU_ASSERT_EQUAL(write(fds[2], &one, sizeof(one)), 8);
	nvio_emu_irq_poll(&c.server->irqs);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	lower();
	CU_ASSERT_EQUAL(client_set_irqs(&c, NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	CU_ASSERT_EQUAL(write(fds[1], &one, sizeof(one)), 8);
	nvio_emu_irq_poll(&c.server->irqs);
	raise_vector(0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 0);
	teardown();
}

static void loopback(void)
{
	setup();
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 2, fds, 2), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, ERR, 0, 1, &fds[2], 1), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, REQ, 0, 1, &fds[3], 1), 0);
	CU_ASSERT_EQUAL(client_set_irqs(&c, NONE | TRIGGER, MSIX, 0, 2, NULL, 0), 0);
	CU_ASSERT_EQUAL(set_bools(TRIGGER, MSIX, 2, "\0\1\0\0"), 0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	CU_ASSERT_EQUAL(events_of(fds[1]), 2);
	CU_ASSERT_EQUAL(client_set_irqs(&c, NONE | TRIGGER, ERR, 0, 1, NULL, 0), 0);
	CU_ASSERT_EQUAL(set_bools(TRIGGER, REQ, 1, "\1\0\0\0"), 0);
	CU_ASSERT_EQUAL(events_of(fds[2]), 1);
	CU_ASSERT_EQUAL(events_of(fds[3]), 1);
	CU_ASSERT_EQUAL(client_set_irqs(&c, NONE | TRIGGER, MSI, 0, 0, NULL, 0), 0);
	teardown();
}

static void refused(void)
{
	static const uint32_t bad[][4] = {
		{ NONE, MSIX, 0, 1 },
		{ TRIGGER, MSIX, 0, 1 },
		{ NONE | BOOL | TRIGGER, MSIX, 0, 1 },
		{ NONE | MASK | TRIGGER, MSIX, 0, 1 },
		{ NONE | TRIGGER | 0x40, MSIX, 0, 1 },
		{ NONE | TRIGGER, 5, 0, 1 },
		{ NONE | TRIGGER, UINT32_MAX, 0, 1 },
		{ NONE | TRIGGER, MSIX, 0, 3000 },
		{ NONE | TRIGGER, MSIX, 64, 2 },
		{ NONE | TRIGGER, MSIX, UINT32_MAX, 1 },
		{ NONE | TRIGGER, MSIX, 1, UINT32_MAX },
		{ NONE | TRIGGER, MSIX, 1, 0 },
		{ NONE | TRIGGER, MSI, 0, 1 },
		{ NONE | MASK, ERR, 0, 1 },
		{ NONE | UNMASK, MSIX, 0, 0 },
		{ EVENTFD | TRIGGER, MSIX, 0, 0 },
		{ BOOL | TRIGGER, MSIX, 0, 1 },
		{ NONE | TRIGGER, INTX, 1, 1 },
	};
	int file = open("/dev/null", O_RDWR | O_CLOEXEC);
	int pair[2] = { file, fds[0] };
	size_t i;

	setup();
	pair[1] = fds[0];
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(
			client_set_irqs(&c, bad[i][0], bad[i][1], bad[i][2], bad[i][3], NULL, 0),
			EINVAL);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 2, fds, 1), EINVAL);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 1, fds, 2), EINVAL);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 1, &file, 1), EINVAL);
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 2, pair, 2), EINVAL);
	CU_ASSERT_EQUAL(client_set_irqs(&c, NONE | TRIGGER, MSIX, 0, 1, fds, 1), EINVAL);
	teardown();
	close(file);
}

/* A counter that is full would stop a server that writes without looking. */
static void full_eventfd(void)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC);

	setup();
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 1, &fd, 1), 0);
	CU_ASSERT_EQUAL(write(fd, &full, sizeof(full)), 8);
	raise_vector(0);
	CU_ASSERT(events_of(fd) >= full);
	close(fd);
	teardown();
}

static void resets(void)
{
	setup();
	CU_ASSERT_EQUAL(client_set_irqs(&c, EVENTFD | TRIGGER, MSIX, 0, 1, fds, 1), 0);
	client_write32(&c, BAR4, VECTOR_CTRL(0), 1);
	raise_vector(0);
	client_write32(&c, CONFIG, 4, 0x406);
	/* DEVICE_RESET: nothing is pending, configuration space and the table stay. */
	CU_ASSERT_EQUAL(client_request(&c, 13, NULL, 0, NULL, 0), 0);
	CU_ASSERT_EQUAL(pending_bits(), 0);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 4), 0x100406);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x90) >> 30, 2);
	client_write32(&c, BAR4, VECTOR_CTRL(0), 0);
	raise_vector(0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	/* Function-level reset: all registers begin again; the eventfd is there when MSI-X is. */
	CU_ASSERT_EQUAL(client_write(&c, CONFIG, 0x59, "\200", 1), 0);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 4), 0x100000);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x90) >> 30, 0);
	CU_ASSERT_EQUAL(client_write(&c, CONFIG, MSIX_CTRL + 1, "\200", 1), 0);
	raise_vector(0);
	CU_ASSERT_EQUAL(events_of(fds[0]), 1);
	/* The next client finds none of it. */
	client_reconnect(&c);
	CU_ASSERT_EQUAL(client_version(&c, 1, NULL), 0);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x90) >> 30, 0);
	CU_ASSERT_EQUAL(client_read32(&c, BAR4, VECTOR_CTRL(0)), 1);
	CU_ASSERT_EQUAL(c.server->irqs.vectors[0].trigger, -1);
	teardown();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "interrupt information", irq_info },
		{ "MSI-X by eventfds", msix_by_eventfds },
		{ "MSI-X disabled as a whole", msix_disabled_as_a_whole },
		{ "MSI-X vector mask and pending", msix_vector_mask },
		{ "MSI-X function mask and pending", msix_function_mask },
		{ "INTx is a level", intx_is_a_level },
		{ "INTx disable and mask", intx_disable },
		{ "INTx unmasked by eventfd", intx_unmasked_by_eventfd },
		{ "loopback triggers", loopback },
		{ "SET_IRQS refused", refused },
		{ "a full eventfd stops nobody", full_eventfd },
		{ "resets", resets },
	};

	return tap_run("emu_irq", tests, sizeof(tests) / sizeof(tests[0]));
}
