/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers that are taken away under a program: with the guard a device is gone then, without it
 * the process. They are a file here, which is cut off.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nvio/watch.h>

#include "base/mmio.h"
#include "tap.h"
#include "vfio/device.h"

#define LEN 8192u

struct fake {
	struct nvio_device device;
	int fd;
	uint32_t *regs;
};

static void *map(struct nvio_device *device, uint32_t idx, uint64_t offset, size_t len)
{
	const struct fake *fake = device->way;

	(void)idx;
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fake->fd, (off_t)offset);
}

static const struct nvio_device_ops ops = { .map = map };

static void begin(struct fake *fake)
{
	void *addr = NULL;

	memset(fake, 0, sizeof(*fake));
	fake->fd = memfd_create("registers", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(fake->fd, LEN), 0);
	pthread_mutex_init(&fake->device.lock, NULL);
	fake->device.ops = &ops;
	fake->device.way = fake;
	fake->device.nr_regions = 1;
	fake->device.regions[0].info.len = LEN;
	fake->device.regions[0].info.nr_areas = 1;
	fake->device.regions[0].info.areas[0].len = LEN;
	CU_ASSERT_EQUAL_FATAL(nvio_device_region_map(&fake->device, 0, 0, LEN, &addr), 0);
	fake->regs = addr;
}

static void end(struct fake *fake)
{
	nvio_device_unmap_regions(&fake->device);
	pthread_mutex_destroy(&fake->device.lock);
	close(fake->fd);
}

static void cut_off(const struct fake *fake)
{
	CU_ASSERT_EQUAL_FATAL(ftruncate(fake->fd, 0), 0);
}

static void a_doorbell_after_the_end(void)
{
	struct fake fake, other;

	begin(&fake);
	begin(&other);
	CU_ASSERT_EQUAL(nvio_sigbus_guard(true), 0);
	nvio_mmio_write32(&fake.regs[3], 77);
	CU_ASSERT_EQUAL(nvio_mmio_read32(&fake.regs[3]), 77);
	CU_ASSERT_TRUE(nvio_device_alive(&fake.device));
	cut_off(&fake);
	errno = 99;
	nvio_mmio_write32(&fake.regs[LEN / 8], 78);
	CU_ASSERT_EQUAL(errno, 99);
	CU_ASSERT_FALSE(nvio_device_alive(&fake.device));
	/* All of it is memory now, as of a device that is gone. */
	CU_ASSERT_EQUAL(nvio_mmio_read32(&fake.regs[3]), 0xffffffff);
	CU_ASSERT_EQUAL(nvio_mmio_read32(&fake.regs[LEN / 8]), 78);
	/* Others are as they were. */
	nvio_mmio_write32(other.regs, 5);
	CU_ASSERT_EQUAL(nvio_mmio_read32(other.regs), 5);
	CU_ASSERT_TRUE(nvio_device_alive(&other.device));
	CU_ASSERT_EQUAL(nvio_sigbus_guard(false), 0);
	end(&fake);
	end(&other);
}

/* Which signal ends a child that touches what is not there; 0: none did. */
static int dies_of(void (*touch)(void))
{
	int status;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (!pid) {
		touch();
		_exit(0);
	}
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* The sanitizers report what ends a process, and exit. */
static void by_default(void)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };

	sigaction(SIGBUS, &plain, NULL);
}

static void touch_registers(void)
{
	struct fake fake;

	by_default();
	begin(&fake);
	cut_off(&fake);
	nvio_mmio_write32(fake.regs, 1);
}

static void touch_guarded(void)
{
	struct fake fake;

	by_default();
	nvio_sigbus_guard(true);
	begin(&fake);
	cut_off(&fake);
	nvio_mmio_write32(fake.regs, 1);
}

/* Memory that is no device's, and what a device had that was closed. */
static void touch_other(void)
{
	struct fake fake;
	uint32_t *mine;

	by_default();
	nvio_sigbus_guard(true);
	begin(&fake);
	mine = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fake.fd, 0);
	cut_off(&fake);
	nvio_mmio_write32(mine, 1);
}

static void send_it(void)
{
	by_default();
	nvio_sigbus_guard(true);
	raise(SIGBUS);
}

static void touch_after_guard(void)
{
	by_default();
	nvio_sigbus_guard(true);
	nvio_sigbus_guard(false);
	touch_registers();
}

static void what_ends_a_process(void)
{
	CU_ASSERT_EQUAL(dies_of(touch_registers), SIGBUS);
	CU_ASSERT_EQUAL(dies_of(touch_guarded), 0);
	CU_ASSERT_EQUAL(dies_of(touch_other), SIGBUS);
	CU_ASSERT_EQUAL(dies_of(send_it), SIGBUS);
	CU_ASSERT_EQUAL(dies_of(touch_after_guard), SIGBUS);
}

static sigjmp_buf back;
static volatile sig_atomic_t nr_handled;

static void mine_handles(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	nr_handled++;
	siglongjmp(back, 1);
}

/* Who was there before gets what is not the guard's, and is there again afterwards. */
static void a_handler_of_the_application(void)
{
	struct sigaction action = { .sa_sigaction = mine_handles, .sa_flags = SA_SIGINFO };
	struct sigaction before, now;
	struct fake fake;
	uint32_t *mine;

	begin(&fake);
	mine = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fake.fd, 0);
	CU_ASSERT_EQUAL(sigaction(SIGBUS, &action, &before), 0);
	CU_ASSERT_EQUAL(nvio_sigbus_guard(true), 0);
	CU_ASSERT_EQUAL(nvio_sigbus_guard(true), 0);
	cut_off(&fake);
	nvio_mmio_write32(fake.regs, 1);
	CU_ASSERT_EQUAL(nr_handled, 0);
	if (!sigsetjmp(back, 1))
		nvio_mmio_write32(mine, 1);
	CU_ASSERT_EQUAL(nr_handled, 1);
	CU_ASSERT_EQUAL(nvio_sigbus_guard(false), 0);
	CU_ASSERT_EQUAL(sigaction(SIGBUS, &before, &now), 0);
	CU_ASSERT(now.sa_sigaction == mine_handles);
	/* One that asks. */
	CU_ASSERT_FALSE(nvio_sigbus_take(mine));
	CU_ASSERT_TRUE(nvio_sigbus_take(&fake.regs[1]));
	munmap(mine, LEN);
	end(&fake);
	CU_ASSERT_FALSE(nvio_sigbus_take(&fake.regs[1]));
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a doorbell after the end", a_doorbell_after_the_end },
		{ "what ends a process", what_ends_a_process },
		{ "a handler of the application's", a_handler_of_the_application },
	};

	return tap_run("guard", tests, sizeof(tests) / sizeof(tests[0]));
}
