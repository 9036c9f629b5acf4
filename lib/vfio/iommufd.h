/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address spaces of iommufd, and the character devices that are bound to one.
 */
#ifndef NVIO_LIB_VFIO_IOMMUFD_H
#define NVIO_LIB_VFIO_IOMMUFD_H

#include "vfio/device.h"
#include "vfio/iommu.h"

struct nvio_iommufd {
	struct nvio_domain domain;
	int fd;
	uint32_t ioas;
	bool no_files; /* the kernel maps no files */
};

/* iommufd.c: makes an address space in the file @given, which is duplicated, or in one of its own
 * (-1). Returns 0 or -errno. */
int nvio_iommufd_new(struct nvio_iommu *iommu, int given, struct nvio_iommufd **space);

/* Reads what IOVAs and pages its devices allow now. Returns 0 or -errno. */
int nvio_iommufd_read_ranges(struct nvio_iommufd *space);

/* The address space's; the caller locks. NULL with the error set when it has none: -ENOTSUP. */
struct nvio_iommufd *nvio_iommufd_of(const struct nvio_iommu *iommu);

/* The same, and locks unless it is NULL. */
struct nvio_iommufd *nvio_iommufd_lock(struct nvio_iommu *iommu);

/* iommufd_handover.c: see struct nvio_domain_ops. */
int nvio_iommufd_describe(const struct nvio_domain *domain, FILE *out);
int nvio_iommufd_forsake(struct nvio_domain *domain);
void nvio_iommufd_abandon(struct nvio_domain *domain);

/* Its counterpart: takes over one that was handed over, whose file is its to close. Returns 0 or
 * -errno. */
int nvio_iommufd_take_over(struct nvio_iommu *iommu, int fd, const char *text);

/* iommufd.c: an address space with its file and IOAS joins @iommu; the caller locks. Returns 0 or
 * -errno. */
int nvio_iommufd_adopt(struct nvio_iommu *iommu, struct nvio_iommufd *space);

/*
 * cdev.c: opens the character device of device->pci, binds it to the iommufd of @iommu, which is
 * opened with the first, and attaches it to the address space. Fills in fd and devid. Returns 0;
 * -errno as nvio_device_open() says.
 */
int nvio_cdev_open(struct nvio_iommu *iommu, struct nvio_device *device,
		   const struct nvio_device_opts *opts);

/* The same with files that somebody else has opened; both are duplicated. */
int nvio_cdev_take(struct nvio_iommu *iommu, struct nvio_device *device, int fd, int iommufd,
		   const struct nvio_device_opts *opts);

/* VFIO_DEVICE_ATTACH_IOMMUFD_PT, tried again while a reset runs. Returns 0 or -errno, without a
 * sentence. */
struct nvio_uapi_attach;
int nvio_cdev_attach(const struct nvio_device *device, const struct nvio_uapi_attach *wanted);

/* pasid.c: forgets the address spaces of its PASIDs, which end with its file. */
void nvio_pasids_forget(struct nvio_device *device);

/* The device reaches no memory from here on. */
void nvio_cdev_detach(struct nvio_device *device);

#endif
