/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Admin commands: one at a time, waited for, their data by way of DMA memory of our own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/quirk.h>

#include "base/clock.h"
#include "base/error.h"
#include "nvme/command.h"
#include "nvme/features.h"
#include "nvme/tend.h"
#include "vfio/device.h"
#include "vfio/eeh.h"

/* How long a command is waited for at least while a reset is wanted. */
#define MAKE_WAY_MS 500u

/* Between two times that a command is sent which waits for the media. */
#define MEDIA_PAUSE_MS 20u

int nvio_admin_queue_init(struct nvio_ctrl *ctrl)
{
	/* CAP.MQES is about I/O queues: those that need whole pages get them. */
	return nvio_admin_queue_make(
		ctrl, ctrl->info.quirks & NVIO_QUIRK_ADMIN_PAGE
			      ? NVIO_ADMIN_PAGE_DEPTH
			      : (uint16_t)min_u64(NVIO_ADMIN_DEPTH, ctrl->info.max_depth));
}

int nvio_admin_queue_make(struct nvio_ctrl *ctrl, uint16_t depth)
{
	struct nvio_qpair_shape shape = { .depth = depth, .page_len = ctrl->info.page_len };
	struct nvio_qpair *admin = aligned_alloc(CACHE_LINE, sizeof(*admin));
	int err;

	if (!admin)
		return nvio_error(ENOMEM, "no memory for the admin queue");
	/* Its commands come one at a time and bring a PRP list of their own. */
	err = nvio_qpair_init(admin, ctrl->iommu, &shape);
	if (err) {
		free(admin);
		return err;
	}
	admin->ctrl = ctrl;
	admin->sq_doorbell = nvio_reg_doorbell(ctrl, 0, false);
	admin->cq_doorbell = nvio_reg_doorbell(ctrl, 0, true);
	ctrl->admin = admin;
	return 0;
}

/* The data of one command and its PRP list. */
struct bounce {
	void *data;
	uint64_t *list;
};

static void bounce_free(struct nvio_ctrl *ctrl, struct bounce *bounce)
{
	nvio_free(ctrl->iommu, bounce->data);
	nvio_free(ctrl->iommu, bounce->list);
}

static int bounce_alloc(struct nvio_ctrl *ctrl, size_t len, struct bounce *bounce,
			struct nvio_sqe *sqe)
{
	uint32_t page_len = ctrl->info.page_len;
	size_t list_len = nvio_prp_list_len(len, page_len);
	struct nvio_prps prps;
	uint64_t iova, list_iova;

	/* Whole pages: the controller decides how much it writes there. */
	bounce->data = nvio_alloc(ctrl->iommu, align_up(len, page_len), page_len);
	bounce->list = nvio_alloc(ctrl->iommu, list_len, page_len);
	if (!bounce->data || !bounce->list) {
		bounce_free(ctrl, bounce);
		return -ENOMEM;
	}
	nvio_mem_iova(ctrl->iommu, bounce->data, len, NVIO_DMA_RW, &iova);
	nvio_mem_iova(ctrl->iommu, bounce->list, list_len, NVIO_DMA_READ, &list_iova);
	prps = nvio_prps_begin(bounce->list, list_iova, page_len);
	nvio_prps_first(&prps, iova, len);
	nvio_prps_end(&prps, sqe);
	return 0;
}

/* What a command without an answer left behind: the controller may still write there. */
struct nvio_leftover {
	struct nvio_leftover *next;
	struct bounce bounce;
};

/* Where there is no memory to remember it, it stays allocated: the heap ends after the device. */
static void bounce_keep(struct nvio_ctrl *ctrl, const struct bounce *bounce)
{
	struct nvio_leftover *leftover = malloc(sizeof(*leftover));

	if (!leftover)
		return;
	*leftover = (struct nvio_leftover){ ctrl->leftovers, *bounce };
	ctrl->leftovers = leftover;
}

void nvio_admin_forget(struct nvio_ctrl *ctrl)
{
	while (ctrl->leftovers) {
		struct nvio_leftover *leftover = ctrl->leftovers;

		ctrl->leftovers = leftover->next;
		bounce_free(ctrl, &leftover->bounce);
		free(leftover);
	}
}

/* Looks whether the controller can still answer. Returns 0 or -errno. */
static int check_status(struct nvio_ctrl *ctrl)
{
	uint32_t csts = nvio_reg_read32(ctrl, NVIO_REG_CSTS);

	if (csts == NVIO_REG_GONE && nvio_eeh_is_frozen(ctrl->device))
		return nvio_error(EIO, "%s was cut off by its host bridge (EEH)", ctrl->info.name);
	if (csts == NVIO_REG_GONE && nvio_device_answers(ctrl->device))
		return nvio_error(EIO, "%s is there, and its registers read as all ones",
				  ctrl->info.name);
	if (csts == NVIO_REG_GONE)
		return nvio_error(ENODEV, "%s is gone: its registers read as all ones",
				  ctrl->info.name);
	if (FIELD_GET(CSTS_CFS, csts))
		return nvio_error(EIO, "%s reports a fatal status (CSTS 0x%x)", ctrl->info.name,
				  csts);
	return 0;
}

/* Returns 1 with an answer, 0 when none has come, -errno. What else comes is as much as was asked
 * for. */
static int reap(struct nvio_ctrl *ctrl, struct nvio_completion *done)
{
	int n;

	while ((n = nvio_poll(ctrl->admin, done, 1)) == 1) {
		if (done->user_data == NVIO_ADMIN_ANSWER)
			break;
		if (done->user_data == NVIO_ADMIN_EVENT)
			nvio_async_take(ctrl, done);
		else
			nvio_keep_alive_take(ctrl, done->status);
	}
	return n;
}

static int wait_admin(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd,
		      struct nvio_completion *done)
{
	struct nvio_backoff backoff;

	nvio_backoff_start(&backoff, ctrl->opts.admin_timeout_ms * NVIO_NS_PER_MS);
	for (;;) {
		bool in_time = nvio_backoff_wait(&backoff);
		int n = reap(ctrl, done);

		if (n)
			return n < 0 ? n : 0;
		nvio_keep_alive_tend(ctrl);
		n = nvio_backoff_is_long(&backoff) ? check_status(ctrl) : 0;
		if (n)
			return n;
		/* One that works answers soon, whatever a reset is wanted for. */
		if (nvio_recovery_waits(ctrl) && nvio_backoff_elapsed_ms(&backoff) >= MAKE_WAY_MS)
			return nvio_error(EIO, "%s: admin command 0x%02x was given up for a reset",
					  ctrl->info.name, cmd->opcode);
		if (!in_time)
			return nvio_error(ETIMEDOUT,
					  "%s: admin command 0x%02x unanswered after %llu ms",
					  ctrl->info.name, cmd->opcode,
					  (unsigned long long)nvio_backoff_elapsed_ms(&backoff));
	}
}

static void ask_for_reset(struct nvio_ctrl *ctrl)
{
	struct nvio_sentence sentence;

	nvio_error_save(&sentence);
	nvio_recovery_ask(ctrl, NULL, sentence.text);
	nvio_error_restore(&sentence);
}

int nvio_admin_failed(struct nvio_ctrl *ctrl, int err)
{
	/* Nothing else gets an answer either, until it is reset. */
	ctrl->dead = true;
	if (!nvio_device_alive(ctrl->device))
		nvio_qpair_gone(ctrl->admin);
	else if (!ctrl->recovery.climbing) /* the recovery itself knows */
		ask_for_reset(ctrl);
	return err;
}

int nvio_admin_refuse(const struct nvio_ctrl *ctrl)
{
	if (ctrl->admin->gone)
		return nvio_no_slot(ctrl->admin);
	return nvio_error(EIO, "%s takes no more commands after an earlier failure",
			  ctrl->info.name);
}

int nvio_admin_look(struct nvio_ctrl *ctrl)
{
	struct nvio_completion done;
	int n = 0;

	if (ctrl->dead)
		return -EIO;
	if (nvio_cqe_is_there(ctrl->admin))
		n = reap(ctrl, &done);
	return n < 0 ? nvio_admin_failed(ctrl, n) : 0;
}

static int execute_once(struct nvio_ctrl *ctrl, const struct nvio_sqe *sqe,
			struct nvio_completion *done)
{
	int err = nvio_command_post(ctrl->admin, sqe, NVIO_TRACKER_ONCE, NVIO_ADMIN_ANSWER);

	if (!err)
		err = wait_admin(ctrl, sqe, done);
	/* What a poll completes that finds that the device went is no answer. */
	return !err && ctrl->admin->gone ? nvio_no_slot(ctrl->admin) : err;
}

/* Whether to try again, after a pause: the controller was ready before its media. */
static bool media_are_to_come(struct nvio_ctrl *ctrl, const struct nvio_completion *done)
{
	struct nvio_backoff pause;

	if ((done->status & (NVIO_STATUS_CODE | NVIO_STATUS_DNR)) != NVIO_STATUS_NO_MEDIA ||
	    nvio_coarse_ms() >= ctrl->media_until || nvio_recovery_waits(ctrl))
		return false;
	nvio_backoff_start(&pause, MEDIA_PAUSE_MS * NVIO_NS_PER_MS);
	while (nvio_backoff_wait(&pause))
		;
	return true;
}

/* Sends a command and waits for it. On an error no answer came and memory may still be written. */
static int execute(struct nvio_ctrl *ctrl, const struct nvio_sqe *sqe, uint32_t *result)
{
	struct nvio_completion done;
	int err;

	do {
		err = execute_once(ctrl, sqe, &done);
	} while (!err && media_are_to_come(ctrl, &done));
	if (err)
		return nvio_admin_failed(ctrl, err);
	if (result)
		*result = done.result;
	return done.status;
}

int nvio_admin_locked(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd, void *data, size_t len,
		      uint32_t *result)
{
	struct bounce bounce = { NULL, NULL };
	struct nvio_sqe sqe = *cmd;
	int ret;

	if (ctrl->dead)
		return nvio_admin_refuse(ctrl);
	if (!data != !len || len > NVIO_TRANSFER_MAX ||
	    (ctrl->info.max_transfer && len > ctrl->info.max_transfer))
		return nvio_error(
			EINVAL,
			"%s: %zu bytes of data at %p with an admin command: it takes up to "
			"%u, or none and no buffer",
			ctrl->info.name, len, data,
			ctrl->info.max_transfer ? ctrl->info.max_transfer : NVIO_TRANSFER_MAX);
	if (len) {
		ret = bounce_alloc(ctrl, len, &bounce, &sqe);
		if (ret)
			return ret;
		if (cmd->opcode & NVIO_OPCODE_TO_DEVICE)
			memcpy(bounce.data, data, len);
		else
			memset(bounce.data, 0, len);
	}
	ret = execute(ctrl, &sqe, result);
	if (ret < 0) {
		if (len)
			bounce_keep(ctrl, &bounce);
		return ret;
	}
	if (len && !ret && (cmd->opcode & NVIO_OPCODE_FROM_DEVICE))
		memcpy(data, bounce.data, len);
	bounce_free(ctrl, &bounce);
	return ret;
}

int nvio_admin(struct nvio_ctrl *ctrl, const struct nvio_sqe *cmd, void *data, size_t len,
	       uint32_t *result)
{
	int ret;

	nvio_ctrl_claim(ctrl);
	ret = nvio_admin_locked(ctrl, cmd, data, len, result);
	if (!ret)
		nvio_features_note(ctrl, cmd, data, len);
	pthread_mutex_unlock(&ctrl->lock);
	return ret;
}

int nvio_admin_must(struct nvio_ctrl *ctrl, const char *what, int status)
{
	if (status <= 0)
		return status;
	return nvio_error(EIO, "%s: %s failed: %s (status 0x%x)", ctrl->info.name, what,
			  nvio_status_text((unsigned int)status), (unsigned int)status);
}
