/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EEH of the unit tests' kernel: devices that the host bridge cuts off, and the resets that bring
 * them back; see fake_kernel.h.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "fake_kernel.h"

/* The function is as after power on; what the kernel has set up for interrupts it does not know. */
static void assert_reset(struct fake_device *device, uint32_t op)
{
	device->eeh.asserted = op;
	device->config[4] = device->config[5] = 0;
	memset(device->armed, 0, sizeof(device->armed));
	if (op == VFIO_EEH_PE_RESET_HOT)
		device->eeh.hot_resets++;
	else
		device->eeh.fundamental_resets++;
}

static int one_device(struct fake_device *device, const struct vfio_eeh_pe_op *request)
{
	struct fake_eeh *eeh = &device->eeh;

	switch (request->op) {
	case VFIO_EEH_PE_ENABLE:
	case VFIO_EEH_PE_DISABLE:
		eeh->enabled = request->op == VFIO_EEH_PE_ENABLE;
		return 0;
	case VFIO_EEH_PE_GET_STATE:
		return eeh->asserted ? VFIO_EEH_PE_STATE_RESET : (int)eeh->state;
	case VFIO_EEH_PE_UNFREEZE_IO:
		if (eeh->state == VFIO_EEH_PE_STATE_STOPPED)
			eeh->state = VFIO_EEH_PE_STATE_STOPPED_DMA;
		return 0;
	case VFIO_EEH_PE_UNFREEZE_DMA:
		if (eeh->state == VFIO_EEH_PE_STATE_STOPPED_DMA)
			eeh->state = VFIO_EEH_PE_STATE_NORMAL;
		return 0;
	case VFIO_EEH_PE_RESET_HOT:
	case VFIO_EEH_PE_RESET_FUNDAMENTAL:
		assert_reset(device, request->op);
		return 0;
	case VFIO_EEH_PE_RESET_DEACTIVATE:
		if (eeh->asserted >= eeh->cure)
			eeh->state = VFIO_EEH_PE_STATE_NORMAL;
		eeh->asserted = 0;
		return 0;
	case VFIO_EEH_PE_CONFIGURE:
		eeh->configured++;
		return 0;
	case VFIO_EEH_PE_INJECT_ERR:
		eeh->injected = request->err;
		if (!eeh->can_inject)
			return -EIO;
		eeh->state = VFIO_EEH_PE_STATE_STOPPED;
		return 0;
	default:
		return -EINVAL;
	}
}

int fake_eeh(int fd, const struct vfio_eeh_pe_op *request)
{
	int ret = 0;

	if (!(fake_kernel.extensions >> VFIO_EEH & 1))
		return -ENOTTY;
	if (request->argsz < 12 || request->flags ||
	    (request->op == VFIO_EEH_PE_INJECT_ERR && request->argsz < sizeof(*request)))
		return -EINVAL;
	/* Of each group, until one has something to say. */
	for (int i = 0; i < FAKE_DEVICES && !ret; i++) {
		if (fake_kernel.group_container[i] == fd)
			ret = one_device(&fake_kernel.devices[i], request);
	}
	return ret;
}

bool fake_eeh_blocks(const struct fake_device *device)
{
	return device->eeh.asserted || device->eeh.state == VFIO_EEH_PE_STATE_STOPPED ||
	       device->eeh.state == VFIO_EEH_PE_STATE_UNAVAIL;
}
