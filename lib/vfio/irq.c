/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts as eventfds.
 *
 * Vectors are allocated without an eventfd; one is given to each later. Where the kernel cannot
 * add any while some are enabled, all that will be wanted have to be allocated at once.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>

#include "base/error.h"
#include "vfio/device.h"

int nvio_device_irq(struct nvio_device *device, enum nvio_irq irq, struct nvio_irq_info *out,
		    size_t size)
{
	struct nvio_irq_info info = { 0 };
	int err;

	if ((uint32_t)irq >= device->nr_irqs)
		return nvio_error(EINVAL, "%s has no interrupt index %d", device->name, irq);
	err = device->ops->irq(device, irq, &info);
	return err ? err : nvio_give_info(out, size, &info, sizeof(info));
}

static int check_enable(struct nvio_device *device, enum nvio_irq irq, uint32_t nr)
{
	struct nvio_irq_info info;
	int err = nvio_device_irq(device, irq, &info, sizeof(info));

	if (err)
		return err;
	if (!nr || nr > info.nr_vectors)
		return nvio_error(EINVAL, "%s has %u vectors of interrupt index %d, not %u",
				  device->name, info.nr_vectors, irq, nr);
	for (int other = NVIO_IRQ_INTX; other <= NVIO_IRQ_MSIX; other++) {
		if (irq <= NVIO_IRQ_MSIX && device->vectors[other])
			return nvio_error(EBUSY,
					  "%s: interrupts of index %d are enabled already; one "
					  "kind at a time",
					  device->name, other);
	}
	return 0;
}

/* Allocates @nr vectors from @start on, without eventfds. */
static int allocate(struct nvio_device *device, enum nvio_irq irq, uint32_t start, uint32_t nr)
{
	int *fds = malloc(nr * sizeof(*fds));
	int err;

	if (!fds)
		return nvio_error(ENOMEM, "no memory for %u interrupt vectors", nr);
	for (uint32_t i = 0; i < nr; i++)
		fds[i] = -1;
	err = device->ops->irq_set(device, irq,
				   VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, start,
				   nr, fds);
	free(fds);
	if (!err)
		nvio_device_set_vectors(device, irq, start + nr);
	return err;
}

int nvio_device_irq_enable(struct nvio_device *device, enum nvio_irq irq, uint32_t nr)
{
	int err = check_enable(device, irq, nr);

	return err ? err : allocate(device, irq, 0, nr);
}

int nvio_device_irq_add(struct nvio_device *device, enum nvio_irq irq, uint32_t nr)
{
	struct nvio_irq_info info;
	int err = nvio_device_irq(device, irq, &info, sizeof(info));
	uint32_t there;

	if (err)
		return err;
	there = device->vectors[irq];
	if (!there || !nr || nr > info.nr_vectors - there)
		return nvio_error(EINVAL,
				  "%s: %u vectors of interrupt index %d cannot be added to %u of "
				  "%u",
				  device->name, nr, irq, there, info.nr_vectors);
	if (info.flags & VFIO_IRQ_INFO_NORESIZE)
		return nvio_error(ENOTSUP,
				  "%s: no vectors of interrupt index %d can be added later",
				  device->name, irq);
	return allocate(device, irq, there, nr);
}

static int check_vector(struct nvio_device *device, enum nvio_irq irq, uint32_t vector)
{
	if ((uint32_t)irq >= NVIO_IRQS_MAX ||
	    vector >= __atomic_load_n(&device->vectors[irq], __ATOMIC_RELAXED))
		return nvio_error(EINVAL, "%s: vector %u of interrupt index %d is not enabled",
				  device->name, vector, irq);
	return 0;
}

int nvio_device_irq_set(struct nvio_device *device, enum nvio_irq irq, uint32_t vector, int fd)
{
	int err = check_vector(device, irq, vector);

	return err ? err
		   : device->ops->irq_set(device, irq,
					  VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
					  vector, 1, &fd);
}

/* Masking or the like, where this kind of interrupt has it. */
static int act(struct nvio_device *device, enum nvio_irq irq, uint32_t flags, uint32_t vector,
	       const int *fd)
{
	struct nvio_irq_info info;
	int err = check_vector(device, irq, vector);

	if (!err)
		err = nvio_device_irq(device, irq, &info, sizeof(info));
	if (err)
		return err;
	if (!(flags & VFIO_IRQ_SET_ACTION_TRIGGER) && !(info.flags & VFIO_IRQ_INFO_MASKABLE))
		return nvio_error(ENOTSUP, "%s: interrupts of index %d cannot be masked",
				  device->name, irq);
	return device->ops->irq_set(device, irq, flags, vector, 1, fd);
}

int nvio_device_irq_mask(struct nvio_device *device, enum nvio_irq irq, uint32_t vector)
{
	return act(device, irq, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, vector, NULL);
}

int nvio_device_irq_unmask(struct nvio_device *device, enum nvio_irq irq, uint32_t vector)
{
	return act(device, irq, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, vector, NULL);
}

int nvio_device_irq_unmask_fd(struct nvio_device *device, enum nvio_irq irq, int fd)
{
	return act(device, irq, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK, 0, &fd);
}

int nvio_device_irq_trigger(struct nvio_device *device, enum nvio_irq irq, uint32_t vector)
{
	return act(device, irq, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, vector, NULL);
}

int nvio_device_irq_disable(struct nvio_device *device, enum nvio_irq irq)
{
	if ((uint32_t)irq >= NVIO_IRQS_MAX || !device->vectors[irq])
		return 0;
	nvio_device_set_vectors(device, irq, 0);
	return device->ops->irq_set(
		device, irq, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0, NULL);
}
