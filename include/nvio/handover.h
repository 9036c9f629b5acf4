/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that becomes another one by execve(), its new version say, and takes its devices along:
 * they stay open, so that the kernel does not reset them, and their memory stays mapped for DMA,
 * with what is in it.
 *
 *     before                                     after
 *     nvio_ctrl_hand_over(ctrl)                  nvio_iommu_take_over(fd, &iommu)
 *     nvio_iommu_hand_over(iommu, &fd)           opts.iommu = iommu
 *     execv(path, argv), with fd among argv      nvio_ctrl_open("0000:01:00.0", &opts, &ctrl)
 *
 * For devices of the kernel's VFIO with an IOMMU. An execve() that fails is no end: the same
 * process takes over. Thread rule: nobody else uses what is handed over.
 */
#ifndef NVIO_HANDOVER_H
#define NVIO_HANDOVER_H

#include <nvio/nvme.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nvio_ctrl_hand_over - as nvio_ctrl_close(), but the device stays with its address space, and the
 * controller enabled, with its admin queue.
 *
 * Its queue pairs are deleted, and memory that it was lent is taken back. Whoever opens it again in
 * that address space goes on with the admin queue, without a reset of any kind. A controller that
 * was asked for events, uses shadow doorbells, rests or failed is shut down instead, and enabled
 * anew by who opens it. Either way features that were set with nvio_admin() stay set, also over
 * later resets.
 *
 * Return: 0, and @ctrl is no more; -EBUSY while commands are outstanding; -ENOTSUP for a device
 * that is not of the kernel's VFIO, or without an IOMMU; -ENODEV when it was let go.
 */
NVIO_API int nvio_ctrl_hand_over(struct nvio_ctrl *ctrl);

/**
 * nvio_device_hand_over - as nvio_device_close(), but the device stays open with its address space,
 * for nvio_device_open() to give out again under the same name, as it is: no reset, its bus
 * mastering as it was. Its interrupts are disabled.
 *
 * Return: 0, and @device is no more; -ENOTSUP, -ENODEV as above; -ENOMEM.
 */
NVIO_API int nvio_device_hand_over(struct nvio_device *device);

/**
 * nvio_iommu_hand_over - makes an address space, its heap and the devices that were handed over to
 * it outlive execve().
 * @fd: receives a file that says what there is; like all files that it names, not close-on-exec
 *
 * Memory of nvio_alloc() stays allocated and keeps its IOVAs: nvio_mem_at() finds it again. Memory
 * of the program's own ends with it, and so has to be unregistered before.
 *
 * Return: 0, and @iommu is no more; -EBUSY while something else uses @iommu or memory is registered
 * or mapped by the caller; -ENOTSUP when the kernel's container does not offer it (before Linux
 * 5.12), for address spaces without an IOMMU and those that share a file with another; -ENODEV when
 * there is no device; -errno of the kernel. @iommu is as it was then.
 */
NVIO_API int nvio_iommu_hand_over(struct nvio_iommu *iommu, int *fd);

/**
 * nvio_iommu_take_over - the address space of the program before.
 * @fd:    as nvio_iommu_hand_over() gave it; closed
 * @iommu: receives the handle; nvio_iommu_close()
 *
 * A device that nobody opens in it is closed with it. Pinned memory counts for this program then
 * (RLIMIT_MEMLOCK); with iommufd that is so where all of it is of files, since Linux 6.14, else it
 * counts for the user as before.
 *
 * Return: 0; -EINVAL when @fd is no such file; -EPROTO when what it says makes no sense; -ENOMEM;
 * -errno of the kernel; all its files are closed then. -EBADF when a file that it names is not
 * open; the others stay open.
 */
NVIO_API int nvio_iommu_take_over(int fd, struct nvio_iommu **iommu);

#ifdef __cplusplus
}
#endif

#endif
