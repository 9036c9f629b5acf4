/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eventfds of a client: signalled and read without ever waiting for it.
 *
 * The client shares the file with us and may change its flags, fill its counter or empty it at any
 * moment: to look first and write or read then is not enough.
 */
#ifndef NVIO_EMU_EVENTFD_H
#define NVIO_EMU_EVENTFD_H

#include <linux/aio_abi.h>
#include <stdbool.h>

struct emu_signals {
	aio_context_t context; /* 0: not made yet, or there is none */
	int empty_fd; /* a file that is read */
	unsigned int nr_unreaped;
	bool plain; /* the kernel does not do it for us */
};

void nvio_emu_signals_init(struct emu_signals *signals);
void nvio_emu_signals_fini(struct emu_signals *signals);

/* Adds 1 to an eventfd; nothing for -1. A counter that is full is told already. */
void nvio_emu_signal(struct emu_signals *signals, int fd);

/* Empties an eventfd: whether there was anything in it. */
bool nvio_emu_eventfd_take(int fd);

#endif
