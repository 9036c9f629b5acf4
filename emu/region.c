/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The regions: BAR 0 (registers, then doorbells), BAR 4 (MSI-X) and configuration space.
 *
 * It checks offsets and lengths once and hands accesses on in the widths that registers have. It
 * owns the memory of the doorbells, which the client maps; what they say is the controller's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server.h"

uint64_t nvio_emu_region_len(const struct emu_server *server, uint32_t index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return server->pci.layout.bar0_len;
	case VFIO_PCI_BAR4_REGION_INDEX:
		return server->pci.layout.bar4_len;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return EMU_CONFIG_LEN;
	default:
		return 0;
	}
}

/*
 * A new file for each client, at the address of the old one: a process that the last client left
 * behind may still write to its doorbells. Sealed, as a client could shrink it under the server.
 */
int nvio_emu_bar0_renew(struct emu_server *server)
{
	size_t len = server->pci.layout.bar0_len;
	int flags = MAP_SHARED | (server->bar0 ? MAP_FIXED : 0);
	int fd = memfd_create("nvio-emu-bar0", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *map;
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)len) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto fail;
	map = mmap(server->bar0, len, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (map == MAP_FAILED)
		goto fail;
	if (server->bar0_fd >= 0)
		close(server->bar0_fd);
	server->bar0_fd = fd;
	server->bar0 = map;
	return 0;
fail:
	err = -errno;
	close(fd);
	return err;
}

/* Doorbells can only be mapped where a page of the host is no more than their offset. */
static bool is_mappable(const struct emu_server *server, uint32_t index)
{
	return index == VFIO_PCI_BAR0_REGION_INDEX && server->mappable_len;
}

int nvio_emu_region_info(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_region_info *in = payload;
	bool mappable = is_mappable(server, in->index);
	uint32_t need = sizeof(*in) + (mappable ? sizeof(struct emu_sparse_cap) : 0);
	struct emu_region_info *out;
	struct emu_sparse_cap *cap;

	(void)len;
	if (in->index >= VFIO_PCI_NUM_REGIONS || in->argsz < sizeof(*in))
		return -EINVAL;
	out = nvio_emu_conn_reply(&server->conn, need);
	if (!out)
		return -ENOMEM;
	out->argsz = need;
	out->index = in->index;
	out->len = nvio_emu_region_len(server, in->index);
	if (out->len)
		out->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (!mappable)
		return 0;
	out->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	out->cap_offset = sizeof(*out);
	if (in->argsz < need) {
		/* The client asks again with the size that it learns here ("Message sizes"). */
		nvio_emu_conn_reply_len(&server->conn, sizeof(*out));
		return 0;
	}
	out->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	cap = (struct emu_sparse_cap *)(out + 1);
	cap->id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	cap->version = 1;
	cap->nr_areas = 1;
	cap->offset = EMU_DOORBELLS_OFFSET;
	cap->len = server->mappable_len;
	server->conn.out_fd = server->bar0_fd;
	return 0;
}

/* The longest aligned access of a power of two, at most 8, that begins at @offset. */
static unsigned int width_at(uint64_t offset, size_t left)
{
	unsigned int width = 8;

	while (width > left || offset % width)
		width /= 2;
	return width;
}

static bool in_doorbells(const struct emu_server *server, uint64_t offset)
{
	return offset >= EMU_DOORBELLS_OFFSET &&
	       offset < EMU_DOORBELLS_OFFSET + server->bus.doorbells_len;
}

/* Doorbells are 32 bits wide and move as a whole, as the client writes others at the same time. */
static uint64_t load_doorbells(const struct emu_server *server, uint64_t offset, unsigned int width)
{
	uint32_t *at = (uint32_t *)(server->bar0 + (offset & ~(uint64_t)3));
	uint64_t value = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	if (width == 8)
		value |= (uint64_t)__atomic_load_n(at + 1, __ATOMIC_ACQUIRE) << 32;
	return value >> 8 * (offset & 3);
}

static void store_doorbells(struct emu_server *server, uint64_t offset, unsigned int width,
			    uint64_t value)
{
	uint32_t *at = (uint32_t *)(server->bar0 + (offset & ~(uint64_t)3));
	unsigned int shift = 8 * (unsigned int)(offset & 3);
	uint32_t mask = width < 4 ? ((1u << 8 * width) - 1) << shift : UINT32_MAX;
	uint32_t old = __atomic_load_n(at, __ATOMIC_RELAXED);

	__atomic_store_n(at, (old & ~mask) | ((uint32_t)value << shift & mask), __ATOMIC_RELEASE);
	if (width == 8)
		__atomic_store_n(at + 1, (uint32_t)(value >> 32), __ATOMIC_RELEASE);
}

static void bar0_read(struct emu_server *server, uint64_t offset, uint8_t *data, size_t len)
{
	while (len) {
		unsigned int width = width_at(offset, len);
		uint64_t value = 0;

		if (offset < EMU_DOORBELLS_OFFSET)
			value = nvio_emu_ctrl_read(server->ctrl, (uint32_t)offset, width);
		else if (in_doorbells(server, offset))
			value = load_doorbells(server, offset, width);
		memcpy(data, &value, width);
		offset += width;
		data += width;
		len -= width;
	}
}

static void bar0_write(struct emu_server *server, uint64_t offset, const uint8_t *data, size_t len)
{
	while (len) {
		unsigned int width = width_at(offset, len);
		uint64_t value = 0;

		memcpy(&value, data, width);
		if (offset < EMU_DOORBELLS_OFFSET)
			nvio_emu_ctrl_write(server->ctrl, (uint32_t)offset, width, value);
		else if (in_doorbells(server, offset))
			store_doorbells(server, offset, width, value);
		offset += width;
		data += width;
		len -= width;
	}
	/* Before the answer: a hypervisor may have the last interrupt's eventfd still to look at.
	 */
	nvio_emu_ctrl_settle_intx(server->ctrl);
}

static void config_write(struct emu_server *server, uint64_t offset, const uint8_t *data,
			 size_t len)
{
	if (nvio_emu_pci_write(&server->pci, (uint32_t)offset, data, len))
		nvio_emu_server_flr(server);
	else
		nvio_emu_server_config_changed(server);
}

static bool is_inside(const struct emu_server *server, const struct emu_region_access *access)
{
	uint64_t len = nvio_emu_region_len(server, access->region);

	return access->offset <= len && access->count <= len - access->offset;
}

/* Whether memory accesses reach nothing. */
static bool is_deaf(const struct emu_server *server)
{
	return !nvio_emu_pci_powered(&server->pci) || !nvio_emu_pci_memory(&server->pci);
}

int nvio_emu_region_read(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_region_access *in = payload;
	struct emu_region_access *out;
	uint8_t *data;

	(void)len;
	if (!is_inside(server, in) || in->count > EMU_XFER_MAX)
		return -EINVAL;
	out = nvio_emu_conn_reply(&server->conn, sizeof(*out) + in->count);
	if (!out)
		return -ENOMEM;
	*out = *in;
	data = (uint8_t *)(out + 1);
	if (nvio_emu_ctrl_gone(server->ctrl) ||
	    (in->region != VFIO_PCI_CONFIG_REGION_INDEX && is_deaf(server)))
		memset(data, 0xff, in->count);
	else if (in->region == VFIO_PCI_CONFIG_REGION_INDEX)
		nvio_emu_pci_read(&server->pci, (uint32_t)in->offset, data, in->count);
	else if (in->region == VFIO_PCI_BAR0_REGION_INDEX)
		bar0_read(server, in->offset, data, in->count);
	else
		nvio_emu_msix_read(&server->irqs, in->offset, data, in->count);
	return 0;
}

int nvio_emu_region_write(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_region_access *in = payload;
	const uint8_t *data = (const uint8_t *)(in + 1);
	struct emu_region_access *out;

	if (!is_inside(server, in) || in->count > len - sizeof(*in))
		return -EINVAL;
	out = nvio_emu_conn_reply(&server->conn, sizeof(*out));
	if (!out)
		return -ENOMEM;
	*out = *in;
	if (nvio_emu_ctrl_gone(server->ctrl))
		return 0;
	if (in->region == VFIO_PCI_CONFIG_REGION_INDEX)
		config_write(server, in->offset, data, in->count);
	/* What does not run does not change. */
	else if (is_deaf(server) || !server->running)
		return 0;
	else if (in->region == VFIO_PCI_BAR0_REGION_INDEX)
		bar0_write(server, in->offset, data, in->count);
	else
		nvio_emu_msix_write(&server->irqs, in->offset, data, in->count);
	return 0;
}
