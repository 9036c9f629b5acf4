/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket: a line of text in, a line out, and the connection ends. Whoever talks here
 * tells the controller to misbehave while its client uses it.
 *
 * Runs in the server's thread and never waits: one peer at a time, for a second at most.
 */
#ifndef NVIO_EMU_CONTROL_H
#define NVIO_EMU_CONTROL_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#define EMU_CONTROL_LINE   256u /* of a request, with its newline */
#define EMU_CONTROL_ANSWER 8192u

struct emu_server;

struct emu_control {
	int listen_fd; /* the caller's; -1: there is no such socket */
	int fd; /* the peer; -1: nobody */
	uint64_t look_at; /* when to look next; nanoseconds of CLOCK_MONOTONIC */
	uint64_t deadline; /* of the peer */
	size_t in_len;
	size_t out_len; /* 0: its line is not there yet */
	size_t out_sent;
	char in[EMU_CONTROL_LINE];
	char out[EMU_CONTROL_ANSWER];
};

/* Nobody listens until @listen_fd, not blocking, is set. */
void nvio_emu_control_init(struct emu_control *control);

/* Hangs up on whoever is there. */
void nvio_emu_control_close(struct emu_control *control);

/* Goes on with what is there to do, now and then. */
void nvio_emu_control_poll(struct emu_server *server, uint64_t now);

/* What a thread that sleeps is to wake up for. Returns for how many milliseconds at most; -1: any
 * time. */
int nvio_emu_control_wait(const struct emu_control *control, uint64_t now, struct pollfd *wait);

#endif
