/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Containers of sPAPR TCE: choosing the version, mapping; see spapr.h.
 *
 * The kernel takes maps over others and takes back what is not mapped without a word, so maps are
 * kept here. It answers 1, which is an error, to addresses that are not aligned to an entry.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <nvio/spapr.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/device.h"
#include "vfio/explain.h"
#include "vfio/group.h"
#include "vfio/spapr.h"
#include "vfio/sys.h"
#include "vfio/type1.h"

static const char *spapr_name(const struct nvio_domain *domain)
{
	const struct nvio_spapr *s = (const struct nvio_spapr *)domain;

	return s->type == VFIO_SPAPR_TCE_v2_IOMMU ? "spapr-tce-v2" : "spapr-tce";
}

static bool is_v2(const struct nvio_spapr *s)
{
	return s->type == VFIO_SPAPR_TCE_v2_IOMMU;
}

static int make_room(struct nvio_spapr *s)
{
	uint32_t room = s->maps_room ? s->maps_room * 2 : 16;
	struct nvio_map *larger;

	if (s->nr_maps < s->maps_room)
		return 0;
	larger = realloc(s->maps, room * sizeof(*larger));
	if (!larger)
		return nvio_error(ENOMEM, "no memory to keep track of a DMA mapping");
	s->maps = larger;
	s->maps_room = room;
	return 0;
}

static int check_map(const struct nvio_spapr *s, const struct nvio_map *map)
{
	if (!map->addr)
		return nvio_error(ENOTSUP, "a container maps memory of this process, no files");
	if (!is_aligned((uintptr_t)map->addr | map->iova | map->len, s->entry_len))
		return nvio_error(EINVAL,
				  "memory %p + %zu at IOVA 0x%" PRIx64
				  " is not aligned to the entries of the DMA window, of %" PRIu64
				  " bytes",
				  map->addr, map->len, map->iova, s->entry_len);
	for (uint32_t i = 0; i < s->nr_maps; i++) {
		if (ranges_overlap(map->iova, map->len, s->maps[i].iova, s->maps[i].len))
			return nvio_error(EEXIST,
					  "part of IOVA 0x%" PRIx64 " + %zu is mapped already",
					  map->iova, map->len);
	}
	return 0;
}

static int map_error(const struct nvio_spapr *s, int err, const struct nvio_map *map)
{
	switch (err) {
	case 1:
	case -ENXIO:
		return nvio_error(err == -ENXIO ? ENXIO : EINVAL,
				  "IOVA 0x%" PRIx64 " + %zu is %s the DMA window at 0x%" PRIx64
				  " + %" PRIu64 " with its entries of %" PRIu64 " bytes",
				  map->iova, map->len, err == -ENXIO ? "outside of" : "not for",
				  s->start, s->len, s->entry_len);
	case -EINVAL: /* v2 */
	case -EPERM: /* v1 */
		return nvio_error(EINVAL,
				  "memory %p + %zu is in smaller pages than the entries of the DMA "
				  "window, of %" PRIu64 " bytes: open the address space for its "
				  "pages (page_len of struct nvio_iommu_opts)",
				  map->addr, map->len, s->entry_len);
	case -EFAULT:
		return nvio_error(EFAULT,
				  "memory %p + %zu cannot be pinned: it is not mapped in this "
				  "process with the rights 0x%x",
				  map->addr, map->len, map->rights);
	default:
		return nvio_error(-err, "mapping %p + %zu at IOVA 0x%" PRIx64 " failed: %s%s",
				  map->addr, map->len, map->iova, strerror(-err),
				  nvio_spapr_hint(err));
	}
}

static int spapr_map(struct nvio_domain *domain, const struct nvio_map *map)
{
	struct nvio_spapr *s = (struct nvio_spapr *)domain;
	struct vfio_iommu_type1_dma_map request = {
		.argsz = sizeof(request),
		.flags = (map->rights & NVIO_DMA_READ ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (map->rights & NVIO_DMA_WRITE ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)map->addr,
		.iova = map->iova,
		.size = map->len,
	};
	int err = check_map(s, map);

	if (!err)
		err = make_room(s);
	if (!err && is_v2(s))
		err = nvio_spapr_memory_hold(&s->memory, (uintptr_t)map->addr, map->len);
	if (err)
		return err;
	err = nvio_sys_ioctl(s->fd, VFIO_IOMMU_MAP_DMA, &request);
	if (err) {
		if (is_v2(s))
			nvio_spapr_memory_release(&s->memory, (uintptr_t)map->addr, map->len);
		return map_error(s, err > 0 ? 1 : err, map);
	}
	s->maps[s->nr_maps++] = *map;
	return 0;
}

static int spapr_unmap(struct nvio_domain *domain, uint64_t iova, size_t len)
{
	struct nvio_spapr *s = (struct nvio_spapr *)domain;
	struct vfio_iommu_type1_dma_unmap request = { .argsz = sizeof(request),
						      .iova = iova,
						      .size = len };
	struct nvio_map *map = s->maps, *end = s->maps + s->nr_maps;
	uintptr_t addr;
	int err;

	while (map < end && (map->iova != iova || map->len != len))
		map++;
	if (map == end)
		return nvio_error(EINVAL, "IOVA 0x%" PRIx64 " + %zu is no whole mapping", iova,
				  len);
	err = nvio_sys_ioctl(s->fd, VFIO_IOMMU_UNMAP_DMA, &request);
	if (err)
		return nvio_error(err > 0 ? EINVAL : -err,
				  "unmapping IOVA 0x%" PRIx64 " + %zu failed: %s", iova, len,
				  err > 0 ? "it is not aligned to the entries of the DMA window"
					  : strerror(-err));
	addr = (uintptr_t)map->addr;
	*map = s->maps[--s->nr_maps];
	if (is_v2(s))
		nvio_spapr_memory_release(&s->memory, addr, len);
	return 0;
}

/* What is still mapped and registered goes with the container. */
static void spapr_close(struct nvio_domain *domain)
{
	struct nvio_spapr *s = (struct nvio_spapr *)domain;

	if (s->enabled)
		nvio_sys_ioctl(s->fd, VFIO_IOMMU_DISABLE, NULL);
	nvio_groups_close(s->group);
	nvio_sys_close(s->fd);
	free(s->memory.regions);
	free(s->maps);
	free(s);
}

static const struct nvio_domain_ops spapr_ops = {
	.type = spapr_name,
	.map = spapr_map,
	.unmap = spapr_unmap,
	.close = spapr_close,
};

/* Charges the window. */
static int enable(struct nvio_spapr *s, const struct nvio_pci *pci)
{
	struct rlimit limit = { 0, 0 };
	int err = nvio_sys_ioctl(s->fd, VFIO_IOMMU_ENABLE, NULL);

	s->enabled = !err;
	if (err != -ENOMEM)
		return err ? nvio_error(-err, "%s: its DMA window cannot be enabled: %s", pci->name,
					strerror(-err))
			   : 0;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	return nvio_error(
		ENOMEM,
		"%s: sPAPR TCE v1 charges its whole DMA window of %u bytes as locked "
		"memory, however little of it is mapped, and RLIMIT_MEMLOCK is %llu (%llu "
		"are locked already): raise it with `ulimit -l %llu`, LimitMEMLOCK= or "
		"limits.conf",
		pci->name, s->info.dma32_window_size, (unsigned long long)limit.rlim_cur,
		nvio_locked_len("VmLck:"),
		(nvio_locked_len("VmLck:") + s->info.dma32_window_size + 1023) / 1024);
}

/* Gives the container its type; its group is in it. */
static int set_type(struct nvio_spapr *s, const struct nvio_iommu *iommu,
		    const struct nvio_pci *pci)
{
	static const unsigned int types[] = { VFIO_SPAPR_TCE_v2_IOMMU, VFIO_SPAPR_TCE_IOMMU };
	int err = ENOTSUP;

	for (size_t i = iommu->way == NVIO_WAY_TCE_V1; i < ARRAY_LEN(types) && err; i++) {
		if (nvio_sys_ioctl_value(s->fd, VFIO_CHECK_EXTENSION, types[i]) <= 0)
			continue;
		err = -nvio_sys_ioctl_value(s->fd, VFIO_SET_IOMMU, types[i]);
		s->type = (int)types[i];
	}
	if (err == EPERM)
		return nvio_error(EPERM, "%s: the DMA windows of IOMMU group %d are not for %s",
				  pci->name, pci->group, spapr_name(&s->domain));
	return err ? nvio_group_attach_error(err, pci) : 0;
}

/* Whether the kernel has what is wanted. */
static int check_kernel(const struct nvio_spapr *s, const struct nvio_iommu *iommu)
{
	if (nvio_sys_ioctl_value(s->fd, VFIO_CHECK_EXTENSION, VFIO_SPAPR_TCE_IOMMU) > 0)
		return 0;
	if (iommu->way == NVIO_WAY_TCE_V1)
		return nvio_error(ENOTSUP, "the kernel has no IOMMU driver for sPAPR TCE v1");
	return nvio_sys_ioctl_value(s->fd, VFIO_CHECK_EXTENSION, VFIO_SPAPR_TCE_v2_IOMMU) > 0
		       ? 0
		       : -ENOTSUP;
}

static int enter(struct nvio_iommu *iommu, struct nvio_spapr *s, const struct nvio_pci *pci)
{
	int err = nvio_group_join(&s->group, s->fd, pci);

	if (!err)
		err = set_type(s, iommu, pci);
	if (!err)
		err = nvio_spapr_open_window(s, iommu->page_len);
	if (!err && !is_v2(s))
		err = enable(s, pci);
	if (!err)
		err = nvio_iommu_join(iommu, &s->domain);
	if (!err)
		nvio_log(NVIO_LOG_INFO, "%s: group %d in a VFIO container of type %s", pci->name,
			 pci->group, spapr_name(&s->domain));
	return err;
}

static int make_domain(struct nvio_iommu *iommu, const struct nvio_pci *pci,
		       struct nvio_spapr **out)
{
	struct nvio_spapr *s = calloc(1, sizeof(*s));
	struct nvio_sentence sentence;
	int err;

	if (!s)
		return nvio_error(ENOMEM, "no memory for a VFIO container");
	s->domain = (struct nvio_domain){ .ops = &spapr_ops,
					  .max_maps = UINT32_MAX,
					  .numa_node = pci->numa_node };
	s->group_id = pci->group;
	s->fd = s->memory.fd = nvio_container_open();
	err = s->fd < 0 ? s->fd : check_kernel(s, iommu);
	if (!err)
		err = enter(iommu, s, pci);
	if (!err) {
		*out = s;
		return 0;
	}
	nvio_error_save(&sentence);
	spapr_close(&s->domain);
	nvio_error_restore(&sentence);
	return err;
}

int nvio_spapr_open_device(struct nvio_iommu *iommu, const struct nvio_pci *pci,
			   const char *vf_token)
{
	struct nvio_spapr *s;
	int ret = 0;

	pthread_mutex_lock(&iommu->lock);
	s = nvio_spapr_of(iommu, pci->group);
	if (!s)
		ret = make_domain(iommu, pci, &s);
	if (!ret)
		ret = nvio_group_open_device(s->group, pci, vf_token);
	pthread_mutex_unlock(&iommu->lock);
	return ret;
}

struct nvio_spapr *nvio_spapr_of(const struct nvio_iommu *iommu, int group)
{
	for (struct nvio_domain *domain = iommu->domains; domain; domain = domain->next) {
		struct nvio_spapr *s = (struct nvio_spapr *)domain;

		if (domain->ops == &spapr_ops && (group < 0 || s->group_id == group))
			return s;
	}
	return NULL;
}

const char *nvio_spapr_type(struct nvio_iommu *iommu, int group)
{
	const struct nvio_spapr *s;

	pthread_mutex_lock(&iommu->lock);
	s = nvio_spapr_of(iommu, group);
	pthread_mutex_unlock(&iommu->lock);
	return s ? spapr_name(&s->domain) : NULL;
}

int nvio_device_tce_info(struct nvio_device *device, struct nvio_tce_info *out, size_t size)
{
	struct nvio_iommu *iommu = device->iommu;
	struct nvio_tce_info info = { 0 };
	const struct nvio_spapr *s;

	pthread_mutex_lock(&iommu->lock);
	s = nvio_spapr_of(iommu, device->pci.group);
	if (s)
		info = (struct nvio_tce_info){
			.version = is_v2(s) ? 2 : 1,
			.max_windows = s->info.ddw.max_dynamic_windows_supported,
			.window_start = s->start,
			.window_len = s->len,
			.entry_len = s->entry_len,
			.default_start = s->info.dma32_window_start,
			.default_len = s->info.dma32_window_size,
			.entry_lens = s->info.ddw.pgsizes,
			.levels = s->info.ddw.levels,
			.nr_registered = s->memory.nr,
			.registered_len = nvio_spapr_memory_len(&s->memory),
		};
	pthread_mutex_unlock(&iommu->lock);
	if (!info.version)
		return nvio_error(ENOTSUP, "%s is in no container of sPAPR TCE", device->name);
	return nvio_give_info(out, size, &info, sizeof(info));
}

int nvio_spapr_group_fd(struct nvio_iommu *iommu, int group)
{
	const struct nvio_spapr *s;
	int fd;

	pthread_mutex_lock(&iommu->lock);
	s = nvio_spapr_of(iommu, group);
	fd = s ? nvio_group_fd(s->group, group) : -1;
	pthread_mutex_unlock(&iommu->lock);
	return fd;
}
