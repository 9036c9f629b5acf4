/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user server: negotiation, information, configuration space and its capabilities, BAR 0
 * and its doorbells, as clients other than nvio's use them.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emu_client.h"
#include "tap.h"

#define BAR0   0
#define BAR4   4
#define CONFIG 7

#define DOORBELLS 0x1000

static struct client c;

static void negotiate(void)
{
	client_open(&c);
	CU_ASSERT_EQUAL_FATAL(client_version(&c, 1, NULL), 0);
}

static void version_with_json(void)
{
	static const char asked[] =
		" {\"capabilities\" : {\"max_msg_fds\":8, \"max_data_xfer_size\": 1048576,\n"
		"\"pgsizes\":4096,\"twin_socket\":{\"supported\":true,\"x\":[1,-2.5e+3,\"\\\"\"]}},"
		"\"max_dma_maps\":null}";
	static const char answer[] =
		"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576}}";

	client_open(&c);
	CU_ASSERT_EQUAL(client_version(&c, 0, asked), 0);
	CU_ASSERT_EQUAL(get16(c.reply + 16), 0);
	CU_ASSERT_EQUAL(get16(c.reply + 18), 0);
	CU_ASSERT_EQUAL(c.reply_len, 20 + sizeof(answer));
	CU_ASSERT_EQUAL(memcmp(c.reply + 20, answer, sizeof(answer)), 0);
	CU_ASSERT(c.alive);
	client_close(&c);
}

static void version_without_json(void)
{
	client_open(&c);
	CU_ASSERT_EQUAL(client_version(&c, 7, NULL), 0);
	CU_ASSERT_EQUAL(get16(c.reply + 18), 1);
	CU_ASSERT_EQUAL(c.reply_len, 20);
	/* Only once. */
	CU_ASSERT_EQUAL(client_version(&c, 1, NULL), EINVAL);
	CU_ASSERT(c.alive);
	client_close(&c);
}

/* The reply is never longer than the request, whatever is proposed in it. */
static void version_in_little_room(void)
{
	static const char *const texts[] = { "{}", "{\"capabilities\":{}}",
					     "{\"capabilities\":{\"max_msg_fds\":1}}" };
	size_t i;

	client_open(&c);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CU_ASSERT_EQUAL(client_version(&c, 0, texts[i]), 0);
		CU_ASSERT(c.reply_len <= 20 + strlen(texts[i]) + 1);
		CU_ASSERT_EQUAL(c.reply[c.reply_len - 1], '\0');
		client_reconnect(&c);
	}
	client_close(&c);
}

static void version_refused(void)
{
	static const char *const texts[] = {
		"",           "[]",
		"{",          "{}}",
		"{\"a\"}",    "{\"a\":}",
		"{\"a\":1,}", "{a:1}",
		"{\"a:1}",    "{\"a\":tru}",
		"{\"a\":-}",  "{\"a\":1.}",
		"\"a\"",      "{\"a\\",
		"{\"a\":1e}", "{\"a\":[1,]}",
		"x",          "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]}",
	};
	uint8_t major[4] = { 1 }, open[6] = { 0, 0, 0, 0, '{', '}' };
	size_t i;

	client_open(&c);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CU_ASSERT_EQUAL(client_version(&c, 0, texts[i]), EINVAL);
		CU_ASSERT_FALSE(c.alive);
		client_reconnect(&c);
	}
	CU_ASSERT_EQUAL(client_request(&c, 1, major, sizeof(major), NULL, 0), EPROTONOSUPPORT);
	CU_ASSERT_FALSE(c.alive);
	client_reconnect(&c);
	CU_ASSERT_EQUAL(client_request(&c, 1, open, sizeof(open), NULL, 0), EINVAL);
	CU_ASSERT_FALSE(c.alive);
	client_reconnect(&c);
	/* Nothing goes before it. */
	CU_ASSERT_EQUAL(client_region_info(&c, BAR0, 32), EINVAL);
	CU_ASSERT_EQUAL(client_version(&c, 1, NULL), 0);
	client_close(&c);
}

static void device_info(void)
{
	uint8_t payload[24] = { 24 };

	negotiate();
	CU_ASSERT_EQUAL(client_request(&c, 4, payload, 16, NULL, 0), 0);
	CU_ASSERT_EQUAL(c.reply_len, 32);
	CU_ASSERT_EQUAL(get32(c.reply + 16), 16);
	CU_ASSERT_EQUAL(get32(c.reply + 20), 3);
	CU_ASSERT_EQUAL(get32(c.reply + 24), 9);
	CU_ASSERT_EQUAL(get32(c.reply + 28), 5);
	payload[0] = 15;
	CU_ASSERT_EQUAL(client_request(&c, 4, payload, 16, NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(client_request(&c, 4, payload, 15, NULL, 0), EINVAL);
	client_close(&c);
}

static void region_info_in_two_steps(void)
{
	negotiate();
	CU_ASSERT_EQUAL(client_region_info(&c, BAR0, 32), 0);
	CU_ASSERT_EQUAL(c.reply_len, 48);
	CU_ASSERT_EQUAL(get32(c.reply + 16), 64);
	CU_ASSERT_EQUAL(get32(c.reply + 20), 0xb);
	CU_ASSERT_EQUAL(c.reply_fd, -1);
	CU_ASSERT_EQUAL(client_region_info(&c, BAR0, 64), 0);
	CU_ASSERT_EQUAL(c.reply_len, 80);
	CU_ASSERT_EQUAL(get32(c.reply + 16), 64);
	CU_ASSERT_EQUAL(get32(c.reply + 20), 0xf);
	CU_ASSERT_EQUAL(get32(c.reply + 24), BAR0);
	CU_ASSERT_EQUAL(get32(c.reply + 28), 32);
	CU_ASSERT_EQUAL(get64(c.reply + 32), 0x4000);
	CU_ASSERT_EQUAL(get64(c.reply + 40), 0);
	/* The sparse area: version 1, the last, one area. */
	CU_ASSERT_EQUAL(get32(c.reply + 48), 0x10001);
	CU_ASSERT_EQUAL(get32(c.reply + 52), 0);
	CU_ASSERT_EQUAL(get32(c.reply + 56), 1);
	CU_ASSERT_EQUAL(get64(c.reply + 64), DOORBELLS);
	CU_ASSERT_EQUAL(get64(c.reply + 72), 0x1000);
	CU_ASSERT(c.reply_fd >= 0);
	client_close(&c);
}

static void region_info_of_all(void)
{
	static const uint64_t lens[] = { 0x4000, 0, 0, 0, 0x4000, 0, 0, 4096, 0 };
	uint32_t i;

	negotiate();
	for (i = 0; i < 9; i++) {
		CU_ASSERT_EQUAL(client_region_info(&c, i, 4096), 0);
		CU_ASSERT_EQUAL(get64(c.reply + 32), lens[i]);
		CU_ASSERT_EQUAL(get32(c.reply + 20) & 3, lens[i] ? 3 : 0);
		CU_ASSERT_EQUAL(c.reply_fd >= 0, i == BAR0);
	}
	CU_ASSERT_EQUAL(client_region_info(&c, 9, 64), EINVAL);
	CU_ASSERT_EQUAL(client_region_info(&c, UINT32_MAX, 64), EINVAL);
	CU_ASSERT_EQUAL(client_region_info(&c, BAR0, 31), EINVAL);
	client_close(&c);
}

/* All ones, the answer, and the old address again, as firmware does it. */
static void bar_sizing(void)
{
	negotiate();
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x10), 4);
	client_write32(&c, CONFIG, 0x10, UINT32_MAX);
	client_write32(&c, CONFIG, 0x14, UINT32_MAX);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x10), 0xffffc004);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x14), UINT32_MAX);
	client_write32(&c, CONFIG, 0x10, 0xfebf0000);
	client_write32(&c, CONFIG, 0x14, 1);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x10), 0xfebf0004);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x14), 1);
	client_write32(&c, CONFIG, 0x18, UINT32_MAX);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x18), 0);
	client_write32(&c, CONFIG, 0x20, UINT32_MAX);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x20), 0xffffc004);
	client_write32(&c, CONFIG, 0x30, UINT32_MAX);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x30), 0);
	client_close(&c);
}

static void config_header(void)
{
	uint8_t all[4096];

	negotiate();
	CU_ASSERT_EQUAL(client_read(&c, CONFIG, 0, all, sizeof(all)), 0);
	CU_ASSERT_EQUAL(get32(all + 8) >> 8, 0x010802);
	CU_ASSERT_EQUAL(get16(all + 4), 0);
	CU_ASSERT_EQUAL(get16(all + 6), 0x10);
	CU_ASSERT_EQUAL(all[0x0e], 0);
	CU_ASSERT_EQUAL(all[0x3d], 1);
	CU_ASSERT_EQUAL(client_write(&c, CONFIG, 0, "\1\2\3\4", 4), 0);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0), get32(all));
	CU_ASSERT_EQUAL(client_write(&c, CONFIG, 5, "\377", 1), 0);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 4), 0x100500);
	CU_ASSERT_EQUAL(client_read(&c, CONFIG, 4095, all, 1), 0);
	CU_ASSERT_EQUAL(client_read(&c, CONFIG, 4095, all, 2), EINVAL);
	CU_ASSERT_EQUAL(client_read(&c, CONFIG, 4097, all, 0), EINVAL);
	CU_ASSERT_EQUAL(client_read(&c, CONFIG, UINT64_MAX, all, 2), EINVAL);
	CU_ASSERT_EQUAL(client_write(&c, CONFIG, UINT64_MAX - 1, all, 4), EINVAL);
	CU_ASSERT_EQUAL(client_read(&c, 5, 0, all, 1), EINVAL);
	CU_ASSERT_EQUAL(client_read(&c, 9, 0, all, 1), EINVAL);
	client_close(&c);
}

/* The chain ends, and each capability is there once. */
static void capability_chain(void)
{
	uint8_t all[256];
	unsigned int seen = 0, at, nr;

	negotiate();
	CU_ASSERT_EQUAL(client_read(&c, CONFIG, 0, all, sizeof(all)), 0);
	for (at = all[0x34], nr = 0; at && nr < 48; at = all[at + 1], nr++) {
		CU_ASSERT(at >= 0x40 && !(at & 3));
		seen |= all[at] == 0x01 ? 1 : all[at] == 0x10 ? 2 : all[at] == 0x11 ? 4 : 8;
		if (all[at] == 0x10)
			CU_ASSERT(get32(all + at + 4) & 1u << 28);
		if (all[at] == 0x11) {
			CU_ASSERT_EQUAL(get16(all + at + 2), c.server->pci.layout.nr_vectors - 1);
			CU_ASSERT_EQUAL(get32(all + at + 4), BAR4);
			CU_ASSERT_EQUAL(get32(all + at + 8) & 7, BAR4);
		}
	}
	CU_ASSERT_EQUAL(nr, 3);
	CU_ASSERT_EQUAL(seen, 7);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x100), 0);
	client_close(&c);
}

static void power_states(void)
{
	uint8_t data[8];

	negotiate();
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x44) & 0xb, 8);
	client_write32(&c, CONFIG, 0x44, 1);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x44) & 3, 0);
	client_write32(&c, CONFIG, 0x44, 3);
	CU_ASSERT_EQUAL(client_read32(&c, CONFIG, 0x44) & 3, 3);
	CU_ASSERT_EQUAL(client_read(&c, BAR0, 0, data, 8), 0);
	CU_ASSERT_EQUAL(get64(data), UINT64_MAX);
	client_write32(&c, CONFIG, 0x44, 0);
	CU_ASSERT_EQUAL(client_read(&c, BAR0, 0, data, 8), 0);
	CU_ASSERT_NOT_EQUAL(get64(data), UINT64_MAX);
	client_close(&c);
}

static uint8_t *map_doorbells(void)
{
	void *map;

	CU_ASSERT_EQUAL_FATAL(client_region_info(&c, BAR0, 64), 0);
	map = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, c.reply_fd, DOORBELLS);
	CU_ASSERT_FATAL(map != MAP_FAILED);
	return map;
}

static void doorbells(void)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	uint8_t data[16], *map;

	negotiate();
	map = map_doorbells();
	put32(map + 8, 0x12345678);
	CU_ASSERT_EQUAL(c.server->bus.doorbells[2], 0x12345678);
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, DOORBELLS + 8), 0x12345678);
	CU_ASSERT_EQUAL(client_write32(&c, BAR0, DOORBELLS + 4, 77), 0);
	CU_ASSERT_EQUAL(get32(map + 4), 77);
	CU_ASSERT_EQUAL(client_write(&c, BAR0, DOORBELLS + 17, bytes, sizeof(bytes)), 0);
	CU_ASSERT_EQUAL(memcmp(map + 17, bytes, sizeof(bytes)), 0);
	CU_ASSERT_EQUAL(client_read(&c, BAR0, DOORBELLS + 16, data, 16), 0);
	CU_ASSERT_EQUAL(memcmp(data, map + 16, 16), 0);
	/* Behind them the BAR goes on and is empty. */
	CU_ASSERT_EQUAL(client_write32(&c, BAR0, 0x3ffc, 5), 0);
	CU_ASSERT_EQUAL(client_read32(&c, BAR0, 0x3ffc), 0);
	CU_ASSERT_EQUAL(client_read(&c, BAR0, 0x3ffc, data, 8), EINVAL);
	/* The file cannot be shrunk under the server. */
	CU_ASSERT_EQUAL(ftruncate(c.reply_fd, 0), -1);
	munmap(map, 0x1000);
	client_close(&c);
}

/* What the last client left behind does not ring the next one's. */
static void doorbells_are_new_for_each_client(void)
{
	uint32_t *doorbell;
	uint8_t *map;

	negotiate();
	map = map_doorbells();
	doorbell = c.server->bus.doorbells;
	put32(map, 1);
	client_reconnect(&c);
	CU_ASSERT_PTR_EQUAL(c.server->bus.doorbells, doorbell);
	CU_ASSERT_EQUAL(*doorbell, 0);
	put32(map, 2);
	CU_ASSERT_EQUAL(*doorbell, 0);
	munmap(map, 0x1000);
	client_close(&c);
}

static void msix_table(void)
{
	static const uint8_t entry[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 9, 9, 9 };
	static const uint8_t kept[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1 };
	uint8_t data[16];

	negotiate();
	CU_ASSERT_EQUAL(client_write(&c, BAR4, 64 * 16, entry, 16), 0);
	CU_ASSERT_EQUAL(client_read(&c, BAR4, 64 * 16, data, 16), 0);
	CU_ASSERT_EQUAL(memcmp(data, kept, 16), 0);
	CU_ASSERT_EQUAL(client_write(&c, BAR4, 0x3ff8, entry, 8), 0);
	CU_ASSERT_EQUAL(client_write(&c, BAR4, 0x3ffc, entry, 8), EINVAL);
	client_close(&c);
}

static void unknown_commands(void)
{
	static const uint16_t commands[] = { 0, 6, 11, 12, 14, 15, 19, 255, UINT16_MAX };
	uint8_t payload[64] = { 0 };
	size_t i;

	negotiate();
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		CU_ASSERT_EQUAL(client_request(&c, commands[i], payload, 64, NULL, 0), EOPNOTSUPP);
	put32(payload, 8);
	CU_ASSERT_EQUAL(client_request(&c, 16, payload, 8, NULL, 0), ENOTTY);
	CU_ASSERT_EQUAL(client_request(&c, 13, NULL, 0, NULL, 0), 0);
	CU_ASSERT_EQUAL(c.reply_len, 16);
	client_close(&c);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "VERSION with capabilities", version_with_json },
		{ "VERSION without", version_without_json },
		{ "VERSION answered in no more than it took", version_in_little_room },
		{ "VERSION refused", version_refused },
		{ "device information", device_info },
		{ "region information in two steps", region_info_in_two_steps },
		{ "region information of all indices", region_info_of_all },
		{ "BAR sizing", bar_sizing },
		{ "configuration header and bounds", config_header },
		{ "capability chain", capability_chain },
		{ "power states", power_states },
		{ "doorbells, mapped and by message", doorbells },
		{ "doorbells are new for each client", doorbells_are_new_for_each_client },
		{ "MSI-X table keeps what is written", msix_table },
		{ "commands that are not there", unknown_commands },
	};

	return tap_run("emu_server", tests, sizeof(tests) / sizeof(tests[0]));
}
