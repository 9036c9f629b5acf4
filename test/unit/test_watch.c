/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watching a device on the unit tests' kernel, and letting it go while it is in use: mappings,
 * files, calls, the grace period, and who closes in time.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <semaphore.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <nvio/iommu.h>
#include <nvio/watch.h>

#include "fake_kernel.h"
#include "tap.h"
#include "vfio/device.h"

static struct nvio_iommu *iommu;
static struct nvio_device *device;
static struct fake_device *const fake = &fake_kernel.devices[0];

/* What the callback saw. */
static struct {
	sem_t told;
	enum nvio_event events[8];
	volatile unsigned int nr;
} seen;

static void on_event(void *arg, struct nvio_device *from, enum nvio_event event)
{
	if (arg == &seen && from == device && seen.nr < 8)
		seen.events[seen.nr++] = event;
	sem_post(&seen.told);
}

static void start(bool cdev)
{
	fake_kernel_start(1, cdev);
	memset(&seen, 0, sizeof(seen));
	sem_init(&seen.told, 0, 0);
	if (nvio_iommu_open(NULL, &iommu) || nvio_device_open(iommu, "0000:01:00.0", NULL, &device))
		CU_FAIL_FATAL(nvio_last_error());
}

static void end(void)
{
	nvio_device_close(device);
	nvio_iommu_close(iommu);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static int watch(uint32_t grace_ms)
{
	struct nvio_watch_opts opts = NVIO_WATCH_OPTS;

	opts.fn = on_event;
	opts.arg = &seen;
	opts.grace_ms = grace_ms;
	return nvio_device_watch(device, &opts);
}

/* Whether an event comes within @ms. */
static bool told(long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return !sem_timedwait(&seen.told, &until);
}

/* The same for a group's device and a device's own file. */
static void lets_go(void)
{
	for (int cdev = 0; cdev < 2; cdev++) {
		uint32_t word = 0;
		void *addr;

		start(cdev);
		CU_ASSERT_EQUAL_FATAL(nvio_device_region_map(device, 0, 8192, 8192, &addr), 0);
		*(volatile uint32_t *)addr = 7;
		CU_ASSERT_EQUAL(nvio_device_bus_master(device, true), 0);
		CU_ASSERT(fake->config[4] & 4);
		CU_ASSERT_EQUAL(nvio_device_let_go(device), 0);
		CU_ASSERT_EQUAL(fake->fd, -1);
		CU_ASSERT_EQUAL(fake->attached, 0);
		CU_ASSERT_FALSE(fake->config[4] & 4);
		/* The registers read as those of a device that is gone, and may be written. */
		CU_ASSERT_EQUAL(*(volatile uint32_t *)addr, UINT32_MAX);
		CU_ASSERT_EQUAL(((volatile uint8_t *)addr)[8191], 0xff);
		*(volatile uint32_t *)addr = 9;
		CU_ASSERT_EQUAL(nvio_device_region_read(device, 0, 0, &word, 4), 0);
		CU_ASSERT_EQUAL(word, UINT32_MAX);
		CU_ASSERT_EQUAL(nvio_device_region_write(device, 0, 0, &word, 4), -ENODEV);
		CU_ASSERT_EQUAL(nvio_device_region_map(device, 0, 8192, 4096, &addr), -ENODEV);
		CU_ASSERT_EQUAL(nvio_device_bus_master(device, false), -ENODEV);
		CU_ASSERT_EQUAL(nvio_device_reset(device), -ENODEV);
		CU_ASSERT_EQUAL(nvio_device_irq_enable(device, NVIO_IRQ_MSIX, 1), -ENODEV);
		CU_ASSERT_EQUAL(nvio_device_hot_reset(device), -ENODEV);
		CU_ASSERT_EQUAL(nvio_device_let_go(device), 0);
		CU_ASSERT_EQUAL(fake->resets, 0);
		end();
	}
}

static void grace_passes(void)
{
	start(true);
	CU_ASSERT_EQUAL_FATAL(watch(50), 0);
	CU_ASSERT_EQUAL(watch(50), -EEXIST);
	CU_ASSERT(fake->eventfd[NVIO_IRQ_REQ][0] >= 0);
	CU_ASSERT_FALSE(told(50));
	eventfd_write(fake->eventfd[NVIO_IRQ_REQ][0], 1);
	CU_ASSERT(told(5000));
	CU_ASSERT_EQUAL(seen.events[0], NVIO_EVENT_REQUESTED);
	/* Asked again, it is told once. */
	eventfd_write(fake->eventfd[NVIO_IRQ_REQ][0], 1);
	CU_ASSERT(told(5000));
	CU_ASSERT_EQUAL(seen.events[1], NVIO_EVENT_LET_GO);
	CU_ASSERT_EQUAL(seen.nr, 2);
	CU_ASSERT_EQUAL(fake->fd, -1);
	end();
}

/* Closed within the grace period: nothing more is told, and nothing waited for. */
static void closed_in_time(void)
{
	start(true);
	CU_ASSERT_EQUAL_FATAL(watch(0), 0);
	eventfd_write(fake->eventfd[NVIO_IRQ_REQ][0], 1);
	CU_ASSERT(told(5000));
	end();
	CU_ASSERT_EQUAL(seen.nr, 1);
}

static void count(void *arg)
{
	__atomic_add_fetch((unsigned int *)arg, 1, __ATOMIC_RELAXED);
}

/* By whoever drives it, too. */
static void failures(void)
{
	unsigned int nr = 0;

	start(true);
	nvio_device_on_error(device, count, &nr);
	CU_ASSERT_EQUAL_FATAL(watch(0), 0);
	eventfd_write(fake->eventfd[NVIO_IRQ_ERR][0], 1);
	CU_ASSERT(told(5000));
	eventfd_write(fake->eventfd[NVIO_IRQ_ERR][0], 1);
	CU_ASSERT(told(5000));
	CU_ASSERT_EQUAL(seen.nr, 2);
	CU_ASSERT_EQUAL(__atomic_load_n(&nr, __ATOMIC_RELAXED), 2);
	CU_ASSERT_EQUAL(seen.events[1], NVIO_EVENT_FAILED);
	CU_ASSERT(fake->fd >= 0);
	end();
}

/* Nobody watches: whoever looks tells, once. */
static void failures_found(void)
{
	unsigned int nr = 0;

	start(true);
	nvio_device_look(device);
	nvio_device_on_error(device, NULL, NULL);
	eventfd_write(fake->eventfd[NVIO_IRQ_ERR][0], 1);
	nvio_device_look(device);
	nvio_device_on_error(device, count, &nr);
	CU_ASSERT_EQUAL(nr, 0);
	nvio_device_look(device);
	CU_ASSERT_EQUAL(nr, 1);
	nr = 0;
	nvio_device_look(device);
	CU_ASSERT_EQUAL(nr, 0);
	eventfd_write(fake->eventfd[NVIO_IRQ_ERR][0], 1);
	nvio_device_look(device);
	nvio_device_look(device);
	CU_ASSERT_EQUAL(nr, 1);
	/* Nobody is told of what somebody has dealt with. */
	eventfd_write(fake->eventfd[NVIO_IRQ_ERR][0], 1);
	nvio_device_forget_errors(device);
	nvio_device_look(device);
	CU_ASSERT_EQUAL(nr, 1);
	/* What came before it was watched is told of, too. */
	eventfd_write(fake->eventfd[NVIO_IRQ_ERR][0], 1);
	CU_ASSERT_EQUAL_FATAL(watch(0), 0);
	CU_ASSERT(told(5000));
	CU_ASSERT_EQUAL(seen.events[0], NVIO_EVENT_FAILED);
	nvio_device_look(device);
	CU_ASSERT_EQUAL(__atomic_load_n(&nr, __ATOMIC_RELAXED), 2);
	end();
}

static struct {
	sem_t begun;
	bool forgotten;
	bool ended;
} slow;

/* Who drives the device is long about it. */
static void hears_slowly(void *arg)
{
	(void)arg;
	sem_post(&slow.begun);
	for (int i = 0; i < 200 && !__atomic_load_n(&slow.forgotten, __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	__atomic_store_n(&slow.ended, true, __ATOMIC_RELEASE);
}

/* What was seen is told of before all is forgotten that there was until then: a reset that ends at
 * that moment is followed by no other. */
static void told_before_it_is_forgotten(void)
{
	start(true);
	sem_init(&slow.begun, 0, 0);
	slow.forgotten = slow.ended = false;
	nvio_device_on_error(device, hears_slowly, NULL);
	CU_ASSERT_EQUAL_FATAL(watch(0), 0);
	eventfd_write(fake->eventfd[NVIO_IRQ_ERR][0], 1);
	while (sem_wait(&slow.begun))
		;
	nvio_device_forget_errors(device);
	CU_ASSERT_TRUE(__atomic_load_n(&slow.ended, __ATOMIC_ACQUIRE));
	__atomic_store_n(&slow.forgotten, true, __ATOMIC_RELEASE);
	CU_ASSERT(told(5000));
	end();
	sem_destroy(&slow.begun);
}

/* 0 is a descriptor like any other: not closed by a device that has none, and used and closed by
 * one that got it. */
static void descriptor_zero(void)
{
	unsigned int nr = 0;
	int saved;

	if (fcntl(0, F_GETFD) < 0)
		CU_ASSERT_EQUAL_FATAL(open("/dev/null", O_RDONLY), 0);
	device = nvio_device_new(NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(device);
	nvio_device_forget_errors(device);
	nvio_device_look(device);
	nvio_device_free(device);
	saved = dup(0);
	CU_ASSERT_FATAL(saved >= 0);
	start(true);
	close(0);
	nvio_device_on_error(device, count, &nr);
	CU_ASSERT_EQUAL(fake->eventfd[NVIO_IRQ_ERR][0], 0);
	CU_ASSERT_EQUAL(eventfd_write(0, 1), 0);
	nvio_device_look(device);
	CU_ASSERT_EQUAL(nr, 1);
	CU_ASSERT_EQUAL(eventfd_write(0, 1), 0);
	CU_ASSERT_EQUAL_FATAL(watch(0), 0);
	CU_ASSERT(told(5000));
	CU_ASSERT_EQUAL(__atomic_load_n(&nr, __ATOMIC_RELAXED), 2);
	end();
	CU_ASSERT_EQUAL(fcntl(0, F_GETFD), -1);
	dup2(saved, 0);
	close(saved);
}

static void without_events(void)
{
	start(true);
	fake->nr_vectors[NVIO_IRQ_ERR] = 0;
	CU_ASSERT_EQUAL(watch(50), 0);
	end();
	start(true);
	fake->nr_vectors[NVIO_IRQ_ERR] = 0;
	fake->nr_vectors[NVIO_IRQ_REQ] = 0;
	CU_ASSERT_EQUAL(watch(50), -ENOTSUP);
	CU_ASSERT_EQUAL(nvio_device_watch(device, NULL), -ENOTSUP);
	end();
}

static const struct tap_test tests[] = {
	{ "a device is let go while it is in use", lets_go },
	{ "after the grace period", grace_passes },
	{ "closed within the grace period", closed_in_time },
	{ "failures are told", failures },
	{ "devices without events", without_events },
	{ "failures that are found", failures_found },
	{ "descriptor 0", descriptor_zero },
	{ "told before it is forgotten", told_before_it_is_forgotten },
};

int main(void)
{
	return tap_run("watch", tests, sizeof(tests) / sizeof(tests[0]));
}
