/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd FIRST SECOND [new]: address spaces of iommufd with two drives, the first of which has a
 * controller memory buffer at address 0 of its BAR 2. "new": the kernel maps files, and gives out
 * dma-bufs.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "vmtest.h"

#define LEN   65536u
#define IOVA  UINT64_C(0x4000000000)
#define CMB   2u
#define KEY_A 11u
#define KEY_B 22u

static struct nvio_iommu *open_space(struct nvio_iommu *beside)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_iommu *iommu;

	opts.way = NVIO_WAY_CDEV;
	opts.beside = beside;
	vmt_ok(nvio_iommu_open(&opts, &iommu));
	return iommu;
}

static void write_key(struct vmt_drive *drive, char *data, uint64_t key)
{
	vmt_fill(data, LEN, key);
	vmt_io(vmt_qpair(drive->ctrl, 4, false), drive->ns, VMT_WRITE, data, 0,
	       LEN / drive->info.block_len);
}

static void read_key(struct vmt_drive *drive, char *data, uint64_t key)
{
	memset(data, 0, LEN);
	vmt_io(vmt_qpair(drive->ctrl, 4, false), drive->ns, VMT_READ, data, 0,
	       LEN / drive->info.block_len);
	vmt_check(vmt_holds(data, LEN, key), "key %" PRIu64 " is not what was read", key);
}

/* Two drives in one address space: what is mapped once serves both. */
static void check_shared(const char *first, const char *second)
{
	struct nvio_iommu *iommu = open_space(NULL);
	struct nvio_iommu_info info;
	struct nvio_heap_info heap;
	struct vmt_drive a, b;
	char *data;

	vmt_open(&a, first, iommu);
	vmt_open(&b, second, iommu);
	data = vmt_alloc(iommu, LEN);
	write_key(&a, data, KEY_A);
	write_key(&b, data, KEY_B);
	read_key(&a, data, KEY_A);
	read_key(&b, data, KEY_B);
	nvio_iommu_get_info(iommu, &info, sizeof(info));
	nvio_heap_get_info(iommu, &heap, sizeof(heap));
	vmt_check(info.nr_maps == heap.nr_regions && info.mapped_len == heap.len,
		  "%u maps of %" PRIu64 " bytes", info.nr_maps, info.mapped_len);
	nvio_ctrl_close(a.ctrl);
	read_key(&b, data, KEY_B);
	nvio_ctrl_close(b.ctrl);
	nvio_iommu_close(iommu);
}

static void check_options(struct nvio_iommu *iommu, struct nvio_device *device)
{
	const struct nvio_iova_range fine = { 0x100000000, 0x1ffffffff };
	const struct nvio_iova_range taken = { 0, 0xffffffff }; /* there are interrupts in it */
	struct nvio_iommu_hw hw;
	bool value = false;

	vmt_ok(nvio_device_iommu_hw(device, &hw, sizeof(hw)));
	vmt_check(hw.type == 1, "IOMMU of type %u", hw.type);
	vmt_ok(nvio_iommu_option(iommu, NVIO_IOMMU_LARGE_PAGES, false, &value));
	vmt_check(value, "large pages are off");
	value = true;
	vmt_ok(nvio_iommu_option(iommu, NVIO_IOMMU_MEMLOCK_OF_PROCESS, false, &value));
	vmt_check(!value, "memory counts for the process");
	value = true;
	vmt_refused(nvio_iommu_option(iommu, NVIO_IOMMU_MEMLOCK_OF_PROCESS, true, &value), EBUSY,
		    "option 0 of iommufd");
	vmt_ok(nvio_iommu_allow(iommu, &fine, 1));
	vmt_refused(nvio_iommu_allow(iommu, &taken, 1), EADDRINUSE, "cannot be kept usable");
}

/* Large pages are an option of an address space without maps. */
static void check_large_pages(const char *name)
{
	struct nvio_iommu *iommu = open_space(NULL);
	struct nvio_device *device;
	bool value = false;

	vmt_ok(nvio_device_open(iommu, name, NULL, &device));
	vmt_ok(nvio_iommu_option(iommu, NVIO_IOMMU_LARGE_PAGES, true, &value));
	value = true;
	vmt_ok(nvio_iommu_option(iommu, NVIO_IOMMU_LARGE_PAGES, false, &value));
	vmt_check(!value, "large pages are on");
	nvio_device_close(device);
	nvio_iommu_close(iommu);
}

/* Pinned once, mapped in two address spaces; the copy stays when the first map goes. */
static void check_copy(struct vmt_drive *a, struct vmt_drive *b)
{
	char *own = vmt_pages(LEN);
	struct nvio_iommu_info before, after;
	uint64_t iova;

	vmt_ok(nvio_mem_register(a->iommu, own, LEN, NVIO_DMA_RW));
	vmt_check(nvio_mem_iova(a->iommu, own, LEN, NVIO_DMA_RW, &iova) == LEN, "in pieces");
	nvio_iommu_get_info(b->iommu, &before, sizeof(before));
	vmt_refused(nvio_iommu_copy(a->iommu, iova, LEN / 2, b->iommu, IOVA, NVIO_DMA_RW), EINVAL,
		    "is no whole map");
	vmt_ok(nvio_iommu_copy(a->iommu, iova, LEN, b->iommu, IOVA, NVIO_DMA_RW));
	vmt_refused(nvio_iommu_copy(a->iommu, iova, LEN, b->iommu, IOVA, NVIO_DMA_RW), EEXIST,
		    "is mapped already");
	nvio_iommu_get_info(b->iommu, &after, sizeof(after));
	vmt_check(after.mapped_len == before.mapped_len + LEN, "%" PRIu64 " more bytes",
		  after.mapped_len - before.mapped_len);
	read_key(a, own, KEY_A);
	vmt_ok(nvio_mem_unregister(a->iommu, own, LEN));
	vmt_ok(nvio_iommu_unmap(b->iommu, IOVA, LEN));
	vmt_refused(nvio_iommu_unmap(b->iommu, IOVA, LEN), EINVAL, "no whole mapping");
	free(own);
}

/* A file, wherever it is mapped: what the drive writes is in it. */
static void check_file(struct vmt_drive *a, bool is_new)
{
	int fd = memfd_create("file", 0), err;
	char *own, again[4096];

	vmt_check(!ftruncate(fd, 2 * LEN), "no file");
	err = nvio_iommu_map_file(a->iommu, fd, 0, LEN, IOVA, NVIO_DMA_RW);
	vmt_check(err == (is_new ? 0 : -ENOTSUP), "%d: %s", err, nvio_last_error());
	if (!err)
		vmt_ok(nvio_iommu_unmap(a->iommu, IOVA, LEN));
	own = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, LEN);
	vmt_check(own != MAP_FAILED, "%s", strerror(errno));
	vmt_ok(nvio_mem_register_file(a->iommu, own, LEN, NVIO_DMA_RW, fd, LEN));
	read_key(a, own, KEY_A);
	vmt_check(pread(fd, again, sizeof(again), LEN) == sizeof(again) &&
			  !memcmp(again, own, sizeof(again)),
		  "the file holds something else");
	vmt_ok(nvio_mem_unregister(a->iommu, own, LEN));
	munmap(own, LEN);
	close(fd);
}

/* From drive to drive: the second one's data goes into the first one's memory, and back from it. */
static void check_dmabuf(struct vmt_drive *a, struct vmt_drive *b)
{
	struct nvio_device *device = nvio_ctrl_device(a->ctrl);
	uint32_t blocks = LEN / b->info.block_len;
	struct nvio_qpair *qpair = vmt_qpair(b->ctrl, 4, false);
	char *data = vmt_alloc(b->iommu, LEN);
	void *cmb;
	int fd;

	vmt_ok(nvio_device_region_map(device, CMB, 0, LEN, &cmb));
	fd = (int)vmt_ok(nvio_device_dmabuf(device, CMB, 0, LEN));
	vmt_ok(nvio_mem_register_file(b->iommu, cmb, LEN, NVIO_DMA_RW, fd, 0));
	memset(cmb, 0, LEN);
	vmt_io(qpair, b->ns, VMT_READ, cmb, 0, blocks);
	memcpy(data, cmb, LEN);
	vmt_check(vmt_holds(data, LEN, KEY_B), "the buffer holds something else");
	vmt_fill(data, LEN, 33);
	memcpy(cmb, data, LEN);
	vmt_io(qpair, b->ns, VMT_WRITE, cmb, blocks, blocks);
	memset(data, 0, LEN);
	vmt_io(qpair, b->ns, VMT_READ, data, blocks, blocks);
	vmt_check(vmt_holds(data, LEN, 33), "the drive holds something else");
	vmt_ok(nvio_mem_unregister(b->iommu, cmb, LEN));
	close(fd);
	printf("from drive to drive\n");
}

/* No function that can be had here has PASIDs: what the kernel says to that changes nothing, for
 * commands under way either. */
static void check_pasid(struct vmt_drive *a)
{
	struct nvio_device *device = nvio_ctrl_device(a->ctrl);
	struct nvio_qpair *qpair = vmt_qpair(a->ctrl, 16, false);
	uint32_t blocks = LEN / 16 / a->info.block_len;
	char *data = vmt_alloc(a->iommu, LEN);
	struct nvio_iommu *space = open_space(a->iommu);
	struct nvio_iommu_info before, after;
	struct nvio_completion done[16];
	struct nvio_iommu_hw hw;

	vmt_ok(nvio_device_iommu_hw(device, &hw, sizeof(hw)));
	vmt_check(!hw.max_pasid_log2, "2^%u PASIDs", hw.max_pasid_log2);
	memset(data, 0, LEN);
	nvio_iommu_get_info(a->iommu, &before, sizeof(before));
	for (uint32_t i = 0; i < 16; i++)
		vmt_ok(nvio_read(qpair, a->ns, data + i * (LEN / 16), i * blocks, blocks, 0, i));
	vmt_ok(nvio_submit(qpair));
	vmt_refused(nvio_device_attach_pasid(device, 7, space), ENOTSUP,
		    "the device, or the IOMMU above it, has no PASIDs");
	/* Both kernels say the same, one because it does not know what PASIDs are. */
	vmt_check(strstr(nvio_last_error(), "(Invalid argument)"), "'%s'", nvio_last_error());
	printf("%s\n", nvio_last_error());
	vmt_check(nvio_wait(qpair, done, 16, 16, VMT_PATIENCE_NS) == 16, "reads are missing");
	for (uint32_t i = 0; i < 16; i++)
		vmt_check(!done[i].status, "status 0x%x", done[i].status);
	vmt_check(vmt_holds(data, LEN, KEY_A), "the reads brought something else");
	vmt_refused(nvio_device_detach_pasid(device, 7), ENOENT, "PASID 7 is not attached");
	nvio_iommu_get_info(a->iommu, &after, sizeof(after));
	vmt_check(after.nr_maps == before.nr_maps && after.mapped_len == before.mapped_len,
		  "%u maps of %" PRIu64 " bytes", after.nr_maps, after.mapped_len);
	/* Nothing holds the space that was refused. */
	nvio_iommu_close(space);
	write_key(a, data, KEY_A);
	read_key(a, data, KEY_A);
}

int main(int argc, char **argv)
{
	bool is_new = argc > 3;
	struct nvio_iommu *first, *second;
	struct vmt_drive a, b;

	vmt_check(argc > 2, "usage: iommufd FIRST SECOND [new]");
	check_shared(argv[1], argv[2]);
	check_large_pages(argv[1]);
	first = open_space(NULL);
	vmt_open(&a, argv[1], first);
	second = open_space(first);
	vmt_open(&b, argv[2], second);
	check_options(first, nvio_ctrl_device(a.ctrl));
	check_copy(&a, &b);
	check_file(&a, is_new);
	check_pasid(&a);
	if (is_new)
		check_dmabuf(&a, &b);
	else
		vmt_refused(nvio_device_dmabuf(nvio_ctrl_device(a.ctrl), CMB, 0, LEN), ENOTSUP,
			    "has no feature 11");
	nvio_ctrl_close(b.ctrl);
	nvio_iommu_close(second);
	nvio_ctrl_close(a.ctrl);
	nvio_iommu_close(first);
	return 0;
}
