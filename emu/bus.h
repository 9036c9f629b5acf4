/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands between the NVMe controller and the world: memory of the client, interrupts,
 * doorbells.
 *
 * The transport (vfio-user, in server.c and its friends) fills a struct emu_bus in and calls the
 * controller; the controller calls the bus and knows nothing of sockets. One thread at a time on
 * either side, so nothing is locked.
 */
#ifndef NVIO_EMU_BUS_H
#define NVIO_EMU_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emu_bus {
	/*
	 * Where the client's memory at @iova is in this process, for @len bytes that lie in one
	 * page of 4 KiB. NULL when it is not mapped for this (@write: the controller writes it), or
	 * bus mastering is off.
	 */
	void *(*dma)(struct emu_bus *bus, uint64_t iova, size_t len, bool write);

	/* As above for any length: how many bytes from @iova on are in one piece, at most @len,
	 * with *@addr. 0: none. */
	size_t (*dma_run)(struct emu_bus *bus, uint64_t iova, size_t len, bool write, void **addr);

	/*
	 * Memory that has no address here, as the client keeps it to itself: remote_run() tells how
	 * many bytes from @iova on, at most @len, are of that kind. remote_move() begins to move
	 * such bytes to (@write) or from the client; @local must stay until remote_settle(), which
	 * waits for all that was begun and tells whether it was done. NULL, all three, where there
	 * is no such memory.
	 */
	size_t (*remote_run)(struct emu_bus *bus, uint64_t iova, size_t len, bool write);
	void (*remote_move)(struct emu_bus *bus, uint64_t iova, void *local, size_t len,
			    bool write);
	bool (*remote_settle)(struct emu_bus *bus);

	/* Raises the interrupt of a vector (MSI-X vector, or INTx for 0 when MSI-X is off). */
	void (*raise)(struct emu_bus *bus, unsigned int vector);

	/* Whether raise() means INTx now. Optional: never. */
	bool (*by_line)(struct emu_bus *bus);

	/* The controller has no completion left to tell of. Of meaning to INTx alone, and called
	 * whatever kind of interrupt is on: the bus knows which. */
	void (*lower)(struct emu_bus *bus);

	/* The device reports an uncorrectable error. Optional. */
	void (*report)(struct emu_bus *bus);

	/* The controller was reset with all of its subsystem: the function is, too. Optional. */
	void (*reset)(struct emu_bus *bus);

	/* Changes whenever pointers kept from dma() become stale: a client maps or unmaps memory,
	 * bus mastering or the power state let the controller reach it or take that away, or a log
	 * of what is written has to hear of each page again. */
	uint64_t generation;

	/* Commands are to wait for the next round, which it goes on with when it has looked at what
	 * else there is: some took long. */
	bool hold;

	/*
	 * The doorbells, shared with the client: at byte 2 * qid * stride the tail of submission
	 * queue qid, at (2 * qid + 1) * stride the head of its completion queue. Read with atomic
	 * loads, anything can be in there.
	 */
	uint32_t *doorbells;
	size_t doorbells_len; /* whole pages of 4 KiB: may be more than there are doorbells */
};

#endif
