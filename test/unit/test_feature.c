/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Features, resets and what else a device is asked, on the unit tests' kernel: what the kernel gets
 * to see, what comes back, and what a device without them says.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <nvio/feature.h>
#include <nvio/watch.h>

#include "fake_kernel.h"
#include "tap.h"
#include "vfio/device.h"

#define UUID "01234567-89ab-cdef-0123-456789ABCDEF"

static struct nvio_iommu *iommu;
static struct nvio_device *device;
static struct fake_device *const fake = &fake_kernel.devices[0];

static void start(unsigned int nr)
{
	fake_kernel_start(nr, false);
	fake->features = 0x1fff;
	if (nvio_iommu_open(NULL, &iommu) || nvio_device_open(iommu, "0000:01:00.0", NULL, &device))
		CU_FAIL_FATAL(nvio_last_error());
}

static void end(void)
{
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void probing(void)
{
	uint64_t value;

	start(1);
	fake->features = 1u << NVIO_FEATURE_LOW_POWER;
	for (int i = 0; i < NVIO_NR_FEATURES; i++) {
		CU_ASSERT_PTR_NOT_NULL(nvio_feature_name((enum nvio_feature)i));
		CU_ASSERT_EQUAL(nvio_device_feature_probe(device, (enum nvio_feature)i),
				i == NVIO_FEATURE_LOW_POWER ? 0 : -ENOTSUP);
	}
	CU_ASSERT_PTR_NULL(nvio_feature_name((enum nvio_feature)NVIO_NR_FEATURES));
	CU_ASSERT_EQUAL(nvio_device_feature_probe(device, (enum nvio_feature)99), -ENOTSUP);
	CU_ASSERT(strstr(nvio_last_error(), "has no feature 99 (unknown)") != NULL);
	CU_ASSERT_EQUAL(nvio_device_migration(device, &value), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_dmabuf(device, 0, 4096, 4096), -ENOTSUP);
	fake_kernel_fail(VFIO_DEVICE_FEATURE, EIO, 0, 1);
	CU_ASSERT_EQUAL(nvio_device_sleep(device, -1), -EIO);
	CU_ASSERT(strstr(nvio_last_error(), "feature 3 (low power)") != NULL);
	CU_ASSERT_EQUAL(nvio_device_feature_get(device, NVIO_FEATURE_MIGRATION, &value, 1 << 20),
			-EINVAL);
	CU_ASSERT_EQUAL(nvio_device_feature_set(device, NVIO_FEATURE_MIGRATION, &value, 257),
			-EINVAL);
	end();
}

/* Where a device has no bit in configuration space for it. */
static void bus_master(void)
{
	uint32_t op = 1;

	start(1);
	CU_ASSERT_EQUAL(nvio_device_feature_set(device, NVIO_FEATURE_BUS_MASTER, &op, sizeof(op)),
			0);
	CU_ASSERT(fake->bus_master);
	op = 0;
	CU_ASSERT_EQUAL(nvio_device_feature_set(device, NVIO_FEATURE_BUS_MASTER, &op, sizeof(op)),
			0);
	CU_ASSERT_FALSE(fake->bus_master);
	end();
}

static void tokens(void)
{
	static const uint8_t bytes[] = "\x01\x23\x45\x67\x89\xab\xcd\xef"
				       "\x01\x23\x45\x67\x89\xab\xcd\xef";
	static const char *const malformed[] = { "",
						 "01234567",
						 "0123456789abcdef0123456789abcdef",
						 UUID "0",
						 "01234567-89ab-cdef-0123-456789abcdeg",
						 "01234567-89ab-cdef-0123-456789abcde" };

	start(1);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		CU_ASSERT_EQUAL(nvio_device_vf_token(device, malformed[i]), -EINVAL);
		CU_ASSERT(strstr(nvio_last_error(), "is no UUID") != NULL);
	}
	CU_ASSERT_EQUAL(fake->vf_token[1], 0);
	CU_ASSERT_EQUAL(nvio_device_vf_token(device, UUID), 0);
	CU_ASSERT_EQUAL(memcmp(fake->vf_token, bytes, 16), 0);
	end();
}

static void power(void)
{
	start(1);
	CU_ASSERT_EQUAL(nvio_device_sleep(device, -1), 0);
	CU_ASSERT(fake->low_power);
	CU_ASSERT_EQUAL(fake->wakeup_fd, -1);
	CU_ASSERT_EQUAL(nvio_device_sleep(device, 55), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_wake(device), 0);
	CU_ASSERT_FALSE(fake->low_power);
	CU_ASSERT_EQUAL(nvio_device_sleep(device, 55), 0);
	CU_ASSERT_EQUAL(fake->wakeup_fd, 55);
	end();
}

/* Asleep while its registers are mapped: they are memory until it wakes, and then what they were.
 */
static void sleeps_in_use(void)
{
	uint32_t word = 0;
	void *addr, *more;

	start(1);
	CU_ASSERT_EQUAL_FATAL(nvio_device_region_map(device, NVIO_REGION_BAR0, 8192, 4, &addr), 0);
	*(volatile uint32_t *)addr = 5;
	CU_ASSERT_EQUAL(nvio_device_sleep(device, -1), 0);
	CU_ASSERT_TRUE(fake->low_power);
	CU_ASSERT_EQUAL(*(volatile uint32_t *)addr, 0xffffffff);
	*(volatile uint32_t *)addr = 6; /* lost */
	CU_ASSERT_EQUAL(nvio_device_wake(device), 0);
	CU_ASSERT_FALSE(fake->low_power);
	CU_ASSERT_EQUAL(*(volatile uint32_t *)addr, 5);
	*(volatile uint32_t *)addr = 7;
	CU_ASSERT_EQUAL(nvio_device_region_read(device, NVIO_REGION_BAR0, 8192, &word, 4), 0);
	CU_ASSERT_EQUAL(word, 7);
	/* Asleep twice, it is still asleep; a mapping more wakes it, for all of them. */
	CU_ASSERT_EQUAL(nvio_device_sleep(device, -1), 0);
	CU_ASSERT_EQUAL(nvio_device_sleep(device, -1), -EINVAL);
	CU_ASSERT_EQUAL(*(volatile uint32_t *)addr, 0xffffffff);
	CU_ASSERT_EQUAL(nvio_device_region_map(device, NVIO_REGION_BAR0, 12288, 4, &more), 0);
	CU_ASSERT_FALSE(fake->low_power);
	CU_ASSERT_EQUAL(*(volatile uint32_t *)addr, 7);
	*(volatile uint32_t *)more = 8;
	CU_ASSERT_EQUAL(nvio_device_region_read(device, NVIO_REGION_BAR0, 12288, &word, 4), 0);
	CU_ASSERT_EQUAL(word, 8);
	/* What does not fall asleep is as it was. */
	fake_kernel_fail(VFIO_DEVICE_FEATURE, EIO, 0, 1);
	CU_ASSERT_EQUAL(nvio_device_sleep(device, -1), -EIO);
	CU_ASSERT_EQUAL(*(volatile uint32_t *)addr, 7);
	/* Nor does what was let go. */
	CU_ASSERT_EQUAL(nvio_device_let_go(device), 0);
	CU_ASSERT_EQUAL(nvio_device_sleep(device, -1), -ENODEV);
	CU_ASSERT_EQUAL(nvio_device_wake(device), -ENODEV);
	CU_ASSERT_EQUAL(*(volatile uint32_t *)addr, 0xffffffff);
	end();
}

static void dma_log(void)
{
	const struct nvio_iova_range ranges[] = { { 0x1000, 0x1fff }, { 0x10000, 0x1ffff } };
	uint64_t bitmap[2] = { 2, 0 };

	start(1);
	CU_ASSERT_EQUAL(nvio_device_dma_log_start(device, 4096, ranges, 0), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_dma_log_start(device, 4097, ranges, 2), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_dma_log_start(device, 4096, ranges, 2), 0);
	CU_ASSERT_EQUAL(fake->log_start, 0x10000);
	CU_ASSERT_EQUAL(fake->log_len, 0x10000);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(device, 0x10000, 65 * 4096, 4096, bitmap, 8),
			-EINVAL);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(device, 0x10000, 4096, 4096, bitmap, 4), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(device, 0x10000, 0, 4096, bitmap, 8), -EINVAL);
	CU_ASSERT_EQUAL(bitmap[0], 2);
	CU_ASSERT_EQUAL(nvio_device_dma_log_read(device, 0x10000, 65 * 4096, 4096, bitmap, 16), 0);
	CU_ASSERT_EQUAL(bitmap[0], 7);
	CU_ASSERT_EQUAL(nvio_device_dma_log_stop(device), 0);
	CU_ASSERT_FALSE(fake->dma_log);
	end();
}

static void dmabufs(void)
{
	int fd;

	start(1);
	CU_ASSERT_EQUAL(nvio_device_dmabuf(device, 0, FAKE_BAR_LEN - 4096, 8192), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_dmabuf(device, 0, 4096, 0), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_dmabuf(device, 99, 4096, 4096), -EINVAL);
	fd = nvio_device_dmabuf(device, 0, 4096, 4096);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(fake_kernel.files[fd].kind, FAKE_OTHER);
	fake_kernel.files[fd].kind = FAKE_CLOSED;
	close(fd);
	end();
}

static void hot_resets(void)
{
	struct nvio_reset_device devices[2];
	struct nvio_device *second;

	start(2);
	CU_ASSERT_EQUAL(nvio_device_hot_reset_info(device, devices, 1), 2);
	CU_ASSERT_EQUAL(nvio_device_hot_reset_info(device, devices, 2), 2);
	CU_ASSERT_STRING_EQUAL(devices[1].name, "0000:02:00.0");
	CU_ASSERT_EQUAL(devices[1].group, 8);
	CU_ASSERT(devices[0].owned);
	CU_ASSERT_FALSE(devices[1].owned);
	CU_ASSERT_EQUAL(nvio_device_hot_reset(device), -EPERM);
	CU_ASSERT(strstr(nvio_last_error(), "0000:02:00.0 along, of group 8") != NULL);
	CU_ASSERT_EQUAL(fake->hot_resets, 0);
	CU_ASSERT_EQUAL_FATAL(nvio_device_open(iommu, "0000:02:00.0", NULL, &second), 0);
	CU_ASSERT_EQUAL(nvio_device_hot_reset_info(device, devices, 2), 2);
	CU_ASSERT(devices[1].owned);
	CU_ASSERT_EQUAL(nvio_device_hot_reset(device), 0);
	CU_ASSERT_EQUAL(fake->hot_resets, 1);
	nvio_device_close(second);
	fake_kernel_fail(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, ENODEV, 0, 1);
	CU_ASSERT_EQUAL(nvio_device_hot_reset(device), -ENOTSUP);
	fake_kernel_fail(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, ENOSPC, 0, 10);
	CU_ASSERT_EQUAL(nvio_device_hot_reset(device), -EPROTO);
	end();
}

/* INTx: it masks itself, and is unmasked by call or by an eventfd; signalled by call. */
static void masks(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	eventfd_t value;

	start(1);
	CU_ASSERT_EQUAL(nvio_device_irq_unmask(device, NVIO_IRQ_INTX, 0), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_INTX, 1), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_set(device, NVIO_IRQ_INTX, 0, fd), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_mask(device, NVIO_IRQ_INTX, 0), 0);
	CU_ASSERT(fake->masked[NVIO_IRQ_INTX][0]);
	CU_ASSERT_EQUAL(nvio_device_irq_unmask(device, NVIO_IRQ_INTX, 0), 0);
	CU_ASSERT_FALSE(fake->masked[NVIO_IRQ_INTX][0]);
	CU_ASSERT_EQUAL(nvio_device_irq_unmask_fd(device, NVIO_IRQ_INTX, fd), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_trigger(device, NVIO_IRQ_INTX, 0), 0);
	CU_ASSERT_EQUAL(eventfd_read(fd, &value), 0);
	CU_ASSERT_EQUAL(value, 1);
	CU_ASSERT_EQUAL(nvio_device_irq_trigger(device, NVIO_IRQ_INTX, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_irq_disable(device, NVIO_IRQ_INTX), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 2), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_mask(device, NVIO_IRQ_MSIX, 0), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_irq_set(device, NVIO_IRQ_MSIX, 1, fd), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_trigger(device, NVIO_IRQ_MSIX, 1), 0);
	CU_ASSERT_EQUAL(eventfd_read(fd, &value), 0);
	end();
	close(fd);
}

/* Vectors that are added while others are in use. */
static void more_vectors(void)
{
	start(1);
	CU_ASSERT_EQUAL(nvio_device_irq_add(device, NVIO_IRQ_MSIX, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 2), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_add(device, NVIO_IRQ_MSIX, 1), -ENOTSUP);
	CU_ASSERT(strstr(nvio_last_error(), "can be added later") != NULL);
	fake->irq_flags[NVIO_IRQ_MSIX] &= ~VFIO_IRQ_INFO_NORESIZE;
	fake->max_enabled = 5;
	CU_ASSERT_EQUAL(nvio_device_irq_add(device, NVIO_IRQ_MSIX, 0), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_irq_add(device, NVIO_IRQ_MSIX, FAKE_VECTORS - 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_irq_set(device, NVIO_IRQ_MSIX, 2, 77), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_irq_add(device, NVIO_IRQ_MSIX, 3), 0);
	CU_ASSERT_EQUAL(fake->enabled[NVIO_IRQ_MSIX], 5);
	CU_ASSERT_EQUAL(nvio_device_irq_set(device, NVIO_IRQ_MSIX, 4, 77), 0);
	CU_ASSERT_EQUAL(fake->eventfd[NVIO_IRQ_MSIX][4], 77);
	CU_ASSERT_EQUAL(nvio_device_irq_add(device, NVIO_IRQ_MSIX, 1), -ENOSPC);
	CU_ASSERT_EQUAL(nvio_device_irq_set(device, NVIO_IRQ_MSIX, 5, 77), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_irq_disable(device, NVIO_IRQ_MSIX), 0);
	CU_ASSERT_EQUAL(nvio_device_irq_add(device, NVIO_IRQ_MSIX, 1), -EINVAL);
	end();
}

static void capabilities(void)
{
	struct nvio_device_cap caps[2];
	uint32_t flags;

	start(1);
	CU_ASSERT_EQUAL(nvio_device_caps(device, caps, 2), 0);
	fake->cap_next = sizeof(struct vfio_device_info) + 16;
	CU_ASSERT_EQUAL(nvio_device_caps(device, caps, 1), 2);
	CU_ASSERT_EQUAL(nvio_device_caps(device, caps, 2), 2);
	CU_ASSERT_STRING_EQUAL(caps[0].name, "PCI atomics");
	memcpy(&flags, caps[0].data, sizeof(flags));
	CU_ASSERT_EQUAL(flags, 0x1234);
	CU_ASSERT_EQUAL(caps[1].id, 99);
	CU_ASSERT_EQUAL(caps[1].version, 2);
	CU_ASSERT_STRING_EQUAL(caps[1].name, "unknown");
	CU_ASSERT_EQUAL(caps[1].len, 0);
	/* A loop, and one that leads outside. */
	fake->cap_next = sizeof(struct vfio_device_info);
	CU_ASSERT_EQUAL(nvio_device_caps(device, caps, 2), -EPROTO);
	fake->cap_next = 4096;
	CU_ASSERT_EQUAL(nvio_device_caps(device, caps, 2), -EPROTO);
	end();
}

static void region_capabilities(void)
{
	static const char *const names[] = { "sparse mmap", "MSI-X mappable",
					     "NVLink2 SSA target" };
	struct nvio_device_cap caps[3];
	uint64_t target;

	start(1);
	CU_ASSERT_EQUAL(nvio_device_region_caps(device, 0, caps, 1), 3);
	CU_ASSERT_EQUAL(nvio_device_region_caps(device, 0, caps, 3), 3);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_STRING_EQUAL(caps[i].name, names[i]);
	CU_ASSERT_EQUAL(caps[2].id, 4);
	CU_ASSERT_EQUAL(caps[2].len, sizeof(target));
	memcpy(&target, caps[2].data, sizeof(target));
	CU_ASSERT_EQUAL(target, 0x123456789);
	CU_ASSERT_EQUAL(nvio_device_region_caps(device, NVIO_REGION_CONFIG, caps, 3), 0);
	CU_ASSERT_EQUAL(nvio_device_region_caps(device, 99, caps, 3), -EINVAL);
	fake_kernel_fail(VFIO_DEVICE_GET_REGION_INFO, EIO, 0, 1);
	CU_ASSERT_EQUAL(nvio_device_region_caps(device, 0, caps, 3), -EIO);
	end();
	CU_ASSERT_STRING_EQUAL(nvio_region_type_name(1, 1), "EDID");
	CU_ASSERT_STRING_EQUAL(nvio_region_type_name(0x80008086, 2), "IGD host bridge");
	CU_ASSERT_PTR_NULL(nvio_region_type_name(0x80008086, 9));
	CU_ASSERT_PTR_NULL(nvio_region_type_name(0, 0));
}

static void register_eventfds(void)
{
	start(1);
	CU_ASSERT_EQUAL(nvio_device_ioeventfd(device, 0, 4098, 4, 7, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_ioeventfd(device, 0, 4096, 3, 7, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_ioeventfd(device, 0, 4096, 16, 7, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_ioeventfd(device, 0, FAKE_BAR_LEN, 4, 7, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_ioeventfd(device, 99, 0, 4, 7, 5), -EINVAL);
	CU_ASSERT_EQUAL(nvio_device_ioeventfd(device, 2, 0, 4, 7, 5), -EINVAL);
	CU_ASSERT_EQUAL(fake->io_fd, 0);
	CU_ASSERT_EQUAL(nvio_device_ioeventfd(device, 0, 4096, 4, 7, 5), 0);
	CU_ASSERT(fake->io_fd == 5 && fake->io_offset == 4096 && fake->io_data == 7);
	CU_ASSERT_EQUAL(nvio_device_ioeventfd(device, 0, 4096, 4, 7, -1), 0);
	CU_ASSERT_EQUAL(fake->io_fd, -1);
	fake_kernel_fail(VFIO_DEVICE_IOEVENTFD, ENOTTY, 0, 1);
	CU_ASSERT_EQUAL(nvio_device_ioeventfd(device, 0, 4096, 4, 7, 5), -ENOTSUP);
	end();
}

static const struct tap_test tests[] = {
	{ "probing, and what is missing", probing },
	{ "bus master", bus_master },
	{ "tokens of virtual functions", tokens },
	{ "low power", power },
	{ "sleeps in use", sleeps_in_use },
	{ "logs of DMA", dma_log },
	{ "dma-bufs", dmabufs },
	{ "hot resets", hot_resets },
	{ "masks and triggers of interrupts", masks },
	{ "vectors that are added later", more_vectors },
	{ "capabilities of a device", capabilities },
	{ "capabilities of a region", region_capabilities },
	{ "eventfds that write registers", register_eventfds },
};

int main(void)
{
	return tap_run("feature", tests, sizeof(tests) / sizeof(tests[0]));
}
