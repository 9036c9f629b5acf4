/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmb NAME OTHER: the controller memory buffer of a drive: data in it both ways, queues and lists
 * in it, and what has to be refused. OTHER is a controller in the same address space, to which the
 * same addresses mean something else.
 */
#include "vmtest.h"

#define AREA    (1u << 20) /* of the buffer and of the heap */
#define ROUNDS  400u
#define INVALID 0x012u /* Invalid Use of Controller Memory Buffer */

struct run {
	struct vmt_drive drive;
	struct vmt_drive other;
	struct nvio_cmb_info info;
	uint64_t random;
	char *cmb;
	char *heap;
};

static uint64_t below(struct run *run, uint64_t n)
{
	return vmt_random(&run->random) % n;
}

/* A place in an area for @len bytes, at any multiple of 4. */
static char *place(struct run *run, char *area, size_t len)
{
	return area + below(run, (AREA - len) / 4 + 1) * 4;
}

/*
 * Blocks go to the drive from one area and come back into the other, whole commands of any length.
 * What lies around the data stays as it is.
 */
static void both_ways(struct run *run, struct nvio_qpair *qpair)
{
	uint32_t block_len = run->drive.info.block_len, most = AREA / 2 / block_len;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t nr = 1 + (uint32_t)below(run, below(run, 4) ? 16 : most);
		size_t len = (size_t)nr * block_len;
		uint64_t slba = below(run, 4096);
		bool from_cmb = i % 2;
		char *from = place(run, from_cmb ? run->cmb : run->heap, len);
		char *to = place(run, from_cmb ? run->heap : run->cmb, len);

		memset(to, 0xee, len);
		vmt_fill(from, len, i + 1);
		vmt_io(qpair, run->drive.ns, VMT_WRITE, from, slba, nr);
		vmt_io(qpair, run->drive.ns, VMT_READ, to, slba, nr);
		vmt_check(vmt_holds(to, len, i + 1), "round %u: %u blocks are not what was written",
			  i, nr);
		vmt_check(vmt_holds(from, len, i + 1), "round %u: the source has changed", i);
	}
}

/* Reads and writes at a queue pair's depth, each slot with its own blocks. */
static void at_depth(struct run *run, uint16_t depth, uint8_t in_cmb, uint32_t nr)
{
	struct nvio_qpair_opts opts = NVIO_QPAIR_OPTS;
	size_t len = (size_t)nr * run->drive.info.block_len;
	struct vmt_count count = { 0 };
	struct nvio_qpair *qpair;

	vmt_check(depth * len <= AREA, "%u commands of %zu bytes", depth, len);
	opts.depth = depth;
	opts.in_cmb = in_cmb;
	vmt_ok(nvio_qpair_create(run->drive.ctrl, &opts, &qpair));
	for (uint32_t round = 1; round <= 8; round++) {
		for (uint32_t slot = 0; slot < depth; slot++) {
			vmt_fill(run->heap + slot * len, len, round << 16 | slot);
			vmt_ok(nvio_write(qpair, run->drive.ns, run->heap + slot * len, slot * nr,
					  nr, 0, slot));
			count.queued++;
		}
		vmt_drain(qpair, &count);
		memset(run->heap, 0xee, AREA);
		for (uint32_t slot = 0; slot < depth; slot++) {
			vmt_ok(nvio_read(qpair, run->drive.ns, run->heap + slot * len, slot * nr,
					 nr, 0, slot));
			count.queued++;
		}
		vmt_drain(qpair, &count);
		for (uint32_t slot = 0; slot < depth; slot++)
			vmt_check(vmt_holds(run->heap + slot * len, len, round << 16 | slot),
				  "round %u: slot %u of depth %u", round, slot, depth);
	}
	nvio_qpair_free(qpair);
	printf("depth %u, %u blocks, in the buffer 0x%x: %" PRIu64 " commands\n", depth, nr, in_cmb,
	       count.completed);
}

/* Ranges are a list, too. */
static void trim(struct run *run, struct nvio_qpair *qpair)
{
	struct nvio_range ranges[] = { { 8, 8, 0 }, { 24, 8, 0 } };
	struct vmt_count count = { .queued = 1 };
	uint32_t block_len = run->drive.info.block_len;

	memset(run->heap, 0x11, 32 * block_len);
	vmt_io(qpair, run->drive.ns, VMT_WRITE, run->heap, 0, 32);
	vmt_ok(nvio_dsm(qpair, run->drive.ns, ranges, 2, NVIO_DSM_DEALLOCATE, 0));
	vmt_drain(qpair, &count);
	vmt_io(qpair, run->drive.ns, VMT_READ, run->heap, 0, 32);
	for (uint32_t i = 0; i < 32; i++)
		vmt_check(run->heap[i * block_len] == (i / 8 % 2 ? 0 : 0x11),
			  "block %u is 0x%x after a trim", i, run->heap[i * block_len]);
}

/* Pieces inside and outside: the controller says no, and nothing else happens. */
static void mixed(struct run *run, struct nvio_qpair *qpair)
{
	struct iovec iov[] = { { run->cmb, 4096 }, { run->heap, 4096 } };
	struct nvio_completion done;

	vmt_ok(nvio_readv(qpair, run->drive.ns, iov, 2, 0, 8192 / run->drive.info.block_len, 0, 1));
	vmt_check(vmt_ok(nvio_wait(qpair, &done, 1, 1, VMT_PATIENCE_NS)) == 1, "no completion");
	vmt_check((done.status & 0x7ff) == INVALID, "status 0x%x", done.status);
}

static void refusals(struct run *run, struct nvio_qpair *qpair)
{
	struct nvio_qpair *other = vmt_qpair(run->other.ctrl, 4, false);
	void *most;

	vmt_refused(nvio_read(other, run->other.ns, run->cmb, 0, 1, 0, 0), EFAULT,
		    "is not DMA memory");
	vmt_refused(nvio_mem_iova(run->drive.iommu, run->cmb, 64, NVIO_DMA_READ, &(uint64_t){ 0 }),
		    EFAULT, "not registered");
	vmt_check(!nvio_cmb_alloc(run->drive.ctrl, run->info.len, 0), "more than there is");
	most = nvio_cmb_alloc(run->drive.ctrl, run->info.len - AREA, 0);
	vmt_check(most, "%s", nvio_last_error());
	vmt_refused(
		nvio_qpair_create(run->drive.ctrl,
				  &(struct nvio_qpair_opts){ .size = sizeof(struct nvio_qpair_opts),
							     .in_cmb = NVIO_CMB_QUEUE },
				  &(struct nvio_qpair *){ NULL }),
		ENOMEM, "are left in its memory buffer");
	nvio_cmb_free(run->drive.ctrl, most);
	mixed(run, qpair);
	nvio_qpair_free(other);
}

int main(int argc, char **argv)
{
	static struct run run = { .random = 11 };
	struct nvio_qpair *qpair;

	vmt_check(argc == 3, "usage: cmb NAME OTHER");
	vmt_open(&run.drive, argv[1], NULL);
	vmt_open(&run.other, argv[2], run.drive.iommu);
	vmt_ok(nvio_cmb_get_info(run.drive.ctrl, &run.info, sizeof(run.info)));
	printf("%" PRIu64 " bytes\n", run.info.len);
	run.cmb = nvio_cmb_alloc(run.drive.ctrl, AREA, NVIO_MEM_PAGE);
	vmt_check(run.cmb, "%s", nvio_last_error());
	run.heap = vmt_alloc(run.drive.iommu, AREA);
	qpair = vmt_qpair(run.drive.ctrl, 8, false);
	both_ways(&run, qpair);
	refusals(&run, qpair);
	nvio_qpair_free(qpair);
	at_depth(&run, 1, NVIO_CMB_QUEUE, 8);
	at_depth(&run, 63, NVIO_CMB_QUEUE, 24);
	at_depth(&run, 31, NVIO_CMB_QUEUE | NVIO_CMB_LISTS, 64);
	at_depth(&run, 2, NVIO_CMB_QUEUE | NVIO_CMB_LISTS, 1024);
	vmt_ok(nvio_qpair_create(
		run.drive.ctrl,
		&(struct nvio_qpair_opts){ .size = sizeof(struct nvio_qpair_opts),
					   .in_cmb = NVIO_CMB_QUEUE | NVIO_CMB_LISTS },
		&qpair));
	both_ways(&run, qpair);
	trim(&run, qpair);
	nvio_qpair_free(qpair);
	nvio_cmb_free(run.drive.ctrl, run.cmb);
	vmt_ok(nvio_cmb_get_info(run.drive.ctrl, &run.info, sizeof(run.info)));
	vmt_check(!run.info.used_len, "%" PRIu64 " bytes are in use", run.info.used_len);
	nvio_ctrl_close(run.other.ctrl);
	nvio_ctrl_close(run.drive.ctrl);
	return 0;
}
