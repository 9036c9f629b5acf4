/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What suites of the whole stack share: a controller with a queue pair and DMA memory that knows
 * what should be in it, on a name or on an nvme_emu of one's own with its control socket.
 *
 * Every wait is bounded. Namespaces have blocks of BLOCK bytes; a block that was written holds what
 * stack_fill() makes of its number, one that was not, zeros.
 */
#ifndef TEST_EMU_STACK_H
#define TEST_EMU_STACK_H

#include <errno.h>
#include <string.h>
#include <nvio/nvio.h>

#include "tap.h"

#define BLOCK      4096u
#define STACK_BUFS 16u
#define MS         1000000ll
#define SECOND     1000000000ll

/* A status as it is in struct nvio_completion: an unrecovered read error, not to be retried. */
#define READ_ERROR 0x4281

struct stack {
	struct nvio_ctrl *ctrl;
	struct nvio_ns *ns;
	struct nvio_qpair *qpair;
	uint8_t *bufs; /* STACK_BUFS blocks, with one more on either side that nobody may touch */
};

uint64_t now_ns(void);

/* Deadlines of a second or two, and nothing else set. */
struct nvio_ctrl_opts stack_opts(void);

/* The default ones, with interrupts. */
struct nvio_qpair_opts stack_by_interrupt(void);
/* Whether its descriptor is, or becomes so in time. */
bool stack_is_readable(struct nvio_qpair *qpair, int timeout_ms);

/* "emu:lba=4096,size=16M,OPTIONS", or for a name with a colon that name; no failure is expected. */
void stack_open(struct stack *s, const char *options, const struct nvio_qpair_opts *qpair_opts);
/* The same without recovery: what goes wrong stays wrong. */
void stack_open_plain(struct stack *s, const char *options,
		      const struct nvio_qpair_opts *qpair_opts);
/* The same with all options of the controller. */
void stack_open_with(struct stack *s, const char *options, const struct nvio_ctrl_opts *opts,
		     const struct nvio_qpair_opts *qpair_opts);
void stack_close(struct stack *s);

/* Tries to open the same. Returns nvio_ctrl_open()'s result; when 0 it was closed again. */
int stack_try(const char *options, const struct nvio_ctrl_opts *opts);

/* Closes, which must not take longer. */
void stack_close_within(struct stack *s, int64_t ns);

uint8_t *stack_buf(struct stack *s, unsigned int i);
void stack_fill(uint8_t *buf, uint64_t block);
/* How many bytes are not what stack_fill() wrote, or not @value. */
unsigned int stack_differs(const uint8_t *buf, uint64_t block);
unsigned int stack_is_not(const uint8_t *buf, uint8_t value);
/* What lies around the buffers is as it was. */
void stack_check_bounds(const struct stack *s);

/* Blocks 0 to STACK_BUFS - 1 hold their pattern, the buffers 0xee. */
void stack_write_all(struct stack *s);

/* Queues reads of blocks first to last, each into the buffer of its number, which is its user data
 * too, and submits them. */
void stack_read(struct stack *s, unsigned int first, unsigned int last);

/* Waits up to two seconds for @nr completions. Each is for another of the reads first to last, has
 * no error, and its data are right. */
void stack_expect(struct stack *s, unsigned int first, unsigned int last, int nr);

/* One read of a block, from beginning to end. Returns its status, or what nvio_wait() returned. */
int stack_read_one(struct stack *s, unsigned int block);

/* An nvme_emu of this build's. */
struct daemon {
	int pid;
	char dir[32];
	char name[64]; /* for stack_open() */
	char control[64];
};

/* @fault may be NULL. */
void daemon_start(struct daemon *d, const char *fault);
/* Ends it; its status must be 0. */
void daemon_stop(struct daemon *d);
/* Has it ended at once, as a crash would. */
void daemon_kill(struct daemon *d);
/* The answer to a line, without its newline. */
const char *daemon_ask(const struct daemon *d, const char *line);
/* As above; it must be "ok". */
void daemon_do(const struct daemon *d, const char *line);

#endif
