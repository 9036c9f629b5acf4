/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is measured: the controllers and namespaces named with -r, opened in one address space, and
 * checked against the options before any I/O.
 *
 * Queue pairs are made in qpairs.c.
 */
#ifndef PERF_TARGET_H
#define PERF_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <nvio/nvio.h>
#include "perf/msg.h"
#include "perf/opts.h"

/* The longest device name: a vfio-user socket's path is 107 bytes at most. */
#define DEVICE_NAME_LEN 256

struct perf_ctrl {
	char asked[DEVICE_NAME_LEN]; /* its name, as first given */
	struct nvio_ctrl *handle;
	struct nvio_ctrl_info info;
};

struct perf_ns {
	struct perf_ctrl *ctrl;
	struct nvio_ns *handle;
	struct nvio_ns_info info;
	char name[DEVICE_NAME_LEN + 12]; /* "0000:01:00.0/1" */
};

struct perf_target {
	struct nvio_iommu *iommu;
	struct perf_ctrl *ctrls;
	size_t nr_ctrls;
	struct perf_ns *nss;
	size_t nr_nss;
};

/*
 * perf_target_open - opens everything that is named in @opts.
 * @nr_workers: tells how many queue pairs will be wanted
 *
 * Return: 0; -EINVAL or the library's -errno, with @msg; nothing is left open then.
 */
int perf_target_open(const struct perf_opts *opts, unsigned int nr_workers,
		     struct perf_target *target, struct perf_msg *msg);

/* Shuts the controllers down. Queue pairs and buffers have been freed before. */
void perf_target_close(struct perf_target *target);

#endif
