/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that came without a descriptor: what the server asks of its client, and clients that
 * answer late, wrongly, in another order, not at all, or that have something else to say first.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "emu_keeper.h"
#include "tap.h"

#define CONFIG  7
#define PAGE    4096u
#define RW      3u
#define BASE    KEEPER_BASE
#define MEM_LEN KEEPER_LEN

static struct keeper keeper;
static struct client c;

static void start(enum manner manner, unsigned int nr)
{
	keeper_start(&keeper, manner, nr);
}

static void move(uint64_t iova, void *local, size_t len, bool write)
{
	c.server->bus.remote_move(&c.server->bus, iova, local, len, write);
}

/* Whether all that was begun was done; the keeper has ended then. */
static bool settle(void)
{
	bool ok = c.server->bus.remote_settle(&c.server->bus);

	keeper_join(&keeper);
	return ok;
}

static size_t remote_run(uint64_t iova, size_t len, bool write)
{
	return c.server->bus.remote_run(&c.server->bus, iova, len, write);
}

static void setup(const char *json)
{
	client_open(&c);
	CU_ASSERT_EQUAL_FATAL(client_version(&c, 1, json), 0);
	client_write32(&c, CONFIG, 4, 6);
	CU_ASSERT_EQUAL(client_map(&c, BASE, MEM_LEN, -1, 0, RW), 0);
	keeper_open(&keeper, &c);
}

static void teardown(void)
{
	keeper_close(&keeper);
	client_close(&c);
}

static void tells_where_it_is(void)
{
	uint8_t byte = 0;

	setup(NULL);
	CU_ASSERT_EQUAL(client_map(&c, BASE + MEM_LEN, PAGE, -1, 0, 1), 0);
	CU_ASSERT_EQUAL(client_map(&c, BASE + MEM_LEN + PAGE, PAGE, keeper.file, 0, RW), 0);
	CU_ASSERT_EQUAL(remote_run(BASE, 100, true), 100);
	CU_ASSERT_EQUAL(remote_run(BASE + MEM_LEN - 10, 100, true), 10);
	CU_ASSERT_EQUAL(remote_run(BASE + MEM_LEN, 100, false), 100);
	CU_ASSERT_EQUAL(remote_run(BASE + MEM_LEN, 100, true), 0);
	CU_ASSERT_EQUAL(remote_run(BASE + MEM_LEN + PAGE, 100, false), 0);
	CU_ASSERT_EQUAL(remote_run(BASE - 1, 100, false), 0);
	CU_ASSERT_EQUAL(remote_run(BASE, 0, false), 0);
	client_write32(&c, CONFIG, 4, 2);
	CU_ASSERT_EQUAL(remote_run(BASE, 100, true), 0);
	client_write32(&c, CONFIG, 4, 6);
	CU_ASSERT_EQUAL(client_unmap(&c, BASE, MEM_LEN, 0), 0);
	CU_ASSERT_EQUAL(remote_run(BASE, 100, true), 0);
	/* Nothing was begun: nothing is sent, and settled at once. */
	CU_ASSERT_TRUE(c.server->bus.remote_settle(&c.server->bus));
	CU_ASSERT_EQUAL(recv(c.fd, &byte, 1, MSG_DONTWAIT), -1);
	teardown();
}

static void moves_bytes(void)
{
	static const enum manner manners[] = { PROPER, IN_BYTES };
	uint8_t *local = calloc(1, MEM_LEN);

	setup(NULL);
	for (size_t i = 0; i < 2; i++) {
		start(manners[i], 1);
		memset(local, 0, 100);
		move(BASE + 5, local + 8, 80, false);
		CU_ASSERT_TRUE(settle());
		CU_ASSERT_EQUAL(memcmp(local + 8, keeper.mem + 5, 80), 0);
		CU_ASSERT_EQUAL(local[7] | local[88], 0);
		start(manners[i], 1);
		move(BASE + 3000, local, 100, true);
		CU_ASSERT_TRUE(settle());
		CU_ASSERT_EQUAL(memcmp(local, keeper.mem + 3000, 100), 0);
		CU_ASSERT_EQUAL(keeper.mem[2999], keeper_pattern(2999));
		CU_ASSERT_EQUAL(keeper.mem[3100], keeper_pattern(3100));
	}
	free(local);
	teardown();
}

/* What follows on both sides is one message, as long as the client allows; what does not is not. */
static void joins_and_splits(void)
{
	const size_t max = 10000;
	uint8_t *local = calloc(2, MEM_LEN);

	setup("{\"capabilities\":{\"max_data_xfer_size\":1.0e4}}");
	start(PROPER, 1 + 205 + 2);
	for (size_t i = 0; i < 2; i++)
		move(BASE + i * PAGE, local + i * PAGE, PAGE, false);
	move(BASE + 3 * PAGE, local + 3 * PAGE, 500 * PAGE, false);
	move(BASE + 1000 * PAGE, local + 503 * PAGE, 1, false);
	move(BASE + 1000 * PAGE + 1, local + 503 * PAGE + 2, 1, false);
	CU_ASSERT_TRUE(settle());
	CU_ASSERT_EQUAL(keeper.reads, 1 + (500 * PAGE + max - 1) / max + 2);
	CU_ASSERT_EQUAL(keeper.bytes, 502 * PAGE + 2);
	CU_ASSERT_EQUAL(keeper.largest, max);
	CU_ASSERT_EQUAL(memcmp(local, keeper.mem, 2 * PAGE), 0);
	CU_ASSERT_EQUAL(memcmp(local + 3 * PAGE, keeper.mem + 3 * PAGE, 500 * PAGE), 0);
	CU_ASSERT_EQUAL(local[503 * PAGE + 2], keeper.mem[1000 * PAGE + 1]);
	/* Back, behind a read: as many messages, and none is both. */
	start(PROPER, 1 + 205);
	move(BASE, local + 600 * PAGE, 100, false);
	move(BASE + 100, local + 600 * PAGE + 100, 500 * PAGE, true);
	CU_ASSERT_TRUE(settle());
	CU_ASSERT_EQUAL(keeper.writes, 205);
	CU_ASSERT_EQUAL(memcmp(local + 600 * PAGE + 100, keeper.mem + 100, 500 * PAGE), 0);
	/* Each within one map, though the next one follows. */
	CU_ASSERT_EQUAL(client_unmap(&c, BASE, MEM_LEN, 0), 0);
	CU_ASSERT_EQUAL(client_map(&c, BASE, PAGE, -1, 0, RW), 0);
	CU_ASSERT_EQUAL(client_map(&c, BASE + PAGE, PAGE, -1, 0, RW), 0);
	start(PROPER, 2);
	move(BASE, local, PAGE, false);
	move(BASE + PAGE, local + PAGE, PAGE, false);
	CU_ASSERT_TRUE(settle());
	CU_ASSERT_EQUAL(keeper.largest, PAGE);
	CU_ASSERT_EQUAL(memcmp(local, keeper.mem, 2 * PAGE), 0);
	free(local);
	teardown();
}

static void takes_any_order(void)
{
	uint8_t *local = calloc(1, MEM_LEN);

	setup("{\"capabilities\":{\"max_data_xfer_size\":4096}}");
	start(BACKWARDS, 40);
	move(BASE + PAGE, local, 20 * PAGE, false);
	move(BASE + 100 * PAGE, local + 20 * PAGE, 20 * PAGE, false);
	CU_ASSERT_TRUE(settle());
	CU_ASSERT_EQUAL(memcmp(local, keeper.mem + PAGE, 20 * PAGE), 0);
	CU_ASSERT_EQUAL(memcmp(local + 20 * PAGE, keeper.mem + 100 * PAGE, 20 * PAGE), 0);
	free(local);
	teardown();
}

/* Requests of the client's wait until the controller is done, and none is lost. */
static void puts_requests_off(void)
{
	uint8_t local[PAGE];
	unsigned int fds;

	setup("{\"capabilities\":{\"max_data_xfer_size\":1024}}");
	fds = count_fds();
	start(CHATTY, 4);
	move(BASE, local, PAGE, false);
	CU_ASSERT_TRUE(settle());
	CU_ASSERT_EQUAL(memcmp(local, keeper.mem, PAGE), 0);
	CU_ASSERT_EQUAL(c.server->bus.doorbells[2], 0);
	CU_ASSERT_EQUAL(c.server->dma.nr, 1);
	CU_ASSERT_EQUAL(count_fds(), fds + 4);
	client_step(&c);
	CU_ASSERT_EQUAL(c.server->bus.doorbells[2], 3);
	CU_ASSERT_EQUAL(c.server->dma.nr, 1 + 4);
	CU_ASSERT_EQUAL(count_fds(), fds);
	/* And in the order that they came in. */
	CU_ASSERT_EQUAL(client_write32(&c, 0, 0x1008, 77), 0);
	CU_ASSERT_EQUAL(c.server->bus.doorbells[2], 77);
	start(CHATTY, 1);
	move(BASE, local, 1, true);
	CU_ASSERT_TRUE(settle());
	client_reconnect(&c);
	CU_ASSERT_EQUAL(count_fds(), fds);
	CU_ASSERT_EQUAL(c.server->dma.nr, 0);
	teardown();
}

/* Bytes that are allocated in this process. */
static size_t allocated(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* Has the server put one message without contents off. Returns what comes of it. */
static int put_off_one(unsigned int nr_fds)
{
	const uint8_t message[16] = { 0, 0, 13, 0, 16 };
	int fds[16];

	for (unsigned int i = 0; i < nr_fds; i++)
		fds[i] = keeper.file;
	client_send(&c, message, sizeof(message), fds, nr_fds);
	CU_ASSERT_EQUAL_FATAL(nvio_emu_conn_receive_now(&c.server->conn), 1);
	return nvio_emu_conn_put_off(&c.server->conn);
}

/* Short messages are counted with all that they take of the server, descriptors too. */
static void puts_off_so_much(void)
{
	size_t before;
	unsigned int fds, nr = 0;
	int err = 0;

	setup(NULL);
	before = allocated();
	while (nr < 2000 && !err)
		nr += !(err = put_off_one(0));
	CU_ASSERT_EQUAL(nr, 2000);
	CU_ASSERT(allocated() < before + (1u << 20));
	while (nr < 100000 && !err)
		nr += !(err = put_off_one(0));
	CU_ASSERT_EQUAL(err, -ENOBUFS);
	CU_ASSERT(allocated() < before + (8u << 20));
	client_reconnect(&c);
	fds = count_fds();
	for (nr = 0, err = 0; nr < 50 && !err;)
		nr += !(err = put_off_one(16));
	CU_ASSERT_EQUAL(err, -ENOBUFS);
	CU_ASSERT_EQUAL(nr, 8);
	CU_ASSERT(count_fds() <= fds + 9 * 16);
	client_reconnect(&c);
	CU_ASSERT_EQUAL(count_fds(), fds);
	teardown();
}

/* One part fails: all that was begun does, and the next is as if nothing had been. */
static void survives_refusals(void)
{
	static const enum manner manners[] = { REFUSES, WRONG_COUNT, WRONG_IOVA, TOO_SHORT };
	uint8_t local[PAGE];

	setup("{\"capabilities\":{\"max_data_xfer_size\":1024}}");
	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
		memset(local, 0x55, sizeof(local));
		start(manners[i], 4);
		move(BASE, local, PAGE, false);
		CU_ASSERT_FALSE(settle());
		for (size_t j = 0; j < sizeof(local); j++)
			CU_ASSERT_EQUAL(local[j], 0x55);
		start(PROPER, 4);
		move(BASE, local, PAGE, false);
		CU_ASSERT_TRUE(settle());
		CU_ASSERT_EQUAL(memcmp(local, keeper.mem, PAGE), 0);
	}
	start(REFUSES, 1);
	move(BASE, local, 1, true);
	CU_ASSERT_FALSE(settle());
	client_step(&c);
	CU_ASSERT_TRUE(c.alive);
	teardown();
	/* Nothing at all may be moved in a message: nothing is asked. */
	setup("{\"capabilities\":{\"max_data_xfer_size\":0}}");
	start(PROPER, 0);
	move(BASE, local, 1, false);
	CU_ASSERT_FALSE(settle());
	client_step(&c);
	CU_ASSERT_TRUE(c.alive);
	teardown();
}

/* Such a client is done with, at once or at the deadline, and the next one is served. */
static void gives_up(void)
{
	static const enum manner manners[] = {
		WRONG_ID, WRONG_COMMAND, FLOODS, SILENT, HALF, HANGS_UP, STOPS,
	};
	uint8_t local[PAGE];

	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
		bool late = manners[i] == SILENT || manners[i] == HALF;

		setup(NULL);
		c.server->patience_ns = late ? 50000000 : 60000000000;
		start(manners[i], 1);
		memset(local, 0x55, sizeof(local));
		move(BASE, local, PAGE, false);
		CU_ASSERT_FALSE(c.server->bus.remote_settle(&c.server->bus));
		/* Nothing is asked any more. */
		move(BASE, local, PAGE, false);
		CU_ASSERT_FALSE(c.server->bus.remote_settle(&c.server->bus));
		client_step(&c);
		CU_ASSERT_FALSE(c.alive);
		/* One that floods is in the middle of it until the connection ends. */
		keeper_join(&keeper);
		CU_ASSERT_EQUAL(keeper.reads, 1);
		for (size_t j = 0; j < sizeof(local); j++)
			CU_ASSERT_EQUAL(local[j], 0x55);
		if (manners[i] != STOPS) {
			client_reconnect(&c);
			CU_ASSERT_EQUAL(client_version(&c, 1, NULL), 0);
			CU_ASSERT_EQUAL(client_map(&c, BASE, MEM_LEN, -1, 0, RW), 0);
			c.server->patience_ns = 60000000000;
			start(PROPER, 1);
			move(BASE, local, PAGE, false);
			CU_ASSERT_TRUE(settle());
			CU_ASSERT_EQUAL(memcmp(local, keeper.mem, PAGE), 0);
		}
		teardown();
	}
}

/* Each answer is in time, but there is no end of them: then the turn ends, and so does patience. */
static void takes_its_time(void)
{
	uint64_t turn = 1000000000;
	unsigned int nr = 0;
	uint8_t byte;

	setup(NULL);
	c.server->patience_ns = 2 * turn;
	start(SLOW, 1000);
	for (int i = 0; i < 2; i++) {
		move(BASE, &byte, 1, false);
		CU_ASSERT_TRUE(c.server->bus.remote_settle(&c.server->bus));
		CU_ASSERT_EQUAL(c.server->bus.hold, i > 0);
	}
	/* What comes after a look at the socket has all the time again. */
	client_step(&c);
	CU_ASSERT_TRUE(c.alive);
	CU_ASSERT_FALSE(c.server->bus.hold);
	do
		move(BASE, &byte, 1, false);
	while (c.server->bus.remote_settle(&c.server->bus) && ++nr < 100);
	CU_ASSERT(nr && nr <= turn / 1000 / KEEPER_SLOW_US);
	client_step(&c);
	CU_ASSERT_FALSE(c.alive);
	keeper_join(&keeper);
	teardown();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "where it is", tells_where_it_is },
		{ "moved by messages", moves_bytes },
		{ "as few messages as may be", joins_and_splits },
		{ "answers in any order", takes_any_order },
		{ "requests meanwhile", puts_requests_off },
		{ "so many requests meanwhile", puts_off_so_much },
		{ "refused", survives_refusals },
		{ "clients to give up", gives_up },
		{ "clients that take their time", takes_its_time },
	};

	return tap_run("emu_remote", tests, sizeof(tests) / sizeof(tests[0]));
}
