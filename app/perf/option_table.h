/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of nvme_perf's options: those without a letter have a number.
 */
#ifndef PERF_OPTION_TABLE_H
#define PERF_OPTION_TABLE_H

#include <argp.h>

enum {
	OPT_JSON = 256,
	OPT_HUGEPAGE,
	OPT_SEED,
	OPT_SHADOW,
	OPT_PRIORITY,
	OPT_HOST_MEMORY,
	OPT_VFIO,
	OPT_FDS,
	OPT_NOIOMMU,
	OPT_QUIRKS,
	OPT_VF_TOKEN
};

extern const struct argp_option perf_options[];

#endif
