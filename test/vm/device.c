/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * device BDF: a controller as a mere PCI device, through vfio.h alone: regions, configuration
 * space, interrupts, mappings of the caller's own, and a reset that undoes what was written.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmtest.h"

#define REG_VS   0x08u
#define REG_CC   0x14u
#define REG_CSTS 0x1cu
#define REG_AQA  0x24u
#define REG_ASQ  0x28u
#define REG_ACQ  0x30u
#define PCI_ID   0x00u
#define COMMAND  0x04u
#define PAGE     4096u

/* The last error may say why a check failed. */
#define CHECK(cond) vmt_check(cond, "%s", nvio_last_error())

static uint16_t command(struct nvio_device *device)
{
	uint16_t value;

	CHECK(!nvio_device_region_read(device, NVIO_REGION_CONFIG, COMMAND, &value, sizeof(value)));
	return value;
}

static void check_regions(struct nvio_device *device)
{
	struct nvio_region_info info;
	uint32_t id, mapped, called;
	void *regs, *part;

	CHECK(!nvio_device_region(device, NVIO_REGION_BAR0, &info, sizeof(info)));
	CHECK(info.len >= 0x2000 && info.nr_areas >= 1 && info.areas[0].len >= 0x2000);
	CHECK(!nvio_device_region_map(device, NVIO_REGION_BAR0, 0, PAGE, &regs));
	/* Not on a page's border: the address is that of the offset all the same. */
	CHECK(!nvio_device_region_map(device, NVIO_REGION_BAR0, 8, 4, &part));
	for (uint32_t offset = 0; offset <= 8; offset += 4) {
		CHECK(!nvio_device_region_read(device, NVIO_REGION_BAR0, offset, &called, 4));
		mapped = *(volatile uint32_t *)((char *)regs + offset);
		CHECK(mapped == called && mapped != UINT32_MAX);
	}
	CHECK(*(volatile uint32_t *)part == called);
	CHECK(nvio_device_region_map(device, NVIO_REGION_CONFIG, 0, 256, &part) == -ENOTSUP);
	CHECK(nvio_device_region_map(device, NVIO_REGION_BAR0, info.len, 4, &part) == -EINVAL);
	CHECK(nvio_device_region_read(device, NVIO_REGION_BAR0, info.len - 2, &called, 4) ==
	      -EINVAL);
	CHECK(nvio_device_region_read(device, 99, 0, &called, 4) == -EINVAL);
	CHECK(!nvio_device_region_read(device, NVIO_REGION_CONFIG, PCI_ID, &id, sizeof(id)));
	CHECK((id & 0xffff) == 0x1b36);
}

static void check_command(struct nvio_device *device)
{
	CHECK(!(command(device) & 4));
	CHECK(!nvio_device_bus_master(device, true) && (command(device) & 4));
	CHECK(!nvio_device_intx(device, false) && (command(device) & 1024));
	CHECK(!nvio_device_bus_master(device, false) && !(command(device) & 4));
	CHECK(!nvio_device_intx(device, true) && !(command(device) & 1024));
}

static void check_irqs(struct nvio_device *device)
{
	struct nvio_irq_info info;

	CHECK(!nvio_device_irq(device, NVIO_IRQ_MSIX, &info, sizeof(info)) &&
	      info.nr_vectors == 65);
	CHECK(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 66) == -EINVAL);
	CHECK(nvio_device_irq_set(device, NVIO_IRQ_MSIX, 0, -1) == -EINVAL);
	CHECK(!nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 4));
	CHECK(nvio_device_irq_enable(device, NVIO_IRQ_INTX, 1) == -EBUSY);
	CHECK(nvio_device_irq_set(device, NVIO_IRQ_MSIX, 4, -1) == -EINVAL);
	CHECK(!nvio_device_irq_disable(device, NVIO_IRQ_MSIX));
	CHECK(!nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 65));
	CHECK(!nvio_device_irq_disable(device, NVIO_IRQ_MSIX));
	CHECK(nvio_device_irq(device, (enum nvio_irq)99, &info, sizeof(info)) == -EINVAL);
}

/* From the kernel to us and back: signalled by call, masked and unmasked where that can be. */
static void check_loopback(struct nvio_device *device)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct nvio_irq_info info;
	eventfd_t value = 0;

	CHECK(!nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 4));
	CHECK(!nvio_device_irq_set(device, NVIO_IRQ_MSIX, 3, fd));
	CHECK(!nvio_device_irq_trigger(device, NVIO_IRQ_MSIX, 2));
	CHECK(eventfd_read(fd, &value) && errno == EAGAIN);
	CHECK(!nvio_device_irq_trigger(device, NVIO_IRQ_MSIX, 3));
	CHECK(!eventfd_read(fd, &value) && value == 1);
	CHECK(nvio_device_irq_mask(device, NVIO_IRQ_MSIX, 3) == -ENOTSUP);
	CHECK(!nvio_device_irq_disable(device, NVIO_IRQ_MSIX));
	CHECK(!nvio_device_irq(device, NVIO_IRQ_INTX, &info, sizeof(info)) && info.nr_vectors == 1);
	CHECK(!nvio_device_irq_enable(device, NVIO_IRQ_INTX, 1));
	CHECK(!nvio_device_irq_set(device, NVIO_IRQ_INTX, 0, fd));
	CHECK(!nvio_device_irq_trigger(device, NVIO_IRQ_INTX, 0));
	CHECK(!eventfd_read(fd, &value) && value == 1);
	CHECK(!nvio_device_irq_mask(device, NVIO_IRQ_INTX, 0));
	CHECK(!nvio_device_irq_unmask(device, NVIO_IRQ_INTX, 0));
	CHECK(!nvio_device_irq_unmask_fd(device, NVIO_IRQ_INTX, fd));
	CHECK(!nvio_device_irq_disable(device, NVIO_IRQ_INTX));
	close(fd);
}

/* What this function's driver offers in both kernels, and a feature that none has for it. */
static void check_features(struct nvio_device *device)
{
	struct nvio_reset_device devices[64];
	int nr;

	for (int i = 0; i < NVIO_NR_FEATURES; i++) {
		int err = nvio_device_feature_probe(device, (enum nvio_feature)i);

		CHECK(!err || err == -ENOTSUP);
		printf("%s: %s\n", nvio_feature_name((enum nvio_feature)i), err ? "no" : "yes");
	}
	CHECK(nvio_device_feature_probe(device, NVIO_FEATURE_MIGRATION) == -ENOTSUP);
	CHECK(nvio_device_vf_token(device, "no token") == -EINVAL);
	CHECK(nvio_device_caps(device, NULL, 0) >= 0);
	nr = nvio_device_hot_reset_info(device, devices, 64);
	CHECK(nr == -ENOTSUP || (nr > 0 && nr <= 64));
	for (int i = 0; i < nr; i++)
		printf("a hot reset takes %s along, %s\n", devices[i].name,
		       devices[i].owned ? "ours" : "not ours");
}

/* A register that the kernel writes when it is told by an eventfd. */
static void check_ioeventfd(struct nvio_device *device)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	uint32_t zero = 0, value = 0;

	CHECK(!nvio_device_region_write(device, NVIO_REGION_BAR0, REG_AQA, &zero, sizeof(zero)));
	CHECK(!nvio_device_ioeventfd(device, NVIO_REGION_BAR0, REG_AQA, 4, 0x00030005, fd));
	CHECK(nvio_device_ioeventfd(device, NVIO_REGION_BAR0, REG_AQA, 4, 0x00030005, fd) ==
	      -EEXIST);
	CHECK(!eventfd_write(fd, 1));
	for (int i = 0; i < 1000 && !value; i++) {
		usleep(1000);
		CHECK(!nvio_device_region_read(device, NVIO_REGION_BAR0, REG_AQA, &value, 4));
	}
	CHECK(value == 0x00030005);
	CHECK(!nvio_device_ioeventfd(device, NVIO_REGION_BAR0, REG_AQA, 4, 0x00030005, -1));
	CHECK(!nvio_device_region_write(device, NVIO_REGION_BAR0, REG_AQA, &zero, sizeof(zero)));
	close(fd);
}

/* Asleep and awake again: its registers are there as before, once it is in order. */
static void check_sleep(struct nvio_device *device)
{
	uint32_t before, asleep, after;
	volatile uint32_t *vs;
	void *registers;

	if (nvio_device_feature_probe(device, NVIO_FEATURE_LOW_POWER))
		return;
	CHECK(!nvio_device_region_read(device, NVIO_REGION_BAR0, REG_VS, &before, sizeof(before)));
	CHECK(!nvio_device_region_map(device, NVIO_REGION_BAR0, 0, 4096, &registers));
	vs = (volatile uint32_t *)((char *)registers + REG_VS);
	CHECK(*vs == before);
	CHECK(!nvio_device_sleep(device, -1));
	CHECK(nvio_device_sleep(device, -1) == -EINVAL);
	/* By call it is used as ever: the kernel wakes it for that. */
	CHECK(!nvio_device_region_read(device, NVIO_REGION_BAR0, REG_VS, &asleep, sizeof(asleep)));
	CHECK(asleep == before);
	/* Mapped, they are not there; nobody gets a SIGBUS. */
	CHECK(*vs == UINT32_MAX);
	CHECK(!nvio_device_wake(device));
	CHECK(!nvio_device_region_read(device, NVIO_REGION_BAR0, REG_VS, &after, sizeof(after)));
	CHECK(before == after && before != UINT32_MAX);
	CHECK(*vs == before);
}

static void check_maps(struct nvio_iommu *iommu)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nvio_iommu_info before, after;
	struct nvio_iova_range range;
	uint32_t limited;
	uint64_t iova;

	CHECK(p != MAP_FAILED && !nvio_iommu_range(iommu, 0, &range));
	iova = (range.start + 0xffffff) & ~0xfffffull;
	nvio_iommu_get_info(iommu, &before, sizeof(before));
	limited = before.maps_left != UINT32_MAX;
	CHECK(!nvio_iommu_map(iommu, p, 2 * PAGE, iova, NVIO_DMA_READ));
	CHECK(nvio_iommu_map(iommu, p, PAGE, iova + PAGE, NVIO_DMA_RW) == -EEXIST);
	CHECK(nvio_iommu_map(iommu, p + 1, PAGE, iova + 4 * PAGE, NVIO_DMA_RW) == -EINVAL);
	CHECK(nvio_iommu_map(iommu, p, PAGE, iova + 4 * PAGE, 0) == -EINVAL);
	CHECK(nvio_iommu_map(iommu, p, PAGE, 0xfee00000, NVIO_DMA_RW) == -EINVAL);
	CHECK(nvio_iommu_unmap(iommu, iova, PAGE) == -EINVAL);
	nvio_iommu_get_info(iommu, &after, sizeof(after));
	CHECK(after.nr_maps == before.nr_maps + 1 && after.maps_left == before.maps_left - limited);
	CHECK(after.mapped_len == before.mapped_len + 2 * PAGE);
	CHECK(!nvio_iommu_unmap(iommu, iova, 2 * PAGE));
	/* Memory that is not there cannot be pinned. */
	CHECK(!munmap(p + 2 * PAGE, PAGE));
	CHECK(nvio_iommu_map(iommu, p, 4 * PAGE, iova, NVIO_DMA_RW) == -EFAULT);
	nvio_iommu_get_info(iommu, &after, sizeof(after));
	CHECK(after.nr_maps == before.nr_maps && after.mapped_len == before.mapped_len);
}

static uint32_t read_reg(struct nvio_device *device, uint32_t offset)
{
	uint32_t value;

	CHECK(!nvio_device_region_read(device, NVIO_REGION_BAR0, offset, &value, sizeof(value)));
	return value;
}

static void write_reg(struct nvio_device *device, uint32_t offset, uint32_t value)
{
	CHECK(!nvio_device_region_write(device, NVIO_REGION_BAR0, offset, &value, sizeof(value)));
}

/* Enabled by hand, with admin queues that it never gets to use; the reset disables it. */
static void check_reset(struct nvio_device *device)
{
	struct nvio_device_info info;

	nvio_device_get_info(device, &info, sizeof(info));
	CHECK(info.can_reset && info.class_code == 0x010802);
	write_reg(device, REG_AQA, 31u << 16 | 31u);
	write_reg(device, REG_ASQ, 0x1000000);
	write_reg(device, REG_ASQ + 4, 0);
	write_reg(device, REG_ACQ, 0x1001000);
	write_reg(device, REG_ACQ + 4, 0);
	write_reg(device, REG_CC, 4u << 20 | 6u << 16 | 1);
	CHECK(read_reg(device, REG_CSTS) == 1);
	CHECK(!nvio_device_reset(device));
	CHECK(read_reg(device, REG_CSTS) == 0);
	CHECK(read_reg(device, REG_CC) == 0);
}

int main(int argc, char **argv)
{
	struct nvio_iommu *iommu;
	struct nvio_device *device;

	CHECK(argc == 2);
	CHECK(!nvio_iommu_open(NULL, &iommu));
	CHECK(!nvio_device_open(iommu, argv[1], NULL, &device));
	check_regions(device);
	check_command(device);
	check_irqs(device);
	check_loopback(device);
	check_features(device);
	check_ioeventfd(device);
	check_sleep(device);
	check_maps(iommu);
	check_reset(device);
	/* The device holds the address space. */
	nvio_iommu_close(iommu);
	nvio_device_close(device);
	return 0;
}
