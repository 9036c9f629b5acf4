/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of the client that came without a descriptor: its bytes are moved by messages that the
 * client answers (DMA_READ, DMA_WRITE).
 */
#ifndef NVIO_EMU_REMOTE_H
#define NVIO_EMU_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Messages under way at a time. */
#define EMU_REMOTE_WINDOW 8u

struct emu_server;

/* What one message moves. */
struct emu_remote_part {
	uint64_t iova;
	uint8_t *local;
	size_t len; /* 0: none */
	bool write; /* to the client */
	uint16_t id;
};

struct emu_remote {
	struct emu_remote_part sent[EMU_REMOTE_WINDOW]; /* and not answered */
	unsigned int nr_sent;
	struct emu_remote_part next; /* not sent yet: what follows may belong to it */
	uint32_t xfer_max; /* bytes of one message that the client allows */
	uint16_t id;
	bool failed; /* a part of what is to be settled next */
	uint64_t since; /* when it first waited in this turn, nanoseconds; 0: it did not */
	int broken; /* -errno: nothing can be asked of this client any more */
};

/* A client that has not said anything yet. */
void nvio_emu_remote_init(struct emu_remote *remote);

/* The client's messages are looked at, and the control socket: what is waited for from here on has
 * its own time. */
void nvio_emu_remote_turn(struct emu_server *server);

/*
 * Begins to move bytes, which the client has mapped, to (@write) or from it; @local has to stay
 * until all is settled. Waits when too much is under way.
 */
void nvio_emu_remote_move(struct emu_server *server, uint64_t iova, void *local, size_t len,
			  bool write);

/*
 * Waits until all that was begun has ended. Returns whether all of it was moved. What else the
 * client sends meanwhile is put off. A client that does not answer in time, or wrongly, is done
 * with: @broken says so, and nothing is moved any more.
 */
bool nvio_emu_remote_settle(struct emu_server *server);

#endif
