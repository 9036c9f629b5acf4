/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Migration of the software controller: what one was, another one goes on with, in the same memory.
 *
 * The test is the driver: its queues are its own, so that heads, tails and phases are known and
 * stay as they are while the controller behind them changes.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <nvio/feature.h>

#include "raw.h"

#define THRESHOLD 0x155u
#define BAD       12u

static int set(struct nvio_device *device, enum nvio_migration_state wanted)
{
	enum nvio_migration_state state;
	int fd = 77, err = nvio_device_migration_set(device, wanted, &fd);

	if (err)
		printf("# state %d: %s\n", (int)wanted, nvio_last_error());
	CU_ASSERT_EQUAL_FATAL(err, 0);
	CU_ASSERT_EQUAL(nvio_device_migration_state(device, &state), 0);
	CU_ASSERT_EQUAL(state, wanted);
	return fd;
}

static void not_set(struct nvio_device *device, enum nvio_migration_state wanted, int err,
		    enum nvio_migration_state left)
{
	enum nvio_migration_state state;
	int fd = 77;

	CU_ASSERT_EQUAL(nvio_device_migration_set(device, wanted, &fd), -err);
	CU_ASSERT_EQUAL(fd, -1);
	CU_ASSERT_EQUAL(nvio_device_migration_state(device, &state), 0);
	CU_ASSERT_EQUAL(state, left);
}

/* All that comes out of a device, malloc()ed. */
static uint8_t *save(struct nvio_device *device, size_t *len)
{
	size_t room = 1u << 20;
	uint8_t *bytes = malloc(room);
	int fd = set(device, NVIO_MIGRATION_SAVING);
	ssize_t got;

	CU_ASSERT_FATAL(fd >= 0 && bytes);
	*len = 0;
	while ((got = read(fd, bytes + *len, room - *len)) > 0)
		*len += (size_t)got;
	CU_ASSERT(*len < room);
	close(fd);
	return bytes;
}

static void offer(struct nvio_device *device, const uint8_t *bytes, size_t len)
{
	int fd = set(device, NVIO_MIGRATION_RESUMING);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, bytes, len / 3), (ssize_t)(len / 3));
	CU_ASSERT_EQUAL(write(fd, bytes + len / 3, len - len / 3), (ssize_t)(len - len / 3));
	close(fd);
}

/* Ten blocks, which is more than a round of the queues; a feature; a block that cannot be read. */
static void make_history(struct raw *d)
{
	struct nvio_sqe threshold = { .opcode = 0x09, .cdw10 = 0x04, .cdw11 = THRESHOLD };

	for (unsigned int i = 0; i < 10; i++) {
		stack_fill(raw_buf(d, i), i);
		CU_ASSERT_EQUAL(raw_io(d, NVIO_OP_WRITE, i), 0);
	}
	raw_admin(d, threshold);
	CU_ASSERT_EQUAL(raw_io(d, NVIO_OP_WRITE_UNCORRECTABLE, BAD), 0);
	for (unsigned int i = 0; i < RAW_BUFS; i++)
		memset(raw_buf(d, i), 0, BLOCK);
}

static void same_registers(struct nvio_device *a, struct nvio_device *b)
{
	static const uint32_t at[] = { RAW_CC, RAW_CSTS, RAW_AQA };

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		CU_ASSERT_EQUAL(raw_get(a, at[i], 4), raw_get(b, at[i], 4));
	CU_ASSERT_EQUAL(raw_get(a, RAW_ASQ, 8), raw_get(b, RAW_ASQ, 8));
	CU_ASSERT_EQUAL(raw_get(a, RAW_ACQ, 8), raw_get(b, RAW_ACQ, 8));
	CU_ASSERT_EQUAL(raw_get(b, RAW_CSTS, 4), 1);
}

/* Three commands that the first one took, two that were not rung for. */
static void check_under_way(struct raw *d)
{
	for (unsigned int i = 0; i < 5; i++) {
		struct raw_cqe cqe;

		/* The first are there already; of the others one may be as fast as this. */
		if (i < 4)
			CU_ASSERT_EQUAL(raw_is_there(&d->io), i < 3);
		if (i == 3)
			raw_ring(d, &d->io);
		cqe = raw_reap(d, &d->io);
		CU_ASSERT_EQUAL(cqe.status >> 1, 0);
		CU_ASSERT_EQUAL(cqe.cid, 100 + i);
		CU_ASSERT_EQUAL(stack_differs(raw_buf(d, i), i), 0);
		if (i == 4)
			CU_ASSERT_EQUAL(cqe.sq_head, d->io.tail);
	}
	CU_ASSERT_FALSE(raw_is_there(&d->io));
}

static void move(const char *from, const char *to)
{
	struct nvio_sqe get_threshold = { .opcode = 0x0a, .cdw10 = 0x04 };
	struct pollfd told = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = POLLIN };
	struct nvio_device *other;
	struct raw d;
	uint64_t len;
	size_t moved;
	uint8_t *bytes;

	raw_open(&d, from);
	other = raw_open_device(&d, to);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(other, NVIO_IRQ_MSIX, 2), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_set(other, NVIO_IRQ_MSIX, 1, told.fd), 0);
	make_history(&d);
	for (unsigned int i = 0; i < 5; i++) {
		raw_add_io(&d, NVIO_OP_READ, i);
		if (i == 2)
			raw_ring(&d, &d.io);
	}
	/* Taken, though not answered yet: each of these has a round of all queues behind it. */
	raw_admin(&d, get_threshold);
	raw_admin(&d, get_threshold);
	CU_ASSERT_EQUAL(set(d.device, NVIO_MIGRATION_STOPPED), -1);
	CU_ASSERT_EQUAL(nvio_device_migration_len(d.device, &len), 0);
	bytes = save(d.device, &moved);
	CU_ASSERT(moved > 10 * BLOCK && moved < len);
	offer(other, bytes, moved);
	/* What does not run takes nothing. */
	raw_ring(&d, &d.io);
	CU_ASSERT_EQUAL(set(other, NVIO_MIGRATION_RUNNING), -1);
	same_registers(d.device, other);
	CU_ASSERT_EQUAL(poll(&told, 1, 20000), 1);
	nvio_device_close(d.device);
	d.device = other;
	check_under_way(&d);
	for (unsigned int i = 0; i < 10; i++)
		raw_check_read(&d, i);
	CU_ASSERT_EQUAL(raw_io(&d, NVIO_OP_READ, BAD), 0x281);
	CU_ASSERT_EQUAL(raw_admin(&d, get_threshold), THRESHOLD);
	stack_fill(raw_buf(&d, 11), 11);
	CU_ASSERT_EQUAL(raw_io(&d, NVIO_OP_WRITE, 11), 0);
	raw_check_read(&d, 11);
	/* No block is there that was not. */
	CU_ASSERT_EQUAL(raw_io(&d, NVIO_OP_READ, 14), 0);
	CU_ASSERT_EQUAL(stack_is_not(raw_buf(&d, 14), 0), 0);
	free(bytes);
	raw_close(&d, NULL);
	close(told.fd);
}

static void embedded(void)
{
	move("emu:lba=4096,size=16M,latency=200ms", "emu:lba=4096,size=16M");
}

static void from_process_to_process(void)
{
	struct daemon from, to;

	daemon_start(&from, NULL);
	daemon_start(&to, NULL);
	move(from.name, to.name);
	daemon_stop(&from);
	daemon_stop(&to);
}

/* From beginning to end, on one controller: it goes on as if nothing had been. */
static void only_stopped(void)
{
	struct raw d;
	int fd;

	raw_open(&d, "emu:lba=4096,size=16M");
	make_history(&d);
	CU_ASSERT_EQUAL(set(d.device, NVIO_MIGRATION_STOPPED), -1);
	raw_add_io(&d, NVIO_OP_READ, 3);
	raw_put(d.device, RAW_DOORBELLS + 8, d.io.tail, 4);
	CU_ASSERT_EQUAL(raw_get(d.device, RAW_DOORBELLS + 8, 4),
			(d.io.tail + RAW_QUEUE_LEN - 1) % RAW_QUEUE_LEN);
	CU_ASSERT_EQUAL(raw_get(d.device, RAW_CSTS, 4), 1);
	raw_put(d.device, RAW_CC, 0, 4);
	CU_ASSERT_EQUAL(raw_get(d.device, RAW_CC, 4) & 1, 1);
	fd = set(d.device, NVIO_MIGRATION_SAVING);
	CU_ASSERT(fd >= 0);
	close(fd);
	/* Once is enough. */
	CU_ASSERT_EQUAL(set(d.device, NVIO_MIGRATION_SAVING), -1);
	CU_ASSERT_FALSE(raw_is_there(&d.io));
	CU_ASSERT_EQUAL(set(d.device, NVIO_MIGRATION_RUNNING), -1);
	raw_ring(&d, &d.io);
	CU_ASSERT_EQUAL(raw_reap(&d, &d.io).cid, 103);
	raw_check_read(&d, 9);
	raw_close(&d, NULL);
}

static void wrong_ways(void)
{
	struct nvio_device *other;
	uint64_t flags = 0;
	struct raw d;
	uint8_t *bytes;
	size_t len;

	raw_open(&d, "emu:lba=4096,size=16M");
	CU_ASSERT_EQUAL(nvio_device_migration(d.device, &flags), 0);
	CU_ASSERT_EQUAL(flags, NVIO_MIGRATION_STOP_COPY);
	not_set(d.device, NVIO_MIGRATION_ERROR, EINVAL, NVIO_MIGRATION_RUNNING);
	not_set(d.device, NVIO_MIGRATION_PRE_COPYING, EINVAL, NVIO_MIGRATION_RUNNING);
	not_set(d.device, (enum nvio_migration_state)99, EINVAL, NVIO_MIGRATION_RUNNING);
	bytes = save(d.device, &len);
	/* Made of something else. */
	other = raw_open_device(&d, "emu:lba=4096,size=8M");
	offer(other, bytes, len);
	not_set(other, NVIO_MIGRATION_RUNNING, EINVAL, NVIO_MIGRATION_ERROR);
	CU_ASSERT_PTR_NOT_NULL(strstr(nvio_last_error(), "feature 2 (migration state)"));
	not_set(other, NVIO_MIGRATION_STOPPED, EIO, NVIO_MIGRATION_ERROR);
	CU_ASSERT_EQUAL(nvio_device_reset(other), 0);
	CU_ASSERT_EQUAL(set(other, NVIO_MIGRATION_STOPPED), -1);
	nvio_device_close(other);
	/* With memory that it would have to be lent again: not at all. */
	other = raw_open_device(&d, "emu:lba=4096,size=16M,hmb=2M");
	CU_ASSERT_EQUAL(nvio_device_migration(other, &flags), -ENOTSUP);
	nvio_device_close(other);
	free(bytes);
	raw_close(&d, NULL);
}

/* What does not add up is refused, wherever it is cut off or changed; and again after a reset. */
static void damaged(void)
{
	static const size_t cut[] = { 0, 1, 15, 16, 17, 5000, 70000 };
	struct nvio_device *other;
	struct raw d;
	uint8_t *bytes;
	size_t len;

	raw_open(&d, "emu:lba=4096,size=1M");
	make_history(&d);
	bytes = save(d.device, &len);
	other = raw_open_device(&d, "emu:lba=4096,size=1M");
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]) + 1; i++) {
		bool all_but_one = i == sizeof(cut) / sizeof(cut[0]);

		offer(other, bytes, all_but_one ? len - 1 : cut[i]);
		not_set(other, NVIO_MIGRATION_RUNNING, EINVAL, NVIO_MIGRATION_ERROR);
		CU_ASSERT_EQUAL(nvio_device_reset(other), 0);
	}
	for (size_t i = 0; i < len; i += len / 50) {
		bytes[i] ^= 0x10;
		offer(other, bytes, len);
		not_set(other, NVIO_MIGRATION_RUNNING, EINVAL, NVIO_MIGRATION_ERROR);
		bytes[i] ^= 0x10;
		CU_ASSERT_EQUAL(nvio_device_reset(other), 0);
	}
	/* A byte more is as bad; and the right ones are taken after all that. */
	bytes[len] = 0;
	offer(other, bytes, len + 1);
	not_set(other, NVIO_MIGRATION_STOPPED, EINVAL, NVIO_MIGRATION_ERROR);
	CU_ASSERT_EQUAL(nvio_device_reset(other), 0);
	CU_ASSERT_EQUAL(nvio_device_bus_master(other, true), 0);
	offer(other, bytes, len);
	CU_ASSERT_EQUAL(set(other, NVIO_MIGRATION_RUNNING), -1);
	nvio_device_close(d.device);
	d.device = other;
	raw_check_read(&d, 9);
	free(bytes);
	raw_close(&d, NULL);
}

/* The sum of the stream (FNV-1a), which is its last word. */
static void add_sum(uint8_t *bytes, size_t len)
{
	uint64_t sum = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len - sizeof(sum); i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3ull;
	memcpy(bytes + len - sizeof(sum), &sum, sizeof(sum));
}

/* Bytes that add up and make no sense: refused, or a controller that is in some state, which works
 * on whatever it was told, until it is reset. */
static void nonsense_that_adds_up(void)
{
	unsigned int refused = 0, taken = 0;
	struct nvio_device *other;
	uint32_t state_len;
	struct raw d;
	uint8_t *bytes;
	size_t len;

	raw_open(&d, "emu:lba=4096,size=256k,queues=4");
	CU_ASSERT_EQUAL(raw_io(&d, NVIO_OP_WRITE, 1), 0);
	bytes = save(d.device, &len);
	memcpy(&state_len, bytes + 12, sizeof(state_len));
	CU_ASSERT_FATAL(state_len < len);
	other = raw_open_device(&d, "emu:lba=4096,size=256k,queues=4");
	for (size_t i = 16; i < 16 + state_len; i += 3) {
		uint8_t was = bytes[i];
		int fd, err;

		bytes[i] = (uint8_t)(i % 2 ? 0xff : was ^ 0x41);
		add_sum(bytes, len);
		offer(other, bytes, len);
		err = nvio_device_migration_set(other, NVIO_MIGRATION_RUNNING, &fd);
		CU_ASSERT(err == 0 || err == -EINVAL);
		refused += err != 0;
		taken += !err;
		for (uint64_t id = 0; id < 5 && !err; id++)
			raw_put(other, RAW_DOORBELLS + 8 * id, i % RAW_QUEUE_LEN, 4);
		bytes[i] = was;
		CU_ASSERT_EQUAL(nvio_device_reset(other), 0);
	}
	CU_ASSERT(refused > 0 && taken > 0);
	add_sum(bytes, len);
	offer(other, bytes, len);
	CU_ASSERT_EQUAL(set(other, NVIO_MIGRATION_RUNNING), -1);
	free(bytes);
	raw_close(&d, other);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "from one to another", embedded },
		{ "from process to process", from_process_to_process },
		{ "only stopped", only_stopped },
		{ "wrong ways", wrong_ways },
		{ "damaged", damaged },
		{ "nonsense that adds up", nonsense_that_adds_up },
	};

	return tap_run("migration", tests, sizeof(tests) / sizeof(tests[0]));
}
