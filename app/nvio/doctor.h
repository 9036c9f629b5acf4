/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two walks of `nvio doctor`: over the machine, and over one function. Both only look: they
 * work for any user, and what is looked at goes on undisturbed.
 */
#ifndef NVIO_APP_DOCTOR_H
#define NVIO_APP_DOCTOR_H

#include "nvio/check.h"

/* IOMMU, drivers, interrupt remapping, no-IOMMU mode, limits and pages. */
void doctor_machine(struct doctor *d);

/* Driver, group, permissions, users. @name is as /sys has it. */
void doctor_device(struct doctor *d, const char *name);

/* The name of the user who asks, for commands. */
const char *doctor_user(void);

/* What stands before a command that needs root: "sudo ", or "" for root. */
const char *doctor_sudo(void);

#endif
