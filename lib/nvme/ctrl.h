/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The controller object and what the files of lib/nvme call of each other.
 */
#ifndef NVIO_LIB_NVME_CTRL_H
#define NVIO_LIB_NVME_CTRL_H

#include <pthread.h>

#include "nvme/async.h"
#include "nvme/idle.h"
#include "nvme/keeper.h"
#include "nvme/local.h"
#include "nvme/qpair.h"
#include "nvme/recovery.h"
#include "nvme/regs.h"

#define NVIO_ADMIN_DEPTH         31
#define NVIO_ADMIN_PAGE_DEPTH    63 /* with NVIO_QUIRK_ADMIN_PAGE */
#define NVIO_ADMIN_TIMEOUT_MS    30000u
#define NVIO_SHUTDOWN_TIMEOUT_MS 10000u
/* One command never moves more than this, whatever MDTS allows. */
#define NVIO_TRANSFER_MAX (4u << 20)

struct nvio_ns {
	/* Read on the I/O path: the short way's checks, and the first 8 bytes of its commands. */
	struct nvio_ctrl *ctrl; /* NULL once it is not there any more, or another one */
	uint64_t last_block; /* this and max_blocks change when the namespace is resized */
	uint64_t boundary_mask; /* a command stays between multiples of this mask + 1, but for the
				   highest bits, which its first block has none of... */
	uint64_t max_blocks; /* ...and takes so many blocks; 0: the short way is not for it */
	uint64_t read_word0;
	uint64_t write_word0;
	uint64_t block_len;

	/* The long way's. */
	uint32_t nsid;
	uint32_t copy_max; /* blocks of one copy, of one of its ranges, and ranges (MCL, MSSRL,
			      MSRC) */
	uint32_t copy_range_max;
	uint32_t copy_ranges;
	uint32_t boundary; /* blocks, any number; 0: none (NOIOB) */
	struct nvio_ns_info info; /* what changes of it does so with ns_lock held */
	struct nvio_ctrl *owner; /* always */
	struct nvio_ns *next_ended;
};

_Static_assert(offsetof(struct nvio_ns, nsid) <= CACHE_LINE, "one line");

/* An active namespace; identified when it is first asked for. */
struct nvio_ns_slot {
	uint32_t nsid;
	struct nvio_ns *ns;
};

struct nvio_ctrl {
	struct nvio_device *device;
	struct nvio_iommu *iommu; /* referenced */
	struct nvio_ctrl_opts opts;
	struct nvio_ctrl_info info; /* what changes of it once it is open does so with both locks
				       held, ns_lock too */

	char *doorbells; /* NULL where they cannot be mapped */
	char *shadow; /* memory for shadow doorbells; NULL: there are none */
	uint64_t cap;
	uint32_t doorbell_stride;
	uint32_t ready_timeout_ms;
	uint32_t media_timeout_ms; /* it may be ready so long before its media (CRTO.CRWMT); 0: it
				      is ready when they are */
	uint64_t media_until; /* by then they are there; milliseconds of the coarse clock */
	uint32_t shutdown_timeout_ms;
	uint32_t retry_delay_ms[4]; /* by the field of a status (CRDT1 to 3); the first is 0 */
	uint32_t sgls; /* how SGLs are supported */
	uint16_t oacs; /* optional admin commands */
	uint16_t oncs; /* optional commands */
	uint16_t fuses; /* fused operations */
	uint16_t copy_formats; /* of source ranges (OCFS) */
	uint64_t verify_max; /* bytes of one command, as far as it moved them; 0 in these: no limit
				(VSL, WZSL) */
	uint64_t zeroes_max;
	uint64_t uncorrectable_max;
	uint64_t dsm_max; /* blocks, of one of its ranges, and ranges of dataset management (DMSL,
			     DMRSL, DMRL) */
	uint32_t dsm_range_max;
	uint32_t dsm_ranges;
	uint32_t oaes; /* events that can be had */
	uint8_t aerl; /* requests for them, minus one */
	uint16_t kas; /* granularity of keep alive; 0: there is none */
	uint32_t error_log_len; /* bytes of the error log */
	uint64_t hmb_preferred; /* bytes of host memory that it wants, and takes at least */
	uint64_t hmb_min;
	uint64_t hmb_min_piece;
	uint16_t hmb_max_pieces; /* 0: any number */
	bool enabled; /* CC.EN was set by us */
	bool taken_over; /* ...by the program before, and not since; while it is brought up */
	bool extended_formats; /* namespaces may have wide guards and storage tags (ELBAS) */
	bool shares_subsystem; /* with other controllers, as far as is known (CMIC) */
	bool up; /* was brought up: from here on it can be recovered */
	struct nvio_recovery recovery;

	struct nvio_local locals[NVIO_NR_LOCALS];

	pthread_mutex_t lock; /* over all below, and over admin commands as a whole */
	struct nvio_qpair *admin;
	struct nvio_async *async; /* NULL: nobody wants events */
	struct nvio_keeper keeper;
	struct nvio_idle idle;
	bool dead; /* an admin command timed out or the device is gone: no more commands, unless
		      a reset helps */
	struct kept_feature *features; /* that the application has set */
	struct nvio_leftover *leftovers; /* of admin commands without an answer */
	struct nvio_qpair *qpairs;
	uint16_t last_qid; /* that was given to one */
	struct nvio_vector *vectors; /* the MSI-X vectors that are enabled; NULL while none are */
	uint32_t nr_vectors;
	uint32_t max_vectors; /* with those that can be added, a vector for each queue pair at most
			       */
	enum nvio_irq irq; /* their kind */
	struct nvio_cmb *cmb; /* each once it was asked for */
	struct nvio_pmr *pmr;
	struct nvio_hmb *hmb; /* NULL: no memory is lent */
	struct nvio_ns *ended; /* namespaces that are no more, whose handles somebody may have */

	/* Over these too, which change with both locks held; taken inside the other. */
	pthread_mutex_t ns_lock;
	struct nvio_ns_slot *namespaces; /* ascending */
	size_t nr_namespaces;
};

/* registers.c: 32 and 64 bits wide, mapped or by call. A device that is gone reads as all ones. */
uint32_t nvio_reg_read32(struct nvio_ctrl *ctrl, uint32_t offset);
uint64_t nvio_reg_read64(struct nvio_ctrl *ctrl, uint32_t offset);
void nvio_reg_write32(struct nvio_ctrl *ctrl, uint32_t offset, uint32_t value);
void nvio_reg_write64(struct nvio_ctrl *ctrl, uint32_t offset, uint64_t value);
/* Maps the doorbells that may be mapped: for fewer queue pairs than asked for when it is only
 * those. Returns 0; -ENOTSUP when BAR 0 is too small. */
int nvio_reg_init(struct nvio_ctrl *ctrl);
/* The address of a doorbell, NULL where it is not mapped. */
uint32_t *nvio_reg_doorbell(struct nvio_ctrl *ctrl, uint16_t qid, bool cq);
uint64_t nvio_reg_doorbell_offset(const struct nvio_ctrl *ctrl, uint16_t qid, bool cq);

/* idle.c: takes ctrl->lock for whoever has a use for the controller: no reset is wanted, and it
 * does not sleep. */
void nvio_ctrl_claim(struct nvio_ctrl *ctrl);

/* quirks.c: once its PCI vendor and device are known. */
void nvio_quirks_choose(struct nvio_ctrl *ctrl);

/* ctrl.c: ends all that a controller does but the controller itself; frees what is left, and closes
 * the device unless it is NULL. */
void nvio_ctrl_quiesce(struct nvio_ctrl *ctrl);
void nvio_ctrl_free(struct nvio_ctrl *ctrl);

/* bringup.c */
int nvio_ctrl_bring_up(struct nvio_ctrl *ctrl);
/* What CC is while it is enabled. */
uint32_t nvio_ctrl_cc(const struct nvio_ctrl *ctrl);
/* Disables it and brings it up as it was, for the ladder. */
int nvio_ctrl_bring_up_again(struct nvio_ctrl *ctrl);
void nvio_ctrl_shut_down(struct nvio_ctrl *ctrl);

/* admin.c: nvio_admin() with the lock held. */
int nvio_admin_locked(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd, void *data, size_t len,
		      uint32_t *result);
/* Who gets the completion of an admin command: its user_data. */
enum nvio_admin_user {
	NVIO_ADMIN_ANSWER = 0, /* whoever waits for it, with the lock held */
	NVIO_ADMIN_EVENT, /* async.c */
	NVIO_ADMIN_ALIVE, /* keeper.c */
};

/* Takes what came that nobody waits for, with the lock held. Returns 0, or -errno: nothing comes
 * any more. */
int nvio_admin_look(struct nvio_ctrl *ctrl);
/* No command gets an answer: a reset is asked for. The sentence of @err says why. Returns @err. */
int nvio_admin_failed(struct nvio_ctrl *ctrl, int err);
/* Why a dead one takes no command: -ENODEV when it is gone, or -EIO. */
int nvio_admin_refuse(const struct nvio_ctrl *ctrl);
/* Turns a positive status into -EIO and a sentence: "CTRL: WHAT failed: STATUS". */
int nvio_admin_must(struct nvio_ctrl *ctrl, const char *what, int status);
int nvio_admin_queue_init(struct nvio_ctrl *ctrl);
int nvio_admin_queue_make(struct nvio_ctrl *ctrl, uint16_t depth);
/* Frees what commands without an answer left behind: only once the device cannot reach it. */
void nvio_admin_forget(struct nvio_ctrl *ctrl);

/* identify.c: Identify into @data of NVIO_IDENTIFY_LEN bytes, as nvio_admin(), with the lock held.
 */
int nvio_identify(struct nvio_ctrl *ctrl, uint32_t cns, uint32_t nsid, void *data);
int nvio_identify_ctrl(struct nvio_ctrl *ctrl);
/* Looks whether it is the same one, and tells it the same of us. Returns 0; -ENODEV; -errno. */
int nvio_identify_again(struct nvio_ctrl *ctrl);
int nvio_request_queues(struct nvio_ctrl *ctrl);
int nvio_identify_namespaces(struct nvio_ctrl *ctrl);
/* Reads the active namespace list. Returns how many, with *@slots malloc()ed; -errno. */
int64_t nvio_identify_active(struct nvio_ctrl *ctrl, struct nvio_ns_slot **slots);

/* Fetches one active namespace list: the identifiers above @nsid into @list (NVIO_NS_LIST_LEN of
 * them, then zeros). */
typedef int (*nvio_ns_list_fn)(void *arg, uint32_t nsid, uint32_t *list);

/*
 * Reads a whole active namespace list, however many there are.
 * Returns how many, with *@slots malloc()ed; -EPROTO when the identifiers do not ascend; what
 * @fetch returned.
 */
int64_t nvio_ns_list_read(nvio_ns_list_fn fetch, void *arg, struct nvio_ns_slot **slots);

/* ns.c: fills a namespace in from its Identify data of NVIO_IDENTIFY_LEN bytes, all but what
 * nvio_ns_parse_pi() does. Returns 0 or -EPROTO. */
int nvio_ns_parse(struct nvio_ns *ns, uint32_t nsid, const void *data, uint32_t max_transfer);
/* Makes what the short way reads. */
void nvio_ns_prepare(struct nvio_ns *ns);
/* The layout of protection information, for a namespace with its type. @data is as above; @nvm is
 * the same of the NVM command set (CNS 05h), NULL where the controller has none. */
int nvio_ns_parse_pi(struct nvio_ns *ns, const void *data, const void *nvm);
/* Identifies a namespace, with the lock held. Returns NULL when it cannot be used. */
struct nvio_ns *nvio_ns_make(struct nvio_ctrl *ctrl, uint32_t nsid);
/* Why a namespace whose controller is not the queue pair's takes no commands. Returns -errno. */
int nvio_ns_refuse(const struct nvio_ns *ns, const struct nvio_qpair *qpair);
void nvio_ns_free_all(struct nvio_ctrl *ctrl);

/*
 * rescan.c: nvio_ctrl_rescan() with the lock held. @changed: receives what changed as a Changed
 * Namespace List (5.16.1.5) of NVIO_NS_LIST_LEN entries; may be NULL. Returns how many did, or
 * -errno.
 */
int nvio_rescan(struct nvio_ctrl *ctrl, uint32_t *changed);

#endif
