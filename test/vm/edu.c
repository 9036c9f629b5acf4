/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * edu BDF: a device that is no controller, QEMU's for teaching, through vfio.h alone: its DMA in
 * both directions, told of by MSI, which QEMU's controller lacks.
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "vmtest.h"

/* Of BAR 0; QEMU's docs/specs/edu. */
#define REG_ID     0x00u
#define REG_CHECK  0x04u /* reads as what was written, inverted */
#define REG_STATUS 0x24u /* of interrupts */
#define REG_RAISE  0x60u
#define REG_ACK    0x64u
#define REG_FROM   0x80u
#define REG_TO     0x88u
#define REG_LEN    0x90u
#define REG_START  0x98u
#define START      1u
#define TO_MEMORY  2u
#define AND_TELL   4u
#define DMA_DONE   0x100u
#define BUFFER     0x40000u /* of the device's, as its DMA sees it: a page */
#define LEN        2048u /* QEMU 7.2 ends itself when all of the page is asked for */
#define PAGE       4096u
#define IOVA       0x100000u /* it has 28 bits of addresses */

static struct nvio_device *device;

static uint32_t get(uint32_t offset)
{
	uint32_t value;

	vmt_ok(nvio_device_region_read(device, NVIO_REGION_BAR0, offset, &value, sizeof(value)));
	return value;
}

static void put(uint32_t offset, uint32_t value)
{
	vmt_ok(nvio_device_region_write(device, NVIO_REGION_BAR0, offset, &value, sizeof(value)));
}

/* One interrupt comes, once, and says what it is for. */
static void expect(int fd, uint32_t status)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	eventfd_t nr;

	vmt_check(poll(&ready, 1, 60000) == 1, "no interrupt");
	vmt_check(!eventfd_read(fd, &nr) && nr == 1, "not one interrupt");
	vmt_check(get(REG_STATUS) == status, "status 0x%x", get(REG_STATUS));
	put(REG_ACK, status);
	vmt_check(!get(REG_STATUS), "status 0x%x after it", get(REG_STATUS));
	vmt_check(!poll(&ready, 1, 20), "an interrupt too many");
}

static void move(int fd, uint32_t from, uint32_t to, uint32_t how)
{
	put(REG_FROM, from);
	put(REG_TO, to);
	put(REG_LEN, LEN);
	put(REG_START, START | how | AND_TELL);
	expect(fd, DMA_DONE);
}

int main(int argc, char **argv)
{
	struct nvio_irq_info info;
	struct nvio_iommu *iommu;
	char *memory;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	vmt_check(argc == 2 && fd >= 0, "usage: edu BDF");
	vmt_ok(nvio_iommu_open(NULL, &iommu));
	vmt_ok(nvio_device_open(iommu, argv[1], NULL, &device));
	vmt_check((get(REG_ID) & 0xff) == 0xed, "it is 0x%x", get(REG_ID));
	put(REG_CHECK, 0x12345678);
	vmt_check(get(REG_CHECK) == ~0x12345678u, "it says 0x%x", get(REG_CHECK));

	vmt_ok(nvio_device_irq(device, NVIO_IRQ_MSI, &info, sizeof(info)));
	vmt_check(info.nr_vectors == 1, "%u vectors", info.nr_vectors);
	vmt_ok(nvio_device_bus_master(device, true)); /* an MSI is a DMA */
	vmt_ok(nvio_device_irq_enable(device, NVIO_IRQ_MSI, 1));
	vmt_ok(nvio_device_irq_set(device, NVIO_IRQ_MSI, 0, fd));
	for (uint32_t i = 1; i <= 100; i++) {
		put(REG_RAISE, i);
		expect(fd, i);
	}

	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vmt_check(memory != MAP_FAILED, "no memory");
	vmt_ok(nvio_iommu_map(iommu, memory, 2 * PAGE, IOVA, NVIO_DMA_RW));
	for (unsigned char i = 1; i <= 10; i++) {
		vmt_fill(memory, LEN, i);
		move(fd, IOVA, BUFFER, 0);
		move(fd, BUFFER, IOVA + PAGE, TO_MEMORY);
		vmt_check(!memcmp(memory, memory + PAGE, LEN), "round %u: other data", i);
	}
	vmt_ok(nvio_iommu_unmap(iommu, IOVA, 2 * PAGE));

	vmt_ok(nvio_device_irq_disable(device, NVIO_IRQ_MSI));
	put(REG_RAISE, 1);
	vmt_check(!poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 100), "not disabled");
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	return 0;
}
