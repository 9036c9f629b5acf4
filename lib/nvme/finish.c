/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completions off the short way; see finish.h. Here is decided what is sent again.
 */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mmio.h"
#include "nvme/command.h"
#include "nvme/finish.h"
#include "nvme/parent.h"
#include "nvme/recovery.h"
#include "nvme/restart.h"
#include "nvme/tend.h"

#define STATUS_CODE(status) ((status)&0xffu)
#define STATUS_TYPE(status) ((status) >> 8 & 7u)
#define STATUS_DELAY(status) \
	((status) >> 11 & 3u) /* which Command Retry Delay; 0: at once (4.6.1) */

/* How often a command is sent, at most, until the media are there. */
#define MEDIA_LOOKS 200u

/*
 * Whether the same command may fare better. What a person asked for (an abort) and what the data is
 * (a failed compare, a wrong guard) stays as it is, whatever the controller says of retrying.
 */
static bool may_pass(uint16_t status)
{
	uint32_t code = STATUS_CODE(status);

	if (status & NVIO_STATUS_DNR)
		return false;
	switch (STATUS_TYPE(status)) {
	case NVIO_STATUS_GENERIC:
		return code < NVIO_STATUS_ABORT_REQUESTED || code > NVIO_STATUS_FUSED_MISSING;
	case NVIO_STATUS_MEDIA:
		return code < NVIO_STATUS_GUARD_CHECK || code > NVIO_STATUS_STORAGE_TAG_CHECK;
	case NVIO_STATUS_PATH:
		return false;
	default:
		return true;
	}
}

/* Because we wanted it, as it was late: nobody has to know. */
static bool was_aborted(const struct nvio_tracker *t, uint16_t status)
{
	return t->state & NVIO_TRACKER_ABORTING &&
	       (status & NVIO_STATUS_CODE) == NVIO_STATUS_ABORTED;
}

/* The controller was ready before its media, as it was asked to be: they will be there. */
static bool media_are_to_come(const struct nvio_qpair *qpair, uint16_t status)
{
	return (status & (NVIO_STATUS_CODE | NVIO_STATUS_DNR)) == NVIO_STATUS_NS_NOT_READY &&
	       nvio_coarse_ms() < __atomic_load_n(&qpair->ctrl->media_until, __ATOMIC_RELAXED);
}

static bool send_again(struct nvio_qpair *qpair, struct nvio_tracker *t, uint16_t status)
{
	uint32_t delay_ms = qpair->ctrl->retry_delay_ms[STATUS_DELAY(status)];
	uint32_t most = qpair->max_retries;

	/* A controller can ask for hours. */
	if (qpair->tick_ms)
		delay_ms =
			(uint32_t)min_u64(delay_ms, (uint64_t)qpair->tick_ms * NVIO_TIMEOUT_TICKS);
	if (most && media_are_to_come(qpair, status)) {
		most = MEDIA_LOOKS;
		delay_ms = qpair->ctrl->media_timeout_ms / MEDIA_LOOKS + 1;
	}
	if (t->state & NVIO_TRACKER_ONCE || !(may_pass(status) || was_aborted(t, status)) ||
	    FIELD_GET(TRACKER_RETRIES, t->state) >= most)
		return false;
	if (!delay_ms) {
		nvio_command_again(qpair, t);
		return true;
	}
	/* The clock is coarse: a tick may have passed since it was read. */
	nvio_track_kind(
		t, NVIO_TRACKER_WAITING |
			   FIELD_SET(TRACKER_RETRY_AT, (uint32_t)nvio_coarse_ms() + delay_ms + 1));
	t->next = qpair->first_waiting;
	qpair->first_waiting = t;
	qpair->nr_waiting++;
	nvio_attend(qpair, NVIO_ATTENTION_WAITING);
	return true;
}

int nvio_finish_with(struct nvio_qpair *qpair, struct nvio_tracker *t, uint16_t status,
		     uint32_t result, struct nvio_completion *out)
{
	if (t->state & NVIO_TRACKER_IS_PART)
		return nvio_part_done(qpair, t, status, result, out);
	*out = (struct nvio_completion){
		.user_data = t->user_data,
		.result = result,
		.status = status,
	};
	if (status)
		nvio_count(&qpair->stats.errors, 1);
	nvio_tracker_free(qpair, t);
	return 1;
}

/* The controller named a command that is not outstanding: nothing that it says can be believed
 * until it was reset. */
static int lie(struct nvio_qpair *qpair, uint16_t cid, uint16_t sq_id)
{
	char why[sizeof(qpair->why)];

	if (sq_id != qpair->qid)
		snprintf(why, sizeof(why),
			 "command %u of submission queue %u was completed in queue pair %u", cid,
			 sq_id, qpair->qid);
	else
		snprintf(why, sizeof(why),
			 "command %u of queue pair %u was completed, which is not outstanding", cid,
			 qpair->qid);
	/* The admin queue's commands have a thread that waits for them and sees to it. */
	if (qpair->qid && nvio_recovery_ask(qpair->ctrl, qpair, why)) {
		nvio_restart_distrust(qpair);
		return -EIO;
	}
	nvio_qpair_fail(qpair, why);
	return -EIO;
}

int nvio_finish(struct nvio_qpair *qpair, const struct nvio_cqe *cqe, uint64_t answer,
		struct nvio_completion *out)
{
	uint16_t cid = (uint16_t)(answer >> NVIO_ANSWER_CID_SHIFT);
	uint16_t status = (uint16_t)(answer >> NVIO_ANSWER_STATUS_SHIFT);
	struct nvio_tracker *t = nvio_tracker_of(qpair, answer);

	/* What is left of the submission queue's identifier is 0 when it is ours. */
	if ((uint16_t)(answer >> NVIO_ANSWER_SQ_SHIFT) || cid != nvio_tracker_cid(t) ||
	    (nvio_tracker_kind(t) != NVIO_TRACKER_WHOLE &&
	     nvio_tracker_kind(t) != NVIO_TRACKER_PART))
		return lie(qpair, cid,
			   (uint16_t)((answer ^ qpair->expected) >> NVIO_ANSWER_SQ_SHIFT));
	if (status && send_again(qpair, t, status))
		return 0;
	if ((status & (NVIO_STATUS_CODE | NVIO_STATUS_DNR)) == NVIO_STATUS_SQ_DELETED &&
	    qpair != qpair->ctrl->admin)
		return nvio_restart_interrupted(qpair, t, out);
	/* To the caller all that was given up is one, however it was. */
	if (was_aborted(t, status)) {
		nvio_count(&qpair->stats.abandoned, 1);
		status = NVIO_STATUS_HOST_ABORTED;
	}
	return nvio_finish_with(qpair, t, status, cqe->result, out);
}
