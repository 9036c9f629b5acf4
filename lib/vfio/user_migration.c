/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state of a device behind a vfio-user socket, as a file. The kernel gives one that its driver
 * reads and writes; here the bytes go in messages, all of them when the state begins or ends, and
 * lie in memory meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/uapi.h"
#include "vfio/user.h"

#define READ_MAX 262144u
/* Some servers take a message with one call of recv(). */
#define WRITE_MAX 16384u
/* It lies in memory: a server that never comes to an end is not to fill that. */
#define STATE_MAX (32ull << 30)

/* Next bytes of the state. Returns how many, fewer than @len at the end, or -errno. */
static ssize_t read_data(struct nvio_user *u, struct nvio_user_migration *reply, size_t len)
{
	const struct nvio_user_migration request = { (uint32_t)(sizeof(request) + len),
						     (uint32_t)len };
	struct nvio_user_call call = {
		.command = NVIO_USER_MIGRATION_READ,
		.request = &request,
		.request_len = sizeof(request),
		.reply = reply,
		.reply_room = sizeof(*reply) + len,
	};
	int err = nvio_user_call(&u->conn, &call);

	nvio_user_fds_close(&call.reply_fds);
	if (err)
		return err;
	if (call.reply_len < sizeof(*reply) || call.reply_len - sizeof(*reply) < reply->size)
		return nvio_error(EPROTO, "the server's answer with a device's state is cut off");
	return reply->size;
}

static int write_data(struct nvio_user *u, const void *data, size_t len)
{
	const struct nvio_user_migration request = { (uint32_t)(sizeof(request) + len),
						     (uint32_t)len };
	struct nvio_user_call call = {
		.command = NVIO_USER_MIGRATION_WRITE,
		.request = &request,
		.request_len = sizeof(request),
		.data = data,
		.data_len = len,
	};
	int err = nvio_user_call(&u->conn, &call);

	nvio_user_fds_close(&call.reply_fds);
	return err;
}

static int make_file(void)
{
	int fd = memfd_create("nvio-migration", MFD_CLOEXEC);

	return fd >= 0 ? fd
		       : nvio_error(errno, "no file for a device's state: %s", strerror(errno));
}

static int append(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return nvio_error(errno, "a device's state cannot be kept: %s",
					  strerror(errno));
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* All of the state, in a file to be read from its beginning. Returns that, or -errno. */
static int fetch(struct nvio_user *u)
{
	size_t most = min_u64(u->conn.max_data, READ_MAX);
	struct nvio_user_migration *reply = malloc(sizeof(*reply) + most);
	int fd = reply ? make_file() : -ENOMEM;
	ssize_t got = (ssize_t)most;
	uint64_t left = STATE_MAX;
	int err = fd < 0 ? fd : 0;

	while (!err && got == (ssize_t)most) {
		got = read_data(u, reply, most);
		err = got < 0 ? (int)got : append(fd, (const uint8_t *)(reply + 1), (size_t)got);
		left -= min_u64(left, (uint64_t)most);
		if (!err && !left)
			err = nvio_error(EFBIG, "a device's state has no end: %llu bytes and more",
					 STATE_MAX);
	}
	free(reply);
	if (!err && lseek(fd, 0, SEEK_SET))
		err = nvio_error(EIO, "a device's state cannot be read");
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* What was written to the file of the state, all of it, from its beginning. */
static int deliver(struct nvio_user *u)
{
	size_t most = min_u64(u->conn.max_data, WRITE_MAX);
	uint8_t *data = malloc(most);
	off_t at = 0;
	ssize_t got = 1;
	int err = data ? 0 : -ENOMEM;

	while (!err && got > 0) {
		got = pread(u->state_fd, data, most, at);
		if (got < 0)
			err = nvio_error(errno, "a device's state is gone: %s", strerror(errno));
		else if (got)
			err = write_data(u, data, (size_t)got);
		at += got;
	}
	free(data);
	return err;
}

void nvio_user_migration_end(struct nvio_user *u)
{
	if (u->state_fd >= 0)
		close(u->state_fd);
	u->state_fd = -1;
	u->saving = false;
}

/* A file to be filled, of which a second descriptor stays here. */
static int begin_load(struct nvio_user *u)
{
	int fd = make_file();

	if (fd < 0)
		return fd;
	u->state_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (u->state_fd >= 0)
		return fd;
	close(fd);
	return nvio_error(EMFILE, "no file for a device's state");
}

int nvio_user_migration_set(struct nvio_user *u, struct vfio_device_feature *request,
			    int (*set)(struct nvio_user *u, struct vfio_device_feature *request))
{
	struct vfio_device_feature_mig_state *state = (void *)request->data;
	uint32_t wanted = state->device_state;
	int err = 0, refused, fd;

	state->data_fd = -1;
	if ((u->state_fd >= 0 && wanted == VFIO_DEVICE_STATE_RESUMING) ||
	    (u->saving && wanted == VFIO_DEVICE_STATE_STOP_COPY))
		return set(u, request);
	/* It is told of the new state in any case: what it does not like of the data is its error.
	 */
	if (u->state_fd >= 0)
		err = deliver(u);
	nvio_user_migration_end(u);
	refused = set(u, request);
	err = err ? err : refused;
	if (err || (wanted != VFIO_DEVICE_STATE_STOP_COPY && wanted != VFIO_DEVICE_STATE_RESUMING))
		return err;
	fd = wanted == VFIO_DEVICE_STATE_RESUMING ? begin_load(u) : fetch(u);
	if (fd < 0)
		return fd;
	u->saving = wanted == VFIO_DEVICE_STATE_STOP_COPY;
	state->data_fd = fd;
	return 0;
}
