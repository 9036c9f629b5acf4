/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Aborting commands that are late (5.1), for the thread of the recovery: one after the other, so
 * that never more of them are outstanding than may be.
 */
#include "base/error.h"
#include "nvme/ctrl.h"

static void send_abort(struct nvio_ctrl *ctrl, struct nvio_abort abort)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_ABORT,
				.cdw10 = (uint32_t)abort.cid << 16 | abort.qid };
	struct nvio_qpair *q = ctrl->qpairs;
	uint32_t result = 0;
	bool done;

	while (q && q->qid != abort.qid)
		q = q->next;
	if (!q || !q->sq_made)
		return;
	/* Bit 0 says that it was not aborted (5.1). */
	done = !nvio_admin_locked(ctrl, &sqe, NULL, 0, &result) && !(result & 1);
	if (!done) {
		__atomic_store_n(&q->not_aborted, abort.cid + 1u, __ATOMIC_RELAXED);
		return;
	}
	pthread_mutex_lock(&ctrl->recovery.lock);
	ctrl->recovery.stats.aborts++;
	pthread_mutex_unlock(&ctrl->recovery.lock);
	nvio_log(NVIO_LOG_WARN, "%s: command %u of queue pair %u, which was late, was aborted",
		 ctrl->info.name, abort.cid, abort.qid);
}

void nvio_recovery_send_aborts(struct nvio_ctrl *ctrl)
{
	struct nvio_recovery *r = &ctrl->recovery;
	struct nvio_abort abort;
	bool any;

	do {
		pthread_mutex_lock(&r->lock);
		any = r->nr_aborts && !r->wanted;
		if (any)
			abort = r->aborts[--r->nr_aborts];
		pthread_mutex_unlock(&r->lock);
		if (any)
			send_abort(ctrl, abort);
	} while (any);
}
