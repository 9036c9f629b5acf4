/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of the controller: its queues, namespaces and state, and what its files call in each
 * other.
 *
 * A status is the field of a completion without its phase tag (base 2.0, 4.6.1): code type in bits
 * 10:8, code in bits 7:0. Nothing here knows of sockets; the client's memory is reached through
 * struct emu_bus alone.
 */
#ifndef NVIO_EMU_STATE_H
#define NVIO_EMU_STATE_H

#include <endian.h>
#include <nvme/types.h>

#include "ctrl.h"
#include "nvme/wire.h"
#include "power.h"

#define EMU_QUEUES_MAX  1024u /* I/O queue pairs */
#define EMU_DMA_PAGE    4096u /* the client's memory is in one piece within this */
#define EMU_BURST_LOG2  6u /* Arbitration Burst: no queue starves others, and each gets on */
#define EMU_LBAF_MAX    16u
#define EMU_BLOCK_MAX   65536u /* bytes of data in a block */
#define EMU_AER_MAX     4u /* Identify AERL + 1 */
#define EMU_ABORT_MAX   4u /* Identify ACL + 1 */
#define EMU_ERRORS      64u /* entries of the error information log */
#define EMU_CNTLID      1u
#define EMU_ADMIN_MAX   (4u << 20) /* bytes of one admin command when MDTS sets no limit */
#define EMU_COPY_RANGES 128u
#define EMU_COPY_BLOCKS 16384u /* of one Copy command; of one range, too */

/* An admin command that gets its completion later. */
#define EMU_PENDING 0xffffu

#define EMU_STATUS(type, code) ((uint16_t)((type) << 8 | (code)))
#define EMU_SPECIFIC(code)     EMU_STATUS(NVME_SCT_CMD_SPECIFIC, code)
#define EMU_MEDIA(code)        EMU_STATUS(NVME_SCT_MEDIA, code)

#define emu_likely(x)   __builtin_expect(!!(x), 1)
#define emu_unlikely(x) __builtin_expect(!!(x), 0)

/* An LBA format of Identify Namespace. */
struct emu_lbaf {
	uint8_t lba_shift;
	uint8_t pif; /* NVM: 5.2.1: 0, 1, 2 for guards of 16, 32, 64 bits */
	uint16_t md_len;
};

struct emu_ns {
	uint32_t nsid; /* 0: not allocated */
	bool attached;
	bool null;
	bool ready; /* its blocks are there */
	bool extended; /* metadata travels at the end of each block */
	bool pi_first; /* protection information at the start of the metadata */
	uint8_t pi; /* type, 0: none */
	uint8_t pi_len; /* bytes of it in each block's metadata */
	uint8_t pif;
	uint8_t lbaf;
	uint8_t lba_shift;
	uint16_t md_len;
	uint64_t nr_blocks;
	uint64_t capacity; /* bytes of data that it was made with */
	uint8_t *data; /* all blocks; NULL: in the file */
	uint8_t *md; /* all metadata; protection information is kept inverted, so that a block
			never written reads as all ones there, which no check refuses */
	size_t data_len; /* bytes of data in whole pages: in a file, metadata begin there */
	size_t md_len_all;
	int fd; /* of its file, -1 */
	uint64_t *bad; /* a bit for each block: Write Uncorrectable */
	size_t bad_len;
	uint64_t nr_bad;
};

struct emu_cq {
	uint32_t *db; /* the client's head */
	uint32_t *event; /* event index of a shadow doorbell, or NULL */
	uint8_t **pages; /* EMU_DMA_PAGE of it each; NULL: to be resolved */
	uint64_t iova;
	uint32_t entries; /* 0: the queue does not exist */
	uint32_t head; /* the client's, checked */
	uint32_t tail;
	uint32_t inflight; /* commands taken whose completions belong here */
	uint32_t told; /* the tail when its vector last counted what was new */
	uint32_t bad_db; /* the invalid doorbell value that was told of */
	uint16_t id;
	uint16_t phase;
	uint16_t vector;
	uint16_t nr_sqs;
	bool interrupts;
	bool dirty; /* posted to since the last interrupt */
};

/* QPRIO of Create I/O Submission Queue (5.5). */
enum emu_priority { EMU_PRIO_URGENT, EMU_PRIO_HIGH, EMU_PRIO_MEDIUM, EMU_PRIO_LOW, EMU_NR_PRIOS };

struct emu_sq {
	uint32_t *db; /* the client's tail */
	uint32_t *event;
	struct emu_cq *cq;
	uint8_t **pages;
	uint64_t iova;
	uint32_t entries;
	uint32_t head;
	uint32_t inflight;
	uint32_t bad_db;
	uint16_t id;
	uint8_t priority;
};

/* An interrupt vector: completions that it has not told of yet, to be told of together. */
struct emu_vector {
	uint64_t due; /* nanoseconds; 0: none are held back */
	uint32_t nr_held;
	bool immediate; /* holds none back: Interrupt Vector Configuration */
};

/* A completion before it is posted. */
struct emu_done {
	uint64_t due; /* when it is posted, with latency */
	uint64_t serial; /* keeps the order of those due at once */
	uint32_t result;
	uint32_t slot; /* of its entry, which is there but for its phase: */
	uint16_t sq;
	uint16_t cid;
	uint16_t status;
	bool late;
	uint8_t phase;
};

/* Figures of the SMART log. */
struct emu_stats {
	uint64_t reads;
	uint64_t writes;
	uint64_t blocks_read; /* units of 512 bytes */
	uint64_t blocks_written;
	uint64_t media_errors;
	uint64_t errors;
	uint64_t power_cycles;
	uint64_t unsafe_shutdowns;
	uint64_t commands; /* of all queues; not in the log */
};

struct emu_features; /* features.c */
struct emu_hmb; /* hmb.c */
struct emu_events; /* admin_event.c */
struct emu_faults; /* fault.c */

struct emu_ctrl {
	struct emu_bus *bus;
	uint64_t generation; /* of the bus, when pointers were last dropped */
	bool running; /* enabled, not fatal, not shut down: commands are taken */
	bool gone; /* pulled out */
	bool intx_up; /* raised, and lower() not called since */
	bool by_line; /* the last interrupt was INTx */
	uint8_t latency; /* whether completions are delayed */
	bool wakes; /* it has power states, or media that take time */
	bool write_back; /* the volatile write cache is on */
	bool formats_known; /* the extended LBA formats, to the host: LBAFEE */
	uint32_t page_len; /* CC.MPS in bytes */
	uint64_t max_transfer; /* bytes of one command: MDTS */
	uint32_t db_stride;
	uint32_t intms;
	unsigned int nr_sqs; /* I/O queues in @active */
	unsigned int first_sq; /* of the next round */
	unsigned int nr_dirty;
	unsigned int nr_cqs;
	struct emu_sq **active; /* I/O submission queues that exist */
	struct emu_cq **active_cqs; /* all completion queues that exist, the admin one first */
	struct emu_cq **dirty;
	struct emu_vector *vectors;
	unsigned int nr_held; /* vectors that hold completions back */
	uint32_t coalesce_nr; /* so many at once, */
	uint64_t coalesce_ns; /* or after so long; 0: always at once */
	uint32_t burst; /* commands of one queue before the next one's turn */
	bool weighted; /* queues have their turns by priority: CC.AMS */
	uint32_t weights[EMU_NR_PRIOS]; /* commands of a round */
	struct emu_sq *sqs; /* by identifier, nr_queues + 1 */
	struct emu_cq *cqs;
	struct emu_done *delayed; /* a heap, the earliest first */
	size_t nr_delayed;
	size_t max_delayed;
	uint64_t serial;
	uint64_t random;
	struct emu_stats stats;
	struct emu_faults *faults; /* NULL: none */
	uint8_t *bounce; /* what comes from the client: one block and its metadata */
	uint8_t *stored; /* what comes from a file: as much */
	uint8_t *list; /* a page of a PRP list, where that is remote memory */

	/* Registers (3.1.3) */
	uint64_t cap;
	uint64_t asq;
	uint64_t acq;
	uint32_t cc;
	uint32_t csts;
	uint32_t aqa;

	uint64_t shadow; /* Doorbell Buffer Config: the two pages, 0: none */
	uint64_t shadow_events;
	uint16_t granted_sqs; /* by Number of Queues; 0: not asked for yet */
	uint16_t granted_cqs;
	uint32_t kato_ms;
	uint64_t kato_due; /* nanoseconds; 0: off */
	uint64_t ready_at; /* CSTS.RDY comes then; 0: it was, or is not to come */
	uint64_t media_at; /* commands for namespaces are taken from then on */
	struct emu_power power;
	uint64_t born; /* nanoseconds, CLOCK_MONOTONIC */
	struct emu_features *features;
	struct emu_hmb *hmb;
	struct emu_events *events;
	struct nvme_error_log_page errors[EMU_ERRORS];
	unsigned int last_error;

	struct emu_opts opts;
	struct emu_lbaf lbafs[EMU_LBAF_MAX];
	unsigned int nr_lbafs;
	uint64_t capacity; /* bytes of all namespaces at the start */
	struct emu_ns ns[EMU_NS_MAX];
};

/* ctrl.c */
uint64_t nvio_emu_now(void);

/* ctrl_regs.c: stops everything and says so in CSTS.CFS (9.5). */
void nvio_emu_fatal(struct emu_ctrl *ctrl);
/* The device is pulled out; nvio_emu_ctrl_return() puts it back. */
void nvio_emu_ctrl_remove(struct emu_ctrl *ctrl);
/* In a word. */
const char *nvio_emu_ctrl_state(const struct emu_ctrl *ctrl);

/* queue.c. Opening takes existing memory for granted: pages are resolved when they are used. */
int nvio_emu_queues_new(struct emu_ctrl *ctrl);
void nvio_emu_queues_free(struct emu_ctrl *ctrl);
void nvio_emu_queues_close(struct emu_ctrl *ctrl);
void nvio_emu_queues_remap(struct emu_ctrl *ctrl);
/* Whether there are queues to look at, none of them where memory was before: to be asked by
 * whatever begins outside of a round and reaches doorbells. */
static inline bool nvio_emu_queues_usable(struct emu_ctrl *ctrl)
{
	if (ctrl->running && emu_unlikely(ctrl->generation != ctrl->bus->generation))
		nvio_emu_queues_remap(ctrl);
	return ctrl->running;
}
bool nvio_emu_cq_open(struct emu_ctrl *ctrl, uint16_t id, uint64_t iova, uint32_t entries);
bool nvio_emu_sq_open(struct emu_ctrl *ctrl, uint16_t id, uint16_t cq, uint64_t iova,
		      uint32_t entries);
void nvio_emu_cq_close(struct emu_ctrl *ctrl, struct emu_cq *cq);
void nvio_emu_sq_close(struct emu_ctrl *ctrl, struct emu_sq *sq);
void *nvio_emu_queue_find(struct emu_ctrl *ctrl, uint8_t **pages, uint64_t iova, uint32_t offset,
			  bool write) __attribute__((cold));
bool nvio_emu_queue_copy(struct emu_ctrl *ctrl, uint64_t iova, void *local, size_t len, bool write)
	__attribute__((cold));
void nvio_emu_cq_check_head(struct emu_ctrl *ctrl, struct emu_cq *cq);
void nvio_emu_cq_post(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_done *done);
void nvio_emu_cq_post_late(struct emu_ctrl *ctrl, struct emu_cq *cq, struct emu_done *done);
void nvio_emu_cq_reveal(struct emu_ctrl *ctrl, const struct emu_done *done);

/* An entry of a queue. NULL when that has no address here: nvio_emu_queue_copy() then, which is
 * fatal where there is no memory at all (9.5). */
static inline void *nvio_emu_queue_entry(struct emu_ctrl *ctrl, uint8_t **pages, uint64_t iova,
					 uint32_t offset, bool write)
{
	uint8_t *page = pages[offset / EMU_DMA_PAGE];

	if (emu_unlikely(!page))
		return nvio_emu_queue_find(ctrl, pages, iova, offset, write);
	return page + offset % EMU_DMA_PAGE;
}

/* Completions that can be posted before the client has to reap, less those promised to commands
 * already taken. */
static inline uint32_t nvio_emu_cq_room(const struct emu_cq *cq)
{
	uint32_t used =
		cq->tail >= cq->head ? cq->tail - cq->head : cq->tail + cq->entries - cq->head;

	return cq->entries - 1 - used - cq->inflight;
}

/* interrupt.c: the first two with the value of a feature (5.27.1.6, 5.27.1.7). */
void nvio_emu_coalescing_set(struct emu_ctrl *ctrl, uint32_t value);
void nvio_emu_vector_set(struct emu_ctrl *ctrl, uint16_t vector, bool immediate);
void nvio_emu_interrupt(struct emu_ctrl *ctrl);
void nvio_emu_interrupt_masked(struct emu_ctrl *ctrl, uint32_t was);
uint64_t nvio_emu_interrupt_due(const struct emu_ctrl *ctrl);
/* No vector holds anything back any more. */
void nvio_emu_interrupt_reset(struct emu_ctrl *ctrl);

/* arbiter.c: with the value of the feature (5.27.1.1); one round over all submission queues. */
void nvio_emu_arbitration_set(struct emu_ctrl *ctrl, uint32_t value);
bool nvio_emu_arbitrate(struct emu_ctrl *ctrl);

/* ctrl_run.c */
bool nvio_emu_run(struct emu_ctrl *ctrl);
/* At most @most commands of a queue. Returns how many it were. */
uint32_t nvio_emu_run_sq(struct emu_ctrl *ctrl, struct emu_sq *sq, uint32_t most);
void nvio_emu_post(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct emu_done *done);
void nvio_emu_delay(struct emu_ctrl *ctrl, struct emu_done *done, uint64_t ns);
bool nvio_emu_abort(struct emu_ctrl *ctrl, uint16_t sq, uint16_t cid);
void nvio_emu_forget(struct emu_ctrl *ctrl, uint16_t sq);
/* Posts and tells of all completions that wait. */
void nvio_emu_settle(struct emu_ctrl *ctrl);

/* admin.c and what it dispatches to. Each returns a status or EMU_PENDING. */
uint16_t nvio_emu_admin(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result);
uint16_t nvio_emu_admin_effects(uint8_t opcode);
uint16_t nvio_emu_create_cq(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd);
uint16_t nvio_emu_create_sq(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd);
uint16_t nvio_emu_delete_cq(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd);
uint16_t nvio_emu_delete_sq(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd);
uint16_t nvio_emu_identify(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd);
uint16_t nvio_emu_get_log(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd);
uint16_t nvio_emu_format(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd);
uint16_t nvio_emu_ns_manage(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result);
uint16_t nvio_emu_ns_attach(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd);

/* features.c */
int nvio_emu_features_new(struct emu_ctrl *ctrl);
void nvio_emu_features_free(struct emu_ctrl *ctrl);
void nvio_emu_features_reset(struct emu_ctrl *ctrl);
uint16_t nvio_emu_get_feature(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result);
uint16_t nvio_emu_set_feature(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result);
uint32_t nvio_emu_feature(const struct emu_ctrl *ctrl, uint8_t fid);
bool nvio_emu_too_hot(const struct emu_ctrl *ctrl);
bool nvio_emu_feature_exists(const struct emu_ctrl *ctrl, uint8_t fid);

/* hmb.c */
int nvio_emu_hmb_new(struct emu_ctrl *ctrl);
void nvio_emu_hmb_free(struct emu_ctrl *ctrl);
void nvio_emu_hmb_reset(struct emu_ctrl *ctrl);
bool nvio_emu_hmb_lent(const struct emu_ctrl *ctrl);
void nvio_emu_hmb_look(struct emu_ctrl *ctrl);
uint16_t nvio_emu_hmb_set(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value,
			  uint32_t *result);
uint16_t nvio_emu_hmb_get(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *value);

/* admin_event.c (5.2) */
int nvio_emu_events_new(struct emu_ctrl *ctrl);
void nvio_emu_events_free(struct emu_ctrl *ctrl);
void nvio_emu_events_reset(struct emu_ctrl *ctrl);
void nvio_emu_event(struct emu_ctrl *ctrl, uint8_t type, uint8_t info, uint8_t log);
void nvio_emu_event_seen(struct emu_ctrl *ctrl, uint8_t log);
void nvio_emu_events_send(struct emu_ctrl *ctrl);
uint16_t nvio_emu_event_request(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd);
/* All there is of them, for saved.c, and whether bytes can be that. */
void *nvio_emu_events_state(const struct emu_ctrl *ctrl, size_t *len);
bool nvio_emu_events_are_valid(const void *bytes);
bool nvio_emu_event_abort(struct emu_ctrl *ctrl, uint16_t cid);
void nvio_emu_ns_changed(struct emu_ctrl *ctrl, uint32_t nsid);
void nvio_emu_changed_list(struct emu_ctrl *ctrl, uint32_t list[1024]);

/* io.c, io_md.c, io_range.c */
uint16_t nvio_emu_io(struct emu_ctrl *ctrl, const struct nvio_sqe *cmd, uint32_t *result);
bool nvio_emu_fusable(const struct nvio_sqe *first, const struct nvio_sqe *second);
uint16_t nvio_emu_written(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd,
			  uint64_t slba, uint64_t nr);
uint16_t nvio_emu_md_io(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd,
			uint64_t slba, uint32_t nr);
uint16_t nvio_emu_verify(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd);
uint16_t nvio_emu_write_zeroes(struct emu_ctrl *ctrl, struct emu_ns *ns,
			       const struct nvio_sqe *cmd);
uint16_t nvio_emu_write_bad(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd);
uint16_t nvio_emu_dsm(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd);
uint16_t nvio_emu_copy(struct emu_ctrl *ctrl, struct emu_ns *ns, const struct nvio_sqe *cmd,
		       uint32_t *result);

static inline bool nvio_emu_in_range(const struct emu_ns *ns, uint64_t slba, uint64_t nr)
{
	return nr <= ns->nr_blocks && slba <= ns->nr_blocks - nr;
}

static inline uint64_t nvio_emu_slba(const struct nvio_sqe *cmd)
{
	return cmd->cdw10 | (uint64_t)cmd->cdw11 << 32;
}

static inline struct emu_ns *nvio_emu_ns(struct emu_ctrl *ctrl, uint32_t nsid)
{
	struct emu_ns *ns = &ctrl->ns[(nsid - 1) % EMU_NS_MAX];

	return nsid && nsid == ns->nsid ? ns : NULL;
}

static inline struct emu_ns *nvio_emu_active_ns(struct emu_ctrl *ctrl, uint32_t nsid)
{
	struct emu_ns *ns = nvio_emu_ns(ctrl, nsid);

	return ns && ns->attached ? ns : NULL;
}

#endif
