/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The migration of a device: states, and how much its state is; see <nvio/feature.h>. Whoever
 * migrates moves the bytes.
 */
#include <errno.h>
#include <string.h>

#include <nvio/feature.h>

#include "base/error.h"
#include "vfio/feature.h"
#include "vfio/sys.h"
#include "vfio/uapi.h"

int nvio_device_migration(struct nvio_device *device, uint64_t *flags)
{
	struct vfio_device_feature_migration migration = { 0 };
	int err = nvio_device_feature_get(device, NVIO_FEATURE_MIGRATION, &migration,
					  sizeof(migration));

	if (err < 0)
		return err;
	*flags = migration.flags;
	return 0;
}

int nvio_device_migration_state(struct nvio_device *device, enum nvio_migration_state *out)
{
	struct vfio_device_feature_mig_state state = { 0 };
	int err = nvio_device_feature_get(device, NVIO_FEATURE_MIGRATION_STATE, &state,
					  sizeof(state));

	if (err < 0)
		return err;
	if (state.device_state > NVIO_MIGRATION_PRE_COPYING_P2P)
		return nvio_error(EPROTO, "the kernel names a migration state %u",
				  state.device_state);
	*out = (enum nvio_migration_state)state.device_state;
	return 0;
}

int nvio_device_migration_set(struct nvio_device *device, enum nvio_migration_state wanted,
			      int *data_fd)
{
	struct vfio_device_feature_mig_state state = { .device_state = (uint32_t)wanted,
						       .data_fd = -1 };
	int err = nvio_feature_call(device,
				    VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE | VFIO_DEVICE_FEATURE_SET,
				    &state, sizeof(state));

	*data_fd = -1;
	if (err < 0)
		return err;
	*data_fd = state.data_fd;
	return 0;
}

int nvio_device_migration_len(struct nvio_device *device, uint64_t *len)
{
	struct nvio_uapi_mig_data_size size = { 0 };
	int err = nvio_device_feature_get(device, NVIO_FEATURE_MIGRATION_SIZE, &size, sizeof(size));

	if (err < 0)
		return err;
	*len = size.stop_copy_len;
	return 0;
}

int nvio_migration_left(int data_fd, uint64_t *initial_len, uint64_t *dirty_len)
{
	struct nvio_uapi_precopy_info info = { .argsz = sizeof(info) };
	int err = nvio_sys_ioctl(data_fd, NVIO_VFIO_MIG_PRECOPY_INFO, &info);

	if (err < 0)
		return nvio_error(-err, "the migration does not tell what is left: %s",
				  strerror(-err));
	*initial_len = info.initial_bytes;
	*dirty_len = info.dirty_bytes;
	/* Unless it was asked for, the kernel gives back what it got. */
	return info.flags & NVIO_PRECOPY_REINIT ? 1 : 0;
}
