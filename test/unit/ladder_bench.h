/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller that only the reset of one rung helps, for the ladder to be climbed: over a device
 * of its own, or over one of the unit tests' kernel that EEH resets.
 */
#ifndef NVIO_TEST_UNIT_LADDER_BENCH_H
#define NVIO_TEST_UNIT_LADDER_BENCH_H

#include "nvme/ctrl.h"
#include "vfio/device.h"
#include "fake_iommu.h"

enum help {
	BY_NOTHING_MORE,
	BY_SUBSYSTEM,
	BY_DEVICE,
	BY_SLOT,
	BY_EEH_HOT,
	BY_EEH_FUNDAMENTAL,
	BY_NOTHING,
	BY_GOING
};

struct machine {
	struct fake_iommu fake;
	struct nvio_device own;
	struct nvio_device *device; /* the own one, or that of the kernel */
	const struct nvio_device_ops *kernel; /* the operations of that; else NULL */
	struct nvio_device_ops ops;
	uint32_t eeh_resets; /* that were seen */
	struct nvio_ctrl ctrl;
	enum help help; /* what makes it follow CC.EN */
	bool stuck;
	unsigned int away; /* so many accesses find nothing after its subsystem was reset */
	unsigned int stays; /* ...and so many before that find it as it was */
	unsigned int leaving; /* so many more */
	unsigned int nothing; /* so many more find nothing */
	bool pulled; /* out when it is disabled */
	bool complains; /* its device reports an error each time that it is enabled */
	uint32_t dependent; /* devices that a hot reset concerns; 0: there is none */
	uint32_t result; /* of admin commands */
	uint16_t posted; /* admin completions since it was enabled */
	union {
		uint32_t words[NVIO_REG_DOORBELLS / 4];
		uint64_t cap;
	} regs;
	uint32_t command;
};

/* Brought up, and then it follows CC.EN no more. @device: of the unit tests' kernel, with its
 * address space; NULL for a device of its own. */
void ladder_setup(struct machine *m, enum help help, struct nvio_device *device);
void ladder_teardown(struct machine *m);

/* Climbs from a rung on with this result, and has tried so many of each then. Tears down. */
void climbs(struct machine *m, unsigned int from, int err, uint64_t controller, uint64_t subsystem,
	    uint64_t device, uint64_t hot);

#endif
