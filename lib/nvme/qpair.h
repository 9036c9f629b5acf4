/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue pair: rings in DMA memory, a tracker per command identifier, and the doorbells.
 *
 * One thread at a time, no lock. The device side is memory and two doorbells, so that a test can
 * play the controller over plain memory. A queue pair that failed has no free tracker left, so
 * that the I/O path needs one check for "full" and "failed".
 */
#ifndef NVIO_LIB_NVME_QPAIR_H
#define NVIO_LIB_NVME_QPAIR_H

#include "base/bits.h"
#include "mem/memory.h"
#include "nvme/doorbell.h"
#include "nvme/tracker.h"
#include "nvme/wire.h"

struct nvio_vector;

/* Parts of a command's timeout, in which time is counted. */
#define NVIO_TIMEOUT_TICKS 8u

/* What keeps nvio_submit() and nvio_poll() from their short way. */
enum nvio_attention {
	NVIO_ATTENTION_FAILED = 1, /* takes no more commands */
	NVIO_ATTENTION_PARTS = 2, /* requests with parts that were not sent */
	NVIO_ATTENTION_WAITING = 4, /* commands to be sent again */
	NVIO_ATTENTION_ENDED = 8, /* commands that ended with a reset */
};

/* One writer each; nvio_qpair_get_stats() says what they mean. */
struct nvio_counters {
	uint64_t polls;
	uint64_t busy_polls;
	uint64_t submitted;
	uint64_t completed;
	uint64_t sq_doorbells;
	uint64_t cq_doorbells;
	uint64_t splits;
	uint64_t retries;
	uint64_t errors;
	uint64_t doorbells_spared;
	uint64_t resent;
	uint64_t abandoned;
};

struct nvio_qpair {
	/* Submitting: the first line is what a command on the short way reads and writes here, but
	 * for sent_word. */
	struct nvio_tracker *free; /* a stack; NULL when full, or failed */
	struct nvio_sqe *sq_next; /* the slot of the next command */
	struct nvio_sqe *sq_stop; /* the ring's end, or a slot to be cleaned before it */
	struct nvio_ctrl *ctrl;
	struct nvio_window heap; /* as it was when last looked at; it only grows */
	uint64_t page_mask; /* of the controller's memory page */

	/* The slot up to which the controller was told. NULL while attention is wanted, so that one
	 * comparison asks for both; then it is in sq_told. */
	struct nvio_sqe *sq_rung;
	struct nvio_sqe *sq_told;
	struct nvio_sqe *sq;
	uint32_t *sq_doorbell; /* NULL where it takes more than a store: see doorbell.h, and
				  nvio_restart_hold() */
	uint64_t *lists; /* PRP lists, list_len bytes for each identifier */
	uint64_t lists_iova;
	uint32_t list_len;
	uint32_t attention; /* enum nvio_attention */
	uint64_t sent_word; /* the state of a tracker whose command is queued now, in the upper half
			       as there */
	struct nvio_sqe *saved; /* commands that their trackers cannot rebuild, by identifier */
	struct nvio_sqe *sq_round; /* the slot that follows sq_stop, where none is to be cleaned;
				      NULL: see nvio_sq_come_to() */

	/* Completing. */
	_Alignas(CACHE_LINE) struct nvio_cqe *cq_next;
	struct nvio_cqe *cq_end;
	struct nvio_tracker *trackers;
	/* What is the same in the second half of all good completions: the submission queue's
	 * identifier, and the phase tag that is expected. */
	uint64_t expected;
	uint64_t idx_mask; /* of the identifier's bits that are the tracker's index, times 64 */
	uint64_t next_use; /* what a tracker's word grows by when its command has ended */
	uint32_t look_mask; /* of the count of polls: when it is 0, time is taken; see
			       nvio_restart_hold() */
	uint64_t cq_lag; /* completions that it need not be told of: the ring is larger by this */

	/* Counted by the owner, read by any thread. */
	_Alignas(CACHE_LINE) struct nvio_counters stats;
	uint64_t cq_rung; /* completions that the controller was told of */
	struct nvio_cqe *cq;
	uint32_t *cq_doorbell;

	/* The rest is cold. */
	_Alignas(CACHE_LINE) const struct nvio_memory *memory;
	struct nvio_sqe *sq_end;
	uint8_t *spoilt; /* by slot, 1: it has something where the short way finds zeros */
	uint32_t nr_spoilt;
	struct nvio_parent *parents;
	struct nvio_parent *free_parents;
	struct nvio_parent *first_parent, **last_parent; /* those with parts to send, in order */
	struct nvio_tracker *first_waiting; /* unordered */
	uint32_t nr_parents; /* requests of several commands under way */
	uint32_t nr_parts; /* trackers that belong to one */
	uint32_t nr_waiting;
	uint32_t nr_drained; /* commands that ended without a completion */
	uint8_t max_retries;
	bool no_sgl; /* PRPs for everything */
	bool no_resend; /* nor again after a reset */
	bool gone; /* failed because the device went: what was outstanding completes in error */
	bool given_up; /* ...or because no reset helped */
	uint8_t tick; /* NVIO_TIMEOUT_TICKS of them are the timeout */
	uint32_t tick_ms; /* 0: commands have no deadline */
	uint64_t tick_at; /* when the next begins; milliseconds of the coarse clock */
	uint64_t look_at; /* when the device is looked after next */
	uint64_t seen_completed; /* what was completed when it was last */
	uint64_t completed_before; /* ...when the controller was reset last */
	uint64_t looked_at; /* when time was taken */
	uint32_t look_usually; /* look_mask, unless something has happened */
	bool look_adapts; /* to how often polls come */
	uint32_t call; /* enum nvio_call, of both sides */
	uint32_t answered; /* the last one that the owner dealt with */
	bool held; /* the controller is told nothing; see nvio_restart_hold() */
	bool cq_owed; /* it was not told of completions meanwhile... */
	uint32_t nr_untold; /* ...nor of so many commands, the last ones that were submitted */
	bool reset_was_asked; /* the recovery's, for the owner: by the application */
	uint32_t not_aborted; /* likewise: the last command that was late and stays so, by its
				 identifier plus 1; 0: none */
	uint32_t nr_trackers;
	uint16_t qid;
	uint16_t depth;
	uint16_t sq_entries; /* depth + 1, because a full ring looks empty */
	uint16_t cq_entries;
	struct nvio_vector *vector; /* NULL: completions are polled for */
	int fd; /* becomes readable with the vector's signals; -1 without */
	uint32_t spin_ns; /* how long a wait spins at most before it sleeps */
	uint32_t wait_ns; /* how long waits take on average; what is too long counts less */
	uint64_t unsignalled_at; /* when something was found before its interrupt, if none has come
				    since; 0: not */
	uint8_t nr_long_waits;
	uint8_t priority; /* enum nvio_priority */
	uint8_t in_cmb; /* enum nvio_cmb_use */
	uint64_t sq_iova;
	uint32_t *sq_register; /* mapped doorbells, NULL where they cannot be */
	uint32_t *cq_register;
	struct nvio_shadow sq_shadow;
	struct nvio_shadow cq_shadow;
	bool cq_made; /* the controller knows the completion queue, the submission queue */
	bool sq_made;
	struct nvio_mem_user user;
	struct nvio_qpair *next;
	char why[160]; /* it failed */
};

/* Lines that a queue pair writes are its own, so that queue pairs never wait for each other: here,
 * and in what nvio_qpair_init() allocates. */
_Static_assert(_Alignof(struct nvio_qpair) == CACHE_LINE, "none shared at either end");
_Static_assert(offsetof(struct nvio_qpair, sq_rung) == CACHE_LINE, "one line to submit");
_Static_assert(offsetof(struct nvio_qpair, cq_next) % CACHE_LINE == 0 &&
		       offsetof(struct nvio_qpair, cq_lag) - offsetof(struct nvio_qpair, cq_next) <
			       CACHE_LINE,
	       "one line to reap");
_Static_assert(offsetof(struct nvio_qpair, stats) % CACHE_LINE == 0 &&
		       offsetof(struct nvio_qpair, memory) % CACHE_LINE == 0,
	       "what other threads read is by itself");

struct nvio_qpair_shape {
	struct nvio_ctrl *ctrl; /* may come later when nothing is to lie in its memory buffer */
	uint8_t in_cmb;
	uint16_t depth;
	uint16_t cq_lag; /* completions that the controller need not be told of at once */
	uint32_t page_len;
	uint32_t max_transfer; /* 0: commands bring their PRP lists along */
	uint32_t timeout_ms; /* of a command; 0: none */
	uint8_t max_retries;
	bool interrupts; /* polls are rare: each takes the time */
};

/*
 * Allocates rings, trackers and PRP lists; the doorbells
 * are left NULL. Returns 0 or -ENOMEM; then nothing is kept.
 */
int nvio_qpair_init(struct nvio_qpair *qpair, struct nvio_iommu *iommu,
		    const struct nvio_qpair_shape *shape);

/* Frees them: only once no device can reach them. */
void nvio_qpair_fini(struct nvio_qpair *qpair, struct nvio_iommu *iommu);

/* Puts others in the place of its rings, which are of the heap, too, and become its own. */
void nvio_qpair_take_rings(struct nvio_qpair *qpair, struct nvio_iommu *iommu, struct nvio_sqe *sq,
			   struct nvio_cqe *cq);

/* Has nvio_mem_unregister() ask the queue pair before it takes memory away. */
void nvio_qpair_watch_memory(struct nvio_qpair *qpair);

/* Gives it its identifier, before its rings are used. */
void nvio_qpair_set_id(struct nvio_qpair *qpair, uint16_t qid);

/* Where the completion ring is for the device. */
uint64_t nvio_qpair_cq_iova(const struct nvio_qpair *qpair);

/* queues.c: makes the queues at the controller, whose lock the caller holds. Returns 0 or -errno:
 * then one of them may be there. */
int nvio_queues_create(struct nvio_qpair *qpair, bool interrupts);

/* Makes the same queues again, after a reset; the lock is held. */
int nvio_queues_again(struct nvio_qpair *qpair);

/* Deletes them at the controller, and keeps all else. Returns 0 or -errno. */
int nvio_queues_stop(struct nvio_qpair *qpair);

/* Deletes them. Returns 0, or -errno: then the controller may still use their memory. */
int nvio_queues_delete(struct nvio_qpair *qpair);

/* wait.c: how long nvio_wait() spins, as in the options. */
void nvio_qpair_set_spin(struct nvio_qpair *qpair, uint32_t ns);

#endif
