/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Migration of the unit tests' kernel; see fake_kernel.h. Its states follow each other as the
 * kernel's do, what a device has comes out of one file and goes into another, and half a state is
 * an error that only a reset ends. Without states for P2P.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_kernel.h"
#include "vfio/uapi.h"

enum { ERROR, STOPPED, RUNNING, SAVING, RESUMING, RUNNING_P2P, PRE_COPYING };

/* A file that both sides have: theirs, and *own. What @len bytes @from is in it, to be read. */
static int make_file(struct fake_migration *mig, int device, const void *from, size_t len)
{
	int theirs = fake_kernel_file(FAKE_MIGRATION, device);
	int file = memfd_create("migration", MFD_CLOEXEC);

	if (file < 0 || dup3(file, theirs, O_CLOEXEC) < 0 ||
	    pwrite(file, from, len, 0) != (ssize_t)len)
		return -EIO;
	mig->own = fcntl(file, F_DUPFD_CLOEXEC, FAKE_FILES);
	close(file);
	return theirs;
}

static void end_file(struct fake_migration *mig)
{
	if (mig->own > 0)
		close(mig->own);
	mig->own = 0;
}

/* All of it has to have been written. */
static int load(struct fake_migration *mig)
{
	uint8_t bytes[FAKE_STATE_LEN + 1];

	if (pread(mig->own, bytes, sizeof(bytes), 0) != FAKE_STATE_LEN)
		return -EINVAL;
	memcpy(mig->bytes, bytes, FAKE_STATE_LEN);
	return 0;
}

/* Out of a state that has a file, unless that goes on. */
static int leave(struct fake_migration *mig, uint32_t wanted)
{
	int err = 0;

	if (mig->state == PRE_COPYING && wanted == SAVING)
		return 0;
	if (mig->state == RESUMING)
		err = load(mig);
	end_file(mig);
	return err;
}

int fake_migration_set(struct fake_device *device, struct vfio_device_feature_mig_state *state)
{
	struct fake_migration *mig = &device->mig;
	const uint32_t wanted = state->device_state, before = mig->state;
	const int idx = (int)(device - fake_kernel.devices);

	if (wanted == ERROR || wanted > PRE_COPYING || wanted == RUNNING_P2P ||
	    (before == SAVING && wanted == PRE_COPYING))
		return -EINVAL;
	if (before == ERROR)
		return -EIO;
	state->data_fd = -1;
	if (wanted == before)
		return 0;
	mig->state = leave(mig, wanted) ? ERROR : wanted;
	if (mig->state == ERROR)
		return -EINVAL;
	if (wanted == PRE_COPYING || (wanted == SAVING && before != PRE_COPYING))
		state->data_fd = make_file(mig, idx, mig->bytes, FAKE_STATE_LEN);
	else if (wanted == RESUMING)
		state->data_fd = make_file(mig, idx, NULL, 0);
	return 0;
}

void fake_migration_end(struct fake_device *device)
{
	end_file(&device->mig);
	device->mig.state = RUNNING;
}

/* The first half is there from the start, the rest came later. */
static int precopy_info(struct fake_migration *mig, struct nvio_uapi_precopy_info *info)
{
	uint64_t at = (uint64_t)lseek(mig->own, 0, SEEK_CUR);

	if (info->argsz < sizeof(*info) || mig->state != PRE_COPYING)
		return -EINVAL;
	info->initial_bytes = at < FAKE_STATE_LEN / 2 ? FAKE_STATE_LEN / 2 - at : 0;
	info->dirty_bytes = FAKE_STATE_LEN - at - info->initial_bytes;
	/* Else they are what was asked with. */
	if (mig->tells_renewal) {
		info->flags = mig->renewed ? NVIO_PRECOPY_REINIT : 0;
		mig->renewed = false;
	}
	return 0;
}

int fake_migration_ioctl(int fd, unsigned long request, void *arg)
{
	struct fake_device *device = &fake_kernel.devices[fake_kernel.files[fd].idx];

	return request == NVIO_VFIO_MIG_PRECOPY_INFO ? precopy_info(&device->mig, arg) : -ENOTTY;
}
