/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Migration on the unit tests' kernel: what one device is becomes what the other one is, by way of
 * the states and their files; and what goes wrong with it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <nvio/feature.h>

#include "vfio/device.h"
#include "fake_kernel.h"
#include "tap.h"

static struct nvio_iommu *space;
static struct nvio_device *source, *target;
static struct fake_device *const from = &fake_kernel.devices[0];
static struct fake_device *const to = &fake_kernel.devices[1];
static uint8_t moved[2 * FAKE_STATE_LEN];

static void start(void)
{
	fake_kernel_start(2, false);
	from->features = to->features = 0x1fff;
	for (unsigned int i = 0; i < FAKE_STATE_LEN; i++)
		from->mig.bytes[i] = (uint8_t)(i * 7 + i / 256);
	if (nvio_iommu_open(NULL, &space) ||
	    nvio_device_open(space, "0000:01:00.0", NULL, &source) ||
	    nvio_device_open(space, "0000:02:00.0", NULL, &target))
		CU_FAIL_FATAL(nvio_last_error());
}

static void end(void)
{
	nvio_device_reset(source);
	nvio_device_reset(target);
	nvio_device_close(source);
	nvio_device_close(target);
	nvio_iommu_close(space);
	CU_ASSERT_EQUAL(fake_kernel_end(), 0);
}

static void close_data(int fd)
{
	fake_kernel.files[fd].kind = FAKE_CLOSED;
	close(fd);
}

/* With the file that the state has, -1 for none. */
static int set(struct nvio_device *device, enum nvio_migration_state wanted)
{
	enum nvio_migration_state state;
	int fd = 77;

	CU_ASSERT_EQUAL(nvio_device_migration_set(device, wanted, &fd), 0);
	CU_ASSERT_EQUAL(nvio_device_migration_state(device, &state), 0);
	CU_ASSERT_EQUAL(state, wanted);
	return fd;
}

static void not_set(struct nvio_device *device, enum nvio_migration_state wanted, int err,
		    enum nvio_migration_state left)
{
	enum nvio_migration_state state;
	int fd = 77;

	CU_ASSERT_EQUAL(nvio_device_migration_set(device, wanted, &fd), -err);
	CU_ASSERT_EQUAL(fd, -1);
	CU_ASSERT_EQUAL(nvio_device_migration_state(device, &state), 0);
	CU_ASSERT_EQUAL(state, left);
}

static void left_is(int fd, uint64_t initial, uint64_t dirty)
{
	uint64_t now_initial = 77, now_dirty = 77;

	CU_ASSERT_EQUAL(nvio_migration_left(fd, &now_initial, &now_dirty), 0);
	CU_ASSERT_EQUAL(now_initial, initial);
	CU_ASSERT_EQUAL(now_dirty, dirty);
}

static void load_all(void)
{
	int fd = set(target, NVIO_MIGRATION_RESUMING);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, moved, 3000), 3000);
	CU_ASSERT_EQUAL(write(fd, moved + 3000, FAKE_STATE_LEN - 3000), FAKE_STATE_LEN - 3000);
	close_data(fd);
	CU_ASSERT_NOT_EQUAL(memcmp(to->mig.bytes, from->mig.bytes, FAKE_STATE_LEN), 0);
	CU_ASSERT_EQUAL(set(target, NVIO_MIGRATION_RUNNING), -1);
	CU_ASSERT_EQUAL(memcmp(to->mig.bytes, from->mig.bytes, FAKE_STATE_LEN), 0);
}

static void stopped_and_copied(void)
{
	uint64_t flags, len;
	int fd;

	start();
	CU_ASSERT_EQUAL(nvio_device_migration(source, &flags), 0);
	CU_ASSERT_EQUAL(flags, NVIO_MIGRATION_STOP_COPY | NVIO_MIGRATION_PRE_COPY);
	from->mig.len = 0x123456789;
	CU_ASSERT_EQUAL(nvio_device_migration_len(source, &len), 0);
	CU_ASSERT_EQUAL(len, 0x123456789);
	from->mig.len = 0;
	CU_ASSERT_EQUAL(set(source, NVIO_MIGRATION_STOPPED), -1);
	fd = set(source, NVIO_MIGRATION_SAVING);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(nvio_device_migration_len(source, &len), 0);
	CU_ASSERT_EQUAL(read(fd, moved, sizeof(moved)), (ssize_t)len);
	close_data(fd);
	CU_ASSERT_EQUAL(set(source, NVIO_MIGRATION_STOPPED), -1);
	load_all();
	end();
}

/* Half of it while it runs; the file is the same when it has stopped. */
static void copied_before(void)
{
	ssize_t rest;
	int fd;

	start();
	fd = set(source, NVIO_MIGRATION_PRE_COPYING);
	CU_ASSERT_FATAL(fd >= 0);
	left_is(fd, FAKE_STATE_LEN / 2, FAKE_STATE_LEN / 2);
	CU_ASSERT_EQUAL(read(fd, moved, 1000), 1000);
	left_is(fd, FAKE_STATE_LEN / 2 - 1000, FAKE_STATE_LEN / 2);
	CU_ASSERT_EQUAL(read(fd, moved + 1000, 2000), 2000);
	left_is(fd, 0, FAKE_STATE_LEN - 3000);
	CU_ASSERT_EQUAL(set(source, NVIO_MIGRATION_SAVING), -1);
	rest = read(fd, moved + 3000, sizeof(moved) - 3000);
	CU_ASSERT_EQUAL(rest, FAKE_STATE_LEN - 3000);
	close_data(fd);
	load_all();
	end();
}

/* Told once, and only to who wants to know. */
static void renewal(void)
{
	uint64_t initial, dirty;
	int fd;

	start();
	fd = set(source, NVIO_MIGRATION_PRE_COPYING);
	from->mig.renewed = true;
	CU_ASSERT_EQUAL(nvio_migration_left(fd, &initial, &dirty), 0);
	CU_ASSERT_EQUAL(nvio_device_feature_set(source, NVIO_FEATURE_MIGRATION_RENEWAL, NULL, 0),
			0);
	CU_ASSERT_EQUAL(nvio_migration_left(fd, &initial, &dirty), 1);
	CU_ASSERT_EQUAL(initial, FAKE_STATE_LEN / 2);
	CU_ASSERT_EQUAL(nvio_migration_left(fd, &initial, &dirty), 0);
	/* Stopped, nothing comes while it runs. */
	CU_ASSERT_EQUAL(set(source, NVIO_MIGRATION_SAVING), -1);
	CU_ASSERT_EQUAL(nvio_migration_left(fd, &initial, &dirty), -EINVAL);
	CU_ASSERT(strstr(nvio_last_error(), "does not tell what is left") != NULL);
	close_data(fd);
	fd = fake_kernel_file(FAKE_OTHER, 0);
	CU_ASSERT_EQUAL(nvio_migration_left(fd, &initial, &dirty), -ENOTTY);
	close_data(fd);
	end();
}

static void wrong_ways(void)
{
	enum nvio_migration_state state;
	int fd;

	start();
	not_set(source, NVIO_MIGRATION_ERROR, EINVAL, NVIO_MIGRATION_RUNNING);
	not_set(source, NVIO_MIGRATION_RUNNING_P2P, EINVAL, NVIO_MIGRATION_RUNNING);
	not_set(source, (enum nvio_migration_state)8, EINVAL, NVIO_MIGRATION_RUNNING);
	fd = set(source, NVIO_MIGRATION_SAVING);
	not_set(source, NVIO_MIGRATION_PRE_COPYING, EINVAL, NVIO_MIGRATION_SAVING);
	close_data(fd);
	/* Half a state is none, and nothing but a reset helps. */
	fd = set(target, NVIO_MIGRATION_RESUMING);
	CU_ASSERT_EQUAL(write(fd, moved, FAKE_STATE_LEN - 1), FAKE_STATE_LEN - 1);
	close_data(fd);
	not_set(target, NVIO_MIGRATION_RUNNING, EINVAL, NVIO_MIGRATION_ERROR);
	not_set(target, NVIO_MIGRATION_STOPPED, EIO, NVIO_MIGRATION_ERROR);
	CU_ASSERT_EQUAL(nvio_device_reset(target), 0);
	CU_ASSERT_EQUAL(set(target, NVIO_MIGRATION_STOPPED), -1);
	to->mig.state = 77;
	CU_ASSERT_EQUAL(nvio_device_migration_state(target, &state), -EPROTO);
	to->features = 0;
	CU_ASSERT_EQUAL(nvio_device_migration_set(target, NVIO_MIGRATION_STOPPED, &fd), -ENOTSUP);
	CU_ASSERT_EQUAL(fd, -1);
	end();
}

static const struct tap_test tests[] = {
	{ "stopped and copied", stopped_and_copied },
	{ "copied while it runs", copied_before },
	{ "a start that comes anew", renewal },
	{ "wrong ways", wrong_ways },
};

int main(void)
{
	return tap_run("migration", tests, sizeof(tests) / sizeof(tests[0]));
}
