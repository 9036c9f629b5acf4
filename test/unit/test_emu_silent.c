/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that stop in the middle of something are hung up on, and those that are only idle are
 * not. The server runs in its own thread, with less patience than usual.
 */
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "emu_client.h"
#include "tap.h"

#define PATIENCE_MS 400

static struct emu_server *server;
static pthread_t thread;
static int fds[2]; /* the server's end, ours */

static void *run(void *arg)
{
	(void)arg;
	nvio_emu_server_run(server, -1, fds[0]);
	return NULL;
}

static void start(void)
{
	static struct emu_opts opts;
	struct emu_error error;

	nvio_emu_opts_default(&opts);
	opts.ns[0].size = 1u << 20;
	CU_ASSERT_EQUAL_FATAL(nvio_emu_server_new(&opts, &server, &error), 0);
	server->patience_ns = PATIENCE_MS * 1000000ull;
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, NULL), 0);
}

static void stop(void)
{
	nvio_emu_server_stop(server);
	pthread_join(thread, NULL);
	nvio_emu_server_free(server);
	close(fds[1]);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* A message of @size bytes, @len of which are sent now. */
static void say(uint16_t command, uint32_t size, size_t len)
{
	uint8_t message[64] = { 0 };

	put16(message + 2, command);
	put32(message + 4, size);
	put32(message + 16, command == 1 ? 0x10000 : size - 16);
	CU_ASSERT_EQUAL(send(fds[1], message, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void hear(size_t len)
{
	uint8_t reply[64];

	CU_ASSERT_EQUAL(recv(fds[1], reply, len, MSG_WAITALL), (ssize_t)len);
}

static void negotiate(void)
{
	say(1, 20, 20);
	hear(20);
}

/* Whether the server hangs up, neither before its patience has ended nor long after. */
static bool hung_up_in_time(uint64_t since)
{
	struct pollfd gone = { .fd = fds[1], .events = POLLRDHUP };
	uint64_t ms;

	poll(&gone, 1, 20 * PATIENCE_MS);
	ms = now_ms() - since;
	return gone.revents & POLLRDHUP && ms >= PATIENCE_MS - 1 && ms < 10 * PATIENCE_MS;
}

static void says_nothing(void)
{
	uint64_t since = now_ms();

	start();
	CU_ASSERT_TRUE(hung_up_in_time(since));
	stop();
}

/* Whatever it says meanwhile. */
static void never_negotiates(void)
{
	uint64_t since = now_ms();

	start();
	for (int i = 0; i < 5; i++) {
		say(4, 32, 32);
		hear(16);
		usleep(PATIENCE_MS * 1000 / 10);
	}
	CU_ASSERT_TRUE(hung_up_in_time(since));
	stop();
}

static void stops_in_a_message(void)
{
	static const size_t lens[] = { 1, 15, 16, 31 };

	for (size_t i = 0; i < 4; i++) {
		uint64_t since;

		start();
		negotiate();
		since = now_ms();
		say(4, 32, lens[i]);
		CU_ASSERT_TRUE(hung_up_in_time(since));
		stop();
	}
}

/* A byte now and then is no way to go on for ever. */
static void trickles(void)
{
	uint64_t since = now_ms();
	struct pollfd gone = { .fd = -1, .events = POLLRDHUP };

	start();
	negotiate();
	gone.fd = fds[1];
	since = now_ms();
	say(10, 1 << 20, 16);
	while (!poll(&gone, 1, PATIENCE_MS / 10) && now_ms() - since < 20 * PATIENCE_MS)
		send(fds[1], "", 1, MSG_NOSIGNAL);
	CU_ASSERT_TRUE(hung_up_in_time(since));
	stop();
}

static void does_not_read(void)
{
	uint8_t message[32] = { 1, 0, 9, 0, 32, [24] = 7, [29] = 0x10 };
	uint64_t since;

	start();
	negotiate();
	since = now_ms();
	while (send(fds[1], message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		continue;
	CU_ASSERT_TRUE(hung_up_in_time(since));
	stop();
}

/* Idle for ever, and slow, but getting on. */
static void is_only_idle(void)
{
	uint8_t reply;

	start();
	negotiate();
	usleep(3 * PATIENCE_MS * 1000);
	say(4, 32, 32);
	hear(32);
	for (int i = 0; i < 6; i++) {
		uint8_t rest[16] = { 16 };

		say(4, 32, 16);
		usleep(PATIENCE_MS * 1000 / 2);
		CU_ASSERT_EQUAL(send(fds[1], rest, 16, MSG_NOSIGNAL), 16);
		hear(32);
	}
	CU_ASSERT_EQUAL(recv(fds[1], &reply, 1, MSG_DONTWAIT), -1);
	stop();
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "says nothing", says_nothing },
		{ "never negotiates", never_negotiates },
		{ "stops in a message", stops_in_a_message },
		{ "a byte now and then", trickles },
		{ "does not read", does_not_read },
		{ "only idle", is_only_idle },
	};

	return tap_run("emu_silent", tests, sizeof(tests) / sizeof(tests[0]));
}
