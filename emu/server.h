/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user server of one controller: one client at a time, one thread.
 */
#ifndef NVIO_EMU_SERVER_H
#define NVIO_EMU_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "bus.h"
#include "conn.h"
#include "control.h"
#include "ctrl.h"
#include "dirty.h"
#include "dma.h"
#include "irq.h"
#include "migration.h"
#include "pci.h"
#include "remote.h"

struct emu_server {
	struct emu_bus bus;
	struct emu_ctrl *ctrl;
	struct emu_conn conn;
	struct emu_dma dma;
	struct emu_dirty dirty;
	struct emu_remote remote;
	struct emu_pci pci;
	struct emu_irqs irqs;
	struct emu_control control;
	struct emu_migration migration;

	/* BAR 0 as clients map it; of its bytes only the doorbells are used. */
	uint8_t *bar0;
	int bar0_fd;
	size_t mappable_len; /* of doorbells, in whole pages */

	bool dma_allowed;
	bool running; /* in D0, and not stopped to be migrated */
	bool negotiated; /* VERSION was answered */
	bool hang_up; /* after the reply */

	uint64_t patience_ns; /* how long a client may leave something unfinished */
	uint64_t unfinished_since; /* 0: nothing is */

	atomic_bool stopped;
	int stop_fd; /* an eventfd, for when the thread sleeps */
};

/* Longer than any client takes that means to go on. */
#define EMU_PATIENCE_NS 10000000000ull

int nvio_emu_server_new(const struct emu_opts *opts, struct emu_server **server,
			struct emu_error *error);
void nvio_emu_server_free(struct emu_server *server);

/*
 * Serves until it is stopped: @conn_fd (taken; -1: nobody yet), then whoever connects to @listen_fd
 * (the caller's; -1: nobody). Returns 0 or -errno from the listening socket.
 */
int nvio_emu_server_run(struct emu_server *server, int listen_fd, int conn_fd);

/* Keeps the thread that serves on one core; -1: on none. Returns 0, or -errno with a sentence. */
int nvio_emu_server_pin(pthread_t thread, int core, struct emu_error *error);

/* From any thread or a signal handler. */
void nvio_emu_server_stop(struct emu_server *server);

/* The parts of server.c, region.c, device_feature.c and loop.c that meet. */

/* Goes on with the socket. Returns how many messages were handled, or -errno: nothing more will
 * come of this client. */
int nvio_emu_server_talk(struct emu_server *server);

/*
 * Whether the client has left something unfinished for too long: VERSION, a message, or reading its
 * replies. One that says nothing between two messages is idle, and may be so for ever.
 */
bool nvio_emu_server_stalled(struct emu_server *server, uint64_t now);

/* Looks at the eventfds by which the client masks and unmasks INTx. */
void nvio_emu_server_poll_irqs(struct emu_server *server);

/* The client is gone, and nothing of it is left. */
void nvio_emu_server_disconnect(struct emu_server *server);

/* Doorbells that no client of before has a mapping of. */
int nvio_emu_bar0_renew(struct emu_server *server);
uint64_t nvio_emu_region_len(const struct emu_server *server, uint32_t index);

/* Handlers: the payload in, the reply prepared, 0 or -errno out. */
int nvio_emu_region_info(struct emu_server *server, const void *payload, size_t len);
int nvio_emu_region_read(struct emu_server *server, const void *payload, size_t len);
int nvio_emu_region_write(struct emu_server *server, const void *payload, size_t len);
int nvio_emu_device_feature(struct emu_server *server, const void *payload, size_t len);
int nvio_emu_migration_read(struct emu_server *server, const void *payload, size_t len);
int nvio_emu_migration_write(struct emu_server *server, const void *payload, size_t len);

bool nvio_emu_migration_offered(const struct emu_server *server);
/* Into another state, by way of others where needed. Returns 0 or -errno. */
int nvio_emu_migration_set(struct emu_server *server, uint32_t wanted);
/* The device runs, and what of a migration was under way is dropped. */
void nvio_emu_migration_reset(struct emu_server *server);

/* What a function-level reset does, and what remains of that for DEVICE_RESET. */
void nvio_emu_server_flr(struct emu_server *server);
/* All parts but the controller, which is reset already. */
void nvio_emu_server_reset_function(struct emu_server *server);
void nvio_emu_server_reset(struct emu_server *server);

/* The command or power state may have changed. */
void nvio_emu_server_config_changed(struct emu_server *server);

#endif
