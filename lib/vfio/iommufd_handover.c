/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handing an address space of iommufd over. The kernel has pages there, not addresses, so that only
 * who they count for is to be changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "vfio/iommufd.h"
#include "vfio/sys.h"
#include "vfio/uapi.h"

int nvio_iommufd_describe(const struct nvio_domain *domain, FILE *out)
{
	const struct nvio_iommufd *space = (const struct nvio_iommufd *)domain;

	fprintf(out, "iommufd %d %u %d\n", space->fd, space->ioas, domain->numa_node);
	return 0;
}

int nvio_iommufd_forsake(struct nvio_domain *domain)
{
	(void)domain;
	return 0;
}

void nvio_iommufd_abandon(struct nvio_domain *domain)
{
	free(domain);
}

/* Before Linux 6.14 there is no such call, and it takes maps of files only: who is counted then
 * stays the same user. */
static int change_process(int fd)
{
	struct nvio_uapi_change_process request = { .size = sizeof(request) };
	int err = nvio_sys_ioctl(fd, NVIO_IOMMU_CHANGE_PROCESS, &request);

	if (err == -ENOMEM)
		return nvio_error(ENOMEM, "the memory that is taken over is more than "
					  "RLIMIT_MEMLOCK allows: raise it with `ulimit -l`, "
					  "LimitMEMLOCK= or limits.conf");
	if (err == -ENOTTY || err == -EINVAL) {
		nvio_log(NVIO_LOG_INFO, "pinned memory counts as that of the program before: %s",
			 err == -ENOTTY ? "the kernel cannot change that"
					: "not all of it is of files");
		return 0;
	}
	return err ? nvio_error(-err, "the address space of iommufd does not change its owner: %s",
				strerror(-err))
		   : 0;
}

/* "IOAS NODE" */
int nvio_iommufd_take_over(struct nvio_iommu *iommu, int fd, const char *text)
{
	struct nvio_iommufd *space = calloc(1, sizeof(*space));
	int err;

	if (!space)
		err = nvio_error(ENOMEM, "no memory for an address space of iommufd");
	else if (sscanf(text, "%u %d", &space->ioas, &space->domain.numa_node) != 2)
		err = nvio_error(EPROTO, "'%s' is no address space that was handed over", text);
	else {
		space->fd = fd;
		err = change_process(fd);
		if (!err)
			err = nvio_iommufd_adopt(iommu, space);
	}
	if (err) {
		nvio_sys_close(fd);
		free(space);
	}
	return err;
}
