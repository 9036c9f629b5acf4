/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupt vectors of queue pairs: an MSI-X vector and an eventfd for each one that wants to
 * sleep.
 *
 * The controller's lock is held.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/error.h"
#include "nvme/ctrl.h"

static bool vector_in_use(const struct nvio_ctrl *ctrl, uint16_t vector)
{
	for (const struct nvio_qpair *q = ctrl->qpairs; q; q = q->next) {
		if (q->vector == vector)
			return true;
	}
	return false;
}

/* Vectors for every queue pair there can be, at the first one that wants one: most kernels cannot
 * add any later. */
static int enable_vectors(struct nvio_ctrl *ctrl)
{
	struct nvio_irq_info irq;
	uint32_t nr;
	int err = nvio_device_irq(ctrl->device, NVIO_IRQ_MSIX, &irq, sizeof(irq));

	if (err || ctrl->nr_vectors)
		return err;
	if (irq.nr_vectors < 2)
		return nvio_error(ENOTSUP,
				  "%s has %u MSI-X vectors: queue pairs can only be polled",
				  ctrl->info.name, irq.nr_vectors);
	/* Vector 0 is the admin queue's. */
	nr = (uint32_t)min_u64(irq.nr_vectors, ctrl->info.nr_qpairs + 1u);
	/* Halved until the host has enough. */
	do {
		err = nvio_device_irq_enable(ctrl->device, NVIO_IRQ_MSIX, nr);
	} while (err == -ENOSPC && (nr /= 2) >= 2);
	if (!err)
		ctrl->nr_vectors = nr;
	return err;
}

int nvio_qpair_take_vector(struct nvio_qpair *qpair)
{
	struct nvio_ctrl *ctrl = qpair->ctrl;
	uint16_t vector = 1;
	int err = enable_vectors(ctrl);

	if (err)
		return err;
	while (vector < ctrl->nr_vectors && vector_in_use(ctrl, vector))
		vector++;
	if (vector == ctrl->nr_vectors)
		return nvio_error(ENOSPC, "%s: all %u MSI-X vectors are in use", ctrl->info.name,
				  ctrl->nr_vectors);
	qpair->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (qpair->fd < 0)
		return nvio_error(errno, "no eventfd for a queue pair: %s", strerror(errno));
	err = nvio_device_irq_set(ctrl->device, NVIO_IRQ_MSIX, vector, qpair->fd);
	if (!err)
		qpair->vector = vector;
	return err;
}

void nvio_qpair_drop_vector(struct nvio_qpair *qpair)
{
	if (!qpair->vector)
		return;
	nvio_device_irq_set(qpair->ctrl->device, NVIO_IRQ_MSIX, qpair->vector, -1);
	qpair->vector = 0;
}
