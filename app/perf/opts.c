/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line of nvme_perf, taken apart. It owns defaults and bounds; names and the help text
 * are in option_table.c, devices are somebody else's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <nvio/base.h>
#include <nvio/mem.h>
#include <nvio/nvme.h>
#include "perf/option_table.h"
#include "perf/opts.h"
#include "common/parse.h"

#define IO_LEN_MAX (UINT64_C(1) << 30)

#define HOST_MEMORY_MAX (UINT64_C(16) << 30)

/* In read_percent until -M is seen. */
#define NO_MIX UINT64_MAX

struct parsing {
	struct perf_opts *opts;
	struct perf_msg *msg;
};

/* Options whose value is a number, and where it goes. */
static const struct number {
	int key;
	const char *name;
	size_t offset;
	uint64_t min, max;
} numbers[] = {
	{ 'q', "-q", offsetof(struct perf_opts, depth), 1, UINT16_MAX },
	{ 'M', "-M", offsetof(struct perf_opts, read_percent), 0, 100 },
	{ 't', "-t", offsetof(struct perf_opts, seconds), 1, UINT32_MAX },
	{ 'a', "-a", offsetof(struct perf_opts, warmup), 0, UINT32_MAX },
	{ 'n', "-n", offsetof(struct perf_opts, nr_ios), 1, INT64_MAX },
	{ 'P', "-P", offsetof(struct perf_opts, nr_qpairs), 1, UINT16_MAX },
	{ OPT_SEED, "--seed", offsetof(struct perf_opts, seed), 0, UINT64_MAX },
	{ OPT_QUIRKS, "--quirks", offsetof(struct perf_opts, quirks), 0, UINT32_MAX },
};

static const struct number *find_number(int key)
{
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].key == key)
			return &numbers[i];
	return NULL;
}

static int set_number(const struct parsing *p, const struct number *number, const char *arg)
{
	uint64_t *field = (uint64_t *)((char *)p->opts + number->offset);

	if (parse_u64(arg, number->min, number->max, field))
		return perf_fail(p->msg, "%s '%s': not a whole number from %" PRIu64 " to %" PRIu64,
				 number->name, arg, number->min, number->max);
	return 0;
}

/* Options whose value is one of a few words; the field receives its place among them, from @first
 * on. */
static const struct choice {
	int key;
	const char *name;
	size_t offset;
	unsigned int first;
	const char *words; /* with blanks between them */
} choices[] = {
	{ OPT_SHADOW, "--shadow-doorbells", offsetof(struct perf_opts, shadow_doorbells), NVIO_AUTO,
	  "auto on off" },
	{ OPT_VFIO, "--vfio", offsetof(struct perf_opts, way), NVIO_WAY_GROUP,
	  "group cdev noiommu tce-v1" },
	{ OPT_PRIORITY, "--priority", offsetof(struct perf_opts, priority), NVIO_PRIORITY_URGENT,
	  "urgent high medium low" },
};

static const struct choice *find_choice(int key)
{
	size_t i;

	for (i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		if (choices[i].key == key)
			return &choices[i];
	return NULL;
}

static int set_choice(const struct parsing *p, const struct choice *choice, const char *arg)
{
	struct perf_choice *field = (struct perf_choice *)((char *)p->opts + choice->offset);
	const char *word = choice->words;
	unsigned int place = choice->first;

	for (;; word++, place++) {
		size_t len = strcspn(word, " ");

		if (len == strlen(arg) && !strncmp(word, arg, len)) {
			*field = (struct perf_choice){ place, arg };
			return 0;
		}
		word += len;
		if (!*word)
			break;
	}
	return perf_fail(p->msg, "%s '%s': not one of %s", choice->name, arg, choice->words);
}

static int add_name(const struct parsing *p, const char *arg)
{
	struct perf_opts *opts = p->opts;
	const char **names = reallocarray(opts->names, opts->nr_names + 1, sizeof(*names));

	if (!names) {
		perf_fail(p->msg, "out of memory");
		return -ENOMEM;
	}
	opts->names = names;
	opts->names[opts->nr_names++] = arg;
	return 0;
}

static int add_fds(const struct parsing *p, const char *arg)
{
	struct perf_opts *opts = p->opts;

	if (opts->fds[0])
		return perf_fail(p->msg, "--fds '%s': one device at a time", arg);
	if (strspn(arg, "0123456789,/") != strlen(arg) || strlen(arg) > sizeof(opts->fds) - 4)
		return perf_fail(p->msg, "--fds '%s': not two numbers of files, such as 5,6", arg);
	snprintf(opts->fds, sizeof(opts->fds), "fd:%s", arg);
	return add_name(p, opts->fds);
}

static int set_io_len(const struct parsing *p, const char *arg)
{
	if (parse_size(arg, IO_LEN_MAX, &p->opts->io_len))
		return perf_fail(p->msg,
				 "-o '%s': not a size from 1 to 1024m, such as 512, 4k or 1m", arg);
	return 0;
}

static int set_workload(const struct parsing *p, const char *arg)
{
	static const char *const names[] = { "read",      "write", "randread",
					     "randwrite", "rw",    "randrw" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(arg, names[i])) {
			p->opts->workload = names[i];
			return 0;
		}
	return perf_fail(p->msg, "-w '%s': not one of read, write, randread, randwrite, rw, randrw",
			 arg);
}

static int set_cores(const struct parsing *p, const char *arg)
{
	if (cores_parse(arg, &p->opts->cores))
		return perf_fail(
			p->msg,
			"-c '%s': not a list such as 0,2-3 or a mask such as 0x5 of cores 0 to %d",
			arg, CORES_MAX - 1);
	return 0;
}

static int set_hugepage(const struct parsing *p, const char *arg)
{
	if (!strcmp(arg, "2M"))
		p->opts->page_len = 2UL << 20;
	else if (!strcmp(arg, "1G"))
		p->opts->page_len = 1UL << 30;
	else if (!strcmp(arg, "none"))
		p->opts->page_len = NVIO_HEAP_NO_HUGE;
	else
		return perf_fail(p->msg, "--hugepage '%s': not one of 2M, 1G, none", arg);
	p->opts->hugepage = arg;
	return 0;
}

static int set_host_memory(const struct parsing *p, const char *arg)
{
	if (!strcmp(arg, "none"))
		p->opts->host_memory_max = NVIO_NO_HOST_MEMORY;
	else if (parse_size(arg, HOST_MEMORY_MAX, &p->opts->host_memory_max))
		return perf_fail(p->msg,
				 "--host-memory '%s': not none, nor a size from 1 to 16384m", arg);
	p->opts->host_memory = arg;
	return 0;
}

static int set_json(const struct parsing *p, const char *arg)
{
	if (!*arg)
		return perf_fail(p->msg, "--json '': not the name of a file");
	p->opts->json = arg;
	return 0;
}

/* What only all options together tell. */
static int settle(const struct parsing *p)
{
	struct perf_opts *opts = p->opts;
	bool mixed = strstr(opts->workload, "rw") != NULL;

	if (!opts->nr_names)
		return perf_fail(p->msg, "no device: name one with -r, such as -r 0000:01:00.0");
	if (!mixed && opts->read_percent != NO_MIX)
		return perf_fail(p->msg, "-M is for rw and randrw only, not for %s",
				 opts->workload);
	if (opts->depth < opts->nr_qpairs)
		return perf_fail(p->msg,
				 "-q %" PRIu64 " leaves some of the %" PRIu64
				 " queue pairs of -P without an I/O",
				 opts->depth, opts->nr_qpairs);
	opts->random = !strncmp(opts->workload, "rand", 4);
	if (mixed)
		opts->read_percent = opts->read_percent == NO_MIX ? 50 : opts->read_percent;
	else
		opts->read_percent = strstr(opts->workload, "read") ? 100 : 0;
	return 0;
}

/* Options that are no plain number. */
static int set_other(int key, char *arg, const struct parsing *p)
{
	switch (key) {
	case 'r':
		return add_name(p, arg);
	case OPT_FDS:
		return add_fds(p, arg);
	case OPT_NOIOMMU:
		p->opts->allow_noiommu = true;
		return 0;
	case OPT_VF_TOKEN:
		p->opts->vf_token = arg;
		return 0;
	case 'o':
		return set_io_len(p, arg);
	case 'w':
		return set_workload(p, arg);
	case 'c':
		return set_cores(p, arg);
	case 'L':
		p->opts->latency = true;
		return 0;
	case 'v':
		p->opts->verbose = true;
		return 0;
	case OPT_HUGEPAGE:
		return set_hugepage(p, arg);
	case OPT_HOST_MEMORY:
		return set_host_memory(p, arg);
	case OPT_JSON:
		return set_json(p, arg);
	case ARGP_KEY_ARG:
		return perf_fail(p->msg, "'%s' is no option; devices are named with -r", arg);
	case ARGP_KEY_END:
		return settle(p);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* argp wants positive errnos, but for ARGP_ERR_UNKNOWN, which is none of them. */
static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	const struct parsing *p = state->input;
	const struct number *number = find_number(key);
	const struct choice *choice = find_choice(key);
	int err;

	if (key == ARGP_KEY_INIT) {
		/* getopt says in one line what is wrong; argp's "Try --help" would be a second. */
		state->err_stream = NULL;
		return 0;
	}
	err = number   ? set_number(p, number, arg)
	      : choice ? set_choice(p, choice, arg)
		       : set_other(key, arg, p);
	return err < 0 ? -err : err;
}

static void print_version(FILE *out, struct argp_state *state)
{
	(void)state;
	fprintf(out, "nvme_perf (nvio) %s\n", nvio_version());
}

static const struct argp argp = {
	.options = perf_options,
	.parser = parse_option,
	.doc = "Measures NVMe namespaces through nvio: IOPS, throughput and latency, by queue pair."
	       "\v"
	       "PCI devices must be bound to vfio-pci; vfio-user:PATH is a device of another process, and emu: a "
	       "controller in software. Write workloads destroy what is on the namespace.",
};

int perf_opts_parse(int argc, char **argv, struct perf_opts *opts, struct perf_msg *msg)
{
	struct parsing p = { opts, msg };
	static char name[] = "nvme_perf";
	int err;

	*opts = (struct perf_opts){
		.depth = 32,
		.io_len = 4096,
		.workload = "randread",
		.read_percent = NO_MIX,
		.seconds = 5,
		.nr_qpairs = 1,
		.seed = 1,
		.shadow_doorbells = { NVIO_AUTO, "auto" },
	};
	msg->text[0] = '\0';
	/* getopt begins its lines with argv[0], path and all. */
	if (argc)
		argv[0] = name;
	argp_program_version_hook = print_version;
	err = argp_parse(&argp, argc, argv, 0, NULL, &p);
	if (err)
		perf_opts_free(opts);
	return err < 0 ? err : -err;
}

void perf_opts_free(struct perf_opts *opts)
{
	free(opts->names);
	opts->names = NULL;
	opts->nr_names = 0;
}
