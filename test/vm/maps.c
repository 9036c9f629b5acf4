/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * maps NAME NR [adjoining|whole]: registers NR pages, one mapping each, or as many as the kernel
 * allows: with others between them unless they are to adjoin each other, or all of them in one
 * call, which takes one mapping although each page is a mapping of its own in the process.
 *
 * Then it says on stderr why it got no more, "ERRNO: sentence", and exits with 1, but not before
 * the refusal has turned out to be harmless: what is registered works, and what one gives back
 * another gets.
 */
#include <sys/mman.h>

#include "vmtest.h"

/* From one page to the next. */
static size_t stride = 2 * NVIO_MEM_PAGE;

static uint32_t maps_left(struct nvio_iommu *iommu, uint32_t *nr_maps)
{
	struct nvio_iommu_info info;

	nvio_iommu_get_info(iommu, &info, sizeof(info));
	*nr_maps = info.nr_maps;
	return info.maps_left;
}

/* Returns how many it got; @err tells why not all. */
static uint32_t register_pages(struct nvio_iommu *iommu, char *pages, uint32_t nr, int *err)
{
	uint32_t before, after, nr_before, nr_after, i;

	for (i = 0; i < nr; i++) {
		before = maps_left(iommu, &nr_before);
		*err = nvio_mem_register(iommu, pages + i * stride, NVIO_MEM_PAGE, NVIO_DMA_RW);
		after = maps_left(iommu, &nr_after);
		vmt_check(before - after == !*err && nr_after - nr_before == !*err,
			  "%u mappings and %u left, before it %u and %u", nr_after, after,
			  nr_before, before);
		if (*err)
			break;
	}
	return i;
}

/* One registration; no two of its pages are of one mapping of the process. */
static void register_whole(struct nvio_iommu *iommu, char *pages, uint32_t nr)
{
	const size_t len = (size_t)nr * NVIO_MEM_PAGE;
	uint32_t before, after, nr_maps;
	uint64_t iova;

	for (uint32_t i = 0; i < nr; i++) {
		void *at = pages + (size_t)i * NVIO_MEM_PAGE;

		vmt_check(mmap(at, NVIO_MEM_PAGE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at,
			  "%s", strerror(errno));
	}
	before = maps_left(iommu, &nr_maps);
	vmt_ok(nvio_mem_register(iommu, pages, len, NVIO_DMA_RW));
	after = maps_left(iommu, &nr_maps);
	vmt_check(before - after == 1, "%u mappings left, before it %u", after, before);
	vmt_check(nvio_mem_iova(iommu, pages, len, NVIO_DMA_RW, &iova) == (int64_t)len,
		  "its IOVAs are not consecutive");
}

static void check_io(struct vmt_drive *drive, char *pages, uint32_t nr)
{
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, 4, false);
	const uint32_t blocks = NVIO_MEM_PAGE / drive->info.block_len;

	for (uint32_t i = 0; i < nr; i++) {
		char *page = pages + i * stride;

		vmt_fill(page, NVIO_MEM_PAGE, i);
		vmt_io(qpair, drive->ns, VMT_WRITE, page, i * blocks, blocks);
		memset(page, 0, NVIO_MEM_PAGE);
		vmt_io(qpair, drive->ns, VMT_READ, page, i * blocks, blocks);
		vmt_check(vmt_holds(page, NVIO_MEM_PAGE, i), "page %u", i);
	}
	nvio_qpair_free(qpair);
}

static void check_exchange(struct nvio_iommu *iommu, char *pages, uint32_t nr)
{
	char *first = pages, *more = pages + nr * stride;

	vmt_ok(nvio_mem_unregister(iommu, first, NVIO_MEM_PAGE));
	vmt_ok(nvio_mem_register(iommu, more, NVIO_MEM_PAGE, NVIO_DMA_RW));
	vmt_ok(nvio_mem_unregister(iommu, more, NVIO_MEM_PAGE));
	vmt_ok(nvio_mem_register(iommu, first, NVIO_MEM_PAGE, NVIO_DMA_RW));
}

int main(int argc, char **argv)
{
	struct vmt_drive drive;
	uint32_t wanted, nr;
	char why[1024] = "";
	char *pages;
	bool whole;
	int err = 0;

	vmt_check(argc == 3 || argc == 4, "usage: maps NAME NR [adjoining|whole]");
	wanted = (uint32_t)strtoul(argv[2], NULL, 0);
	whole = argc == 4 && !strcmp(argv[3], "whole");
	if (argc == 4)
		stride = NVIO_MEM_PAGE;
	vmt_open(&drive, argv[1], NULL);
	pages = vmt_pages((wanted + 1) * stride);
	/* Made ready first: the refusal is about registrations alone. */
	check_io(&drive, pages, 0);
	nr = whole ? wanted : register_pages(drive.iommu, pages, wanted, &err);
	if (whole)
		register_whole(drive.iommu, pages, wanted);
	if (err)
		snprintf(why, sizeof(why), "%s: %s", strerrorname_np(-err), nvio_last_error());
	vmt_check(nr, "%s", why);
	check_io(&drive, pages, nr);
	if (!whole)
		check_exchange(drive.iommu, pages, nr);
	printf("%u registered\n", nr);
	nvio_ctrl_close(drive.ctrl);
	fflush(stdout);
	if (err)
		fprintf(stderr, "%s\n", why);
	return err ? 1 : 0;
}
