/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * container NAME TYPE FILE...: what an address space of TYPE says of itself is so, and what it is
 * told is obeyed.
 *
 * The files are the kernel's: lines with the start and the end of something that no IOVA may be in.
 */
#include <sys/mman.h>

#include "vmtest.h"

#define PAGE vmt_page_len()

static struct nvio_iommu_info info_of(struct nvio_iommu *iommu)
{
	struct nvio_iommu_info info;

	nvio_iommu_get_info(iommu, &info, sizeof(info));
	return info;
}

static bool in_a_range(struct nvio_iommu *iommu, uint64_t start, uint64_t last)
{
	struct nvio_iova_range range;

	for (uint32_t i = 0; i < info_of(iommu).nr_ranges; i++) {
		vmt_ok(nvio_iommu_range(iommu, i, &range));
		if (start >= range.start && last <= range.last)
			return true;
	}
	return false;
}

static void check_info(struct nvio_iommu *iommu, const char *type)
{
	struct nvio_iommu_info info = info_of(iommu);
	struct nvio_iova_range range;
	uint64_t end = 0;

	vmt_check(!strcmp(info.type, type), "it is %s", info.type);
	vmt_check(info.page_sizes & PAGE, "page sizes 0x%" PRIx64, info.page_sizes);
	vmt_check(info.nr_ranges, "no IOVA range");
	for (uint32_t i = 0; i < info.nr_ranges; i++) {
		vmt_ok(nvio_iommu_range(iommu, i, &range));
		printf("range 0x%" PRIx64 " to 0x%" PRIx64 "\n", range.start, range.last);
		vmt_check(range.start < range.last && (!i || range.start > end), "range %u", i);
		end = range.last;
	}
	vmt_refused(nvio_iommu_range(iommu, info.nr_ranges, &range), EINVAL, "there is no range");
}

/* None of a file's regions may meet a range. */
static void check_reserved(struct nvio_iommu *iommu, const char *path)
{
	FILE *f = fopen(path, "r");
	uint64_t start, last;
	unsigned int nr = 0;
	char kind[64];

	vmt_check(f, "%s: %s", path, strerror(errno));
	while (fscanf(f, "%" SCNx64 " %" SCNx64 " %63s", &start, &last, kind) == 3) {
		struct nvio_iova_range range;

		if (!last)
			continue;
		nr++;
		for (uint32_t i = 0; i < info_of(iommu).nr_ranges; i++) {
			vmt_ok(nvio_iommu_range(iommu, i, &range));
			vmt_check(last < range.start || start > range.last,
				  "0x%" PRIx64 " to 0x%" PRIx64
				  " (%s) is reserved, and in range %u",
				  start, last, kind, i);
		}
		vmt_refused(nvio_iommu_map(iommu, NULL, PAGE, start & -PAGE, NVIO_DMA_RW), EINVAL,
			    "lies outside the address space's usable ranges");
	}
	fclose(f);
	vmt_check(nr, "%s names no region", path);
}

static void check_counts(struct nvio_iommu *iommu, char *page)
{
	struct nvio_iommu_info before = info_of(iommu), after;
	uint64_t iova;

	vmt_ok(nvio_mem_register(iommu, page, PAGE, NVIO_DMA_RW));
	after = info_of(iommu);
	vmt_check(after.maps_left == before.maps_left - (before.maps_left != UINT32_MAX) &&
			  after.nr_maps == before.nr_maps + 1 &&
			  after.mapped_len == before.mapped_len + PAGE,
		  "%u left, %u in use, %" PRIu64 " bytes; before it %u, %u, %" PRIu64,
		  after.maps_left, after.nr_maps, after.mapped_len, before.maps_left,
		  before.nr_maps, before.mapped_len);
	vmt_check(nvio_mem_iova(iommu, page + 100, PAGE, NVIO_DMA_RW, &iova) == (int64_t)PAGE - 100,
		  "the page does not end where it ends");
	vmt_check(iova % PAGE == 100 && in_a_range(iommu, iova, iova + PAGE - 101),
		  "IOVA 0x%" PRIx64, iova);
	vmt_ok(nvio_mem_unregister(iommu, page, PAGE));
	after = info_of(iommu);
	vmt_check(after.maps_left == before.maps_left && after.nr_maps == before.nr_maps &&
			  after.mapped_len == before.mapped_len,
		  "a mapping is left");
}

/* The device gets no more rights than it was given, and each kind of command what it needs. */
static void check_rights(struct vmt_drive *drive, char *page)
{
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, 2, false);
	const char *refused = "is not DMA memory with the rights for this command";
	const uint32_t blocks = (uint32_t)(PAGE / drive->info.block_len);
	uint64_t iova;

	vmt_fill(page, PAGE, 7);
	vmt_ok(nvio_mem_register(drive->iommu, page, PAGE, NVIO_DMA_READ));
	vmt_refused(nvio_read(qpair, drive->ns, page, 0, blocks, 0, 0), EFAULT, refused);
	vmt_refused(nvio_mem_iova(drive->iommu, page, PAGE, NVIO_DMA_WRITE, &iova), EFAULT,
		    "is not registered with the rights");
	vmt_io(qpair, drive->ns, VMT_WRITE, page, 0, blocks);
	vmt_ok(nvio_mem_unregister(drive->iommu, page, PAGE));
	memset(page, 0, PAGE);
	vmt_ok(nvio_mem_register(drive->iommu, page, PAGE, NVIO_DMA_WRITE));
	vmt_refused(nvio_write(qpair, drive->ns, page, 0, blocks, 0, 0), EFAULT, refused);
	vmt_check(!nvio_qpair_outstanding(qpair), "a refused command is outstanding");
	vmt_io(qpair, drive->ns, VMT_READ, page, 0, blocks);
	vmt_check(vmt_holds(page, PAGE, 7), "what was written and read");
	vmt_ok(nvio_mem_unregister(drive->iommu, page, PAGE));
	nvio_qpair_free(qpair);
}

/* A file that this process may only read can be given to the device to read, and no more. */
static void check_read_only_memory(struct nvio_iommu *iommu)
{
	char *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	vmt_check(page != MAP_FAILED, "%s", strerror(errno));
	vmt_refused(nvio_mem_register(iommu, page, PAGE, NVIO_DMA_WRITE), EFAULT,
		    "is not mapped in this process with the rights 0x2");
	vmt_ok(nvio_mem_register(iommu, page, PAGE, NVIO_DMA_READ));
	vmt_ok(nvio_mem_unregister(iommu, page, PAGE));
	munmap(page, PAGE);
	vmt_refused(nvio_mem_register(iommu, page, PAGE, NVIO_DMA_READ), EFAULT,
		    "is not mapped in this process");
}

/* An IOMMU that cannot tell counts everything as written. */
static void check_dirty(struct nvio_iommu *iommu, char *pages, uint64_t iova)
{
	uint64_t bitmap = 0;

	if (strncmp(info_of(iommu).type, "type1", 5)) {
		vmt_refused(nvio_iommu_dirty_start(iommu), ENOTSUP, "no container");
		return;
	}
	vmt_ok(nvio_iommu_map(iommu, pages, 2 * PAGE, iova, NVIO_DMA_RW));
	vmt_ok(nvio_iommu_dirty_start(iommu));
	vmt_ok(nvio_iommu_dirty_read(iommu, iova, 2 * PAGE, PAGE, &bitmap, 8, false));
	vmt_check(bitmap == 3, "written: 0x%" PRIx64, bitmap);
	bitmap = 0;
	vmt_ok(nvio_iommu_dirty_read(iommu, iova, 2 * PAGE, PAGE, &bitmap, 8, true));
	vmt_check(bitmap == 3 && !info_of(iommu).nr_maps, "written: 0x%" PRIx64, bitmap);
	vmt_ok(nvio_iommu_dirty_stop(iommu));
}

/* An address space of one's own layout: no device memory is in it but what is put there. */
static void check_own_layout(const char *name, char *pages)
{
	const uint64_t iova = 16 << 20;
	struct nvio_device *device;
	struct nvio_iommu *iommu;
	char unaligned[64];

	snprintf(unaligned, sizeof(unaligned), "is not aligned to the IOMMU's page of %zu bytes",
		 PAGE);
	vmt_ok(nvio_iommu_open(NULL, &iommu));
	vmt_refused(nvio_iommu_map(iommu, pages, PAGE, iova, NVIO_DMA_RW), ENODEV,
		    "open one first");
	vmt_ok(nvio_device_open(iommu, name, NULL, &device));
	vmt_ok(nvio_iommu_map(iommu, pages, 2 * PAGE, iova, NVIO_DMA_READ));
	vmt_refused(nvio_iommu_map(iommu, pages, PAGE, iova + PAGE, NVIO_DMA_RW), EEXIST,
		    "is mapped already");
	vmt_refused(nvio_iommu_map(iommu, pages, PAGE, iova + 8, NVIO_DMA_RW), EINVAL, unaligned);
	vmt_refused(nvio_iommu_map(iommu, pages, PAGE, iova + 2 * PAGE, 4), EINVAL,
		    "0x4 are no DMA rights");
	vmt_refused(nvio_iommu_unmap(iommu, iova, PAGE), EINVAL, "");
	vmt_check(info_of(iommu).nr_maps == 1 && info_of(iommu).mapped_len == 2 * PAGE,
		  "%u mappings of %" PRIu64 " bytes", info_of(iommu).nr_maps,
		  info_of(iommu).mapped_len);
	vmt_ok(nvio_iommu_unmap(iommu, iova, 2 * PAGE));
	vmt_refused(nvio_iommu_unmap(iommu, iova, 2 * PAGE), EINVAL, "is no whole mapping");
	vmt_check(!info_of(iommu).nr_maps && !info_of(iommu).mapped_len, "a mapping is left");
	check_dirty(iommu, pages, iova);
	for (uint64_t i = 0; i < 8; i++)
		vmt_ok(nvio_iommu_map(iommu, pages, PAGE, iova + i * 2 * PAGE, NVIO_DMA_READ));
	vmt_ok(nvio_iommu_unmap_all(iommu));
	vmt_check(!info_of(iommu).nr_maps && !info_of(iommu).mapped_len, "a mapping is left");
	vmt_ok(nvio_iommu_map(iommu, pages, 2 * PAGE, iova, NVIO_DMA_READ));
	nvio_device_close(device);
	nvio_iommu_close(iommu);
}

int main(int argc, char **argv)
{
	struct vmt_drive drive;
	char *pages = vmt_pages(2 * PAGE);

	vmt_check(argc > 3, "usage: container NAME TYPE FILE...");
	vmt_open(&drive, argv[1], NULL);
	check_info(drive.iommu, argv[2]);
	for (int i = 3; i < argc; i++)
		check_reserved(drive.iommu, argv[i]);
	check_counts(drive.iommu, pages);
	check_rights(&drive, pages);
	check_read_only_memory(drive.iommu);
	nvio_ctrl_close(drive.ctrl);
	check_own_layout(argv[1], pages);
	free(pages);
	return 0;
}
