/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop of an enabled controller: takes commands from the submission queues in turn, has them
 * done, and posts their completions, at once or after the latency asked for.
 *
 * A command is taken only when its completion has room, so nothing waits here without a bound.
 */
#include <stdlib.h>
#include <string.h>

#include "doorbell.h"
#include "fault.h"
#include "state.h"

/* The earlier one first, and in the order of their commands. */
static bool before(const struct emu_done *a, const struct emu_done *b)
{
	return a->due != b->due ? a->due < b->due : a->serial < b->serial;
}

static void heap_push(struct emu_ctrl *ctrl, const struct emu_done *done)
{
	struct emu_done *heap = ctrl->delayed;
	size_t i = ctrl->nr_delayed++;

	while (i && before(done, &heap[(i - 1) / 2])) {
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = *done;
}

static void heap_pop(struct emu_ctrl *ctrl)
{
	struct emu_done *heap = ctrl->delayed;
	size_t nr = --ctrl->nr_delayed;
	size_t i = 0, child;

	while ((child = 2 * i + 1) < nr) {
		if (child + 1 < nr && before(&heap[child + 1], &heap[child]))
			child++;
		if (!before(&heap[child], &heap[nr]))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = heap[nr];
}

void nvio_emu_post(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct emu_done *done)
{
	sq->inflight--;
	sq->cq->inflight--;
	nvio_emu_cq_post(ctrl, sq->cq, done);
}

static void post_delayed(struct emu_ctrl *ctrl, const struct emu_done *done)
{
	if (done->late)
		nvio_emu_cq_reveal(ctrl, done);
	else
		nvio_emu_post(ctrl, &ctrl->sqs[done->sq], done);
}

void nvio_emu_delay(struct emu_ctrl *ctrl, struct emu_done *done, uint64_t ns)
{
	if (ctrl->nr_delayed == ctrl->max_delayed) {
		size_t max = ctrl->max_delayed ? 2 * ctrl->max_delayed : 256;
		struct emu_done *heap = realloc(ctrl->delayed, max * sizeof(*heap));

		if (!heap) {
			post_delayed(ctrl, done);
			return;
		}
		ctrl->delayed = heap;
		ctrl->max_delayed = max;
	}
	done->due = nvio_emu_now() + ns;
	done->serial = ctrl->serial++;
	heap_push(ctrl, done);
}

static bool post_due(struct emu_ctrl *ctrl)
{
	uint64_t now = nvio_emu_now();
	bool busy = false;

	while (ctrl->nr_delayed && ctrl->delayed[0].due <= now && ctrl->running) {
		struct emu_done done = ctrl->delayed[0];

		heap_pop(ctrl);
		post_delayed(ctrl, &done);
		busy = true;
	}
	return busy;
}

void nvio_emu_settle(struct emu_ctrl *ctrl)
{
	if (!nvio_emu_queues_usable(ctrl))
		return;
	while (ctrl->nr_delayed && ctrl->running) {
		struct emu_done done = ctrl->delayed[0];

		heap_pop(ctrl);
		post_delayed(ctrl, &done);
	}
	nvio_emu_interrupt(ctrl);
}

/* Takes the entries of a queue out of the heap that @pick names; UINT32_MAX: all. */
static bool heap_remove(struct emu_ctrl *ctrl, uint16_t sq, uint32_t cid, struct emu_done *out)
{
	size_t nr = ctrl->nr_delayed;
	bool found = false;

	ctrl->nr_delayed = 0;
	for (size_t i = 0; i < nr; i++) {
		struct emu_done done = ctrl->delayed[i];

		if (done.sq == sq &&
		    (cid == UINT32_MAX || (done.cid == cid && !done.late && !found))) {
			*out = done;
			found = true;
		} else {
			heap_push(ctrl, &done);
		}
	}
	return found;
}

/* Abort (5.1): a command whose completion waits here gets it now. */
bool nvio_emu_abort(struct emu_ctrl *ctrl, uint16_t sq, uint16_t cid)
{
	struct emu_done done;

	if (!heap_remove(ctrl, sq, cid, &done))
		return false;
	done.status = NVME_SC_ABORT_REQ;
	done.result = 0;
	nvio_emu_post(ctrl, &ctrl->sqs[sq], &done);
	return true;
}

/* A submission queue goes away: its commands end without a completion (5.6), but for those whose
 * entries are there, in front of what others have in that completion queue. */
void nvio_emu_forget(struct emu_ctrl *ctrl, uint16_t sq)
{
	struct emu_done done;

	for (size_t i = 0; i < ctrl->nr_delayed; i++)
		if (ctrl->delayed[i].sq == sq && ctrl->delayed[i].late)
			nvio_emu_cq_reveal(ctrl, &ctrl->delayed[i]);
	heap_remove(ctrl, sq, UINT32_MAX, &done);
	ctrl->sqs[sq].cq->inflight -= ctrl->sqs[sq].inflight;
	ctrl->sqs[sq].inflight = 0;
}

static void log_error(struct emu_ctrl *ctrl, const struct emu_sq *sq, uint16_t cid, uint16_t status)
{
	struct nvme_error_log_page *entry;

	ctrl->last_error = (ctrl->last_error + 1) % EMU_ERRORS;
	entry = &ctrl->errors[ctrl->last_error];
	memset(entry, 0, sizeof(*entry));
	entry->error_count = htole64(++ctrl->stats.errors);
	entry->sqid = htole16(sq->id);
	entry->cmdid = htole16(cid);
	entry->status_field = htole16((uint16_t)(status << 1));
	entry->parm_error_location = htole16(0xffff);
	if ((status >> 8 & 7) == NVME_SCT_MEDIA)
		ctrl->stats.media_errors++;
}

/* Trying again changes nothing, but for what another try may find in order (4.6.1.2.1). */
static uint16_t with_retry(uint16_t status)
{
	switch (status) {
	case NVME_SC_DATA_XFER_ERROR:
	case NVME_SC_INTERNAL:
	case NVME_SC_ABORT_REQ:
	case NVME_SC_FUSED_FAIL:
	case NVME_SC_NS_NOT_READY:
	case NVME_SC_ADMIN_CMD_MEDIA_NOT_READY:
		return status;
	default:
		return status | NVME_SC_DNR;
	}
}

static uint64_t draw_latency(struct emu_ctrl *ctrl)
{
	uint64_t span = ctrl->opts.latency_max_ns - ctrl->opts.latency_min_ns;

	/* xorshift64 */
	ctrl->random ^= ctrl->random << 13;
	ctrl->random ^= ctrl->random >> 7;
	ctrl->random ^= ctrl->random << 17;
	return ctrl->opts.latency_min_ns + (span ? ctrl->random % (span + 1) : 0);
}

static void finish(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct nvio_sqe *cmd,
		   uint16_t status, uint32_t result)
{
	struct emu_done done = {
		.sq = sq->id, .cid = cmd->cid, .status = status, .result = result
	};

	if (emu_unlikely(status)) {
		log_error(ctrl, sq, cmd->cid, status);
		done.status = with_retry(status);
	}
	if (emu_unlikely(ctrl->faults) && nvio_emu_fault_done(ctrl, sq, cmd, &done))
		return;
	if (emu_unlikely(ctrl->latency) && sq->id)
		nvio_emu_delay(ctrl, &done, draw_latency(ctrl));
	else
		nvio_emu_post(ctrl, sq, &done);
}

/* Copies the next command once: what the client changes later does not count. */
static inline bool peek(struct emu_ctrl *ctrl, struct emu_sq *sq, struct nvio_sqe *cmd)
{
	uint32_t offset = sq->head << NVIO_SQE_SHIFT;
	const void *at = nvio_emu_queue_entry(ctrl, sq->pages, sq->iova, offset, false);

	if (emu_unlikely(!at))
		return nvio_emu_queue_copy(ctrl, sq->iova + offset, cmd, sizeof(*cmd), false);
	memcpy(cmd, at, sizeof(*cmd));
	/* Keeps the compiler from reading the shared memory again instead of the copy. */
	__asm__ volatile("" : : "r"(cmd) : "memory");
	return true;
}

static inline bool fetch(struct emu_ctrl *ctrl, struct emu_sq *sq, struct nvio_sqe *cmd)
{
	if (emu_unlikely(!peek(ctrl, sq, cmd)))
		return false;
	if (++sq->head == sq->entries)
		sq->head = 0;
	sq->inflight++;
	sq->cq->inflight++;
	return true;
}

/*
 * Compare and Write as one (6.2): @cmd is the first half. Both were announced by one doorbell.
 * Returns whether it was done; else it is to be taken again when there is room for two.
 */
static bool run_fused(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct nvio_sqe *cmd,
		      uint32_t tail)
{
	struct nvio_sqe second;
	uint16_t status, second_status;
	uint32_t result;

	if (sq->head == tail || !peek(ctrl, sq, &second) || (second.flags & 3) != 2 ||
	    sq->cq->entries < 3) {
		finish(ctrl, sq, cmd, NVME_SC_FUSED_MISSING, 0);
		return true;
	}
	if (!nvio_emu_cq_room(sq->cq) || !fetch(ctrl, sq, &second)) {
		sq->head = (sq->head ? sq->head : sq->entries) - 1;
		sq->inflight--;
		sq->cq->inflight--;
		return false;
	}
	if (nvio_emu_fusable(cmd, &second)) {
		status = nvio_emu_io(ctrl, cmd, &result);
		second_status = status ? NVME_SC_FUSED_FAIL : nvio_emu_io(ctrl, &second, &result);
	} else {
		status = second_status = NVME_SC_INVALID_FIELD;
	}
	finish(ctrl, sq, cmd, status, 0);
	finish(ctrl, sq, &second, second_status, 0);
	return true;
}

static inline bool run_io(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct nvio_sqe *cmd,
			  uint32_t tail)
{
	unsigned int fuse = cmd->flags & 3;
	uint16_t status;
	uint32_t result = 0;

	if (emu_unlikely(fuse == 1))
		return run_fused(ctrl, sq, cmd, tail);
	if (emu_likely(!fuse))
		status = nvio_emu_io(ctrl, cmd, &result);
	else
		status = fuse == 2 ? NVME_SC_FUSED_MISSING : NVME_SC_INVALID_FIELD;
	finish(ctrl, sq, cmd, status, result);
	return true;
}

static void run_admin(struct emu_ctrl *ctrl, struct emu_sq *sq, const struct nvio_sqe *cmd)
{
	uint32_t result = 0;
	uint16_t status = nvio_emu_admin(ctrl, cmd, &result);

	if (status != EMU_PENDING) {
		finish(ctrl, sq, cmd, status, result);
		return;
	}
	/* An event request promises no room: it would keep other commands from being taken. */
	sq->inflight--;
	sq->cq->inflight--;
}

static void tell_bad_doorbell(struct emu_ctrl *ctrl, struct emu_sq *sq, uint32_t tail)
{
	if (sq->bad_db != tail)
		nvio_emu_event(ctrl, NVME_AER_ERROR, NVME_AER_ERROR_INVALID_DB_VAL,
			       NVME_LOG_LID_ERROR);
	sq->bad_db = tail;
}

uint32_t nvio_emu_run_sq(struct emu_ctrl *ctrl, struct emu_sq *sq, uint32_t most)
{
	uint32_t tail = __atomic_load_n(sq->db, __ATOMIC_ACQUIRE);
	uint32_t left = most;
	struct nvio_sqe cmd;

	if (tail == sq->head)
		return 0;
	if (emu_unlikely(tail >= sq->entries)) {
		tell_bad_doorbell(ctrl, sq, tail);
		return 0;
	}
	if (emu_unlikely(ctrl->faults) && nvio_emu_fault_fetch(ctrl, sq))
		return 0;
	while (sq->head != tail && left && ctrl->running && !ctrl->bus->hold) {
		if (!nvio_emu_cq_room(sq->cq) || sq->inflight >= sq->entries ||
		    !fetch(ctrl, sq, &cmd))
			break;
		if (!sq->id)
			run_admin(ctrl, sq, &cmd);
		else if (emu_unlikely(!run_io(ctrl, sq, &cmd, tail)))
			break;
		left--;
	}
	ctrl->stats.commands += most - left;
	if (sq->event)
		nvio_emu_doorbell_seen(sq->event, sq->head);
	return most - left;
}

bool nvio_emu_run(struct emu_ctrl *ctrl)
{
	bool busy = false;

	if (ctrl->nr_delayed)
		busy = post_due(ctrl);
	for (unsigned int i = 0; i < ctrl->nr_cqs; i++)
		nvio_emu_cq_check_head(ctrl, ctrl->active_cqs[i]);
	busy |= nvio_emu_arbitrate(ctrl);
	nvio_emu_events_send(ctrl);
	if (ctrl->nr_dirty || ctrl->intx_up || ctrl->nr_held)
		nvio_emu_interrupt(ctrl);
	return busy;
}
