/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles for memory, and reads and writes through them: word by word.
 */
#include <errno.h>
#include <sys/mman.h>

#include "path_bench.h"

static char *map_pages(size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void keeps_memory_registered(void)
{
	struct bench b;
	struct nvio_buffer *buffer, *other;
	char *p = map_pages(16384);

	setup(&b, 4);
	CU_ASSERT_EQUAL(nvio_buffer_open(b.iommu, p, 8192, NVIO_DMA_RW, &buffer), -EFAULT);
	CU_ASSERT_EQUAL(nvio_mem_register(b.iommu, p, 8192, NVIO_DMA_READ), 0);
	CU_ASSERT_EQUAL(nvio_buffer_open(b.iommu, p, 8192, NVIO_DMA_RW, &buffer), -EFAULT);
	CU_ASSERT_EQUAL(nvio_buffer_open(b.iommu, p + 4, 8192, NVIO_DMA_READ, &buffer), -EFAULT);
	CU_ASSERT_EQUAL(nvio_buffer_open(b.iommu, p, 0, NVIO_DMA_READ, &buffer), -EFAULT);
	CU_ASSERT_EQUAL(nvio_buffer_open(b.iommu, p + 4, 8188, NVIO_DMA_READ, &buffer), 0);
	CU_ASSERT_EQUAL(nvio_buffer_open(b.iommu, p, 4096, NVIO_DMA_READ, &other), 0);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 8192), -EBUSY);
	nvio_buffer_close(buffer);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 8192), -EBUSY);
	nvio_buffer_close(other);
	nvio_buffer_close(NULL);
	CU_ASSERT_EQUAL(nvio_mem_unregister(b.iommu, p, 8192), 0);
	teardown(&b);
	munmap(p, 16384);
}

static void reads_and_writes(void)
{
	struct bench b;
	struct nvio_buffer *buffer, *heap;
	const struct nvio_sqe *sqe;
	const uint64_t *list;
	uint64_t iova;
	char *p = map_pages(65536);

	setup(&b, 8);
	nvio_mem_register(b.iommu, p, 65536, NVIO_DMA_READ);
	nvio_mem_iova(b.iommu, p, 1, NVIO_DMA_READ, &iova);
	CU_ASSERT_EQUAL(nvio_buffer_open(b.iommu, p, 65536, NVIO_DMA_READ, &buffer), 0);
	CU_ASSERT_EQUAL(nvio_buffer_open(b.iommu, b.buf, 8192, NVIO_DMA_RW, &heap), 0);
	/* Not its rights; beyond its end; alignment; beyond the namespace. */
	CU_ASSERT_EQUAL(nvio_read_buffer(&b.qpair, &b.ns, buffer, 0, 0, 1, 0, 1), -EFAULT);
	CU_ASSERT_EQUAL(nvio_write_buffer(&b.qpair, &b.ns, buffer, 61444, 0, 1, 0, 1), -EFAULT);
	CU_ASSERT_EQUAL(nvio_write_buffer(&b.qpair, &b.ns, buffer, SIZE_MAX - 3, 0, 1, 0, 1),
			-EFAULT);
	CU_ASSERT_EQUAL(nvio_write_buffer(&b.qpair, &b.ns, buffer, 2, 0, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_write_buffer(&b.qpair, &b.ns, buffer, 0, 1000, 1, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_qpair_outstanding(&b.qpair), 0);

	CU_ASSERT_EQUAL(nvio_write_buffer(&b.qpair, &b.ns, buffer, 4096, 9, 1, NVIO_IO_FUA, 1), 0);
	CU_ASSERT_EQUAL(nvio_write_buffer(&b.qpair, &b.ns, buffer, 512, 9, 3, 0, 2), 0);
	CU_ASSERT_EQUAL(nvio_read_buffer(&b.qpair, &b.ns, heap, 4, 9, 1, 0, 3), 0);
	nvio_submit(&b.qpair);
	sqe = fetch(&b);
	CU_ASSERT_EQUAL(sqe->opcode, NVIO_NVM_WRITE);
	CU_ASSERT_EQUAL(sqe->prp1, iova + 4096);
	CU_ASSERT_EQUAL(sqe->prp2, 0);
	CU_ASSERT_EQUAL(sqe->cdw10, 9);
	CU_ASSERT_EQUAL(sqe->cdw12, NVIO_RW_FUA);
	sqe = fetch(&b);
	list = (const uint64_t *)((char *)b.qpair.lists + (size_t)sqe->cid * b.qpair.list_len);
	CU_ASSERT_EQUAL(sqe->prp1, iova + 512);
	CU_ASSERT_EQUAL(sqe->prp2, b.qpair.lists_iova + (uint64_t)sqe->cid * b.qpair.list_len);
	CU_ASSERT_EQUAL(list[0], iova + 4096);
	CU_ASSERT_EQUAL(list[1], iova + 8192);
	CU_ASSERT_EQUAL(list[2], iova + 12288);
	sqe = fetch(&b);
	nvio_mem_iova(b.iommu, b.buf, 1, NVIO_DMA_RW, &iova);
	CU_ASSERT_EQUAL(sqe->opcode, NVIO_NVM_READ);
	CU_ASSERT_EQUAL(sqe->prp1, iova + 4);
	CU_ASSERT_EQUAL(sqe->prp2, iova + 4096);
	nvio_buffer_close(heap);
	nvio_buffer_close(buffer);
	teardown(&b);
	munmap(p, 65536);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a handle keeps memory registered", keeps_memory_registered },
		{ "reads and writes through a handle", reads_and_writes },
	};

	return tap_run("buffer", tests, sizeof(tests) / sizeof(tests[0]));
}
