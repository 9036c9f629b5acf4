/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host memory buffer; see hmb.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nvme/ctrl.h"
#include "nvme/hmb.h"

#define MAX_DEFAULT (64ull << 20)

/* Set Features, dword 11 */
#define ENABLE 1u

/* A descriptor (figure 328): pages of the controller's. */
struct descriptor {
	uint64_t addr;
	uint32_t nr_pages;
	uint32_t reserved;
};

_Static_assert(sizeof(struct descriptor) == 16, "figure 328");

struct nvio_hmb {
	bool lent; /* the controller may use it */
	size_t len;
	struct descriptor *list; /* in DMA memory */
	uint64_t list_iova;
	uint32_t nr;
	void **pieces; /* the memory of each descriptor */
};

/* The descriptors that a controller takes, bounded by what a page of them holds. */
static uint32_t max_pieces(const struct nvio_ctrl *ctrl)
{
	uint32_t most = ctrl->info.page_len / sizeof(struct descriptor);

	return ctrl->hmb_max_pieces ? (uint32_t)min_u64(ctrl->hmb_max_pieces, most) : most;
}

static void give_pieces(struct nvio_ctrl *ctrl, struct nvio_hmb *hmb)
{
	while (hmb->nr)
		nvio_free(ctrl->iommu, hmb->pieces[--hmb->nr]);
	hmb->len = 0;
}

/* Memory in pieces of one length, the last one shorter, until there is enough or no more. */
static void take_pieces(struct nvio_ctrl *ctrl, struct nvio_hmb *hmb, size_t want, size_t piece)
{
	uint32_t page_len = ctrl->info.page_len, most = max_pieces(ctrl);

	while (hmb->len < want && hmb->nr < most) {
		size_t len = min_u64(piece, want - hmb->len);
		struct descriptor *d = &hmb->list[hmb->nr];
		void *p;

		if (len < max_u64(ctrl->hmb_min_piece, page_len))
			return;
		p = nvio_alloc(ctrl->iommu, len, page_len);
		if (!p)
			return;
		/* What was here before is none of the drive's business. */
		memset(p, 0, len);
		*d = (struct descriptor){ .nr_pages = (uint32_t)(len / page_len) };
		nvio_mem_iova(ctrl->iommu, p, len, NVIO_DMA_RW, &d->addr);
		hmb->pieces[hmb->nr++] = p;
		hmb->len += len;
	}
}

/* As much as is wanted, in the largest pieces that there are; at least what is of any use. */
static bool take(struct nvio_ctrl *ctrl, struct nvio_hmb *hmb, size_t want)
{
	size_t least = ctrl->hmb_min, page_len = ctrl->info.page_len;

	for (size_t piece = want; piece >= max_u64(ctrl->hmb_min_piece, page_len);
	     piece = align_down(piece / 2, page_len)) {
		take_pieces(ctrl, hmb, want, piece);
		if (hmb->len && hmb->len >= least)
			return true;
		give_pieces(ctrl, hmb);
	}
	return false;
}

static void destroy(struct nvio_ctrl *ctrl, struct nvio_hmb *hmb)
{
	if (hmb->pieces)
		give_pieces(ctrl, hmb);
	nvio_free(ctrl->iommu, hmb->list);
	free(hmb->pieces);
	free(hmb);
}

static struct nvio_hmb *create(struct nvio_ctrl *ctrl, size_t want)
{
	struct nvio_hmb *hmb = calloc(1, sizeof(*hmb));

	if (!hmb)
		return NULL;
	hmb->pieces = calloc(max_pieces(ctrl), sizeof(*hmb->pieces));
	hmb->list = nvio_alloc(ctrl->iommu, ctrl->info.page_len, ctrl->info.page_len);
	nvio_error(ENOMEM, "no memory in pieces that it takes: %u, of %llu bytes at least",
		   max_pieces(ctrl), (unsigned long long)ctrl->hmb_min_piece);
	if (!hmb->pieces || !hmb->list || !take(ctrl, hmb, want)) {
		destroy(ctrl, hmb);
		return NULL;
	}
	nvio_mem_iova(ctrl->iommu, hmb->list, ctrl->info.page_len, NVIO_DMA_READ, &hmb->list_iova);
	return hmb;
}

/* Returns 0; a status; -errno, after which the controller may have it or not. */
static int set_feature(struct nvio_ctrl *ctrl, bool on)
{
	const struct nvio_hmb *hmb = ctrl->hmb;
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_SET_FEATURES,
				.cdw10 = NVIO_FEATURE_HOST_MEMORY };

	if (on) {
		sqe.cdw11 = ENABLE;
		sqe.cdw12 = (uint32_t)(hmb->len / ctrl->info.page_len);
		sqe.cdw13 = (uint32_t)hmb->list_iova;
		sqe.cdw14 = (uint32_t)(hmb->list_iova >> 32);
		sqe.cdw15 = hmb->nr;
	}
	return nvio_admin_locked(ctrl, &sqe, NULL, 0, NULL);
}

/* What to lend: 0 for nothing. */
static size_t choose_len(const struct nvio_ctrl *ctrl)
{
	uint64_t max = ctrl->opts.host_memory_max ? ctrl->opts.host_memory_max : MAX_DEFAULT;
	uint64_t preferred = max_u64(ctrl->hmb_preferred, ctrl->hmb_min);

	if (!ctrl->hmb_preferred || max == NVIO_NO_HOST_MEMORY)
		return 0;
	if (max < ctrl->hmb_min) {
		nvio_log(NVIO_LOG_WARN,
			 "%s wants %llu bytes of host memory, %llu at least, and may have %llu: it "
			 "works without (host_memory_max)",
			 ctrl->info.name, (unsigned long long)preferred,
			 (unsigned long long)ctrl->hmb_min, (unsigned long long)max);
		return 0;
	}
	return align_down(min_u64(preferred, max), ctrl->info.page_len);
}

static int lend(struct nvio_ctrl *ctrl)
{
	int status = set_feature(ctrl, true);

	if (status < 0)
		return status;
	if (status > 0) {
		nvio_log(NVIO_LOG_WARN, "%s wants host memory and refuses it: %s", ctrl->info.name,
			 nvio_status_text((unsigned int)status));
		nvio_hmb_free(ctrl);
		return 0;
	}
	ctrl->hmb->lent = true;
	ctrl->info.host_memory_len = ctrl->hmb->len;
	nvio_log(NVIO_LOG_INFO, "%s uses %zu bytes of host memory in %u pieces", ctrl->info.name,
		 ctrl->hmb->len, ctrl->hmb->nr);
	return 0;
}

int nvio_hmb_set_up(struct nvio_ctrl *ctrl)
{
	size_t want = choose_len(ctrl);

	if (!want)
		return 0;
	if (!ctrl->hmb)
		ctrl->hmb = create(ctrl, want);
	if (!ctrl->hmb) {
		nvio_log(NVIO_LOG_WARN,
			 "%s works without the %zu bytes of host memory it wants: %s",
			 ctrl->info.name, want, nvio_last_error());
		return 0;
	}
	return lend(ctrl);
}

int nvio_hmb_again(struct nvio_ctrl *ctrl)
{
	int status;

	if (!ctrl->hmb || !ctrl->hmb->lent)
		return 0;
	status = set_feature(ctrl, true);
	if (status > 0)
		nvio_log(NVIO_LOG_WARN, "%s refuses its host memory after a reset: %s",
			 ctrl->info.name, nvio_status_text((unsigned int)status));
	return status < 0 ? status : 0;
}

void nvio_hmb_pause(struct nvio_ctrl *ctrl)
{
	bool lent = ctrl->hmb && ctrl->hmb->lent;

	nvio_hmb_stop(ctrl);
	if (lent)
		ctrl->hmb->lent = true;
}

void nvio_hmb_stop(struct nvio_ctrl *ctrl)
{
	int status;

	if (!ctrl->hmb || !ctrl->hmb->lent)
		return;
	status = nvio_admin_must(ctrl, "Set Features (Host Memory Buffer)",
				 set_feature(ctrl, false));
	if (status)
		nvio_log(NVIO_LOG_WARN, "host memory was not taken back cleanly: %s",
			 nvio_last_error());
	ctrl->hmb->lent = false;
}

void nvio_hmb_free(struct nvio_ctrl *ctrl)
{
	if (ctrl->hmb)
		destroy(ctrl, ctrl->hmb);
	ctrl->hmb = NULL;
}
