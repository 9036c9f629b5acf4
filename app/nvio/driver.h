/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Gives PCI functions to drivers, through /sys. It does what it is told and looks whether it
 * worked; whether it is a good idea is for others to know.
 */
#ifndef NVIO_APP_DRIVER_H
#define NVIO_APP_DRIVER_H

#include <stddef.h>

/* How the machine is changed; unit tests put a machine of their own here. */
struct driver_ops {
	int (*write)(const char *path, const char *text); /* 0 or -errno */
	int (*load)(const char *driver); /* loads its module; 0 or -errno */
};

extern struct driver_ops driver_ops;

/* Sees to it that a PCI driver is there, loading its module if need be. Returns 0 or -errno. */
int driver_load(const char *driver);

/* Says which driver the function is to have whatever its class; "" for none. Returns 0 or -errno.
 */
int driver_set_override(const char *pci_name, const char *driver);

/* Takes the function away from its driver, if it has one. Returns 0 or -errno. */
int driver_unbind(const char *pci_name);

/* Gives the function to that driver, which has to be loaded. Returns 0 or -errno. */
int driver_bind(const char *pci_name, const char *driver);

#endif
