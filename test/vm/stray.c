/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stray NAME: lets the controller read and write memory that was taken from it behind the library's
 * back, for the harness to notice.
 */
#include "vmtest.h"

int main(int argc, char **argv)
{
	struct nvio_completion done;
	struct vmt_drive drive;
	struct nvio_qpair *qpair;
	size_t len = vmt_page_len();
	char *page = vmt_pages(len);
	uint64_t iova;

	vmt_check(argc > 1, "usage: stray NAME");
	vmt_open(&drive, argv[1], NULL);
	qpair = vmt_qpair(drive.ctrl, 2, false);
	vmt_ok(nvio_mem_register(drive.iommu, page, len, NVIO_DMA_RW));
	vmt_check(nvio_mem_iova(drive.iommu, page, len, NVIO_DMA_RW, &iova) == (int64_t)len,
		  "no IOVA");
	vmt_ok(nvio_iommu_unmap(drive.iommu, iova, len));
	vmt_ok(nvio_read(qpair, drive.ns, page, 0, 1, 0, 0));
	vmt_check(nvio_wait(qpair, &done, 1, 1, 5 * VMT_NS_PER_S) == 1, "no completion");
	printf("status 0x%x\n", done.status);
	nvio_ctrl_close(drive.ctrl);
	free(page);
	return 0;
}
