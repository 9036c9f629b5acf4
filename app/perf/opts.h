/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the user asked for: the command line of nvme_perf, parsed and checked as far as it can be
 * without a device.
 */
#ifndef PERF_OPTS_H
#define PERF_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "perf/cores.h"
#include "perf/msg.h"

/* One of a few words, and what the library calls it. */
struct perf_choice {
	unsigned int value;
	const char *word; /* as given; NULL: not given */
};

struct perf_opts {
	const char **names; /* as given with -r; the strings are those of argv */
	size_t nr_names;
	uint64_t depth; /* I/Os outstanding in each queue pair */
	uint64_t io_len; /* bytes of an I/O */
	const char *workload; /* its name */
	bool random;
	uint64_t read_percent; /* 0 to 100 */
	uint64_t seconds;
	uint64_t warmup; /* seconds before those that count */
	uint64_t nr_ios; /* per queue pair; 0: only the time ends it */
	uint64_t nr_qpairs; /* per namespace and worker */
	struct cores cores; /* where the workers run; empty: not given */
	bool latency; /* percentiles wanted */
	const char *json; /* file for the figures, "-" for standard output; NULL: none */
	const char *hugepage; /* as given; NULL: the machine's default */
	size_t page_len; /* for struct nvio_heap_opts */
	struct perf_choice shadow_doorbells; /* enum nvio_choice */
	struct perf_choice priority; /* enum nvio_priority */
	uint64_t host_memory_max; /* as in struct nvio_ctrl_opts */
	const char *host_memory; /* as given; NULL: the default */
	struct perf_choice way; /* enum nvio_way; nothing given: what nvio chooses */
	bool allow_noiommu;
	const char *vf_token; /* as given; NULL: none */
	char fds[48]; /* a name made of --fds; "" when it was not given */
	uint64_t seed;
	uint64_t quirks; /* as in struct nvio_ctrl_opts */
	bool verbose;
};

/*
 * perf_opts_parse - reads the command line.
 * @argv: stays the caller's, and in use; argv[0] is replaced by the program's name
 * @opts: receives the options, also those that were not given; perf_opts_free()
 * @msg:  receives the reason of a failure
 *
 * --help, --usage and --version print to standard output and end the process with status 0.
 *
 * Return: 0; -EINVAL, with an empty @msg when getopt has already printed the line (an unknown
 * option, a missing argument); -ENOMEM.
 */
int perf_opts_parse(int argc, char **argv, struct perf_opts *opts, struct perf_msg *msg);

void perf_opts_free(struct perf_opts *opts);

#endif
