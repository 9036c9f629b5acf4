/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Containers of sPAPR TCE of the unit tests' kernel, v1 and v2, with what theirs forgives: maps
 * over others, and memory unregistered while it is mapped, which a test is to find; see
 * fake_kernel.h.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "fake_kernel.h"

#define DEFAULT_SHIFT 12u
#define HIGH_WINDOW   (1ull << 59)

static struct fake_tce *const tce = &fake_kernel.tce;

static bool is_v2(void)
{
	return fake_kernel.container_type == VFIO_SPAPR_TCE_v2_IOMMU;
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

void fake_tce_defaults(void)
{
	*tce = (struct fake_tce){
		.default_len = 1u << 30,
		.page_sizes = 1ull << 12 | 1ull << 16 | 1ull << 21 | 1ull << 24,
		.max_windows = FAKE_WINDOWS,
		.levels = 1,
		.longest = 1ull << 40,
		.backing = 4096,
		.memlock = UINT64_MAX,
	};
}

unsigned int fake_tce_mistakes(void)
{
	return tce->leaks + tce->overlaps + tce->blind_unmaps;
}

void fake_tce_begin(void)
{
	/* Others have the default window from the start. */
	tce->pending = is_v2();
	if (!is_v2())
		tce->windows[0] = (struct fake_window){ 0, tce->default_len, DEFAULT_SHIFT };
}

void fake_tce_end(void)
{
	memset(tce->windows, 0, sizeof(tce->windows));
	tce->nr_regions = 0;
	tce->locked = 0;
	tce->enabled = false;
}

static int get_info(struct vfio_iommu_spapr_tce_info *info)
{
	struct vfio_iommu_spapr_tce_info answer = { .argsz = info->argsz,
						    .dma32_window_size = tce->default_len };

	if (info->argsz < sizeof(*info) - sizeof(info->ddw))
		return -EINVAL;
	if (is_v2() && tce->max_windows) {
		answer.flags = VFIO_IOMMU_SPAPR_INFO_DDW;
		answer.ddw.pgsizes = tce->page_sizes;
		answer.ddw.max_dynamic_windows_supported = tce->max_windows;
		answer.ddw.levels = tce->levels;
	}
	memcpy(info, &answer, info->argsz < sizeof(answer) ? info->argsz : sizeof(answer));
	return 0;
}

static struct fake_window *find_window(uint64_t iova)
{
	for (int i = 0; i < FAKE_WINDOWS; i++) {
		struct fake_window *w = &tce->windows[i];

		if (w->len && iova >= w->start && iova - w->start < w->len)
			return w;
	}
	return NULL;
}

static int create(uint32_t shift, uint64_t len, uint32_t levels, uint64_t *start)
{
	int i = 0;

	while (i < FAKE_WINDOWS && tce->windows[i].len)
		i++;
	if (i == FAKE_WINDOWS)
		return -ENOSPC;
	if (!(tce->page_sizes >> shift & 1) || !len || len & (len - 1) || !levels ||
	    levels > tce->levels)
		return -EINVAL;
	if (len > tce->longest || levels < tce->levels_needed)
		return -ENOMEM;
	*start = i ? HIGH_WINDOW : 0;
	tce->windows[i] = (struct fake_window){ *start, len, shift };
	return 0;
}

static int create_default(void)
{
	uint64_t start;
	int err = tce->pending ? create(DEFAULT_SHIFT, tce->default_len, 1, &start) : 0;

	if (!err)
		tce->pending = false;
	return err;
}

static int create_window(struct vfio_iommu_spapr_tce_create *request)
{
	int err = create_default();

	if (request->argsz < sizeof(*request) || request->flags)
		return -EINVAL;
	return err ? err
		   : create(request->page_shift, request->window_size, request->levels,
			    (uint64_t *)&request->start_addr);
}

/* With what is mapped there. */
static int remove_window(int fd, const struct vfio_iommu_spapr_tce_remove *request)
{
	struct fake_window *w;

	if (request->argsz < sizeof(*request) || request->flags)
		return -EINVAL;
	if (tce->pending && !request->start_addr) {
		tce->pending = false;
		return 0;
	}
	w = find_window(request->start_addr);
	if (!w)
		return -EINVAL;
	fake_unmap((uint32_t)fd, w->start, w->len);
	w->len = 0;
	return 0;
}

static bool is_mapped(uint64_t addr, uint64_t len)
{
	for (uint32_t i = 0; i < fake_kernel.nr_maps; i++) {
		if (overlap(addr, len, fake_kernel.maps[i].vaddr, fake_kernel.maps[i].len))
			return true;
	}
	return false;
}

static int change_memory(const struct vfio_iommu_spapr_register_memory *request, bool add)
{
	uint32_t same = FAKE_REGIONS;

	if (request->argsz < sizeof(*request) || request->flags ||
	    (request->vaddr | request->size) & 0xfff)
		return -EINVAL;
	for (uint32_t i = 0; i < tce->nr_regions; i++) {
		const struct fake_region *r = &tce->regions[i];

		if (r->addr == request->vaddr && r->len == request->size)
			same = i;
		else if (add && overlap(r->addr, r->len, request->vaddr, request->size))
			return -EINVAL;
	}
	if (add) {
		if (same < FAKE_REGIONS)
			return -EBUSY;
		if (tce->locked + request->size > tce->memlock)
			return -ENOMEM;
		tce->regions[tce->nr_regions++] =
			(struct fake_region){ request->vaddr, request->size };
		tce->locked += request->size;
		tce->enabled = true;
		return 0;
	}
	if (same == FAKE_REGIONS)
		return -ENOENT;
	/* It says nothing, and the memory stays pinned. */
	if (is_mapped(request->vaddr, request->size))
		tce->leaks++;
	else
		tce->locked -= request->size;
	tce->regions[same] = tce->regions[--tce->nr_regions];
	return 0;
}

/* Whether an entry's worth of memory may be mapped by one. */
static int check_entry(uint64_t addr, uint64_t entry_len)
{
	if (!is_v2())
		return entry_len > tce->backing ? -EPERM : 0;
	for (uint32_t i = 0; i < tce->nr_regions; i++) {
		const struct fake_region *r = &tce->regions[i];

		if (addr >= r->addr && addr + entry_len <= r->addr + r->len)
			return entry_len > tce->backing || (r->addr | r->len) & (entry_len - 1)
				       ? -EINVAL
				       : 0;
	}
	return -EINVAL;
}

static int map_dma(int fd, const struct vfio_iommu_type1_dma_map *request)
{
	struct fake_mapping map = {
		request->iova, request->size, request->vaddr, request->flags, -1, (uint32_t)fd
	};
	const struct fake_window *w;
	uint64_t entry_len;
	int err;

	if (!tce->enabled)
		return -EPERM;
	if (request->argsz < sizeof(*request) || request->flags & ~3u)
		return -EINVAL;
	err = create_default();
	if (err)
		return err;
	w = find_window(request->iova);
	if (!w)
		return -ENXIO;
	entry_len = 1ull << w->shift;
	if ((request->size | request->vaddr) & (entry_len - 1) || !request->flags)
		return -EINVAL;
	if (request->iova & (entry_len - 1))
		return 1;
	for (uint64_t at = 0; at < request->size; at += entry_len) {
		err = check_entry(request->vaddr + at, entry_len);
		if (err)
			return err;
	}
	err = fake_map(&map);
	if (err == -EEXIST) {
		tce->overlaps++;
		return 0;
	}
	return err;
}

static int unmap_dma(int fd, const struct vfio_iommu_type1_dma_unmap *request)
{
	const struct fake_window *w;
	int err;

	if (!tce->enabled)
		return -EPERM;
	if (request->argsz < sizeof(*request) || request->flags)
		return -EINVAL;
	err = create_default();
	if (err)
		return err;
	w = find_window(request->iova);
	if (!w)
		return -ENXIO;
	if (request->size & ((1ull << w->shift) - 1))
		return -EINVAL;
	if (request->iova & ((1ull << w->shift) - 1))
		return 1;
	if (fake_unmap((uint32_t)fd, request->iova, request->size) != (int64_t)request->size)
		tce->blind_unmaps++;
	return 0;
}

/* Charges the whole window. */
static int enable(void)
{
	if (tce->enabled)
		return -EBUSY;
	if (tce->default_len > tce->memlock)
		return -ENOMEM;
	tce->locked = tce->default_len;
	tce->enabled = true;
	return 0;
}

static int disable(void)
{
	tce->disables++;
	tce->locked = 0;
	tce->enabled = false;
	return 0;
}

static int v2_request(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_IOMMU_SPAPR_REGISTER_MEMORY:
		return change_memory(arg, true);
	case VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY:
		return change_memory(arg, false);
	case VFIO_IOMMU_SPAPR_TCE_CREATE:
		return create_window(arg);
	case VFIO_IOMMU_SPAPR_TCE_REMOVE:
		return remove_window(fd, arg);
	default:
		return -ENOTTY;
	}
}

int fake_tce_ioctl(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_IOMMU_SPAPR_TCE_GET_INFO:
		return get_info(arg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(fd, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(fd, arg);
	case VFIO_EEH_PE_OP:
		return fake_eeh(fd, arg);
	case VFIO_IOMMU_ENABLE:
		return is_v2() ? -ENOTTY : enable();
	case VFIO_IOMMU_DISABLE:
		return is_v2() ? -ENOTTY : disable();
	default:
		return is_v2() ? v2_request(fd, request, arg) : -ENOTTY;
	}
}
