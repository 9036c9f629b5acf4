/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ways NAME WAY TYPE VERB [KEY]: opens a drive by way 0 to 3 (enum nvio_way), which has to be an
 * address space of TYPE, and writes or reads its first 64 KiB, which hold what KEY makes.
 *
 * VERB registered: moves data from and to memory of its own.
 * VERB detach: takes the device out of its address space before it reads; nothing arrives then,
 *   and no reset helps.
 */
#include "vmtest.h"

#define LEN 65536u

static void open_by(struct vmt_drive *drive, const char *name, int way, const char *type)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_device_info device;
	struct nvio_iommu_info info;
	struct nvio_iommu *iommu;

	opts.way = (enum nvio_way)way;
	vmt_ok(nvio_iommu_open(&opts, &iommu));
	vmt_open(drive, name, iommu);
	nvio_iommu_close(iommu);
	nvio_iommu_get_info(drive->iommu, &info, sizeof(info));
	nvio_device_get_info(nvio_ctrl_device(drive->ctrl), &device, sizeof(device));
	printf("%s by %s: %s\n", device.name, device.way, device.why);
	vmt_check(!strcmp(info.type, type), "it is of type %s", info.type);
	vmt_check(!strcmp(device.way, type), "it was reached by %s", device.way);
}

/* The command may end as it likes, or not at all: the memory is not written. */
static void check_detached(struct vmt_drive *drive, char *data, uint32_t blocks)
{
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, 2, false);
	struct nvio_completion done;

	vmt_fill(data, LEN, 99);
	vmt_ok(nvio_device_detach(nvio_ctrl_device(drive->ctrl)));
	vmt_ok(nvio_read(qpair, drive->ns, data, 0, blocks, 0, 0));
	vmt_ok(nvio_submit(qpair));
	vmt_check(nvio_wait(qpair, &done, 1, 1, 5 * VMT_NS_PER_S) <= 0 || done.status,
		  "the device completed it");
	vmt_check(vmt_holds(data, LEN, 99), "the device reached memory");
	vmt_refused(nvio_device_detach(nvio_ctrl_device(drive->ctrl)), ENOTSUP,
		    "is attached to no");
}

/* Memory of the application's own, wherever its pages are. */
static void check_registered(struct vmt_drive *drive, const char *heap, uint32_t blocks)
{
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, 8, false);
	char *own = vmt_pages(LEN + vmt_page_len());
	uint64_t iova;

	vmt_ok(nvio_mem_register(drive->iommu, own, LEN + vmt_page_len(), NVIO_DMA_RW));
	vmt_check(nvio_mem_iova(drive->iommu, own + 8, 16, NVIO_DMA_RW, &iova) == 16, "no IOVA");
	vmt_fill(own, LEN, 4711);
	vmt_io(qpair, drive->ns, VMT_WRITE, own, 0, blocks);
	memset(own, 0, LEN);
	vmt_io(qpair, drive->ns, VMT_READ, own + 512, 0, blocks);
	vmt_check(vmt_holds(own + 512, LEN, 4711), "registered memory holds something else");
	vmt_io(qpair, drive->ns, VMT_READ, (char *)heap, 0, blocks);
	vmt_check(vmt_holds(heap, LEN, 4711), "the heap holds something else");
	vmt_ok(nvio_mem_unregister(drive->iommu, own, LEN + vmt_page_len()));
	vmt_refused(nvio_read(qpair, drive->ns, own, 0, blocks, 0, 0), EFAULT, "is not DMA memory");
	free(own);
}

int main(int argc, char **argv)
{
	uint64_t key = argc > 5 ? strtoull(argv[5], NULL, 0) : 0;
	struct vmt_drive drive;
	uint32_t blocks;
	char *data;

	vmt_check(argc > 4, "usage: ways NAME WAY TYPE VERB [KEY]");
	open_by(&drive, argv[1], atoi(argv[2]), argv[3]);
	blocks = LEN / drive.info.block_len;
	data = vmt_alloc(drive.iommu, LEN);
	if (!strcmp(argv[4], "detach")) {
		check_detached(&drive, data, blocks);
	} else if (!strcmp(argv[4], "registered")) {
		check_registered(&drive, data, blocks);
	} else if (!strcmp(argv[4], "write")) {
		vmt_fill(data, LEN, key);
		vmt_io(vmt_qpair(drive.ctrl, 8, false), drive.ns, VMT_WRITE, data, 0, blocks);
	} else {
		memset(data, 0, LEN);
		vmt_io(vmt_qpair(drive.ctrl, 8, false), drive.ns, VMT_READ, data, 0, blocks);
		vmt_check(vmt_holds(data, LEN, key), "the blocks hold something else");
	}
	nvio_ctrl_close(drive.ctrl);
	return 0;
}
