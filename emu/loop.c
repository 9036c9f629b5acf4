/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread of a server: polls the controller while there is work, looks at the socket now and
 * then, and sleeps when nothing has moved for a while.
 *
 * A client that stops in the middle of something is hung up on after a while: others may wait.
 * Doorbells are memory and wake nobody, so each sleep is bounded: by a share of the time that
 * nothing has happened, so that what comes after a pause waits for a fraction of that pause, and
 * by the controller's own timers.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

/* Rounds between two looks at the socket, which cost system calls: so many while there is work, or
 * so many in a row without any. */
#define ROUNDS      256
#define IDLE_ROUNDS 64

/* Idle for so long, it begins to sleep; for a part of the time it was idle, within bounds. */
#define SPIN_NS      200000u
#define SLEEP_SHARE  8u
#define SLEEP_MAX_NS 4000000u

/* Waking up takes about so long; a timer that is nearer is waited for awake. */
#define WAKE_NS 30000u

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void nvio_emu_server_stop(struct emu_server *server)
{
	const uint64_t one = 1;
	int saved = errno;

	atomic_store(&server->stopped, true);
	if (write(server->stop_fd, &one, sizeof(one)) < 0)
		errno = saved; /* its counter is full: stopped often enough */
}

static bool is_stopped(struct emu_server *server)
{
	return atomic_load_explicit(&server->stopped, memory_order_relaxed);
}

/* Returns whether there was any work. */
static bool work(struct emu_server *server)
{
	bool busy = false;
	int i, idle = 0;

	if (!server->running)
		return false;
	for (i = 0; i < ROUNDS && idle < IDLE_ROUNDS && !server->bus.hold; i++) {
		if (nvio_emu_ctrl_poll(server->ctrl)) {
			busy = true;
			idle = 0;
		} else {
			idle++;
		}
	}
	return busy;
}

/* How long to sleep after @idle_ns without work. 0: not at all. */
static uint64_t sleep_ns(struct emu_server *server, uint64_t now, uint64_t idle_ns)
{
	uint64_t len = idle_ns / SLEEP_SHARE;
	uint64_t event = server->running ? nvio_emu_ctrl_next_event(server->ctrl) : UINT64_MAX;

	if (idle_ns < SPIN_NS)
		return 0;
	if (len > SLEEP_MAX_NS)
		len = SLEEP_MAX_NS;
	if (event != UINT64_MAX) {
		if (event < now + WAKE_NS)
			return 0;
		if (len > event - now - WAKE_NS)
			len = event - now - WAKE_NS;
	}
	return len;
}

static void sleep_for(struct emu_server *server, uint64_t now, uint64_t ns)
{
	struct timespec timeout = { .tv_nsec = (long)ns };
	struct pollfd polls[3 + EMU_IRQ_POLL_FDS] = {
		{ .fd = server->stop_fd, .events = POLLIN },
		/* A peer that does not read its replies is waited for until it does. */
		{ .fd = server->conn.fd,
		  .events = nvio_emu_conn_sending(&server->conn) ? POLLOUT : POLLIN },
	};
	nfds_t nr = 3 + nvio_emu_irq_poll_fds(&server->irqs, polls + 3);

	nvio_emu_control_wait(&server->control, now, &polls[2]);
	ppoll(polls, nr, &timeout, NULL);
}

/* Serves the client that is connected until it leaves. */
static void serve(struct emu_server *server)
{
	uint64_t last_work = now_ns();

	while (!is_stopped(server)) {
		bool busy = work(server);
		int nr = nvio_emu_server_talk(server);
		uint64_t now, len;

		if (nr < 0)
			break;
		nvio_emu_server_poll_irqs(server);
		now = now_ns();
		nvio_emu_control_poll(server, now);
		if (nvio_emu_server_stalled(server, now))
			break;
		if (busy || nr) {
			last_work = now;
			continue;
		}
		len = sleep_ns(server, now, now - last_work);
		if (len && !(server->running && nvio_emu_ctrl_rest(server->ctrl)))
			sleep_for(server, now, len);
	}
	nvio_emu_server_disconnect(server);
}

/* Waits for a client, or for what else there is to do. Returns its socket, or -1 when it is to be
 * asked again, or -errno. */
static int next_client(struct emu_server *server, int listen_fd)
{
	struct pollfd polls[3] = {
		{ .fd = server->stop_fd, .events = POLLIN },
		{ .fd = listen_fd, .events = POLLIN },
	};
	uint64_t now = now_ns();
	int fd, timeout;

	nvio_emu_control_poll(server, now);
	timeout = nvio_emu_control_wait(&server->control, now, &polls[2]);
	if (poll(polls, 3, timeout) < 0 || !polls[1].revents)
		return -EAGAIN;
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		return fd;
	/* What another thread may set right, or the client's own affair, ends nothing. */
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		poll(polls, 1, 100);
		return -EAGAIN;
	}
	return errno == EBADF || errno == EINVAL || errno == ENOTSOCK ? -errno : -EAGAIN;
}

int nvio_emu_server_pin(pthread_t thread, int core, struct emu_error *error)
{
	cpu_set_t cores;
	int err;

	if (core < 0)
		return 0;
	CPU_ZERO(&cores);
	CPU_SET((unsigned int)core, &cores);
	err = pthread_setaffinity_np(thread, sizeof(cores), &cores);
	if (err)
		snprintf(error->text, sizeof(error->text), "core=%d: cannot run there: %s", core,
			 strerror(err));
	return -err;
}

int nvio_emu_server_run(struct emu_server *server, int listen_fd, int conn_fd)
{
	int fd = conn_fd;

	/* Timers of this thread end when they say, not up to 50 us later. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	while (!is_stopped(server)) {
		if (fd >= 0) {
			nvio_emu_conn_open(&server->conn, fd);
			serve(server);
		}
		fd = next_client(server, listen_fd);
		if (fd < 0 && fd != -EAGAIN)
			return fd;
	}
	if (fd >= 0)
		close(fd);
	return 0;
}
