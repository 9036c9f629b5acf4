/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls on an address space beyond single maps: all of them at once, and which pages devices have
 * written; see <nvio/iommu.h>.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/iommu.h>

#include "base/error.h"
#include "vfio/feature.h"
#include "vfio/iommu.h"
#include "vfio/sys.h"
#include "vfio/type1.h"

static int unmap_each(const struct nvio_iommu *iommu, struct nvio_domain *domain)
{
	int err = 0;

	for (uint32_t i = 0; i < iommu->nr_maps; i++) {
		int ret = domain->ops->unmap(domain, iommu->maps[i].iova, iommu->maps[i].len);

		err = err ? err : ret;
	}
	return err;
}

int nvio_iommu_unmap_all(struct nvio_iommu *iommu)
{
	int err = 0;

	pthread_mutex_lock(&iommu->lock);
	for (struct nvio_domain *d = iommu->domains; d; d = d->next) {
		int ret = d->ops->unmap_all ? d->ops->unmap_all(d) : -ENOTSUP;

		if (ret == -ENOTSUP)
			ret = unmap_each(iommu, d);
		err = err ? err : ret;
	}
	if (!err) {
		iommu->nr_maps = 0;
		iommu->mapped_len = 0;
	}
	pthread_mutex_unlock(&iommu->lock);
	return err;
}

/* A request about dirty pages, with what it is about behind it. */
union dirty {
	struct vfio_iommu_type1_dirty_bitmap head;
	struct {
		char head[sizeof(struct vfio_iommu_type1_dirty_bitmap)];
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} __attribute__((packed)) whole;
};

/* The caller locks. */
static int ask(const struct nvio_iommu *iommu, union dirty *request, size_t len, uint32_t flags)
{
	int fd = nvio_type1_fd(iommu), err;

	if (fd < 0)
		return fd;
	request->head.argsz = (uint32_t)len;
	request->head.flags = flags;
	err = nvio_sys_ioctl(fd, VFIO_IOMMU_DIRTY_PAGES, request);
	return err ? nvio_error(err == -ENOTTY ? ENOTSUP : -err,
				"the container does not tell of written pages: %s", strerror(-err))
		   : 0;
}

static int switch_tracking(struct nvio_iommu *iommu, uint32_t flags)
{
	union dirty request = { .head = { 0 } };
	int err;

	pthread_mutex_lock(&iommu->lock);
	err = ask(iommu, &request, sizeof(request.head), flags);
	pthread_mutex_unlock(&iommu->lock);
	return err;
}

int nvio_iommu_dirty_start(struct nvio_iommu *iommu)
{
	return switch_tracking(iommu, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
}

int nvio_iommu_dirty_stop(struct nvio_iommu *iommu)
{
	return switch_tracking(iommu, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static int read_bitmap(struct nvio_iommu *iommu, uint64_t iova, size_t len,
		       const struct vfio_bitmap *bitmap)
{
	union dirty request = { .whole.get = { .iova = iova, .size = len, .bitmap = *bitmap } };

	return ask(iommu, &request, sizeof(request), VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP);
}

/* Only where the container is the only way: another domain would not be asked. */
static int read_and_unmap(struct nvio_iommu *iommu, const struct nvio_map *map,
			  const struct vfio_bitmap *bitmap)
{
	size_t len = sizeof(struct vfio_iommu_type1_dma_unmap) + sizeof(*bitmap);
	struct vfio_iommu_type1_dma_unmap *request = calloc(1, len);
	int fd = nvio_type1_fd(iommu), err;

	if (!request)
		return nvio_error(ENOMEM, "no memory for a bitmap of written pages");
	request->argsz = (uint32_t)len;
	request->flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	request->iova = map->iova;
	request->size = map->len;
	memcpy(request->data, bitmap, sizeof(*bitmap));
	err = fd < 0 ? fd : nvio_sys_ioctl(fd, VFIO_IOMMU_UNMAP_DMA, request);
	if (!err)
		nvio_iommu_forget_map(iommu, map);
	else if (fd >= 0)
		nvio_error(-err, "unmapping IOVA 0x%" PRIx64 " + %zu with its written pages: %s",
			   map->iova, map->len, strerror(-err));
	free(request);
	return err;
}

int nvio_iommu_dirty_read(struct nvio_iommu *iommu, uint64_t iova, size_t len, uint64_t page_len,
			  uint64_t *bitmap, size_t bitmap_len, bool unmap)
{
	struct vfio_bitmap request = { .pgsize = page_len,
				       .size = bitmap_len,
				       .data = (void *)bitmap };
	const struct nvio_map *map;
	int err = nvio_bitmap_check(len, page_len, bitmap_len);

	if (err)
		return err;
	pthread_mutex_lock(&iommu->lock);
	map = nvio_iommu_find_map(iommu, iova, len);
	if (!map)
		err = nvio_error(EINVAL, "IOVA 0x%" PRIx64 " + %zu is no whole mapping", iova, len);
	else if (unmap && iommu->domains->next)
		err = nvio_error(ENOTSUP, "a map of several ways to devices cannot be taken back "
					  "with its written pages");
	else
		err = unmap ? read_and_unmap(iommu, map, &request)
			    : read_bitmap(iommu, iova, len, &request);
	pthread_mutex_unlock(&iommu->lock);
	return err;
}
