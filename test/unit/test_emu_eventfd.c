/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eventfds that a client uses against the server: full, made to block after they were handed over,
 * filled and emptied all the time. Nothing of that makes the server wait; an alarm ends the test
 * that does.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "emu/eventfd.h"
#include "emu_client.h"
#include "tap.h"

#define FULL   (UINT64_MAX - 1)
#define ROUNDS 5000

static struct emu_signals signals;

static void signals_are_counted(bool plain)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	unsigned int fds = count_fds();

	nvio_emu_signals_init(&signals);
	signals.plain = plain;
	nvio_emu_signal(&signals, -1);
	CU_ASSERT_EQUAL(count_fds(), fds);
	for (unsigned int i = 1; i < 100; i++) {
		for (unsigned int j = 0; j < i; j++)
			nvio_emu_signal(&signals, fd);
		CU_ASSERT_EQUAL(events_of(fd), i);
	}
	nvio_emu_signals_fini(&signals);
	CU_ASSERT_EQUAL(count_fds(), fds);
	close(fd);
}

static void counted(void)
{
	signals_are_counted(false);
	signals_are_counted(true);
}

static void full(void)
{
	const uint64_t value = FULL;

	for (int plain = 0; plain < 2; plain++) {
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		nvio_emu_signals_init(&signals);
		signals.plain = plain;
		nvio_emu_signal(&signals, fd);
		/* Ours was the last moment at which it could not block. */
		CU_ASSERT_EQUAL(fcntl(fd, F_SETFL, 0), 0);
		CU_ASSERT_EQUAL(events_of(fd), 1);
		CU_ASSERT_EQUAL(write(fd, &value, sizeof(value)), 8);
		for (int i = 0; i < 100; i++)
			nvio_emu_signal(&signals, fd);
		CU_ASSERT(events_of(fd) >= FULL);
		nvio_emu_signal(&signals, fd);
		CU_ASSERT_EQUAL(events_of(fd), 1);
		nvio_emu_signals_fini(&signals);
		close(fd);
	}
}

/* A client that fills or empties its eventfd at the very moment that the server uses it. */
static struct {
	int fd;
	atomic_uint round; /* 0: the end */
	atomic_uint done; /* the last round that it was in */
	bool fills;
} client;

static void *interfere(void *arg)
{
	const uint64_t value = FULL;
	unsigned int seen = 0, now;

	while ((now = atomic_load(&client.round)) || !seen) {
		if (now == seen)
			continue;
		seen = now;
		for (unsigned int i = 0; i < now * 7 % 1000; i++)
			atomic_load(&client.round);
		if (client.fills && write(client.fd, &value, sizeof(value)) < 0)
			break;
		if (!client.fills)
			nvio_emu_eventfd_take(client.fd);
		atomic_store(&client.done, now);
	}
	return arg;
}

/* Between the rounds the counter is empty, or 1 where that is what the server wants to take. The
 * client's own write may wait for the server's signal to be read. */
static void at_the_moment(bool fills)
{
	const uint64_t one = 1;
	pthread_t thread;

	client.fd = eventfd(0, EFD_CLOEXEC);
	client.fills = fills;
	atomic_store(&client.round, 0);
	nvio_emu_signals_init(&signals);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, interfere, NULL), 0);
	alarm(60);
	for (unsigned int i = 1; i <= ROUNDS; i++) {
		if (!fills)
			CU_ASSERT_EQUAL(write(client.fd, &one, sizeof(one)), 8);
		atomic_store(&client.round, i);
		for (unsigned int j = 0; j < i * 13 % 1000; j++)
			atomic_load(&client.round);
		if (fills)
			nvio_emu_signal(&signals, client.fd);
		else
			nvio_emu_eventfd_take(client.fd);
		do
			nvio_emu_eventfd_take(client.fd);
		while (atomic_load(&client.done) != i);
		nvio_emu_eventfd_take(client.fd);
	}
	alarm(0);
	atomic_store(&client.round, 0);
	pthread_join(thread, NULL);
	nvio_emu_signals_fini(&signals);
	close(client.fd);
	CU_PASS("nobody waits");
}

/* Then there is a moment in which the server could be made to wait. */
static bool signals_are_plain(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	bool plain;

	nvio_emu_signals_init(&signals);
	nvio_emu_signal(&signals, fd);
	plain = signals.plain;
	nvio_emu_signals_fini(&signals);
	close(fd);
	if (plain)
		printf("# no io_submit() here\n");
	return plain;
}

static void filled_meanwhile(void)
{
	at_the_moment(!signals_are_plain());
}

static void emptied_meanwhile(void)
{
	at_the_moment(false);
}

static void emptied(void)
{
	int fd = eventfd(3, EFD_CLOEXEC);

	CU_ASSERT_FALSE(nvio_emu_eventfd_take(-1));
	CU_ASSERT_TRUE(nvio_emu_eventfd_take(fd));
	CU_ASSERT_FALSE(nvio_emu_eventfd_take(fd));
	CU_ASSERT_EQUAL(events_of(fd), 0);
	close(fd);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "counted", counted },
		{ "full", full },
		{ "filled meanwhile", filled_meanwhile },
		{ "emptied", emptied },
		{ "emptied meanwhile", emptied_meanwhile },
	};

	return tap_run("emu_eventfd", tests, sizeof(tests) / sizeof(tests[0]));
}
