/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device behind a vfio-user socket, with what other people's servers do differently: registers
 * only at addresses that somebody assigned, MSI-X that must be switched on, small messages, regions
 * that cannot be mapped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio/user.h"
#include "tap.h"
#include "user_server.h"

static struct user_server server;
static struct nvio_iommu *iommu;
static struct nvio_device device;

static uint32_t config32(uint32_t offset)
{
	uint32_t value;

	memcpy(&value, server.config + offset, sizeof(value));
	return value;
}

static uint64_t config64(uint32_t offset)
{
	return config32(offset) | (uint64_t)config32(offset + 4) << 32;
}

/* Opens the device of the server as it is set up. Returns what opening did. */
static int open_device(void)
{
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(NULL, &iommu), 0);
	memset(&device, 0, sizeof(device));
	strcpy(device.name, "vfio-user:test");
	device.iommu = iommu;
	return nvio_user_open_device(iommu, user_server_start(&server), &device);
}

static void close_device(void)
{
	nvio_device_unmap_regions(&device);
	device.ops->close(&device);
	nvio_iommu_close(iommu);
	user_server_stop(&server);
}

static void setup(void)
{
	user_server_init(&server);
}

static void identity(void)
{
	setup();
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(device.pci.vendor, 0x1b36);
	CU_ASSERT_EQUAL(device.pci.device, 0x0010);
	CU_ASSERT_EQUAL(device.pci.class_code, 0x010802);
	/* An index that the function has not is an empty region. */
	CU_ASSERT_EQUAL(device.regions[SERVER_BAR_INDEX].info.len, SERVER_BAR_LEN);
	CU_ASSERT_EQUAL(device.regions[SERVER_MISSING].info.len, 0);
	close_device();
}

/* Asked as the protocol has it, answered with what the server's kernel adds. */
static void device_information(void)
{
	setup();
	server.info_tail = 8;
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(server.requests[1].command, 4);
	CU_ASSERT_EQUAL(server.requests[1].size, 32);
	CU_ASSERT_EQUAL(server.requests[1].payload[0], 16);
	CU_ASSERT_EQUAL(device.nr_regions, SERVER_REGIONS);
	CU_ASSERT_EQUAL(device.nr_irqs, 5);
	close_device();
}

/* Aligned, apart from each other, and where no memory is mapped for DMA. */
static void bars_get_addresses(void)
{
	struct nvio_iova_range range;
	uint64_t bar0, bar4;

	setup();
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	bar0 = config64(0x10);
	bar4 = config32(0x20);
	CU_ASSERT_EQUAL(bar0 & (SERVER_BAR_LEN - 1), 4);
	CU_ASSERT(bar0 > 15);
	CU_ASSERT_EQUAL(bar4 & 0xfff, 0);
	CU_ASSERT(bar4 > 15);
	CU_ASSERT_EQUAL(config32(0x14) && config32(0x24), 0);
	CU_ASSERT_EQUAL(config32(4) & 2, 2);
	for (uint32_t i = 0; !nvio_iommu_range(iommu, i, &range); i++) {
		CU_ASSERT(bar0 > range.last || bar0 + SERVER_BAR_LEN <= range.start);
		CU_ASSERT(bar4 > range.last || bar4 + 4096 <= range.start);
	}
	close_device();
}

/* Addresses that are there stay. */
static void bars_keep_addresses(void)
{
	setup();
	server.config[0x13] = 0xfe;
	server.config[0x22] = 0xc0;
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(config64(0x10), 0xfe000004);
	CU_ASSERT_EQUAL(config32(0x20), 0xc00000);
	close_device();
	setup();
	server.config[0x14] = 1;
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(config64(0x10), 0x100000004);
	close_device();
	/* A server that keeps none goes by messages alone. */
	setup();
	server.bar_error = EINVAL;
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(config64(0x10), 4);
	close_device();
}

/* As the kernel does it: configuration space is there again after a reset. */
static void reset_keeps_configuration(void)
{
	setup();
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(nvio_device_bus_master(&device, true), 0);
	CU_ASSERT_EQUAL(nvio_device_intx(&device, false), 0);
	CU_ASSERT_EQUAL(nvio_device_reset(&device), 0);
	CU_ASSERT_EQUAL(user_server_count(&server, 13), 1);
	CU_ASSERT(config64(0x10) > 15);
	CU_ASSERT_EQUAL(config32(4) & 0x406, 0x406);
	close_device();
}

static uint32_t vector_control(uint32_t vector)
{
	return server.bar[SERVER_TABLE + 16 * vector + 12];
}

/* MSI-X is on, and no more vectors are unmasked than have an eventfd. */
static void msix_is_switched_on(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	setup();
	server.config[SERVER_MSIX + 3] = 0x40;
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(&device, NVIO_IRQ_MSIX, 3), 0);
	CU_ASSERT_EQUAL(server.config[SERVER_MSIX + 3] & 0x80, 0);
	CU_ASSERT_EQUAL(nvio_device_irq_set(&device, NVIO_IRQ_MSIX, 1, fd), 0);
	CU_ASSERT_EQUAL(server.config[SERVER_MSIX + 3] & 0xc0, 0x80);
	CU_ASSERT_EQUAL(vector_control(0), 1);
	CU_ASSERT_EQUAL(vector_control(1), 0);
	CU_ASSERT_EQUAL(vector_control(2), 1);
	CU_ASSERT_EQUAL(nvio_device_irq_disable(&device, NVIO_IRQ_MSIX), 0);
	CU_ASSERT_EQUAL(server.config[SERVER_MSIX + 3] & 0x80, 0);
	close_device();
	/* A server without a table that could be reached needs none. */
	setup();
	server.table_error = EINVAL;
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(&device, NVIO_IRQ_MSIX, 1), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_set(&device, NVIO_IRQ_MSIX, 0, fd), 0);
	CU_ASSERT_EQUAL(user_server_count(&server, 8), 1);
	close_device();
	/* Nor one whose chain of capabilities is a circle. */
	setup();
	server.config[SERVER_MSIX] = 5;
	server.config[SERVER_MSIX + 1] = SERVER_MSIX - 8;
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(&device, NVIO_IRQ_MSIX, 1), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_set(&device, NVIO_IRQ_MSIX, 0, fd), 0);
	close_device();
	close(fd);
}

static void long_accesses_in_pieces(void)
{
	static uint8_t data[SERVER_BAR_LEN], back[SERVER_BAR_LEN];
	unsigned int before;

	setup();
	/* In whole registers: 48 bytes at a time. */
	strcpy(server.caps, "{\"capabilities\": {\"max_data_xfer_size\": 50}}");
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	before = server.nr_requests;
	CU_ASSERT_EQUAL(nvio_device_region_write(&device, 0, 8, data, 1000), 0);
	CU_ASSERT_EQUAL(memcmp(server.bar + 8, data, 1000), 0);
	CU_ASSERT_EQUAL(nvio_device_region_read(&device, 0, 8, back, 1000), 0);
	CU_ASSERT_EQUAL(memcmp(back, data, 1000), 0);
	CU_ASSERT_EQUAL(server.nr_requests - before, 2 * 21);
	for (unsigned int i = before; i < server.nr_requests; i++)
		CU_ASSERT(server.requests[i].size <= 16 + 16 + 48);
	close_device();
	/* Whatever it offers: no message that a socket might hand over in pieces. */
	setup();
	strcpy(server.caps, "{\"capabilities\": {\"max_data_xfer_size\": 1048576}}");
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	before = server.nr_requests;
	CU_ASSERT_EQUAL(nvio_device_region_write(&device, 0, 0, data, sizeof(data)), 0);
	CU_ASSERT_EQUAL(memcmp(server.bar, data, sizeof(data)), 0);
	for (unsigned int i = before; i < server.nr_requests; i++)
		CU_ASSERT(server.requests[i].size <= 32 + 16384);
	close_device();
}

static void areas_of_a_region(void)
{
	uint32_t value = 0x12345678;
	void *addr;

	setup();
	server.area_fd = memfd_create("bar", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(server.area_fd, SERVER_BAR_LEN), 0);
	server.nr_areas = 3;
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(device.regions[0].info.nr_areas, 3);
	CU_ASSERT_EQUAL(nvio_device_region_map(&device, 0, 0, 4096, &addr), -ENOTSUP);
	CU_ASSERT_EQUAL_FATAL(nvio_device_region_map(&device, 0, 0x1000, 4096, &addr), 0);
	memcpy(addr, &value, sizeof(value));
	value = 0;
	CU_ASSERT_EQUAL(pread(server.area_fd, &value, sizeof(value), 0x1000), 4);
	CU_ASSERT_EQUAL(value, 0x12345678);
	close_device();
	/* More than it may send descriptors for: by message. */
	server.info_error = ENOSPC;
	CU_ASSERT_EQUAL_FATAL(open_device(), 0);
	CU_ASSERT_EQUAL(device.regions[0].info.len, SERVER_BAR_LEN);
	CU_ASSERT_EQUAL(device.regions[0].info.nr_areas, 0);
	CU_ASSERT_EQUAL(nvio_device_region_map(&device, 0, 0x1000, 4096, &addr), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_region_read(&device, 0, 0x1000, &value, 4), 0);
	close_device();
	server.info_error = EIO;
	CU_ASSERT_EQUAL(open_device(), -EIO);
	nvio_iommu_close(iommu);
	user_server_stop(&server);
	close(server.area_fd);
}

/* What the server allows for memory is what the address space allows. */
static void limits_of_memory(void)
{
	static const struct {
		const char *caps;
		uint32_t maps_left;
		uint64_t page_len;
	} cases[] = {
		{ "", 65535, 4096 },
		{ "{}", 65535, 4096 },
		{ "{\"capabilities\":{\"max_dma_maps\":16,\"pgsizes\":2097152}}", 16, 2097152 },
		{ "{\"capabilities\" : { \"pgsizes\" : 6291456 } }", 65535, 2097152 },
		{ "{\"capabilities\":{\"pgsizes\":0}}", 65535, 4096 },
		{ "{\"capabilities\":{\"max_dma_maps\":-1,\"pgsizes\":-1048576}}", 65535, 4096 },
		{ "{\"capabilities\":{\"pgsizes\":1,\"max_dma_maps\":99999999999}}", UINT32_MAX,
		  4096 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nvio_iommu_info info;

		setup();
		strcpy(server.caps, cases[i].caps);
		CU_ASSERT_EQUAL_FATAL(open_device(), 0);
		CU_ASSERT_EQUAL(nvio_iommu_get_info(iommu, &info, sizeof(info)), 0);
		CU_ASSERT_EQUAL(info.maps_left, cases[i].maps_left);
		CU_ASSERT_EQUAL(info.page_sizes & -info.page_sizes, cases[i].page_len);
		/* Any whole number of the smallest page is a page size as good. */
		CU_ASSERT(info.page_sizes & 1u << 30);
		close_device();
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "identity", identity },
		{ "device information", device_information },
		{ "BARs get addresses", bars_get_addresses },
		{ "BARs keep their addresses", bars_keep_addresses },
		{ "a reset keeps configuration space", reset_keeps_configuration },
		{ "MSI-X is switched on", msix_is_switched_on },
		{ "long accesses in pieces", long_accesses_in_pieces },
		{ "areas of a region", areas_of_a_region },
		{ "limits of memory", limits_of_memory },
	};

	return tap_run("user_device", tests, sizeof(tests) / sizeof(tests[0]));
}
