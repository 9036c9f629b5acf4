/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes at random from several threads, each with a queue pair and a range of blocks of
 * its own, that know what every block has to hold and account for every request: for tests in which
 * the controller fails meanwhile.
 *
 * Half of the threads poll, the others sleep in nvio_wait(). Some requests take several commands,
 * some must not run twice, some are fused. After one that ended with an error its blocks may have
 * the old data or the new; whichever a read finds, stays.
 */
#ifndef TEST_EMU_LOAD_H
#define TEST_EMU_LOAD_H

#include <pthread.h>
#include <nvio/nvio.h>

#define LOAD_BLOCK   4096u
#define LOAD_BLOCKS  64u /* of a thread */
#define LOAD_SLOTS   12u /* requests of a thread at once */
#define LOAD_MAX_LEN 4u /* blocks of a request */
#define LOAD_THREADS 8u

struct load_counts {
	uint64_t submitted;
	uint64_t completed;
	uint64_t failed; /* completed with an error */
	uint64_t abandoned; /* ...which says that they are not known to have run */
	uint64_t bad; /* ...because of the block that the model says is bad */
	uint64_t lost; /* never completed */
	uint64_t doubled; /* completed, and not outstanding */
	uint64_t corrupted; /* blocks */
};

/* What a block holds, as the number of the write that it comes from; 0: zeros. */
struct load_block {
	uint32_t now;
	uint32_t maybe; /* or this one, when it is another */
	bool busy;
};

/* What outlives a load, and in shared memory a process: see load_start(). */
struct load_model {
	struct load_block blocks[LOAD_THREADS][LOAD_BLOCKS];
	uint32_t seq[LOAD_THREADS]; /* the last number that was given to a write */
	uint64_t bad; /* a block that the drive can neither read nor write, plus 1; 0: none */
	bool lies; /* the drive may say anything: data is not looked at, and there may be no queues
		    */
};

struct load_slot {
	uint8_t *buf;
	uint8_t *expected; /* a block */
	struct iovec iov[LOAD_MAX_LEN];
	uint32_t use; /* how often it was used: even while it is free */
	uint32_t first;
	uint32_t nr;
	uint32_t seq; /* 0: a read */
	bool pieces;
};

struct load_thread {
	struct load *load;
	pthread_t thread;
	struct nvio_qpair *qpair;
	bool interrupts;
	uint64_t first; /* block */
	uint64_t bad; /* as in the model */
	bool lies;
	uint64_t random;
	uint32_t *seq;
	uint32_t nr_out;
	int end; /* what ended it: 0, or the error of a call */
	struct load_block *blocks;
	struct load_slot slots[LOAD_SLOTS];
	struct load_counts counts; /* read by others: completed */
};

struct load {
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	unsigned int nr_threads;
	bool stop;
	struct load_model own;
	struct load_thread threads[LOAD_THREADS];
};

/*
 * Makes the queue pairs, with deadlines of @timeout_ms, and starts. @model: what the namespace
 * holds, as another load left it, however that ended; NULL when it reads as zeros.
 */
void load_start(struct load *l, struct nvio_ctrl *ctrl, struct nvio_ns *ns, unsigned int nr_threads,
		uint32_t timeout_ms, uint64_t seed, struct load_model *model);

/* Waits until every thread has completed @nr more requests, for @ns at most. Returns whether they
 * have. */
bool load_goes_on(struct load *l, uint64_t nr, int64_t ns);

/* Stops, once what is outstanding has completed, for which there is a minute. Adds up what the
 * threads counted. */
struct load_counts load_stop(struct load *l);

void load_add(struct load_counts *sum, const struct load_counts *counts);

/* The line of a soak: so many faults, and what became of all requests. */
void load_tell(unsigned int nr_faults, const struct load_counts *sum);

#endif
