/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of the client, answered in their order.
 *
 * It owns the device as a whole: what a reset or a client that left does to all its parts, and
 * whether the controller may reach the client's memory. A request that makes no sense gets an error
 * reply, one that leaves the stream without order ends the connection; nothing else ever happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "version.h"

/* How many requests are answered before the controller gets its turn again. */
#define REQUESTS_AT_ONCE 16

/* Pointers that the controller keeps are stale when it gains or loses the client's memory. */
void nvio_emu_server_config_changed(struct emu_server *server)
{
	bool dma_allowed = nvio_emu_pci_bus_master(&server->pci);

	if (server->dma_allowed != dma_allowed)
		server->bus.generation++;
	server->dma_allowed = dma_allowed;
	server->running = nvio_emu_pci_powered(&server->pci) &&
			  server->migration.state == VFIO_DEVICE_STATE_RUNNING;
	nvio_emu_irq_update(&server->irqs);
}

/* Pages that were never rung stay unallocated: with a wide stride there are thousands. */
static void clear_doorbells(struct emu_server *server)
{
	if (fallocate(server->bar0_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      EMU_DOORBELLS_OFFSET, (off_t)server->bus.doorbells_len))
		memset(server->bus.doorbells, 0, server->bus.doorbells_len);
}

/*
 * The controller begins again; configuration space stays, as the kernel's vfio-pci saves and
 * restores it around the reset of a function.
 */
void nvio_emu_server_reset(struct emu_server *server)
{
	nvio_emu_migration_reset(server);
	nvio_emu_ctrl_reset(server->ctrl);
	clear_doorbells(server);
	nvio_emu_pci_wake(&server->pci);
	nvio_emu_irq_clear(&server->irqs);
	nvio_emu_server_config_changed(server);
}

void nvio_emu_server_reset_function(struct emu_server *server)
{
	clear_doorbells(server);
	nvio_emu_pci_reset(&server->pci);
	nvio_emu_irq_reset(&server->irqs);
	nvio_emu_server_config_changed(server);
}

/* All but what the client has lent: its memory and its eventfds (PCI Express Base, 6.6.2). */
void nvio_emu_server_flr(struct emu_server *server)
{
	nvio_emu_migration_reset(server);
	nvio_emu_ctrl_reset(server->ctrl);
	nvio_emu_server_reset_function(server);
}

void nvio_emu_server_disconnect(struct emu_server *server)
{
	/* The controller first: nothing of the memory may be in use when it goes. */
	nvio_emu_server_flr(server);
	nvio_emu_irq_disconnect(&server->irqs);
	nvio_emu_dma_clear(&server->dma);
	nvio_emu_dirty_stop(&server->dirty);
	server->bus.generation++;
	nvio_emu_remote_init(&server->remote);
	nvio_emu_conn_close(&server->conn);
	server->negotiated = false;
	server->hang_up = false;
	server->unfinished_since = 0;
	/* Without a file to spare the next client gets the old doorbells, which are cleared. */
	if (nvio_emu_bar0_renew(server))
		clear_doorbells(server);
}

static int do_version(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_version *in = payload;
	const char *text = (const char *)(in + 1);
	size_t text_len = len - sizeof(*in), cap = text_len;
	struct emu_version *out;
	struct emu_caps caps;

	if (server->negotiated)
		return -EINVAL;
	server->hang_up = true;
	if (in->major != EMU_PROTO_MAJOR)
		return -EPROTONOSUPPORT;
	nvio_emu_caps_none(&caps);
	if (text_len && nvio_emu_caps_parse(text, text_len, &caps))
		return -EINVAL;
	server->remote.xfer_max = caps.xfer_max;
	/* Never longer than the request: a client may have room for no more. */
	if (cap > 256)
		cap = 256;
	out = nvio_emu_conn_reply(&server->conn, sizeof(*out) + cap);
	if (!out)
		return -ENOMEM;
	out->major = EMU_PROTO_MAJOR;
	out->minor = in->minor < EMU_PROTO_MINOR ? in->minor : EMU_PROTO_MINOR;
	if (text_len)
		cap = nvio_emu_caps_format(&caps, (char *)(out + 1), cap);
	nvio_emu_conn_reply_len(&server->conn, sizeof(*out) + cap);
	server->negotiated = true;
	server->hang_up = false;
	return 0;
}

static int do_dma_map(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_dma_map *in = payload;
	int fd = server->conn.in.nr_fds ? server->conn.in.fds[0] : -1;
	int err;

	(void)len;
	if (in->argsz < sizeof(*in) || server->conn.in.nr_fds > 1)
		return -EINVAL;
	err = nvio_emu_dma_map(&server->dma, in->iova, in->len, fd, in->offset, in->flags);
	server->bus.generation++;
	return err;
}

static int do_dma_unmap(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_dma_unmap *in = payload;
	struct emu_dma_unmap *out;
	int err = 0;

	(void)len;
	if (in->argsz < sizeof(*in) || in->flags & ~EMU_DMA_UNMAP_ALL)
		return -EINVAL;
	if (!(in->flags & EMU_DMA_UNMAP_ALL))
		err = nvio_emu_dma_unmap(&server->dma, in->iova, in->len);
	else if (in->iova || in->len)
		err = -EINVAL;
	else
		nvio_emu_dma_clear(&server->dma);
	if (err)
		return err;
	server->bus.generation++;
	out = nvio_emu_conn_reply(&server->conn, sizeof(*out));
	if (!out)
		return -ENOMEM;
	*out = *in;
	out->argsz = sizeof(*out);
	return 0;
}

/*
 * Newer kernels' structure goes on with a capability offset, zero here. A client that sends it
 * reads as many bytes back, whatever its argsz says.
 */
static int do_info(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_device_info *in = payload;
	struct emu_device_info *out;

	if (in->argsz < sizeof(*in))
		return -EINVAL;
	if (len > EMU_DEVICE_INFO_MAX)
		len = EMU_DEVICE_INFO_MAX;
	out = nvio_emu_conn_reply(&server->conn, len);
	if (!out)
		return -ENOMEM;
	out->argsz = (uint32_t)len;
	out->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	out->nr_regions = VFIO_PCI_NUM_REGIONS;
	out->nr_irqs = VFIO_PCI_NUM_IRQS;
	return 0;
}

static int do_irq_info(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_irq_info *in = payload;
	struct emu_irq_info *out;
	uint32_t flags, count;

	(void)len;
	if (in->argsz < sizeof(*in) || nvio_emu_irq_info(&server->irqs, in->index, &flags, &count))
		return -EINVAL;
	out = nvio_emu_conn_reply(&server->conn, sizeof(*out));
	if (!out)
		return -ENOMEM;
	*out = (struct emu_irq_info){ sizeof(*out), flags, in->index, count };
	return 0;
}

/*
 * A hypervisor unmasks INTx right after its guest has rung the doorbell. With the level of before,
 * the guest would be interrupted again for nothing, and as it finds nothing it touches no register,
 * which is what ends an interrupt for the hypervisor.
 */
void nvio_emu_server_poll_irqs(struct emu_server *server)
{
	if (server->running)
		nvio_emu_ctrl_settle_intx(server->ctrl);
	nvio_emu_irq_poll(&server->irqs);
}

static int do_set_irqs(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_irq_set *in = payload;

	if (in->argsz < sizeof(*in))
		return -EINVAL;
	if (server->running)
		nvio_emu_ctrl_settle_intx(server->ctrl);
	return nvio_emu_irq_set(&server->irqs, in, (const uint8_t *)(in + 1), len - sizeof(*in),
				server->conn.in.fds, server->conn.in.nr_fds);
}

static int do_reset(struct emu_server *server, const void *payload, size_t len)
{
	(void)payload;
	(void)len;
	if (nvio_emu_ctrl_gone(server->ctrl))
		return -ENODEV;
	nvio_emu_server_reset(server);
	return 0;
}

/* Requests that are longer than they need be are taken: clients send newer structures. */
static const struct command {
	int (*run)(struct emu_server *server, const void *payload, size_t len);
	size_t len_min;
	bool takes_fds;
} commands[EMU_NR_COMMANDS] = {
	[EMU_VERSION] = { do_version, sizeof(struct emu_version), false },
	[EMU_DMA_MAP] = { do_dma_map, sizeof(struct emu_dma_map), true },
	/* SPDK sends the region's descriptor again. */
	[EMU_DMA_UNMAP] = { do_dma_unmap, sizeof(struct emu_dma_unmap), true },
	[EMU_GET_INFO] = { do_info, sizeof(struct emu_device_info), false },
	[EMU_GET_REGION_INFO] = { nvio_emu_region_info, sizeof(struct emu_region_info), false },
	[EMU_GET_IRQ_INFO] = { do_irq_info, sizeof(struct emu_irq_info), false },
	[EMU_SET_IRQS] = { do_set_irqs, sizeof(struct emu_irq_set), true },
	[EMU_REGION_READ] = { nvio_emu_region_read, sizeof(struct emu_region_access), false },
	[EMU_REGION_WRITE] = { nvio_emu_region_write, sizeof(struct emu_region_access), false },
	[EMU_RESET] = { do_reset, 0, false },
	[EMU_MIGRATION_READ] = { nvio_emu_migration_read, sizeof(struct emu_migration_data),
				 false },
	[EMU_MIGRATION_WRITE] = { nvio_emu_migration_write, sizeof(struct emu_migration_data),
				  false },
	[EMU_FEATURE] = { nvio_emu_device_feature, sizeof(struct emu_feature), false },
};

static int dispatch(struct emu_server *server)
{
	struct emu_conn *conn = &server->conn;
	const struct emu_header *header = nvio_emu_conn_header(conn);
	size_t len = header->len - sizeof(*header);
	const struct command *command;

	if (!nvio_emu_conn_reply(conn, 0))
		return -ENOMEM;
	if ((header->flags & EMU_MSG_TYPE_MASK) != EMU_MSG_COMMAND)
		return -EINVAL;
	if (header->command >= EMU_NR_COMMANDS || !commands[header->command].run)
		return -EOPNOTSUPP;
	command = &commands[header->command];
	if (!server->negotiated && header->command != EMU_VERSION)
		return -EINVAL;
	if (len < command->len_min || conn->in.too_many_fds)
		return -EINVAL;
	if (conn->in.nr_fds && !command->takes_fds)
		return -EINVAL;
	return command->run(server, header + 1, len);
}

/* Returns 0, or -errno when the connection is to end. */
static int handle(struct emu_server *server)
{
	struct emu_conn *conn = &server->conn;
	uint32_t flags = nvio_emu_conn_header(conn)->flags;
	int err;

	/* Nothing was asked of the client, so it has nothing to reply to. */
	if ((flags & EMU_MSG_TYPE_MASK) == EMU_MSG_REPLY)
		return -EPROTO;
	err = dispatch(server);
	if (flags & EMU_MSG_NO_REPLY)
		err = 0;
	else
		err = nvio_emu_conn_send(conn, -err);
	nvio_emu_conn_done(conn);
	return server->hang_up ? -EPROTO : err;
}

bool nvio_emu_server_stalled(struct emu_server *server, uint64_t now)
{
	const struct emu_conn *conn = &server->conn;

	if (server->negotiated && !conn->rx.len && !nvio_emu_conn_sending(conn))
		server->unfinished_since = 0;
	else if (!server->unfinished_since)
		server->unfinished_since = now;
	return server->unfinished_since && now - server->unfinished_since > server->patience_ns;
}

int nvio_emu_server_talk(struct emu_server *server)
{
	int nr, err;

	nvio_emu_remote_turn(server);
	if (server->remote.broken)
		return server->remote.broken;
	for (nr = 0; nr < REQUESTS_AT_ONCE; nr++) {
		err = nvio_emu_conn_receive(&server->conn);
		if (!err)
			break;
		if (err == -EMSGSIZE)
			nvio_emu_conn_send(&server->conn, EMSGSIZE);
		if (err > 0)
			err = handle(server);
		if (err < 0)
			return err;
		/* What is unfinished now has begun since. */
		if (server->negotiated)
			server->unfinished_since = 0;
	}
	return nr;
}
