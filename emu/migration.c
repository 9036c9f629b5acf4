/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Migration of the device: its states, and MIG_DATA_READ and MIG_DATA_WRITE.
 *
 * A device that does not run takes no command, posts nothing and does not change; its registers can
 * be read. Configuration space, memory and eventfds are the client's business on both sides. From
 * an error only a reset leads back, as it does from every other state.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "server.h"
#include "state.h"

/* Memory that the client has lent would have to be lent again. More than so much in the namespaces
 * takes longer to look through than a client waits. */
#define CONTENTS_MAX (16ull << 30)

bool nvio_emu_migration_offered(const struct emu_server *server)
{
	return !server->ctrl->opts.hmb && nvio_emu_stream_len(server->ctrl) <= CONTENTS_MAX;
}

static void set_state(struct emu_server *server, uint32_t state)
{
	server->migration.state = state;
	nvio_emu_server_config_changed(server);
}

static void drop_stream(struct emu_server *server)
{
	nvio_emu_stream_free(server->migration.stream);
	server->migration.stream = NULL;
}

void nvio_emu_migration_reset(struct emu_server *server)
{
	drop_stream(server);
	server->migration.state = VFIO_DEVICE_STATE_RUNNING;
}

/* To STOP, from wherever. */
static int stop(struct emu_server *server)
{
	struct emu_migration *migration = &server->migration;
	int err = 0;

	if (migration->state == VFIO_DEVICE_STATE_RUNNING && server->running)
		nvio_emu_settle(server->ctrl);
	if (migration->state == VFIO_DEVICE_STATE_RESUMING)
		err = nvio_emu_stream_finish(migration->stream);
	drop_stream(server);
	set_state(server, err ? VFIO_DEVICE_STATE_ERROR : VFIO_DEVICE_STATE_STOP);
	return err;
}

static int begin_stream(struct emu_server *server, uint32_t wanted)
{
	bool load = wanted == VFIO_DEVICE_STATE_RESUMING;

	server->migration.stream = nvio_emu_stream_new(server->ctrl, load);
	if (!server->migration.stream)
		return -ENOMEM;
	set_state(server, wanted);
	return 0;
}

int nvio_emu_migration_set(struct emu_server *server, uint32_t wanted)
{
	struct emu_migration *migration = &server->migration;
	int err = 0;

	if (wanted != VFIO_DEVICE_STATE_STOP && wanted != VFIO_DEVICE_STATE_RUNNING &&
	    wanted != VFIO_DEVICE_STATE_STOP_COPY && wanted != VFIO_DEVICE_STATE_RESUMING)
		return -EINVAL;
	if (migration->state == VFIO_DEVICE_STATE_ERROR)
		return -EIO;
	if (wanted == migration->state)
		return 0;
	if (migration->state != VFIO_DEVICE_STATE_STOP)
		err = stop(server);
	if (err || wanted == VFIO_DEVICE_STATE_STOP)
		return err;
	if (wanted != VFIO_DEVICE_STATE_RUNNING)
		return begin_stream(server, wanted);
	/* Nobody could keep it alive meanwhile. */
	if (server->ctrl->kato_due)
		server->ctrl->kato_due = nvio_emu_now() + server->ctrl->kato_ms * 1000000ull;
	set_state(server, wanted);
	return 0;
}

int nvio_emu_migration_read(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_migration_data *in = payload;
	struct emu_migration_data *out;
	ssize_t got;

	(void)len;
	if (server->migration.state != VFIO_DEVICE_STATE_STOP_COPY || in->size > EMU_XFER_MAX ||
	    in->argsz < sizeof(*in) || in->argsz - sizeof(*in) < in->size)
		return -EINVAL;
	out = nvio_emu_conn_reply(&server->conn, sizeof(*out) + in->size);
	if (!out)
		return -ENOMEM;
	got = nvio_emu_stream_read(server->migration.stream, out + 1, in->size);
	if (got < 0)
		return (int)got;
	out->argsz = (uint32_t)(sizeof(*out) + (size_t)got);
	out->size = (uint32_t)got;
	nvio_emu_conn_reply_len(&server->conn, out->argsz);
	return 0;
}

int nvio_emu_migration_write(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_migration_data *in = payload;

	if (server->migration.state != VFIO_DEVICE_STATE_RESUMING || in->size > len - sizeof(*in))
		return -EINVAL;
	return nvio_emu_stream_write(server->migration.stream, in + 1, in->size);
}
