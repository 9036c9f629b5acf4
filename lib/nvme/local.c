/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory on the device that its own commands can use; see local.h.
 */
#include <errno.h>

#include "base/error.h"
#include "nvme/ctrl.h"
#include "vfio/device.h"
#include "vfio/iommu.h"

size_t nvio_local_run(const struct nvio_ctrl *ctrl, uintptr_t addr, size_t len, unsigned int rights,
		      uint64_t *iova)
{
	for (unsigned int i = 0; i < NVIO_NR_LOCALS; i++) {
		const struct nvio_local *local = &ctrl->locals[i];
		/* Pairs with nvio_local_publish(): with the length the rest is seen. */
		size_t window_len = __atomic_load_n(&local->window.len, __ATOMIC_ACQUIRE);
		uintptr_t offset = addr - local->window.addr;

		if (offset >= window_len || (local->rights & rights) != rights)
			continue;
		*iova = local->window.iova + offset;
		return min_u64(len, window_len - offset);
	}
	return 0;
}

bool nvio_local_is_used(const struct nvio_ctrl *ctrl)
{
	for (unsigned int i = 0; i < NVIO_NR_LOCALS; i++) {
		if (__atomic_load_n(&ctrl->locals[i].window.len, __ATOMIC_ACQUIRE))
			return true;
	}
	return false;
}

void nvio_local_publish(struct nvio_ctrl *ctrl, enum nvio_local_kind kind,
			const struct nvio_local *local)
{
	struct nvio_local *to = &ctrl->locals[kind];

	to->window.addr = local->window.addr;
	to->window.iova = local->window.iova;
	to->rights = local->rights;
	__atomic_store_n(&to->window.len, local->window.len, __ATOMIC_RELEASE);
}

int nvio_local_bar_address(struct nvio_ctrl *ctrl, uint32_t bir, uint64_t offset, size_t len,
			   uint64_t *iova)
{
	int err = nvio_device_bar_address(ctrl->device, bir, iova);

	if (err)
		return err;
	*iova += offset;
	if (!nvio_iommu_meets(ctrl->iommu, *iova, len))
		return 0;
	return nvio_error(ENOTSUP,
			  "%s: its memory in BAR %u is at 0x%llx, where host memory could be",
			  ctrl->info.name, bir, (unsigned long long)*iova);
}

static uint64_t whole_pages(const struct nvio_ctrl *ctrl, size_t len)
{
	return align_up(len, max_u64(NVIO_MEM_PAGE, nvio_iommu_page_len(ctrl->iommu)));
}

int nvio_local_reserve(struct nvio_ctrl *ctrl, size_t len, uint64_t *iova)
{
	return nvio_memory_reserve(nvio_memory_of(ctrl->iommu), whole_pages(ctrl, len), iova);
}

void nvio_local_release(struct nvio_ctrl *ctrl, size_t len, uint64_t iova)
{
	nvio_memory_unreserve(nvio_memory_of(ctrl->iommu), whole_pages(ctrl, len), iova);
}
