/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device put together: sizes of the BARs, the bus that the controller sees, and all parts made
 * and freed in their order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server.h"

#define PAGE_LEN 4096u

static struct emu_server *server_of(struct emu_bus *bus)
{
	return (struct emu_server *)((char *)bus - offsetof(struct emu_server, bus));
}

/* Who gets an address to write to writes there, as far as the log of DMA is concerned. */
static size_t log_run(struct emu_server *server, uint64_t iova, size_t len, bool write)
{
	if (server->dirty.on && write && len)
		nvio_emu_dirty_add(&server->dirty, iova, len);
	return len;
}

static size_t bus_dma_run(struct emu_bus *bus, uint64_t iova, size_t len, bool write, void **addr)
{
	struct emu_server *server = server_of(bus);

	if (!server->dma_allowed)
		return 0;
	return log_run(server, iova, nvio_emu_dma_run(&server->dma, iova, len, write, addr), write);
}

static void *bus_dma(struct emu_bus *bus, uint64_t iova, size_t len, bool write)
{
	struct emu_server *server = server_of(bus);
	void *addr;

	if (!len || !server->dma_allowed ||
	    nvio_emu_dma_run(&server->dma, iova, len, write, &addr) != len)
		return NULL;
	log_run(server, iova, len, write);
	return addr;
}

static size_t bus_remote_run(struct emu_bus *bus, uint64_t iova, size_t len, bool write)
{
	struct emu_server *server = server_of(bus);

	if (!server->dma_allowed)
		return 0;
	return nvio_emu_dma_remote_run(&server->dma, iova, len, write);
}

static void bus_remote_move(struct emu_bus *bus, uint64_t iova, void *local, size_t len, bool write)
{
	log_run(server_of(bus), iova, len, write);
	nvio_emu_remote_move(server_of(bus), iova, local, len, write);
}

static bool bus_remote_settle(struct emu_bus *bus)
{
	return nvio_emu_remote_settle(server_of(bus));
}

static void bus_raise(struct emu_bus *bus, unsigned int vector)
{
	nvio_emu_irq_raise(&server_of(bus)->irqs, vector);
}

static bool bus_by_line(struct emu_bus *bus)
{
	return !nvio_emu_pci_msix_enabled(&server_of(bus)->pci);
}

static void bus_lower(struct emu_bus *bus)
{
	nvio_emu_irq_lower(&server_of(bus)->irqs);
}

static void bus_report(struct emu_bus *bus)
{
	nvio_emu_irq_report(&server_of(bus)->irqs);
}

static void bus_reset(struct emu_bus *bus)
{
	nvio_emu_server_reset_function(server_of(bus));
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* BARs have a power of two; half a page of MSI-X is rounded up too, as BARs share no page. */
static uint64_t bar_len(uint64_t need)
{
	uint64_t len = 4ull * PAGE_LEN;

	while (len < need)
		len *= 2;
	return len;
}

static struct emu_pci_layout layout_of(const struct emu_opts *opts, size_t doorbells_len)
{
	unsigned int nr = nvio_emu_ctrl_nr_vectors(opts);
	struct emu_pci_layout layout;

	layout.nr_vectors = nr < 1 ? 1 : nr > EMU_VECTORS_MAX ? EMU_VECTORS_MAX : nr;
	layout.bar0_len = bar_len(EMU_DOORBELLS_OFFSET + doorbells_len);
	layout.pba_offset =
		(uint32_t)round_up((uint64_t)layout.nr_vectors * EMU_MSIX_ENTRY, PAGE_LEN);
	layout.bar4_len = bar_len(layout.pba_offset + PAGE_LEN);
	return layout;
}

static int fail(struct emu_error *error, const char *what, int err)
{
	snprintf(error->text, sizeof(error->text), "%s: %s", what, strerror(-err));
	return err;
}

static void release_bar0(struct emu_server *server)
{
	munmap(server->bar0, server->pci.layout.bar0_len);
	close(server->bar0_fd);
}

int nvio_emu_server_new(const struct emu_opts *opts, struct emu_server **server_out,
			struct emu_error *error)
{
	size_t doorbells_len = round_up(nvio_emu_ctrl_doorbells_len(opts), PAGE_LEN);
	struct emu_pci_layout layout = layout_of(opts, doorbells_len);
	struct emu_server *server = calloc(1, sizeof(*server));
	int err;

	if (!server)
		return fail(error, "no memory for a controller", -ENOMEM);
	nvio_emu_pci_init(&server->pci, &layout);
	nvio_emu_dma_init(&server->dma);
	nvio_emu_remote_init(&server->remote);
	nvio_emu_conn_open(&server->conn, -1);
	nvio_emu_control_init(&server->control);
	server->patience_ns = EMU_PATIENCE_NS;
	nvio_emu_migration_reset(server);
	server->running = true;
	server->bar0_fd = -1;
	server->mappable_len = opts->mmap && sysconf(_SC_PAGESIZE) == PAGE_LEN ? doorbells_len : 0;
	err = nvio_emu_bar0_renew(server);
	if (err) {
		fail(error, "cannot make shared memory for doorbells", err);
		goto free_server;
	}
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->stop_fd < 0) {
		err = fail(error, "cannot make an eventfd", -errno);
		goto release_bar0;
	}
	err = nvio_emu_irq_init(&server->irqs, &server->pci);
	if (err) {
		fail(error, "no memory for interrupts", err);
		goto close_stop;
	}
	server->bus = (struct emu_bus){
		.dma = bus_dma,
		.dma_run = bus_dma_run,
		.remote_run = bus_remote_run,
		.remote_move = bus_remote_move,
		.remote_settle = bus_remote_settle,
		.raise = bus_raise,
		.by_line = bus_by_line,
		.lower = bus_lower,
		.report = bus_report,
		.reset = bus_reset,
		.doorbells = (uint32_t *)(server->bar0 + EMU_DOORBELLS_OFFSET),
		.doorbells_len = doorbells_len,
	};
	err = nvio_emu_ctrl_new(opts, &server->bus, &server->ctrl, error);
	if (err)
		goto fini_irqs;
	*server_out = server;
	return 0;
fini_irqs:
	nvio_emu_irq_fini(&server->irqs);
close_stop:
	close(server->stop_fd);
release_bar0:
	release_bar0(server);
free_server:
	free(server);
	return err;
}

void nvio_emu_server_free(struct emu_server *server)
{
	if (!server)
		return;
	if (server->conn.fd >= 0)
		nvio_emu_server_disconnect(server);
	nvio_emu_control_close(&server->control);
	nvio_emu_migration_reset(server);
	nvio_emu_ctrl_free(server->ctrl);
	nvio_emu_irq_fini(&server->irqs);
	nvio_emu_dma_fini(&server->dma);
	nvio_emu_dirty_stop(&server->dirty);
	close(server->stop_fd);
	release_bar0(server);
	free(server);
}
