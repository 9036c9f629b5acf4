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

/* The container that is asked. */
static struct fake_tce_container *c;

static struct fake_tce_container *find(int fd)
{
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (tce->of[i].fd == fd)
			return &tce->of[i];
	}
	return NULL;
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

void fake_tce_begin(int fd, uint32_t type)
{
	c = find(0);
	*c = (struct fake_tce_container){ .fd = fd, .v2 = type == VFIO_SPAPR_TCE_v2_IOMMU };
	/* Others have the default window from the start. */
	c->pending = c->v2;
	if (!c->v2)
		c->windows[0] = (struct fake_window){ 0, tce->default_len, DEFAULT_SHIFT };
}

/* Whoever has the memory registered last pays no more. */
static void forget(uint32_t idx)
{
	struct fake_region gone = tce->regions[idx];
	bool others = false;

	tce->regions[idx] = tce->regions[--tce->nr_regions];
	for (uint32_t i = 0; i < tce->nr_regions; i++)
		others |= tce->regions[i].addr == gone.addr && tce->regions[i].len == gone.len;
	if (!others)
		tce->locked -= gone.len;
}

void fake_tce_end(int fd)
{
	c = find(fd);
	if (!c)
		return;
	for (uint32_t i = tce->nr_regions; i-- > 0;) {
		if (tce->regions[i].fd == fd)
			forget(i);
	}
	if (!c->v2 && c->enabled)
		tce->locked -= tce->default_len;
	c->fd = 0;
}

static int get_info(struct vfio_iommu_spapr_tce_info *info)
{
	struct vfio_iommu_spapr_tce_info answer = { .argsz = info->argsz,
						    .dma32_window_size = tce->default_len };

	if (info->argsz < sizeof(*info) - sizeof(info->ddw))
		return -EINVAL;
	if (c->v2 && tce->max_windows) {
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
		struct fake_window *w = &c->windows[i];

		if (w->len && iova >= w->start && iova - w->start < w->len)
			return w;
	}
	return NULL;
}

static int create(uint32_t shift, uint64_t len, uint32_t levels, uint64_t *start)
{
	int i = 0;

	while (i < FAKE_WINDOWS && c->windows[i].len)
		i++;
	if (i == FAKE_WINDOWS)
		return -ENOSPC;
	if (!(tce->page_sizes >> shift & 1) || !len || len & (len - 1) || !levels ||
	    levels > tce->levels)
		return -EINVAL;
	if (len > tce->longest || levels < tce->levels_needed)
		return -ENOMEM;
	*start = i ? HIGH_WINDOW : 0;
	c->windows[i] = (struct fake_window){ *start, len, shift };
	return 0;
}

static int create_default(void)
{
	uint64_t start;
	int err = c->pending ? create(DEFAULT_SHIFT, tce->default_len, 1, &start) : 0;

	if (!err)
		c->pending = false;
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
	if (c->pending && !request->start_addr) {
		c->pending = false;
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
		if (fake_kernel.maps[i].space == (uint32_t)c->fd &&
		    overlap(addr, len, fake_kernel.maps[i].vaddr, fake_kernel.maps[i].len))
			return true;
	}
	return false;
}

static int change_memory(const struct vfio_iommu_spapr_register_memory *request, bool add)
{
	uint32_t same = FAKE_REGIONS;
	bool shared = false;

	if (request->argsz < sizeof(*request) || request->flags ||
	    (request->vaddr | request->size) & 0xfff)
		return -EINVAL;
	for (uint32_t i = 0; i < tce->nr_regions; i++) {
		const struct fake_region *r = &tce->regions[i];

		if (r->addr == request->vaddr && r->len == request->size) {
			shared = true;
			same = r->fd == c->fd ? i : same;
		} else if (add && overlap(r->addr, r->len, request->vaddr, request->size)) {
			return -EINVAL;
		}
	}
	if (add) {
		if (same < FAKE_REGIONS)
			return -EBUSY;
		if (!shared && tce->locked + request->size > tce->memlock)
			return -ENOMEM;
		tce->regions[tce->nr_regions++] =
			(struct fake_region){ request->vaddr, request->size, c->fd };
		tce->locked += shared ? 0 : request->size;
		c->enabled = true;
		return 0;
	}
	if (same == FAKE_REGIONS)
		return -ENOENT;
	/* It says nothing, and the memory stays pinned. */
	tce->leaks += is_mapped(request->vaddr, request->size);
	forget(same);
	return 0;
}

/* Whether an entry's worth of memory may be mapped by one. */
static int check_entry(uint64_t addr, uint64_t entry_len)
{
	if (!c->v2)
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

	if (!c->enabled)
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

	if (!c->enabled)
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
	if (c->enabled)
		return -EBUSY;
	if (tce->locked + tce->default_len > tce->memlock)
		return -ENOMEM;
	tce->locked += tce->default_len;
	c->enabled = true;
	return 0;
}

static int disable(void)
{
	tce->disables++;
	tce->locked -= tce->default_len;
	c->enabled = false;
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
	c = find(fd);
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
		return c->v2 ? -ENOTTY : enable();
	case VFIO_IOMMU_DISABLE:
		return c->v2 ? -ENOTTY : disable();
	default:
		return c->v2 ? v2_request(fd, request, arg) : -ENOTTY;
	}
}
