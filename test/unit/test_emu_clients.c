/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What other people's vfio-user clients send, and in what form they need the answers: the NVMe
 * driver of SPDK, the client crate of cloud-hypervisor, the client in libvfio-user. Each takes an
 * answer with one read for the header and one for the rest, of a length that it fixed beforehand.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emu_client.h"
#include "nvme/wire.h"
#include "tap.h"

#define BAR0   0
#define CONFIG 7
#define MSIX   2

#define RAM_LEN 0x200000u
#define IOVA    0x200000000000ull /* a virtual address, as SPDK uses them */

enum { ASQ = 0x1000, ACQ = 0x2000, DATA = 0x3000, ENTRIES = 32 };

static struct client c;
static int ram_fd;
static uint8_t *ram;

static void setup(void)
{
	client_open(&c);
	ram_fd = memfd_create("ram", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(ram_fd, 2 * RAM_LEN), 0);
	ram = mmap(NULL, RAM_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, RAM_LEN);
	CU_ASSERT_FATAL(ram != MAP_FAILED);
}

static void teardown(void)
{
	munmap(ram, RAM_LEN);
	close(ram_fd);
	client_close(&c);
}

/* SPDK numbers no message. */
static int ask(uint16_t command, const void *payload, size_t len, int fd)
{
	c.id = 0;
	return client_request(&c, command, payload, len, &fd, fd >= 0);
}

static uint64_t read_register(uint64_t offset, uint32_t len)
{
	uint8_t data[8] = { 0 };

	c.id = 0;
	CU_ASSERT_EQUAL(client_read(&c, BAR0, offset, data, len), 0);
	return get64(data);
}

static void write_register(uint64_t offset, uint64_t value, uint32_t len)
{
	c.id = 0;
	CU_ASSERT_EQUAL(client_write(&c, BAR0, offset, &value, len), 0);
}

/* Room for 4 KiB less the structure, of which all is sent along. Returns the doorbells. */
static volatile uint32_t *spdk_regions(void)
{
	volatile uint32_t *doorbells = NULL;
	uint8_t payload[4064];

	for (uint32_t i = 0; i < 9; i++) {
		memset(payload, 0, sizeof(payload));
		put32(payload, sizeof(payload));
		put32(payload + 8, i);
		CU_ASSERT_EQUAL_FATAL(ask(5, payload, sizeof(payload), -1), 0);
		CU_ASSERT(c.reply_len <= 16 + 4096);
		if (i != BAR0)
			continue;
		/* One area, of at least a page, at the doorbells. */
		CU_ASSERT_EQUAL(get32(c.reply + 16 + 4) & 0xf, 0xf);
		CU_ASSERT_EQUAL(get32(c.reply + 16 + 12), 32);
		CU_ASSERT_EQUAL(get32(c.reply + 16 + 40), 1);
		CU_ASSERT_EQUAL(get64(c.reply + 16 + 48), 0x1000);
		CU_ASSERT(get64(c.reply + 16 + 56) >= 0x1000);
		CU_ASSERT_FATAL(c.reply_fd >= 0);
		doorbells = mmap(NULL, get64(c.reply + 16 + 56), PROT_READ | PROT_WRITE, MAP_SHARED,
				 c.reply_fd, (off_t)(get64(c.reply + 16 + 24) + 0x1000));
		CU_ASSERT_FATAL(doorbells != MAP_FAILED);
	}
	return doorbells;
}

static void spdk_map(bool map)
{
	uint8_t payload[32] = { 0 };

	put32(payload, map ? 32 : 24);
	if (map) {
		put32(payload + 4, 3);
		put64(payload + 8, RAM_LEN);
		put64(payload + 16, IOVA);
		put64(payload + 24, RAM_LEN);
	} else {
		put64(payload + 8, IOVA);
		put64(payload + 16, RAM_LEN);
	}
	/* The descriptor goes along in both directions. */
	CU_ASSERT_EQUAL(ask(map ? 2 : 3, payload, map ? 32 : 24, ram_fd), 0);
}

/* No JSON, no interrupts, memory space left off, registers 8 bytes wide, doorbells mapped. */
static void spdk(void)
{
	uint8_t version[4] = { 0, 0, 1, 0 }, info[16] = { 16 }, command[2];
	struct nvio_sqe sqe = { .opcode = 6, .prp1 = IOVA + DATA, .cdw10 = 1 };
	volatile uint32_t *doorbells;
	unsigned int fds;

	setup();
	fds = count_fds();
	CU_ASSERT_EQUAL(ask(1, version, sizeof(version), -1), 0);
	CU_ASSERT_EQUAL(c.reply_len, 20);
	CU_ASSERT_EQUAL(ask(4, info, sizeof(info), -1), 0);
	CU_ASSERT_EQUAL(c.reply_len, 32);
	doorbells = spdk_regions();
	spdk_map(true);
	c.id = 0;
	CU_ASSERT_EQUAL(client_read(&c, CONFIG, 4, command, 2), 0);
	put16(command, get16(command) | 0x404);
	c.id = 0;
	CU_ASSERT_EQUAL(client_write(&c, CONFIG, 4, command, 2), 0);
	CU_ASSERT_EQUAL(read_register(0, 8) & 0xffff, 1023);
	CU_ASSERT_EQUAL(read_register(8, 4), 0x20000);
	CU_ASSERT_EQUAL(read_register(0x14, 4), 0);
	write_register(0x28, IOVA + ASQ, 8);
	write_register(0x30, IOVA + ACQ, 8);
	write_register(0x24, (ENTRIES - 1) << 16 | (ENTRIES - 1), 4);
	CU_ASSERT_EQUAL(read_register(0x28, 8), IOVA + ASQ);
	write_register(0x14, 0x460001, 4);
	CU_ASSERT_EQUAL(read_register(0x1c, 4), 1);
	memcpy(ram + ASQ, &sqe, sizeof(sqe));
	doorbells[0] = 1;
	while (nvio_emu_ctrl_poll(c.server->ctrl))
		;
	CU_ASSERT_EQUAL(get32(ram + ACQ + 12) >> 16, 1);
	CU_ASSERT_EQUAL(memcmp(ram + DATA + 24, "nvio software controller", 24), 0);
	doorbells[1] = 1;
	spdk_map(false);
	CU_ASSERT_EQUAL(c.server->dma.nr, 0);
	munmap((void *)doorbells, 0x1000);
	close(c.reply_fd);
	c.reply_fd = -1;
	CU_ASSERT_EQUAL(count_fds(), fds);
	teardown();
}

/* The device information of newer kernels is longer: it has to come back as long as it went. */
static void cloud_hypervisor(void)
{
	static const char caps[] = "{\"max_msg_fds\":1,\"max_data_xfer_size\":1048576,"
				   "\"migration\":{\"pgsize\":4096}}";
	static const size_t lens[] = { 16, 20, 24, 40 };
	int fds[3];

	setup();
	CU_ASSERT_EQUAL(client_version(&c, 0, caps), 0);
	/* It counts on JSON behind the version. */
	CU_ASSERT(c.reply_len > 20 + 2);
	CU_ASSERT_EQUAL(c.reply[20], '{');
	CU_ASSERT_EQUAL(c.reply[c.reply_len - 1], '\0');
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t payload[40] = { 36 };
		size_t len = lens[i] < 24 ? lens[i] : 24;

		CU_ASSERT_EQUAL(client_request(&c, 4, payload, lens[i], NULL, 0), 0);
		CU_ASSERT_EQUAL(c.reply_len, 16 + len);
		CU_ASSERT_EQUAL(get32(c.reply + 16), len);
		CU_ASSERT_EQUAL(get32(c.reply + 20), 3);
		CU_ASSERT_EQUAL(get32(c.reply + 24), 9);
		CU_ASSERT_EQUAL(get32(c.reply + 28), 5);
		for (size_t at = 32; at < 16 + len; at++)
			CU_ASSERT_EQUAL(c.reply[at], 0);
	}
	/* Asked in one step with room to spare, or in two: capabilities are what is behind 32. */
	CU_ASSERT_EQUAL(client_region_info(&c, BAR0, 1024), 0);
	CU_ASSERT_EQUAL(c.reply_len, 16 + get32(c.reply + 16));
	CU_ASSERT(c.reply_fd >= 0);
	CU_ASSERT_EQUAL(client_region_info(&c, CONFIG, 32), 0);
	CU_ASSERT_EQUAL(c.reply_len, 48);
	for (int i = 0; i < 3; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CU_ASSERT_EQUAL(client_set_irqs(&c, 0x24, MSIX, 0, 3, fds, 3), 0);
	CU_ASSERT_EQUAL(c.reply_len, 16);
	CU_ASSERT_EQUAL(client_map(&c, 0, RAM_LEN, ram_fd, 0, 3), 0);
	CU_ASSERT_EQUAL(c.reply_len, 16);
	CU_ASSERT_EQUAL(client_unmap(&c, 0, RAM_LEN, 0), 0);
	CU_ASSERT_EQUAL(c.reply_len, 40);
	CU_ASSERT_EQUAL(client_request(&c, 13, NULL, 0, NULL, 0), 0);
	CU_ASSERT_EQUAL(c.reply_len, 16);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	teardown();
}

/* The second question is as long as the answer will be; all is unmapped at once in the end. */
static void libvfio_user(void)
{
	static const char caps[] = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":"
				   "1048576,\"migration\":{\"pgsize\":4096}}}";
	uint8_t info[16] = { 16 }, region[64] = { 32 }, unmap[24] = { 24, 0, 0, 0, 2 };

	setup();
	CU_ASSERT_EQUAL(client_version(&c, 1, caps), 0);
	CU_ASSERT_EQUAL(get16(c.reply + 18), 1);
	CU_ASSERT_EQUAL(client_request(&c, 13, NULL, 0, NULL, 0), 0);
	CU_ASSERT_EQUAL(client_request(&c, 4, info, sizeof(info), NULL, 0), 0);
	CU_ASSERT_EQUAL(client_request(&c, 5, region, 32, NULL, 0), 0);
	CU_ASSERT_EQUAL_FATAL(get32(c.reply + 16), 64);
	region[0] = 64;
	CU_ASSERT_EQUAL(client_request(&c, 5, region, 64, NULL, 0), 0);
	CU_ASSERT_EQUAL(c.reply_len, 16 + 64);
	CU_ASSERT_EQUAL(get32(c.reply + 16), 64);
	for (uint64_t i = 0; i < 16; i++)
		CU_ASSERT_EQUAL(client_map(&c, i * RAM_LEN, 4096, ram_fd, i * 4096, 3), 0);
	CU_ASSERT_EQUAL(client_unmap(&c, 0, 4096, 0), 0);
	CU_ASSERT_EQUAL(client_request(&c, 3, unmap, sizeof(unmap), NULL, 0), 0);
	CU_ASSERT_EQUAL(c.server->dma.nr, 0);
	/* Logging of dirty pages is not there, and the client is told so. */
	CU_ASSERT_EQUAL(client_request(&c, 14, info, 8, NULL, 0), EOPNOTSUPP);
	CU_ASSERT(c.alive);
	teardown();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "SPDK", spdk },
		{ "cloud-hypervisor", cloud_hypervisor },
		{ "libvfio-user", libvfio_user },
	};

	return tap_run("emu_clients", tests, sizeof(tests) / sizeof(tests[0]));
}
