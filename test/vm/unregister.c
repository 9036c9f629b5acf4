/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unregister NAME: memory stays registered while a command uses it, and cannot be used after.
 */
#include "vmtest.h"

#define PAGE     vmt_page_len()
#define PART_LEN (4 * PAGE)

static char *parts; /* three registrations side by side */

static char *part(unsigned int idx)
{
	return parts + idx * PART_LEN;
}

static uint32_t nr_maps(struct nvio_iommu *iommu)
{
	struct nvio_iommu_info info;

	nvio_iommu_get_info(iommu, &info, sizeof(info));
	return info.nr_maps;
}

static void register_part(struct vmt_drive *drive, unsigned int idx)
{
	vmt_ok(nvio_mem_register(drive->iommu, part(idx), PART_LEN, NVIO_DMA_RW));
}

static void expect_busy(struct vmt_drive *drive, unsigned int idx)
{
	uint32_t before = nr_maps(drive->iommu);

	vmt_refused(nvio_mem_unregister(drive->iommu, part(idx), PART_LEN), EBUSY,
		    "is used by a command that is outstanding: poll its queue pair first");
	vmt_check(nr_maps(drive->iommu) == before, "a mapping is gone all the same");
}

/* What was unregistered is gone from nvio's tables and from the IOMMU. */
static void expect_gone(struct vmt_drive *drive, struct nvio_qpair *qpair, unsigned int idx,
			uint32_t maps)
{
	uint64_t iova;

	vmt_check(nr_maps(drive->iommu) == maps, "%u mappings", nr_maps(drive->iommu));
	vmt_refused(nvio_read(qpair, drive->ns, part(idx), 0, 1, 0, 0), EFAULT,
		    "is not DMA memory with the rights for this command");
	vmt_refused(nvio_write(qpair, drive->ns, part(idx), 0, 1, 0, 0), EFAULT,
		    "is not DMA memory with the rights for this command");
	vmt_refused(nvio_mem_iova(drive->iommu, part(idx), 1, NVIO_DMA_READ, &iova), EFAULT,
		    "is not registered with the rights");
	vmt_refused(nvio_mem_unregister(drive->iommu, part(idx), PART_LEN), ENOENT,
		    "is not registered");
	vmt_check(!nvio_qpair_outstanding(qpair), "a refused command is outstanding");
}

/* A read across the end of part 0 into part 1 keeps both, and not part 2, until it was polled. */
static void test_outstanding(struct vmt_drive *drive, struct nvio_qpair *qpair)
{
	const uint32_t blocks = (uint32_t)(2 * PAGE / drive->info.block_len);
	char *buf = part(1) - PAGE;
	struct vmt_count count = { .queued = 1 };
	uint32_t maps;

	vmt_fill(buf, 2 * PAGE, 1);
	vmt_io(qpair, drive->ns, VMT_WRITE, buf, 0, blocks);
	memset(buf, 0, 2 * PAGE);
	vmt_ok(nvio_read(qpair, drive->ns, buf, 0, blocks, 0, 0));
	expect_busy(drive, 0); /* not submitted yet, but it will be */
	vmt_submit(qpair, &count);
	expect_busy(drive, 0);
	expect_busy(drive, 1);
	maps = nr_maps(drive->iommu);
	vmt_ok(nvio_mem_unregister(drive->iommu, part(2), PART_LEN));
	/* The drive may have finished long ago: not before it was polled does nvio know. */
	expect_busy(drive, 1);
	vmt_drain(qpair, &count);
	vmt_check(vmt_holds(buf, 2 * PAGE, 1), "what was read");
	vmt_ok(nvio_mem_unregister(drive->iommu, part(0), PART_LEN));
	expect_gone(drive, qpair, 0, maps - 2);
	/* A buffer of which one half is gone is as bad. */
	vmt_refused(nvio_read(qpair, drive->ns, buf, 0, blocks, 0, 0), EFAULT, "is not DMA memory");
	vmt_io(qpair, drive->ns, VMT_READ, part(1), 0, blocks);
	vmt_ok(nvio_mem_unregister(drive->iommu, part(1), PART_LEN));
	expect_gone(drive, qpair, 1, maps - 3);
}

/* Queue pair by queue pair, whoever unregisters. */
static void test_two_qpairs(struct vmt_drive *drive, struct nvio_qpair *qpair)
{
	struct nvio_qpair *other = vmt_qpair(drive->ctrl, 4, false);
	struct vmt_count count = { .queued = 1 }, other_count = { .queued = 1 };

	vmt_ok(nvio_read(qpair, drive->ns, part(0), 0, 1, 0, 0));
	vmt_ok(nvio_read(other, drive->ns, part(0) + PAGE, 0, 1, 0, 0));
	vmt_submit(qpair, &count);
	vmt_submit(other, &other_count);
	vmt_drain(qpair, &count);
	expect_busy(drive, 0);
	vmt_drain(other, &other_count);
	vmt_ok(nvio_read(other, drive->ns, part(0), 0, 1, 0, 0));
	expect_busy(drive, 0);
	/* A queue pair that is gone uses nothing. */
	nvio_qpair_free(other);
	vmt_ok(nvio_mem_unregister(drive->iommu, part(0), PART_LEN));
}

static void test_mistakes(struct vmt_drive *drive, char *heap)
{
	char multiples[64];

	snprintf(multiples, sizeof(multiples), "must be multiples of %zu", PAGE);
	vmt_refused(nvio_mem_register(drive->iommu, part(0), PART_LEN, NVIO_DMA_RW), EEXIST,
		    "is registered already");
	vmt_refused(nvio_mem_register(drive->iommu, part(0) + PAGE, PAGE, NVIO_DMA_RW), EEXIST,
		    "is registered already");
	vmt_refused(nvio_mem_register(drive->iommu, heap, PAGE, NVIO_DMA_RW), EEXIST,
		    "is of the DMA heap");
	vmt_refused(nvio_mem_register(drive->iommu, part(1) + 1, PAGE, NVIO_DMA_RW), EINVAL,
		    multiples);
	vmt_refused(nvio_mem_register(drive->iommu, part(1), 100, NVIO_DMA_RW), EINVAL, multiples);
	vmt_refused(nvio_mem_register(drive->iommu, part(1), PART_LEN, 0), EINVAL, "no DMA rights");
	vmt_refused(nvio_mem_unregister(drive->iommu, part(0), PAGE), ENOENT, "is not registered");
	vmt_refused(nvio_mem_unregister(drive->iommu, part(1), PART_LEN), ENOENT,
		    "is not registered");
}

int main(int argc, char **argv)
{
	struct vmt_drive drive;
	struct nvio_qpair *qpair;
	uint32_t maps;
	char *heap;

	vmt_check(argc == 2, "usage: unregister NAME");
	vmt_open(&drive, argv[1], NULL);
	qpair = vmt_qpair(drive.ctrl, 4, false);
	heap = nvio_alloc(drive.iommu, PAGE, PAGE);
	vmt_check(heap, "%s", nvio_last_error());
	parts = vmt_pages(3 * PART_LEN);
	maps = nr_maps(drive.iommu);
	/* Backwards, so that the IOVAs of the parts do not follow each other. */
	for (unsigned int i = 3; i-- > 0;)
		register_part(&drive, i);
	vmt_check(nr_maps(drive.iommu) == maps + 3, "%u mappings", nr_maps(drive.iommu));
	test_outstanding(&drive, qpair);
	register_part(&drive, 0); /* it can come back */
	test_mistakes(&drive, heap);
	test_two_qpairs(&drive, qpair);
	vmt_check(nr_maps(drive.iommu) == maps, "%u mappings", nr_maps(drive.iommu));
	nvio_ctrl_close(drive.ctrl);
	free(parts);
	return 0;
}
