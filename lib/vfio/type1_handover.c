/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handing a container over: its maps stay, and lose their addresses in this process until the
 * program that takes them over says its own (VFIO_UPDATE_VADDR). What devices do goes on meanwhile.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "vfio/group.h"
#include "vfio/sys.h"
#include "vfio/type1.h"

int nvio_type1_describe(const struct nvio_domain *domain, FILE *out)
{
	const struct nvio_type1 *t = (const struct nvio_type1 *)domain;

	if (nvio_sys_ioctl_value(t->fd, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR) <= 0)
		return nvio_error(ENOTSUP, "the kernel cannot give maps of a container new "
					   "addresses (VFIO_UPDATE_VADDR): nothing can be handed "
					   "over");
	fprintf(out, "container %d %d %d\n", t->fd, t->type, domain->numa_node);
	nvio_groups_describe(t->groups, out);
	return 0;
}

int nvio_type1_forsake(struct nvio_domain *domain)
{
	struct nvio_type1 *t = (struct nvio_type1 *)domain;
	struct vfio_iommu_type1_dma_unmap request = { .argsz = sizeof(request),
						      .flags = VFIO_DMA_UNMAP_FLAG_VADDR |
							       VFIO_DMA_UNMAP_FLAG_ALL };
	int err = nvio_sys_ioctl(t->fd, VFIO_IOMMU_UNMAP_DMA, &request);

	return err ? nvio_error(-err, "the container's maps keep their addresses: %s",
				strerror(-err))
		   : 0;
}

void nvio_type1_abandon(struct nvio_domain *domain)
{
	nvio_groups_abandon(((struct nvio_type1 *)domain)->groups);
	free(domain);
}

/* "TYPE NODE" */
int nvio_type1_take_over(struct nvio_iommu *iommu, int fd, const char *text)
{
	struct nvio_type1 *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		err = nvio_error(ENOMEM, "no memory for a VFIO container");
	else if (sscanf(text, "%d %d", &t->type, &t->domain.numa_node) != 2)
		err = nvio_error(EPROTO, "'%s' is no container that was handed over", text);
	else {
		t->fd = fd;
		err = nvio_type1_adopt(iommu, t, iommu->nr_handed_over);
	}
	if (err) {
		nvio_sys_close(fd);
		free(t);
	}
	return err;
}

/* "ID" */
int nvio_type1_take_over_group(struct nvio_iommu *iommu, int fd, const char *text)
{
	struct nvio_type1 *t = nvio_type1_of(iommu);
	int id;

	if (t && sscanf(text, "%d", &id) == 1)
		return nvio_group_adopt(&t->groups, fd, id);
	nvio_sys_close(fd);
	return nvio_error(EPROTO, "a group was handed over without its container");
}
