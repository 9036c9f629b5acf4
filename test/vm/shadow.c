/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shadow NAME on|off: writes and reads with doorbells in memory or without, on queue pairs that are
 * made again and again with the same identifiers. Prints how many times the registers were written,
 * which the script compares with what QEMU saw.
 */
#include "vmtest.h"

#define BLOCKS 512u

struct run {
	struct vmt_drive drive;
	struct nvio_qpair *qpair;
	struct vmt_count count;
	uint64_t random;
	char *bufs;
	uint32_t *writes; /* the last write of each block; 0: none */
	uint32_t nr_writes;
	uint64_t rung;
	uint64_t spared;
};

static char *buf_of(const struct run *run, uint64_t block)
{
	return run->bufs + block * run->drive.info.block_len;
}

static uint64_t key_of(uint64_t block, uint32_t write)
{
	return block << 32 | write;
}

/* One command for each of some blocks in a row, in batches of any size. */
static void batches(struct run *run, enum vmt_op op, uint16_t depth)
{
	size_t len = run->drive.info.block_len;

	for (uint64_t block = 0; block < BLOCKS;) {
		uint64_t n = 1 + vmt_random(&run->random) % depth;

		for (; n && block < BLOCKS; n--, block++) {
			if (op == VMT_WRITE) {
				run->writes[block] = ++run->nr_writes;
				vmt_fill(buf_of(run, block), len,
					 key_of(block, run->writes[block]));
			}
			vmt_ok(vmt_queue(run->qpair, run->drive.ns, op, buf_of(run, block), block,
					 1, block));
			run->count.queued++;
			/* A doorbell for one, or for all that there are so far. */
			if (vmt_random(&run->random) % 2)
				vmt_submit(run->qpair, &run->count);
		}
		vmt_drain(run->qpair, &run->count);
	}
}

static void verify(const struct run *run)
{
	size_t len = run->drive.info.block_len;

	for (uint64_t block = 0; block < BLOCKS; block++)
		vmt_check(vmt_holds(buf_of(run, block), len, key_of(block, run->writes[block])),
			  "block %" PRIu64 " is not as it was written", block);
}

static void one_qpair(struct run *run, uint16_t depth)
{
	struct nvio_qpair_stats stats;

	run->qpair = vmt_qpair(run->drive.ctrl, depth, depth % 2);
	run->count = (struct vmt_count){ 0 };
	batches(run, VMT_WRITE, depth);
	memset(run->bufs, 0xee, BLOCKS * run->drive.info.block_len);
	batches(run, VMT_READ, depth);
	verify(run);
	nvio_qpair_get_stats(run->qpair, &stats, sizeof(stats));
	vmt_check(stats.submitted == 2 * BLOCKS && stats.completed == 2 * BLOCKS,
		  "%" PRIu64 " submitted, %" PRIu64 " completed", stats.submitted, stats.completed);
	run->rung += stats.sq_doorbells + stats.cq_doorbells - stats.doorbells_spared;
	run->spared += stats.doorbells_spared;
	nvio_qpair_free(run->qpair);
}

int main(int argc, char **argv)
{
	static const uint16_t depths[] = { 64, 1, 17, 2, 128, 33 };
	static struct run run = { .random = 5 };
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	bool on = argc == 3 && !strcmp(argv[2], "on");

	vmt_check(argc == 3, "usage: shadow NAME on|off");
	opts.shadow_doorbells = on ? NVIO_ON : NVIO_OFF;
	vmt_ok(nvio_ctrl_open(argv[1], &opts, &run.drive.ctrl));
	vmt_use_ctrl(&run.drive, 1);
	vmt_check(run.drive.ctrl_info.shadow_doorbells == on, "shadow doorbells are %d",
		  run.drive.ctrl_info.shadow_doorbells);
	vmt_check(run.drive.ctrl_info.quirks == NVIO_QUIRK_DOORBELL_PAUSE, "quirks 0x%x",
		  run.drive.ctrl_info.quirks);
	run.bufs = vmt_alloc(run.drive.iommu, BLOCKS * run.drive.info.block_len);
	run.writes = calloc(BLOCKS, sizeof(*run.writes));
	vmt_check(run.writes, "no memory");
	for (unsigned int round = 0; round < 4; round++) {
		for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++)
			one_qpair(&run, depths[i]);
	}
	vmt_check(on ? run.spared > 0 : run.spared == 0, "%" PRIu64 " spared", run.spared);
	printf("registers %" PRIu64 " spared %" PRIu64 "\n", run.rung, run.spared);
	nvio_ctrl_close(run.drive.ctrl);
	return 0;
}
