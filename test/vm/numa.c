/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * numa BDF NODE: DMA memory is on the device's NUMA node, whichever node the thread runs on: memory
 * that is hugepages where the node has some, and ordinary pages.
 */
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmtest.h"

static int node_of(const void *addr)
{
	int node = -1;

	vmt_check(!syscall(SYS_get_mempolicy, &node, NULL, 0, addr, MPOL_F_NODE | MPOL_F_ADDR),
		  "%s", strerror(errno));
	return node;
}

static void check_heap(const char *bdf, int node, size_t page_len, const char *backing)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;
	struct nvio_heap_opts heap = NVIO_HEAP_OPTS;
	struct nvio_ctrl_info ctrl_info;
	struct nvio_heap_info info;
	struct nvio_ctrl *ctrl;
	char *p;

	heap.page_len = page_len;
	vmt_ok(nvio_iommu_open(NULL, &opts.iommu));
	vmt_ok(nvio_heap_open(opts.iommu, &heap));
	vmt_ok(nvio_ctrl_open(bdf, &opts, &ctrl));
	nvio_ctrl_get_info(ctrl, &ctrl_info, sizeof(ctrl_info));
	vmt_check(ctrl_info.numa_node == node, "it is %d", ctrl_info.numa_node);
	p = nvio_alloc(opts.iommu, 4u << 20, 4096);
	vmt_check(p, "%s", nvio_last_error());
	nvio_heap_get_info(opts.iommu, &info, sizeof(info));
	vmt_check(!strcmp(info.backing, backing), "it is %s", info.backing);
	for (size_t offset = 0; offset < 4u << 20; offset += 4096)
		vmt_check(node_of(p + offset) == node, "page at %zu is on node %d", offset,
			  node_of(p + offset));
	nvio_ctrl_close(ctrl);
	nvio_iommu_close(opts.iommu);
}

int main(int argc, char **argv)
{
	vmt_check(argc == 3, "usage: numa BDF NODE");
	check_heap(argv[1], atoi(argv[2]), 2u << 20, "hugetlbfs");
	check_heap(argv[1], atoi(argv[2]), NVIO_HEAP_NO_HUGE, "memfd");
	return 0;
}
