/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hot_reset WAY NAME...: functions that share a bus. A reset of it names them all, and resets what
 * it says.
 */
#include "vmtest.h"

#define REG_CC   0x14u
#define REG_CSTS 0x1cu
#define REG_AQA  0x24u
#define REG_ASQ  0x28u
#define REG_ACQ  0x30u
#define NR_MAX   8

static uint32_t read_reg(struct nvio_device *device, uint32_t offset)
{
	uint32_t value;

	vmt_ok(nvio_device_region_read(device, NVIO_REGION_BAR0, offset, &value, sizeof(value)));
	return value;
}

/* Enabled by hand, with admin queues that it never gets to use; a reset disables it. */
static void enable(struct nvio_device *device)
{
	static const uint32_t values[][2] = { { REG_AQA, 31u << 16 | 31u },
					      { REG_ASQ, 0x1000000 },
					      { REG_ACQ, 0x1001000 },
					      { REG_CC, 4u << 20 | 6u << 16 | 1 } };

	for (int i = 0; i < 4; i++)
		vmt_ok(nvio_device_region_write(device, NVIO_REGION_BAR0, values[i][0],
						&values[i][1], sizeof(values[i][1])));
	vmt_check(read_reg(device, REG_CSTS) == 1, "not enabled");
}

int main(int argc, char **argv)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_reset_device devices[NR_MAX];
	struct nvio_device *opened[NR_MAX];
	int nr = argc - 2, owned = 0;
	struct nvio_iommu *iommu;

	vmt_check(nr > 1 && nr <= NR_MAX, "usage: hot_reset WAY NAME...");
	opts.way = (enum nvio_way)atoi(argv[1]);
	vmt_ok(nvio_iommu_open(&opts, &iommu));
	vmt_ok(nvio_device_open(iommu, argv[2], NULL, &opened[0]));
	vmt_check(vmt_ok(nvio_device_hot_reset_info(opened[0], devices, 1)) == nr, "not %d", nr);
	for (int i = 1; i < nr; i++)
		vmt_ok(nvio_device_open(iommu, argv[2 + i], NULL, &opened[i]));
	vmt_ok(nvio_device_hot_reset_info(opened[0], devices, NR_MAX));
	for (int i = 0; i < nr; i++) {
		printf("%s, group %d, %s\n", devices[i].name, devices[i].group,
		       devices[i].owned ? "ours" : "not ours");
		vmt_check(!strcmp(devices[i].name, argv[2 + i]), "not %s", argv[2 + i]);
		owned += devices[i].owned;
		enable(opened[i]);
	}
	vmt_check(owned == nr, "%d of %d are ours", owned, nr);
	vmt_ok(nvio_device_hot_reset(opened[0]));
	for (int i = 0; i < nr; i++) {
		vmt_check(!read_reg(opened[i], REG_CC) && !read_reg(opened[i], REG_CSTS),
			  "%s was not reset", argv[2 + i]);
		nvio_device_close(opened[i]);
	}
	nvio_iommu_close(iommu);
	return 0;
}
