/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine of files with a controller, on which the subcommands of nvio run: /sys answers to what
 * is written as Linux does.
 *
 * 0000:01:00.0 is an NVMe controller on the driver nvme, alone in IOMMU group 7. 0000:02:00.0 is
 * another in group 8, with 0000:02:00.1, a network card on e1000, 0000:02:00.2 without a driver,
 * and the bridge 0000:00:02.0.
 */
#ifndef TEST_UNIT_NVIO_BENCH_H
#define TEST_UNIT_NVIO_BENCH_H

#include "nvio/cmd.h"

#define FIRST  "0000:01:00.0"
#define SECOND "0000:02:00.0"
#define CARD   "0000:02:00.1"
#define IDLE   "0000:02:00.2"
#define BRIDGE "0000:00:02.0"

void nvio_bench_begin(void);
void nvio_bench_end(void);

/* This driver refuses devices from now on; NULL for none. */
void nvio_bench_refuse(const char *driver);

/* How often /sys was written to. */
unsigned int nvio_bench_writes(void);

/* Driver of a function; "" for none. */
const char *nvio_bench_driver(const char *pci_name);

/* Runs a subcommand on a device, or on none when that is NULL. Returns what it returned. */
int nvio_bench_run(int (*run)(const struct cmd_args *args, FILE *out), unsigned int given,
		   const char *user, const char *device);

/* What the last one printed. */
const char *nvio_bench_output(void);

#endif
