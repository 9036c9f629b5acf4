/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device behind a vfio-user socket: opening it, and its domain. Each server is a domain of its
 * own: every map of the address space is sent to it.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/iommu.h"
#include "vfio/user.h"

static const char *user_type(const struct nvio_domain *domain)
{
	(void)domain;
	return "vfio-user";
}

/* The server will have to ask for every byte. */
static int serve_without_fd(struct nvio_user *u, const struct nvio_map *map)
{
	int err = nvio_user_memory_check(map);

	return err ? err : nvio_user_reader_start(&u->conn);
}

static int user_map(struct nvio_domain *domain, const struct nvio_map *map)
{
	struct nvio_user *u = (struct nvio_user *)domain;
	struct nvio_user_dma_map request = {
		.argsz = sizeof(request),
		.flags = (map->rights & NVIO_DMA_READ ? NVIO_USER_MAP_READ : 0) |
			 (map->rights & NVIO_DMA_WRITE ? NVIO_USER_MAP_WRITE : 0),
		.offset = map->fd_offset,
		.iova = map->iova,
		.size = map->len,
	};
	struct nvio_user_dma_map reply;
	struct nvio_user_call call = {
		.command = NVIO_USER_DMA_MAP,
		.request = &request,
		.request_len = sizeof(request),
		.fds = &map->fd,
		.nr_fds = map->fd >= 0,
		.reply = &reply,
		.reply_room = sizeof(reply),
	};
	int err = map->fd < 0 ? serve_without_fd(u, map) : 0;

	if (!err)
		err = nvio_user_memory_add(&u->conn.memory, map);
	if (err)
		return err;
	err = nvio_user_call(&u->conn, &call);
	nvio_user_fds_close(&call.reply_fds);
	if (err)
		nvio_user_memory_remove(&u->conn.memory, map->iova);
	return err;
}

static int user_unmap(struct nvio_domain *domain, uint64_t iova, size_t len)
{
	struct nvio_user *u = (struct nvio_user *)domain;
	struct nvio_user_dma_unmap request = { .argsz = sizeof(request),
					       .iova = iova,
					       .size = len };
	struct nvio_user_dma_unmap reply;
	int err = nvio_user_ask(&u->conn, NVIO_USER_DMA_UNMAP, &request, sizeof(request), &reply,
				sizeof(reply));

	/* Only now, as the server may have been at it; and whatever it says to that. */
	nvio_user_memory_remove(&u->conn.memory, iova);
	/* A server that is gone has nothing mapped. */
	return err && nvio_user_gone(&u->conn) ? 0 : err;
}

static void user_free(struct nvio_domain *domain)
{
	struct nvio_user *u = (struct nvio_user *)domain;

	for (int i = 0; i < NVIO_REGIONS_MAX; i++) {
		if (u->region_fds[i] >= 0)
			close(u->region_fds[i]);
	}
	nvio_user_migration_end(u);
	nvio_user_conn_fini(&u->conn);
	free(u);
}

static const struct nvio_domain_ops user_domain_ops = {
	.type = user_type,
	.map = user_map,
	.unmap = user_unmap,
	.close = user_free,
};

/* A server may answer with more than was asked for. */
static int read_device_info(struct nvio_user *u, struct nvio_device *device)
{
	struct nvio_user_device_info request = { .argsz = sizeof(request) };
	union {
		struct nvio_user_device_info info;
		char bytes[256];
	} reply = { { 0 } };
	int err = nvio_user_ask(&u->conn, NVIO_USER_DEVICE_INFO, &request, sizeof(request), &reply,
				sizeof(reply));

	if (err)
		return err;
	if (!(reply.info.flags & VFIO_DEVICE_FLAGS_PCI))
		return nvio_error(EPROTO, "the vfio-user server's device is no PCI device");
	device->flags = reply.info.flags;
	device->nr_regions = reply.info.nr_regions;
	device->nr_irqs = reply.info.nr_irqs;
	return 0;
}

bool nvio_user_name(const char *name)
{
	return !strncmp(name, NVIO_USER_PREFIX, strlen(NVIO_USER_PREFIX)) ||
	       !strncmp(name, NVIO_EMU_PREFIX, strlen(NVIO_EMU_PREFIX));
}

static struct nvio_user *new_user(int fd)
{
	struct nvio_user *u = calloc(1, sizeof(*u));

	if (!u) {
		close(fd);
		return NULL;
	}
	u->domain.ops = &user_domain_ops;
	/* No hardware behind it limits addresses; these are what most IOMMUs allow too. */
	u->domain.numa_node = -1;
	u->domain.ranges =
		(struct nvio_ranges){ 2, { { 0, 0xfedfffff }, { 0xfef00000, (1ull << 39) - 1 } } };
	nvio_user_conn_init(&u->conn, fd);
	u->state_fd = -1;
	for (int i = 0; i < NVIO_REGIONS_MAX; i++)
		u->region_fds[i] = -1;
	return u;
}

int nvio_user_open_device(struct nvio_iommu *iommu, int fd, struct nvio_device *device)
{
	struct nvio_user *u = new_user(fd);
	int err;

	if (!u)
		return nvio_error(ENOMEM, "no memory for a vfio-user connection");
	device->ops = &nvio_user_device_ops;
	device->way = u;
	device->pci.numa_node = -1;
	device->pci.group = -1;
	device->type = user_type(NULL);
	device->why = "its name says so";
	err = nvio_user_negotiate(&u->conn);
	u->domain.max_maps = u->conn.max_maps;
	u->domain.page_sizes = u->conn.page_sizes;
	if (!err)
		err = read_device_info(u, device);
	if (!err)
		err = nvio_device_read_regions(device);
	if (!err)
		err = nvio_user_pci_start(device);
	if (!err) {
		pthread_mutex_lock(&iommu->lock);
		err = nvio_iommu_join(iommu, &u->domain);
		pthread_mutex_unlock(&iommu->lock);
	}
	if (err)
		user_free(&u->domain);
	return err;
}
