/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address spaces of iommufd; see iommufd.h. One file and one IOAS for all devices of an address
 * space; binding and attaching devices is in cdev.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/explain.h"
#include "vfio/iommufd.h"
#include "vfio/ranges.h"
#include "vfio/sys.h"
#include "vfio/sysfs.h"
#include "vfio/uapi.h"

static const char *iommufd_name(const struct nvio_domain *domain)
{
	(void)domain;
	return "iommufd";
}

static uint32_t map_flags(unsigned int rights)
{
	return NVIO_IOMMU_MAP_FIXED | (rights & NVIO_DMA_READ ? NVIO_IOMMU_MAP_READ : 0) |
	       (rights & NVIO_DMA_WRITE ? NVIO_IOMMU_MAP_WRITE : 0);
}

static int map_error(int err, const struct nvio_map *map)
{
	switch (err) {
	case ENOMEM:
		return nvio_explain_nomem(map->len, "VmPin:");
	case EEXIST:
	case EADDRINUSE:
		return nvio_error(EEXIST, "part of IOVA 0x%" PRIx64 " + %zu is mapped already",
				  map->iova, map->len);
	case EFAULT:
		return nvio_error(EFAULT,
				  "memory %p + %zu cannot be pinned: it is not mapped in this "
				  "process with the rights 0x%x",
				  map->addr, map->len, map->rights);
	default:
		return nvio_error(err, "mapping %p + %zu at IOVA 0x%" PRIx64 " failed: %s",
				  map->addr, map->len, map->iova, strerror(err));
	}
}

/* By the file behind it. Kernels before 6.13 cannot, and none can every file. */
static int map_file(struct nvio_iommufd *space, const struct nvio_map *map)
{
	struct nvio_uapi_map_file request = {
		.size = sizeof(request),
		.flags = map_flags(map->rights),
		.ioas = space->ioas,
		.fd = map->fd,
		.start = map->fd_offset,
		.len = map->len,
		.iova = map->iova,
	};
	int err = nvio_sys_ioctl(space->fd, NVIO_IOMMU_MAP_FILE, &request);

	if (err == -ENOTTY)
		space->no_files = true;
	return err;
}

/* Memory that another address space has pinned. */
static int copy_map(struct nvio_iommufd *space, const struct nvio_map *map)
{
	struct nvio_uapi_copy request = {
		.size = sizeof(request),
		.flags = map_flags(map->rights),
		.dst_ioas = space->ioas,
		.src_ioas = map->from_ioas,
		.len = map->len,
		.dst_iova = map->iova,
		.src_iova = map->from_iova,
	};

	return nvio_sys_ioctl(space->fd, NVIO_IOMMU_COPY, &request);
}

static int iommufd_map(struct nvio_domain *domain, const struct nvio_map *map)
{
	struct nvio_iommufd *space = (struct nvio_iommufd *)domain;
	struct nvio_uapi_map request = {
		.size = sizeof(request),
		.flags = map_flags(map->rights),
		.ioas = space->ioas,
		.addr = (uintptr_t)map->addr,
		.len = map->len,
		.iova = map->iova,
	};
	int err = -ENOTTY;

	if (map->handed_over)
		return 0;
	if (map->from_ioas) {
		err = copy_map(space, map);
		return err ? map_error(-err, map) : 0;
	}
	if (map->fd >= 0 && !space->no_files)
		err = map_file(space, map);
	if (err && !map->addr)
		return nvio_error(err == -ENOTTY ? ENOTSUP : -err,
				  "the kernel does not map this file for DMA: %s", strerror(-err));
	if (err == -ENOTTY || err == -EINVAL || err == -EOPNOTSUPP)
		err = nvio_sys_ioctl(space->fd, NVIO_IOMMU_MAP, &request);
	return err ? map_error(-err, map) : 0;
}

static int iommufd_unmap(struct nvio_domain *domain, uint64_t iova, size_t len)
{
	struct nvio_iommufd *space = (struct nvio_iommufd *)domain;
	struct nvio_uapi_unmap request = {
		.size = sizeof(request), .ioas = space->ioas, .iova = iova, .len = len
	};
	int err = nvio_sys_ioctl(space->fd, NVIO_IOMMU_UNMAP, &request);

	if (err)
		return nvio_error(err == -ENOENT ? EINVAL : -err,
				  "unmapping IOVA 0x%" PRIx64 " + %zu failed: %s", iova, len,
				  strerror(-err));
	return 0;
}

static int iommufd_unmap_all(struct nvio_domain *domain)
{
	struct nvio_iommufd *space = (struct nvio_iommufd *)domain;
	struct nvio_uapi_unmap request = { sizeof(request), space->ioas, 0, UINT64_MAX };
	int err = nvio_sys_ioctl(space->fd, NVIO_IOMMU_UNMAP, &request);

	return !err || err == -ENOENT
		       ? 0
		       : nvio_error(-err, "unmapping all IOVAs failed: %s", strerror(-err));
}

static void iommufd_close(struct nvio_domain *domain)
{
	struct nvio_iommufd *space = (struct nvio_iommufd *)domain;
	struct nvio_uapi_destroy request = { sizeof(request), space->ioas };

	/* The file may have been handed in, and live on. */
	if (space->ioas)
		nvio_sys_ioctl(space->fd, NVIO_IOMMU_DESTROY, &request);
	nvio_sys_close(space->fd);
	free(space);
}

static const struct nvio_domain_ops iommufd_ops = {
	.type = iommufd_name,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
	.unmap_all = iommufd_unmap_all,
	.close = iommufd_close,
	.describe = nvio_iommufd_describe,
	.forsake = nvio_iommufd_forsake,
	.abandon = nvio_iommufd_abandon,
};

static int open_file(void)
{
	char path[NVIO_PATH_LEN], mode[64];
	int fd;

	snprintf(path, sizeof(path), "%s/iommu", nvio_roots.dev);
	fd = nvio_sys_open(path);
	if (fd == -EACCES || fd == -EPERM) {
		nvio_explain_mode(path, mode, sizeof(mode));
		return nvio_error(EACCES,
				  "no permission on %s (%s): give this user access, or run as root",
				  path, mode);
	}
	if (fd < 0)
		return nvio_error(-fd, "%s: %s: load the driver with `modprobe iommufd`", path,
				  strerror(-fd));
	return fd;
}

static int duplicate(int fd)
{
	int own = nvio_sys->dup(fd);

	return own < 0 ? nvio_error(errno, "file %d cannot be duplicated: %s", fd, strerror(errno))
		       : own;
}

/* The file of another address space, which memory is to be copied from or to. */
static int share_file(struct nvio_iommu *beside)
{
	struct nvio_iommufd *space;
	int fd;

	space = nvio_iommufd_lock(beside);
	if (!space)
		return -ENOTSUP;
	fd = duplicate(space->fd);
	pthread_mutex_unlock(&beside->lock);
	return fd;
}

int nvio_iommufd_new(struct nvio_iommu *iommu, int given, struct nvio_iommufd **out)
{
	struct nvio_uapi_ioas_alloc request = { .size = sizeof(request) };
	struct nvio_iommufd *space = calloc(1, sizeof(*space));
	int err;

	if (!space)
		return nvio_error(ENOMEM, "no memory for an address space of iommufd");
	space->domain.ops = &iommufd_ops;
	space->domain.max_maps = UINT32_MAX;
	if (given >= 0)
		space->fd = duplicate(given);
	else
		space->fd = iommu->beside ? share_file(iommu->beside) : open_file();
	if (space->fd < 0) {
		err = space->fd;
		free(space);
		return err;
	}
	err = nvio_sys_ioctl(space->fd, NVIO_IOMMU_IOAS_ALLOC, &request);
	if (err) {
		err = nvio_error(err == -ENOTTY ? EINVAL : -err,
				 "no address space of iommufd comes out of file %d: %s",
				 given >= 0 ? given : space->fd, strerror(-err));
		iommufd_close(&space->domain);
		return err;
	}
	space->ioas = request.ioas;
	*out = space;
	return 0;
}

int nvio_iommufd_adopt(struct nvio_iommu *iommu, struct nvio_iommufd *space)
{
	int err;

	space->domain.ops = &iommufd_ops;
	space->domain.max_maps = UINT32_MAX;
	err = nvio_iommufd_read_ranges(space);
	return err ? err : nvio_iommu_join(iommu, &space->domain);
}

int nvio_iommufd_read_ranges(struct nvio_iommufd *space)
{
	struct nvio_uapi_iova_range list[NVIO_IOMMU_RANGES];
	struct nvio_uapi_iova_ranges request = {
		.size = sizeof(request),
		.ioas = space->ioas,
		.nr = NVIO_IOMMU_RANGES,
		.ranges = (uintptr_t)list,
	};
	struct nvio_ranges *ranges = &space->domain.ranges;
	int err = nvio_sys_ioctl(space->fd, NVIO_IOMMU_IOVA_RANGES, &request);

	/* More than there is room for: these will do. */
	if (err && err != -EMSGSIZE)
		return nvio_error(-err, "the address space does not tell its IOVAs: %s",
				  strerror(-err));
	if (request.alignment & (request.alignment - 1))
		return nvio_error(EPROTO, "IOVAs aligned to %" PRIu64 " make no sense",
				  request.alignment);
	ranges->nr = 0;
	for (uint32_t i = 0; i < request.nr && i < NVIO_IOMMU_RANGES; i++) {
		if (list[i].start > list[i].last || (i && list[i].start <= list[i - 1].last))
			return nvio_error(EPROTO, "IOVA range %u makes no sense", i);
		ranges->range[ranges->nr++] =
			(struct nvio_iova_range){ list[i].start, list[i].last };
	}
	/* Any larger page does, too; memory comes in pages of the process. */
	if (request.alignment < (uint64_t)getpagesize())
		request.alignment = (uint64_t)getpagesize();
	space->domain.page_sizes = ~(request.alignment - 1);
	return 0;
}

struct nvio_iommufd *nvio_iommufd_of(const struct nvio_iommu *iommu)
{
	struct nvio_domain *domain = nvio_iommu_domain(iommu, &iommufd_ops);

	if (!domain)
		nvio_error(ENOTSUP, "the address space is not of iommufd");
	return (struct nvio_iommufd *)domain;
}

struct nvio_iommufd *nvio_iommufd_lock(struct nvio_iommu *iommu)
{
	struct nvio_iommufd *space;

	pthread_mutex_lock(&iommu->lock);
	space = nvio_iommufd_of(iommu);
	if (!space)
		pthread_mutex_unlock(&iommu->lock);
	return space;
}
