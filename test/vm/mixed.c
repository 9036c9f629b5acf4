/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mixed [-s] [-x KINDS] [-m BYTES] NAME SEED DEPTH:REQUESTS...: requests of all kinds, sizes and
 * shapes against a model in memory, as test/emu's suites make them, on a queue pair of each depth
 * in turn. SEED 0 takes one from the clock.
 *
 * -s: no SGLs; -x: a mask of kinds to leave out; -m: the largest request. The region, the first
 * 16 MiB of the namespace, is written first.
 */
#include <unistd.h>

#include "traffic/traffic.h"
#include "vmtest.h"

#define REGION_LEN (16u << 20)

static void run(const struct vmt_drive *drive, struct traffic t, const char *argument)
{
	unsigned int depth, requests;
	char text[256];

	vmt_check(sscanf(argument, "%u:%u", &depth, &requests) == 2, "'%s'", argument);
	t.ctrl = drive->ctrl;
	t.ns = drive->ns;
	t.nr_blocks = REGION_LEN / drive->info.block_len;
	t.fill_first = true;
	t.cover = true;
	t.requests = requests;
	t.qpair_opts.size = sizeof(t.qpair_opts);
	t.qpair_opts.depth = (uint16_t)depth;
	vmt_check(traffic_run(&t), "depth %u: %s", depth, t.failure);
	traffic_describe(&t, text, sizeof(text));
	printf("depth %u: %s\n", depth, text);
	vmt_check(t.covered, "not all kinds, shapes and lengths have come");
	vmt_check(t.stats.splits > 0, "no request was split");
}

int main(int argc, char **argv)
{
	static const char usage[] = "mixed [-s] [-x KINDS] [-m BYTES] NAME SEED DEPTH:REQUESTS...";
	struct traffic t = { .max_len = 4u << 20 };
	struct vmt_drive drive;
	int option;

	while ((option = getopt(argc, argv, "sx:m:")) >= 0) {
		vmt_check(strchr("sxm", option), "usage: %s", usage);
		if (option == 's')
			t.qpair_opts.no_sgl = true;
		else if (option == 'x')
			t.leave_out = (unsigned int)strtoul(optarg, NULL, 0);
		else
			t.max_len = strtoul(optarg, NULL, 0);
	}
	vmt_check(argc - optind > 2, "usage: %s", usage);
	t.seed = vmt_seed(argv[optind + 1]) % 1000000;
	vmt_open(&drive, argv[optind], NULL);
	for (int i = optind + 2; i < argc; i++)
		run(&drive, t, argv[i]);
	nvio_ctrl_close(drive.ctrl);
	return 0;
}
