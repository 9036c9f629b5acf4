/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signals and empties eventfds; see eventfd.h.
 *
 * A write to a full counter waits for its reader. But what the kernel signals itself never waits:
 * so it is given an asynchronous request that ends at once, and the eventfd to tell of it
 * (io_submit). Where that is not allowed the counter is looked at first, which leaves a moment in
 * between.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "eventfd.h"

/* Requests that have ended are taken out of their ring so many at a time. */
#define UNREAPED_MAX 32u

void nvio_emu_signals_init(struct emu_signals *signals)
{
	memset(signals, 0, sizeof(*signals));
	signals->empty_fd = -1;
}

void nvio_emu_signals_fini(struct emu_signals *signals)
{
	if (signals->context)
		syscall(SYS_io_destroy, signals->context);
	if (signals->empty_fd >= 0)
		close(signals->empty_fd);
	nvio_emu_signals_init(signals);
}

/* With the first signal: who polls needs none of it. */
static bool is_set_up(struct emu_signals *signals)
{
	if (signals->context || signals->plain)
		return signals->context;
	signals->empty_fd = memfd_create("nvio-emu-empty", MFD_CLOEXEC);
	if (signals->empty_fd < 0 ||
	    syscall(SYS_io_setup, 2 * UNREAPED_MAX, &signals->context) < 0) {
		signals->context = 0;
		signals->plain = true;
	}
	return signals->context;
}

static void reap(struct emu_signals *signals)
{
	struct io_event events[UNREAPED_MAX];
	struct timespec now = { 0 };

	syscall(SYS_io_getevents, signals->context, 0, UNREAPED_MAX, events, &now);
	signals->nr_unreaped = 0;
}

/* A read of nothing from an empty file. */
static bool submit(struct emu_signals *signals, int fd)
{
	struct iocb request = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)signals->empty_fd,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd,
	};
	struct iocb *list = &request;

	if (syscall(SYS_io_submit, signals->context, 1, &list) != 1)
		return false;
	if (++signals->nr_unreaped == UNREAPED_MAX)
		reap(signals);
	return true;
}

void nvio_emu_signal(struct emu_signals *signals, int fd)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;

	if (fd < 0)
		return;
	if (is_set_up(signals) && submit(signals, fd))
		return;
	if (poll(&room, 1, 0) == 1 && room.revents & POLLOUT && write(fd, &one, sizeof(one)) < 0)
		return;
}

bool nvio_emu_eventfd_take(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t count;
	struct iovec iov = { &count, sizeof(count) };
	ssize_t len;

	/* Most often there is nothing, and then this says so in no time. */
	if (fd < 0 || poll(&ready, 1, 0) != 1 || !(ready.revents & POLLIN))
		return false;
	len = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);
	/* Kernels before 5.7, where the client could empty it in between. */
	if (len < 0 && errno == EOPNOTSUPP)
		len = read(fd, &count, sizeof(count));
	return len == (ssize_t)sizeof(count);
}
