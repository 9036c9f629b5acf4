/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DEVICE_FEATURE of the server: its log of DMA writes and the states of a migration, message by
 * message.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emu_client.h"
#include "tap.h"

#define FEATURE 16
#define GET     (1u << 16)
#define SET     (1u << 17)
#define PROBE   (1u << 18)
#define START   6u
#define STOP    7u
#define REPORT  8u
#define PAGE    4096u
#define CHUNK   (128ull << 20)
#define DATA    24 /* of a reply: behind its header and argsz and flags */

static struct client c;

static void setup(void)
{
	client_open(&c);
	CU_ASSERT_EQUAL_FATAL(client_version(&c, 1, NULL), 0);
}

static int feature(uint32_t argsz, uint32_t flags, const void *data, size_t len)
{
	uint8_t payload[256] = { 0 };

	put32(payload, argsz);
	put32(payload + 4, flags);
	if (len)
		memcpy(payload + 8, data, len);
	return client_request(&c, FEATURE, payload, 8 + len, NULL, 0);
}

static int start(uint64_t page_len, uint32_t nr, const uint64_t *ranges)
{
	uint8_t data[16 + 64] = { 0 };

	put64(data, page_len);
	put32(data + 8, nr);
	for (uint32_t i = 0; i < 2 * nr && i < 8; i++)
		put64(data + 16 + i * 8, ranges[i]);
	return feature(8 + 16 + 16 * nr, SET | START, data, 16 + 16 * (nr < 4 ? nr : 4));
}

static int report(uint64_t iova, uint64_t len, uint64_t page_len)
{
	uint8_t data[24];

	put64(data, iova);
	put64(data + 8, len);
	put64(data + 16, page_len);
	return feature(65536, GET | REPORT, data, sizeof(data));
}

/* A word of the last report. */
static uint64_t word(unsigned int i)
{
	return get64(c.reply + DATA + 24 + i * 8);
}

static void verbs(void)
{
	setup();
	for (uint32_t i = 0; i < 14; i++) {
		bool get = 1u << i & (1u << 1 | 1u << 2 | 1u << REPORT | 1u << 9);
		bool set = 1u << i & (1u << 2 | 1u << START | 1u << STOP);
		int none = get || set ? EINVAL : ENOTTY;

		CU_ASSERT_EQUAL(feature(8, PROBE | i, NULL, 0), get || set ? 0 : ENOTTY);
		CU_ASSERT_EQUAL(feature(8, PROBE | GET | i, NULL, 0), get ? 0 : none);
		CU_ASSERT_EQUAL(feature(8, PROBE | SET | i, NULL, 0), set ? 0 : none);
	}
	/* The answer to a probe is the request. */
	CU_ASSERT_EQUAL(feature(8, PROBE | STOP, NULL, 0), 0);
	CU_ASSERT_EQUAL(c.reply_len, DATA);
	CU_ASSERT_EQUAL(get32(c.reply + 16), 8);
	CU_ASSERT_EQUAL(get32(c.reply + 20), PROBE | STOP);
	CU_ASSERT_EQUAL(feature(8, PROBE | 0xffff, NULL, 0), ENOTTY);
	CU_ASSERT_EQUAL(feature(8, PROBE | 1u << 19 | STOP, NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(feature(8, STOP, NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(feature(8, GET | STOP, NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(feature(8, GET | SET | STOP, NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(feature(7, SET | STOP, NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(feature(8, SET | STOP, NULL, 0), 0);
	client_close(&c);
}

static void starts(void)
{
	const uint64_t neighbours[] = { PAGE, PAGE, 0, PAGE }, same[8] = { 0, PAGE, 0, PAGE };
	const uint64_t end[] = { -(uint64_t)PAGE, PAGE }, beyond[] = { -(uint64_t)PAGE, 2 * PAGE };
	const uint64_t none[] = { 0, 0 }, odd[] = { 512, PAGE };
	uint8_t data[16] = { 0 };

	setup();
	CU_ASSERT_EQUAL(start(PAGE, 2, same), EINVAL);
	CU_ASSERT_EQUAL(start(PAGE, 1, beyond), EOVERFLOW);
	CU_ASSERT_EQUAL(start(PAGE, 1, none), EINVAL);
	CU_ASSERT_EQUAL(start(PAGE, 1, odd), EINVAL);
	CU_ASSERT_EQUAL(start(0, 1, end), EINVAL);
	CU_ASSERT_EQUAL(start(3 * PAGE, 1, end), EINVAL);
	/* More ranges than there are in the message, and less room for the answer than it takes. */
	CU_ASSERT_EQUAL(start(PAGE, 5, same), EINVAL);
	put64(data, PAGE);
	CU_ASSERT_EQUAL(feature(8 + 15, SET | START, data, 16), EINVAL);
	CU_ASSERT_EQUAL(feature(8 + 16, SET | START, data, 15), EINVAL);
	put32(data + 8, UINT32_MAX);
	CU_ASSERT_EQUAL(feature(8 + 16, SET | START, data, 16), EINVAL);
	CU_ASSERT_FALSE(c.server->dirty.on);
	CU_ASSERT_EQUAL(start(PAGE, 1, end), 0);
	CU_ASSERT_EQUAL(start(PAGE, 1, end), EINVAL);
	CU_ASSERT_EQUAL(feature(8, SET | STOP, NULL, 0), 0);
	/* What it cannot do is told: pages smaller than its own. */
	CU_ASSERT_EQUAL(start(512, 2, neighbours), 0);
	CU_ASSERT_EQUAL(c.reply_len, DATA + 16 + 32);
	CU_ASSERT_EQUAL(get64(c.reply + DATA), PAGE);
	CU_ASSERT_EQUAL(get32(c.reply + DATA + 8), 2);
	client_close(&c);
}

static void reports(void)
{
	const uint64_t ranges[] = { CHUNK - PAGE, 2 * PAGE, CHUNK + PAGE, 2 * PAGE };
	uint8_t data[24] = { 0 };

	setup();
	CU_ASSERT_EQUAL(report(0, PAGE, PAGE), EINVAL);
	CU_ASSERT_EQUAL(start(PAGE, 2, ranges), 0);
	nvio_emu_dirty_add(&c.server->dirty, CHUNK - 1, 2);
	CU_ASSERT_EQUAL(report(CHUNK - PAGE, PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(c.reply_len, DATA + 24 + 8);
	CU_ASSERT_EQUAL(get32(c.reply + 16), 8 + 24 + 8);
	CU_ASSERT_EQUAL(get64(c.reply + DATA), CHUNK - PAGE);
	CU_ASSERT_EQUAL(word(0), 1);
	CU_ASSERT_EQUAL(report(CHUNK - PAGE, 3 * PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(word(0), 2);
	CU_ASSERT_EQUAL(report(CHUNK - PAGE, 4 * PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(word(0), 0);
	/* Pages, and what is in no range. */
	CU_ASSERT_EQUAL(report(CHUNK - PAGE + 1, PAGE, PAGE), EINVAL);
	CU_ASSERT_EQUAL(report(CHUNK - PAGE, PAGE, 2048), EINVAL);
	CU_ASSERT_EQUAL(report(CHUNK - PAGE, PAGE, 3 * PAGE), EINVAL);
	CU_ASSERT_EQUAL(report(CHUNK - PAGE, 0, PAGE), EINVAL);
	CU_ASSERT_EQUAL(report(CHUNK - 2 * PAGE, PAGE, PAGE), EINVAL);
	CU_ASSERT_EQUAL(report(CHUNK + 3 * PAGE, PAGE, PAGE), EINVAL);
	CU_ASSERT_EQUAL(report(-(uint64_t)PAGE, 2 * PAGE, PAGE), EOVERFLOW);
	put64(data + 8, PAGE);
	put64(data + 16, PAGE);
	CU_ASSERT_EQUAL(feature(8 + 24 + 7, GET | REPORT, data, 24), EINVAL);
	CU_ASSERT_EQUAL(feature(8 + 24 + 8, GET | REPORT, data, 23), EINVAL);
	client_close(&c);
}

/* In pieces of any size, over the edges of words and chunks. */
static void pieces(void)
{
	setup();
	CU_ASSERT_EQUAL(start(PAGE, 0, NULL), 0);
	nvio_emu_dirty_add(&c.server->dirty, CHUNK - 2 * PAGE, 4 * PAGE);
	nvio_emu_dirty_add(&c.server->dirty, UINT64_MAX, 1);
	CU_ASSERT_EQUAL(report(CHUNK - 65 * PAGE, 128 * PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(word(0), 1ull << 63);
	CU_ASSERT_EQUAL(word(1), 7);
	nvio_emu_dirty_add(&c.server->dirty, CHUNK - 2 * PAGE, 4 * PAGE);
	CU_ASSERT_EQUAL(report(CHUNK - 8 * PAGE, 16 * PAGE, 4 * PAGE), 0);
	CU_ASSERT_EQUAL(word(0), 2 | 4);
	nvio_emu_dirty_add(&c.server->dirty, 17 * PAGE, 1);
	CU_ASSERT_EQUAL(report(0, 1ull << 63, 1ull << 62), 0);
	CU_ASSERT_EQUAL(word(0), 1);
	CU_ASSERT_EQUAL(report(0, 1ull << 63, 1ull << 62), 0);
	CU_ASSERT_EQUAL(word(0), 0);
	/* More pages than an answer has room for, and the last one of all. */
	CU_ASSERT_EQUAL(report(0, 1ull << 63, PAGE), EINVAL);
	CU_ASSERT_EQUAL(report(-(uint64_t)PAGE, PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(word(0), 1);
	client_close(&c);
}

/* Without room for more, everything was written. */
static void nothing_is_lost(void)
{
	setup();
	CU_ASSERT_EQUAL(start(PAGE, 0, NULL), 0);
	for (uint64_t i = 0; i < EMU_DIRTY_CHUNKS; i++)
		nvio_emu_dirty_add(&c.server->dirty, i * CHUNK, 1);
	CU_ASSERT_EQUAL(report(PAGE, 2 * PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(word(0), 0);
	nvio_emu_dirty_add(&c.server->dirty, EMU_DIRTY_CHUNKS * CHUNK, 1);
	CU_ASSERT_EQUAL(report(PAGE, 2 * PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(word(0), 3);
	CU_ASSERT_EQUAL(report(1ull << 50, 65 * PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(word(0), UINT64_MAX);
	CU_ASSERT_EQUAL(word(1), 1);
	CU_ASSERT_EQUAL(feature(8, SET | STOP, NULL, 0), 0);
	CU_ASSERT_EQUAL(start(PAGE, 0, NULL), 0);
	CU_ASSERT_EQUAL(report(PAGE, 2 * PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(word(0), 0);
	client_close(&c);
}

/* What the controller may write to it writes to, and a client's log ends with it. */
static void what_is_written(void)
{
	int file = memfd_create("test", MFD_CLOEXEC);
	struct emu_bus *bus;
	void *addr;

	setup();
	bus = &c.server->bus;
	CU_ASSERT_EQUAL(ftruncate(file, 8 * PAGE), 0);
	client_write32(&c, 7, 4, 6);
	CU_ASSERT_EQUAL(client_map(&c, 0, 8 * PAGE, file, 0, 3), 0);
	CU_ASSERT_EQUAL(start(PAGE, 0, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL(bus->dma(bus, PAGE, 8, true));
	CU_ASSERT_PTR_NOT_NULL(bus->dma(bus, 2 * PAGE, 8, false));
	CU_ASSERT_PTR_NULL(bus->dma(bus, 8 * PAGE - 4, 8, true));
	CU_ASSERT_EQUAL(bus->dma_run(bus, 5 * PAGE, 8 * PAGE, true, &addr), 3 * PAGE);
	CU_ASSERT_EQUAL(bus->dma_run(bus, 3 * PAGE, PAGE, false, &addr), PAGE);
	CU_ASSERT_EQUAL(report(0, 16 * PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(word(0), 1u << 1 | 7u << 5);
	client_reconnect(&c);
	CU_ASSERT_EQUAL(client_version(&c, 1, NULL), 0);
	CU_ASSERT_FALSE(c.server->dirty.on);
	CU_ASSERT_EQUAL(report(0, PAGE, PAGE), EINVAL);
	client_close(&c);
	close(file);
}

/* Data goes where the state says, and only there. */
static void states(void)
{
	uint8_t request[8 + 64] = { 0 };
	uint32_t state[2] = { 3, UINT32_MAX };

	setup();
	put32(request, 8 + 64);
	put32(request + 4, 64);
	CU_ASSERT_EQUAL(client_request(&c, 17, request, 8, NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(client_request(&c, 18, request, sizeof(request), NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(feature(8, GET | 2, NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(feature(16, SET | 2, state, 4), EINVAL);
	CU_ASSERT_EQUAL(feature(16, SET | 2, state, 8), 0);
	CU_ASSERT_EQUAL(client_request(&c, 18, request, sizeof(request), NULL, 0), EINVAL);
	CU_ASSERT_EQUAL(client_request(&c, 17, request, 8, NULL, 0), 0);
	CU_ASSERT_EQUAL(c.reply_len, 16 + 8 + 64);
	CU_ASSERT_EQUAL(get32(c.reply + 20), 64);
	/* No room for the answer, or more than a message has. */
	put32(request, 8 + 63);
	CU_ASSERT_EQUAL(client_request(&c, 17, request, 8, NULL, 0), EINVAL);
	put32(request, UINT32_MAX);
	put32(request + 4, (1u << 20) + 1);
	CU_ASSERT_EQUAL(client_request(&c, 17, request, 8, NULL, 0), EINVAL);
	state[0] = 4;
	CU_ASSERT_EQUAL(feature(16, SET | 2, state, 8), 0);
	CU_ASSERT_EQUAL(client_request(&c, 17, request, 8, NULL, 0), EINVAL);
	put32(request + 4, 65);
	CU_ASSERT_EQUAL(client_request(&c, 18, request, sizeof(request), NULL, 0), EINVAL);
	/* Who leaves, leaves a device that runs. */
	client_reconnect(&c);
	CU_ASSERT_EQUAL(client_version(&c, 1, NULL), 0);
	CU_ASSERT_EQUAL(feature(16, GET | 2, NULL, 0), 0);
	CU_ASSERT_EQUAL(get32(c.reply + DATA), 2);
	CU_ASSERT_TRUE(c.server->running);
	client_close(&c);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "verbs", verbs },
		{ "starts", starts },
		{ "reports", reports },
		{ "pieces", pieces },
		{ "nothing is lost", nothing_is_lost },
		{ "what is written", what_is_written },
		{ "states of a migration", states },
	};

	return tap_run("emu_feature", tests, sizeof(tests) / sizeof(tests[0]));
}
