/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making and freeing queue pairs: their memory, and what is asked of them. Memory is freed only
 * once the controller has let go of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "nvme/arbitration.h"
#include "nvme/cmb.h"
#include "nvme/command.h"
#include "nvme/parent.h"
#include "nvme/recovery.h"

#define DEPTH_DEFAULT      128
#define CQ_LAG_MIN         31
#define MAX_RETRIES        4
#define TIMEOUT_MS_DEFAULT 30000u
#define LIST_MIN           512u /* bytes: ranges are listed there too */

static uint64_t iova_of(const struct nvio_qpair *qpair, const void *addr)
{
	/* Rings are of the heap. */
	struct nvio_window window = nvio_memory_window(qpair->memory);

	return (uintptr_t)addr - window.addr + window.iova;
}

uint64_t nvio_qpair_cq_iova(const struct nvio_qpair *qpair)
{
	return iova_of(qpair, qpair->cq);
}

/* Memory for what only we write and the controller reads. */
static void *alloc_shared(struct nvio_qpair *qpair, struct nvio_iommu *iommu, bool in_cmb,
			  size_t len, uint64_t *iova)
{
	size_t page_len = qpair->page_mask + 1;
	void *p = in_cmb ? nvio_cmb_alloc(qpair->ctrl, len, page_len)
			 : nvio_alloc(iommu, len, page_len);

	if (p)
		*iova = in_cmb ? nvio_cmb_iova(qpair->ctrl, p) : iova_of(qpair, p);
	return p;
}

static void free_shared(struct nvio_qpair *qpair, struct nvio_iommu *iommu, bool in_cmb, void *p)
{
	if (in_cmb)
		nvio_cmb_free(qpair->ctrl, p);
	else
		nvio_free(iommu, p);
}

static int alloc_rings(struct nvio_qpair *qpair, struct nvio_iommu *iommu, uint32_t max_transfer)
{
	size_t sq_len = qpair->sq_entries * sizeof(struct nvio_sqe);
	size_t cq_len = qpair->cq_entries * sizeof(struct nvio_cqe);
	uint32_t page_len = (uint32_t)qpair->page_mask + 1;

	if (max_transfer)
		qpair->list_len =
			(uint32_t)max_u64(nvio_prp_list_len(max_transfer, page_len), LIST_MIN);
	qpair->cq = nvio_alloc(iommu, cq_len, page_len);
	qpair->sq =
		alloc_shared(qpair, iommu, qpair->in_cmb & NVIO_CMB_QUEUE, sq_len, &qpair->sq_iova);
	if (!qpair->sq || !qpair->cq)
		return -ENOMEM;
	memset(qpair->sq, 0, sq_len);
	/* A phase of 0 everywhere: the controller writes 1 in its first round. */
	memset(qpair->cq, 0, cq_len);
	if (!qpair->list_len)
		return 0;
	qpair->lists = alloc_shared(qpair, iommu, qpair->in_cmb & NVIO_CMB_LISTS,
				    (size_t)qpair->depth * qpair->list_len, &qpair->lists_iova);
	return qpair->lists ? 0 : -ENOMEM;
}

static int alloc_trackers(struct nvio_qpair *qpair)
{
	/* A power of two above the depth, for the index in an identifier; and no identifier ever
	 * is 0xffff, which error log pages use for none. */
	uint32_t room = 1u << (32 - __builtin_clz(qpair->depth));
	size_t len = room * sizeof(*qpair->trackers);

	qpair->trackers = aligned_alloc(CACHE_LINE, len);
	qpair->saved = aligned_alloc(CACHE_LINE, qpair->depth * sizeof(*qpair->saved));
	qpair->spoilt = aligned_alloc(CACHE_LINE, align_up(qpair->sq_entries, CACHE_LINE));
	if (!qpair->trackers || !qpair->saved || !qpair->spoilt)
		return nvio_error(ENOMEM, "no memory for a queue pair of depth %u", qpair->depth);
	memset(qpair->trackers, 0, len);
	qpair->idx_mask = (room - 1) * sizeof(*qpair->trackers);
	/* And from the caller's to nobody's. */
	qpair->next_use = room << 16 | (uint64_t)NVIO_TRACKER_FREE << 32;
	for (uint32_t i = 0; i < room; i++)
		qpair->trackers[i].kind = NVIO_TRACKER_FREE;
	/* Identifier 0 is on top. */
	for (uint32_t i = qpair->depth; i-- > 0;) {
		qpair->trackers[i].cid_bits = i << 16;
		qpair->trackers[i].next = qpair->free;
		qpair->free = &qpair->trackers[i];
	}
	qpair->nr_trackers = qpair->depth;
	return nvio_parents_init(qpair);
}

static void init_rings(struct nvio_qpair *qpair)
{
	qpair->sq_next = qpair->sq_told = qpair->sq_rung = qpair->sq;
	qpair->sq_end = qpair->sq + qpair->sq_entries;
	qpair->cq_next = qpair->cq;
	qpair->cq_end = qpair->cq + qpair->cq_entries;
	nvio_qpair_set_id(qpair, 0);
}

void nvio_qpair_take_rings(struct nvio_qpair *qpair, struct nvio_iommu *iommu, struct nvio_sqe *sq,
			   struct nvio_cqe *cq)
{
	nvio_free(iommu, qpair->sq);
	nvio_free(iommu, qpair->cq);
	qpair->sq = sq;
	qpair->cq = cq;
	qpair->sq_iova = iova_of(qpair, sq);
	init_rings(qpair);
	nvio_sq_begin(qpair, true);
}

void nvio_qpair_set_id(struct nvio_qpair *qpair, uint16_t qid)
{
	/* After a reset it is what it was, and others may be reading it. */
	if (qpair->qid != qid)
		qpair->qid = qid;
	qpair->expected = NVIO_ANSWER_PHASE | (uint64_t)qid << NVIO_ANSWER_SQ_SHIFT;
}

int nvio_qpair_init(struct nvio_qpair *qpair, struct nvio_iommu *iommu,
		    const struct nvio_qpair_shape *shape)
{
	uint16_t depth = shape->depth;
	int err;

	memset(qpair, 0, sizeof(*qpair));
	qpair->fd = -1;
	qpair->depth = depth;
	qpair->sq_entries = (uint16_t)(depth + 1);
	qpair->cq_lag = shape->cq_lag;
	qpair->cq_entries = (uint16_t)(depth + 1 + shape->cq_lag);
	qpair->page_mask = shape->page_len - 1;
	qpair->ctrl = shape->ctrl;
	qpair->in_cmb = shape->in_cmb;
	qpair->memory = nvio_memory_of(iommu);
	qpair->max_retries = shape->max_retries;
	/* An eighth of the timeout; a tick is seen when its end is, so that 0 would be none. */
	qpair->tick_ms = (shape->timeout_ms + NVIO_TIMEOUT_TICKS - 1) / NVIO_TIMEOUT_TICKS;
	qpair->look_adapts = !shape->interrupts;
	err = alloc_trackers(qpair);
	if (!err)
		err = alloc_rings(qpair, iommu, shape->max_transfer);
	if (err) {
		nvio_qpair_fini(qpair, iommu);
		return err;
	}
	qpair->heap = nvio_memory_window(qpair->memory);
	init_rings(qpair);
	nvio_sq_begin(qpair, false);
	return 0;
}

void nvio_qpair_fini(struct nvio_qpair *qpair, struct nvio_iommu *iommu)
{
	free_shared(qpair, iommu, qpair->in_cmb & NVIO_CMB_LISTS, qpair->lists);
	free_shared(qpair, iommu, qpair->in_cmb & NVIO_CMB_QUEUE, qpair->sq);
	nvio_free(iommu, qpair->cq);
	nvio_parents_fini(qpair);
	free(qpair->spoilt);
	free(qpair->saved);
	free(qpair->trackers);
	if (qpair->fd >= 0)
		close(qpair->fd);
}

/* Asked before memory is unregistered: whether an outstanding command uses any of it. */
static bool uses_memory(struct nvio_mem_user *user, uintptr_t addr, size_t len)
{
	const struct nvio_qpair *qpair =
		(const void *)((char *)user - offsetof(struct nvio_qpair, user));

	for (uint16_t i = 0; i < qpair->depth; i++) {
		const struct nvio_tracker *t = &qpair->trackers[i];
		uint32_t state;

		/* Pairs with nvio_track_kind(): a tracker that is busy is seen with its data. */
		if ((__atomic_load_n(&t->kind, __ATOMIC_ACQUIRE) & NVIO_TRACKER_KIND_MASK) ==
		    NVIO_TRACKER_FREE)
			continue;
		state = __atomic_load_n(&t->state, __ATOMIC_RELAXED);
		if (ranges_overlap(__atomic_load_n(&t->addr, __ATOMIC_RELAXED),
				   __atomic_load_n(&t->len, __ATOMIC_RELAXED), addr, len))
			return true;
		if (state & NVIO_TRACKER_SAVED &&
		    ranges_overlap(__atomic_load_n(&t->metadata, __ATOMIC_RELAXED),
				   __atomic_load_n(&t->metadata_len, __ATOMIC_RELAXED), addr, len))
			return true;
	}
	return nvio_parents_use(qpair, addr, len);
}

static uint16_t choose_depth(const struct nvio_ctrl *ctrl, uint16_t wanted)
{
	uint16_t depth = wanted ? wanted : DEPTH_DEFAULT;

	if (depth <= ctrl->info.max_depth)
		return depth;
	nvio_log(wanted ? NVIO_LOG_WARN : NVIO_LOG_DEBUG,
		 "%s: depth %u is clamped to %u, the most the controller takes (CAP.MQES)",
		 ctrl->info.name, depth, ctrl->info.max_depth);
	return ctrl->info.max_depth;
}

/*
 * The completion queue is larger than needed, so that its doorbell can be rung once for many polls:
 * ringing costs as much as submitting does. With interrupts each poll rings, because a controller
 * may hold the next one back until it did.
 */
static struct nvio_qpair_shape choose_shape(struct nvio_ctrl *ctrl,
					    const struct nvio_qpair_opts *opts)
{
	uint16_t depth = choose_depth(ctrl, opts->depth);
	uint64_t lag = min_u64(max_u64(depth, CQ_LAG_MIN), ctrl->info.max_depth - depth);

	return (struct nvio_qpair_shape){
		.ctrl = ctrl,
		.in_cmb = opts->in_cmb,
		.depth = depth,
		.cq_lag = opts->interrupts ? 0 : (uint16_t)lag,
		.page_len = ctrl->info.page_len,
		.max_transfer = ctrl->info.max_transfer,
		.timeout_ms = opts->timeout_ms == NVIO_NO_TIMEOUT ? 0
			      : opts->timeout_ms                  ? opts->timeout_ms
								  : TIMEOUT_MS_DEFAULT,
		.max_retries = opts->max_retries == NVIO_NO_RETRIES ? 0
			       : opts->max_retries                  ? opts->max_retries
								    : MAX_RETRIES,
		.interrupts = opts->interrupts,
	};
}

void nvio_qpair_watch_memory(struct nvio_qpair *qpair)
{
	qpair->user.uses = uses_memory;
	nvio_mem_user_add(nvio_memory_of(qpair->ctrl->iommu), &qpair->user);
}

static void link_qpair(struct nvio_qpair *qpair)
{
	qpair->next = qpair->ctrl->qpairs;
	qpair->ctrl->qpairs = qpair;
	nvio_qpair_watch_memory(qpair);
}

int nvio_qpair_create(struct nvio_ctrl *ctrl, const struct nvio_qpair_opts *given,
		      struct nvio_qpair **out)
{
	struct nvio_qpair_opts opts = { 0 };
	struct nvio_qpair_shape shape;
	struct nvio_sentence sentence;
	struct nvio_qpair *qpair;
	bool keep;
	int err;

	err = nvio_take_opts(&opts, sizeof(opts), given, "nvio_qpair_create");
	if (!err)
		err = nvio_priority_check(ctrl, opts.priority);
	if (!err)
		err = nvio_cmb_check_use(ctrl, &opts.in_cmb);
	if (err)
		return err;
	qpair = aligned_alloc(CACHE_LINE, align_up(sizeof(*qpair), CACHE_LINE));
	if (!qpair)
		return nvio_error(ENOMEM, "no memory for a queue pair");
	shape = choose_shape(ctrl, &opts);
	err = nvio_qpair_init(qpair, ctrl->iommu, &shape);
	if (err) {
		free(qpair);
		return err;
	}
	qpair->no_sgl = opts.no_sgl;
	qpair->no_resend = opts.no_resend;
	nvio_qpair_set_spin(qpair, opts.spin_ns);
	qpair->priority = opts.priority;
	nvio_ctrl_claim(ctrl);
	err = nvio_queues_create(qpair, opts.interrupts);
	/* A queue pair that is half there and cannot be taken back stays until the device is
	 * closed. */
	nvio_error_save(&sentence);
	keep = !err || nvio_queues_delete(qpair);
	nvio_error_restore(&sentence);
	if (keep)
		link_qpair(qpair);
	pthread_mutex_unlock(&ctrl->lock);
	if (!keep) {
		nvio_qpair_fini(qpair, ctrl->iommu);
		free(qpair);
	}
	if (!err)
		*out = qpair;
	return err;
}

/* Where the controller does not let go of a queue, a reset makes it. With the controller's lock. */
static int delete_surely(struct nvio_qpair *qpair)
{
	struct nvio_ctrl *ctrl = qpair->ctrl;
	int err = nvio_queues_delete(qpair);

	if (!err)
		return 0;
	pthread_mutex_unlock(&ctrl->lock);
	nvio_recovery_reset(ctrl, "a queue pair could not be deleted");
	pthread_mutex_lock(&ctrl->lock);
	return nvio_queues_delete(qpair);
}

void nvio_qpair_free(struct nvio_qpair *qpair)
{
	struct nvio_ctrl *ctrl;
	struct nvio_qpair **at;

	if (!qpair)
		return;
	ctrl = qpair->ctrl;
	nvio_ctrl_claim(ctrl);
	if (delete_surely(qpair)) {
		/* The caller is about to reuse its buffers: the controller must not write any more.
		 */
		nvio_log(NVIO_LOG_ERROR,
			 "queue pair %u could not be deleted, its controller is stopped: %s",
			 qpair->qid, nvio_last_error());
		ctrl->dead = true;
		nvio_device_bus_master(ctrl->device, false);
		pthread_mutex_unlock(&ctrl->lock);
		return;
	}
	for (at = &ctrl->qpairs; *at != qpair;)
		at = &(*at)->next;
	*at = qpair->next;
	nvio_mem_user_remove(nvio_memory_of(ctrl->iommu), &qpair->user);
	pthread_mutex_unlock(&ctrl->lock);
	nvio_qpair_fini(qpair, ctrl->iommu);
	free(qpair);
}
