/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VFIO container with its TYPE1 IOMMU: choosing the type, its limits, mapping; see type1.h.
 * Groups are in group.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/caps.h"
#include "vfio/explain.h"
#include "vfio/group.h"
#include "vfio/ranges.h"
#include "vfio/sys.h"
#include "vfio/sysfs.h"
#include "vfio/type1.h"

/* What an x86 interrupt write looks like; reserved where the kernel does not list ranges. */
#define MSI_START 0xfee00000ull
#define MSI_LAST  0xfeefffffull
#define OLD_LAST  ((1ull << 39) - 1)

static const char *type1_name(const struct nvio_domain *domain)
{
	const struct nvio_type1 *t = (const struct nvio_type1 *)domain;

	return t->type == VFIO_TYPE1v2_IOMMU ? "type1v2" : "type1";
}

/* What was handed over has its rights, and is at another address now. */
static uint32_t map_flags(const struct nvio_map *map)
{
	if (map->handed_over)
		return VFIO_DMA_MAP_FLAG_VADDR;
	return (map->rights & NVIO_DMA_READ ? VFIO_DMA_MAP_FLAG_READ : 0) |
	       (map->rights & NVIO_DMA_WRITE ? VFIO_DMA_MAP_FLAG_WRITE : 0);
}

static int type1_map(struct nvio_domain *domain, const struct nvio_map *map)
{
	struct nvio_type1 *t = (struct nvio_type1 *)domain;
	struct vfio_iommu_type1_dma_map request = {
		.argsz = sizeof(request),
		.flags = map_flags(map),
		.vaddr = (uintptr_t)map->addr,
		.iova = map->iova,
		.size = map->len,
	};
	int err;

	if (!map->addr)
		return nvio_error(ENOTSUP, "a container maps memory of this process, no files");
	err = nvio_sys_ioctl(t->fd, VFIO_IOMMU_MAP_DMA, &request);
	switch (-err) {
	case 0:
		return 0;
	case ENOMEM:
		return nvio_explain_nomem(map->len, "VmLck:");
	case EEXIST:
		return nvio_error(EEXIST, "part of IOVA 0x%" PRIx64 " + %zu is mapped already",
				  map->iova, map->len);
	case EFAULT:
		return nvio_error(EFAULT,
				  "memory %p + %zu cannot be pinned: it is not mapped in this "
				  "process with the rights 0x%x",
				  map->addr, map->len, map->rights);
	case ENOSPC:
		return nvio_error(ENOSPC, "the kernel allows no more DMA mappings: raise "
					  "dma_entry_limit of vfio_iommu_type1");
	default:
		return nvio_error(-err, "mapping %p + %zu at IOVA 0x%" PRIx64 " failed: %s",
				  map->addr, map->len, map->iova, strerror(-err));
	}
}

static int type1_unmap(struct nvio_domain *domain, uint64_t iova, size_t len)
{
	struct nvio_type1 *t = (struct nvio_type1 *)domain;
	struct vfio_iommu_type1_dma_unmap request = { .argsz = sizeof(request),
						      .iova = iova,
						      .size = len };
	int err = nvio_sys_ioctl(t->fd, VFIO_IOMMU_UNMAP_DMA, &request);

	if (err)
		return nvio_error(-err, "unmapping IOVA 0x%" PRIx64 " + %zu failed: %s", iova, len,
				  strerror(-err));
	/* The kernel answers how much it unmapped: 0 when nothing was there. */
	if (request.size != len)
		return nvio_error(EINVAL, "IOVA 0x%" PRIx64 " + %zu is no whole mapping", iova,
				  len);
	return 0;
}

static int type1_unmap_all(struct nvio_domain *domain)
{
	struct nvio_type1 *t = (struct nvio_type1 *)domain;
	struct vfio_iommu_type1_dma_unmap request = { .argsz = sizeof(request),
						      .flags = VFIO_DMA_UNMAP_FLAG_ALL };
	int err;

	if (nvio_sys_ioctl_value(t->fd, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL) <= 0)
		return -ENOTSUP;
	err = nvio_sys_ioctl(t->fd, VFIO_IOMMU_UNMAP_DMA, &request);
	return err ? nvio_error(-err, "unmapping all IOVAs failed: %s", strerror(-err)) : 0;
}

static void type1_close(struct nvio_domain *domain)
{
	struct nvio_type1 *t = (struct nvio_type1 *)domain;

	nvio_groups_close(t->groups);
	nvio_sys_close(t->fd);
	free(t);
}

static const struct nvio_domain_ops type1_ops = {
	.type = type1_name,
	.map = type1_map,
	.unmap = type1_unmap,
	.unmap_all = type1_unmap_all,
	.close = type1_close,
	.describe = nvio_type1_describe,
	.forsake = nvio_type1_forsake,
	.abandon = nvio_type1_abandon,
};

static int take_ranges(struct nvio_domain *domain, const void *cap, size_t len)
{
	struct vfio_iommu_type1_info_cap_iova_range head;
	const char *ranges = (const char *)cap + sizeof(head);

	if (len < sizeof(head))
		return nvio_error(EPROTO, "the IOVA range capability is cut off");
	memcpy(&head, cap, sizeof(head));
	if (head.nr_iovas > (len - sizeof(head)) / sizeof(struct vfio_iova_range))
		return nvio_error(EPROTO,
				  "the IOVA range capability promises %u ranges and holds fewer",
				  head.nr_iovas);
	domain->ranges.nr = 0;
	for (uint32_t i = 0; i < head.nr_iovas && i < NVIO_IOMMU_RANGES; i++) {
		struct vfio_iova_range range;

		memcpy(&range, ranges + i * sizeof(range), sizeof(range));
		if (range.start > range.end ||
		    (i && range.start <= domain->ranges.range[i - 1].last))
			return nvio_error(EPROTO, "IOVA range %u makes no sense", i);
		domain->ranges.range[domain->ranges.nr++] =
			(struct nvio_iova_range){ range.start, range.end };
	}
	return 0;
}

static int take_cap(void *arg, uint16_t id, uint16_t version, const void *cap, size_t len)
{
	struct nvio_domain *domain = arg;
	struct vfio_iommu_type1_info_dma_avail avail;

	(void)version;
	if (id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
		return take_ranges(domain, cap, len);
	if (id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) {
		if (len < sizeof(avail))
			return nvio_error(EPROTO, "the DMA mapping capability is cut off");
		memcpy(&avail, cap, sizeof(avail));
		domain->max_maps = avail.avail;
	}
	return 0;
}

int nvio_type1_parse_info(struct nvio_domain *domain, const void *answer, size_t len)
{
	struct vfio_iommu_type1_info info;

	memcpy(&info, answer, sizeof(info));
	domain->page_sizes =
		info.flags & VFIO_IOMMU_INFO_PGSIZES ? info.iova_pgsizes : (uint64_t)getpagesize();
	if (!domain->page_sizes)
		return nvio_error(EPROTO, "the IOMMU names no page size");
	domain->ranges.range[0] = (struct nvio_iova_range){ 0, MSI_START - 1 };
	domain->ranges.range[1] = (struct nvio_iova_range){ MSI_LAST + 1, OLD_LAST };
	domain->ranges.nr = 2;
	domain->max_maps = UINT32_MAX;
	if (!(info.flags & VFIO_IOMMU_INFO_CAPS))
		return 0;
	return nvio_caps_walk(answer, len, sizeof(info), info.cap_offset, take_cap, domain);
}

static int read_info(struct nvio_domain *domain, int fd)
{
	struct vfio_iommu_type1_info request = { 0 };
	size_t len;
	void *answer;
	int err;

	answer = nvio_caps_ioctl(fd, VFIO_IOMMU_GET_INFO, &request, sizeof(request), &len, &err);
	if (!answer)
		return nvio_error(-err, "the IOMMU does not tell its limits: %s", strerror(-err));
	err = nvio_type1_parse_info(domain, answer, len);
	free(answer);
	return err;
}

int nvio_type1_adopt(struct nvio_iommu *iommu, struct nvio_type1 *t, uint32_t nr_maps)
{
	int err;

	t->domain.ops = &type1_ops;
	err = read_info(&t->domain, t->fd);
	if (err)
		return err;
	/* What it says is what is left. */
	if (t->domain.max_maps < UINT32_MAX - nr_maps)
		t->domain.max_maps += nr_maps;
	return nvio_iommu_join(iommu, &t->domain);
}

int nvio_container_open(void)
{
	char path[NVIO_PATH_LEN], mode[64];
	int fd, version;

	snprintf(path, sizeof(path), "%s/vfio/vfio", nvio_roots.dev);
	fd = nvio_sys_open(path);
	if (fd == -EACCES) {
		nvio_explain_mode(path, mode, sizeof(mode));
		return nvio_error(EACCES, "no permission on %s (%s): it should be mode 0666", path,
				  mode);
	}
	if (fd < 0)
		return nvio_error(-fd, "%s: %s: load the driver with `modprobe vfio-pci`", path,
				  strerror(-fd));
	version = nvio_sys_ioctl(fd, VFIO_GET_API_VERSION, NULL);
	if (version != VFIO_API_VERSION) {
		nvio_sys_close(fd);
		return nvio_error(EPROTO, "%s speaks VFIO API version %d, nvio speaks %d", path,
				  version, VFIO_API_VERSION);
	}
	return fd;
}

/* Gives the container its type; its first group is in it. */
static int set_type(struct nvio_type1 *t, const struct nvio_pci *pci)
{
	static const unsigned int types[] = { VFIO_TYPE1v2_IOMMU, VFIO_TYPE1_IOMMU };
	int err = EOPNOTSUPP;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (nvio_sys_ioctl_value(t->fd, VFIO_CHECK_EXTENSION, types[i]) <= 0)
			continue;
		err = -nvio_sys_ioctl_value(t->fd, VFIO_SET_IOMMU, types[i]);
		if (!err) {
			t->type = (int)types[i];
			return 0;
		}
	}
	if (err == EOPNOTSUPP)
		return nvio_error(ENOTSUP, "the kernel has no TYPE1 IOMMU driver: load it with "
					   "`modprobe vfio_iommu_type1`");
	return nvio_group_attach_error(err, pci);
}

static int make_domain(struct nvio_iommu *iommu, const struct nvio_pci *pci,
		       struct nvio_type1 **out)
{
	struct nvio_type1 *t = calloc(1, sizeof(*t));
	struct nvio_ranges *ranges;
	int err;

	if (!t)
		return nvio_error(ENOMEM, "no memory for a VFIO container");
	t->domain.ops = &type1_ops;
	t->domain.numa_node = pci->numa_node;
	t->fd = nvio_container_open();
	if (t->fd < 0) {
		err = t->fd;
		goto free_t;
	}
	err = nvio_group_join(&t->groups, t->fd, pci);
	if (err)
		goto close_fd;
	err = set_type(t, pci);
	if (!err)
		err = read_info(&t->domain, t->fd);
	if (err)
		goto close_groups;
	ranges = &t->domain.ranges;
	nvio_ranges_cut_pci_windows(ranges);
	err = nvio_iommu_join(iommu, &t->domain);
	if (err)
		goto close_groups;
	nvio_log(NVIO_LOG_INFO,
		 "%s: group %d in a VFIO container of type %s, %u IOVA ranges, up to 0x%" PRIx64,
		 pci->name, pci->group, type1_name(&t->domain), ranges->nr,
		 ranges->range[ranges->nr - 1].last);
	*out = t;
	return 0;

close_groups:
	nvio_groups_close(t->groups);
close_fd:
	nvio_sys_close(t->fd);
free_t:
	free(t);
	return err;
}

/* A group more may have reserved addresses of its own. */
static int add_group(struct nvio_iommu *iommu, struct nvio_type1 *t, const struct nvio_pci *pci)
{
	uint32_t max_maps = t->domain.max_maps;
	int err = nvio_group_join(&t->groups, t->fd, pci);

	if (!err)
		err = read_info(&t->domain, t->fd);
	/* What it says now is what is left. */
	t->domain.max_maps = max_maps;
	if (err)
		return err;
	nvio_ranges_cut_pci_windows(&t->domain.ranges);
	nvio_iommu_narrow(iommu, &t->domain);
	return 0;
}

struct nvio_type1 *nvio_type1_of(const struct nvio_iommu *iommu)
{
	return (struct nvio_type1 *)nvio_iommu_domain(iommu, &type1_ops);
}

int nvio_type1_fd(const struct nvio_iommu *iommu)
{
	const struct nvio_type1 *t = nvio_type1_of(iommu);

	return t ? t->fd : nvio_error(ENOTSUP, "the address space has no container of TYPE1");
}

const char *nvio_type1_type(struct nvio_iommu *iommu)
{
	const struct nvio_domain *domain;

	pthread_mutex_lock(&iommu->lock);
	domain = nvio_iommu_domain(iommu, &type1_ops);
	pthread_mutex_unlock(&iommu->lock);
	return domain ? type1_name(domain) : "none";
}

int nvio_type1_group_fd(struct nvio_iommu *iommu, int group)
{
	struct nvio_type1 *t;
	int fd;

	pthread_mutex_lock(&iommu->lock);
	t = nvio_type1_of(iommu);
	fd = t ? nvio_group_fd(t->groups, group) : -1;
	pthread_mutex_unlock(&iommu->lock);
	return fd;
}

int nvio_type1_open_device(struct nvio_iommu *iommu, const struct nvio_pci *pci,
			   const char *vf_token)
{
	struct nvio_type1 *t;
	int ret;

	pthread_mutex_lock(&iommu->lock);
	t = nvio_type1_of(iommu);
	ret = t ? add_group(iommu, t, pci) : make_domain(iommu, pci, &t);
	if (!ret)
		ret = nvio_group_open_device(t->groups, pci, vf_token);
	pthread_mutex_unlock(&iommu->lock);
	return ret;
}
