/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device behind a vfio-user socket: its regions, interrupts and reset as messages. What the
 * server answers is checked here or by the functions that the kernel's answers go through too.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/iommu.h"
#include "vfio/user.h"

/* More than any server answers to REGION_INFO. */
#define REGION_INFO_MAX 4096u

/* Some servers take a message with one call of recv(): this much the socket keeps in one piece. */
#define ACCESS_MAX 16384u

/* One question about a region with room for @room bytes of answer. Returns 0 or -errno. */
static int ask_region(struct nvio_user *u, uint32_t idx, void *answer, size_t room,
		      struct nvio_user_call *call)
{
	struct vfio_region_info request = { .argsz = (uint32_t)room, .index = idx };
	int err;

	*call = (struct nvio_user_call){
		.command = NVIO_USER_REGION_INFO,
		.request = &request,
		.request_len = sizeof(request),
		.reply = answer,
		.reply_room = room,
	};
	err = nvio_user_call(&u->conn, call);
	if (!err && call->reply_len < sizeof(request))
		err = nvio_error(EPROTO, "region %u: the server's answer is cut off", idx);
	if (err)
		nvio_user_fds_close(&call->reply_fds);
	return err;
}

static int user_region(struct nvio_device *device, uint32_t idx, struct nvio_region *region)
{
	struct nvio_user *u = device->way;
	union {
		struct vfio_region_info info;
		char bytes[REGION_INFO_MAX];
	} answer;
	struct nvio_user_call call;
	int err = ask_region(u, idx, &answer, sizeof(answer.info), &call);

	/* As from the kernel: an index that the function does not have, such as VGA. */
	if (err == -EINVAL)
		return 0;
	if (!err && answer.info.argsz > sizeof(answer.info)) {
		size_t room = answer.info.argsz;

		nvio_user_fds_close(&call.reply_fds);
		if (room > sizeof(answer))
			return nvio_error(EPROTO, "region %u: the server's answer has %zu bytes",
					  idx, room);
		err = ask_region(u, idx, &answer, room, &call);
		/* More areas than it may send us fds for: what is known of the region is enough to
		 * use it by message. */
		if (err == -ENOSPC)
			err = ask_region(u, idx, &answer, sizeof(answer.info), &call);
	}
	if (err)
		return err;
	err = nvio_region_parse(&answer, call.reply_len, region);
	/* The first fd is the region's. */
	if (!err && call.reply_fds.nr) {
		u->region_fds[idx] = call.reply_fds.fd[0];
		call.reply_fds.fd[0] = call.reply_fds.fd[--call.reply_fds.nr];
	} else if (!err) {
		region->info.nr_areas = 0;
	}
	nvio_user_fds_close(&call.reply_fds);
	return err;
}

static void *user_region_map(struct nvio_device *device, uint32_t idx, uint64_t offset, size_t len)
{
	struct nvio_user *u = device->way;
	uint64_t start = device->regions[idx].fd_offset + offset;
	struct stat st;

	/* Beyond a file's end a touch would raise SIGBUS; a device has no end. */
	if (fstat(u->region_fds[idx], &st) ||
	    (S_ISREG(st.st_mode) && start + len > (uint64_t)st.st_size)) {
		errno = EPROTO;
		return MAP_FAILED;
	}
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, u->region_fds[idx],
		    (off_t)start);
}

/* One message: @len is at most what both sides take. */
static int access_once(struct nvio_user *u, enum nvio_user_command command, uint32_t idx,
		       uint64_t offset, void *buf, size_t len)
{
	struct nvio_user_access request = { offset, idx, (uint32_t)len };
	bool write = command == NVIO_USER_REGION_WRITE;
	struct nvio_user_access *reply = malloc(sizeof(*reply) + len);
	struct nvio_user_call call = {
		.command = command,
		.request = &request,
		.request_len = sizeof(request),
		.data = write ? buf : NULL,
		.data_len = write ? len : 0,
		.reply = reply,
		.reply_room = sizeof(*reply) + len,
	};
	size_t expected = sizeof(*reply) + (write ? 0 : len);
	int err;

	if (!reply)
		return -ENOMEM;
	err = nvio_user_call(&u->conn, &call);
	nvio_user_fds_close(&call.reply_fds);
	if (!err && (call.reply_len < expected || reply->count != len))
		err = -EPROTO;
	if (!err && !write)
		memcpy(buf, reply + 1, len);
	free(reply);
	return err;
}

static ssize_t access_region(struct nvio_device *device, enum nvio_user_command command,
			     uint32_t idx, uint64_t offset, void *buf, size_t len)
{
	struct nvio_user *u = device->way;
	size_t most = min_u64(u->conn.max_data, ACCESS_MAX);

	for (size_t done = 0; done < len;) {
		size_t piece = min_u64(len - done, most);
		int err = access_once(u, command, idx, offset + done, (char *)buf + done, piece);

		if (err)
			return err;
		done += piece;
	}
	return (ssize_t)len;
}

static ssize_t user_read(struct nvio_device *device, uint32_t idx, uint64_t offset, void *buf,
			 size_t len)
{
	return access_region(device, NVIO_USER_REGION_READ, idx, offset, buf, len);
}

static ssize_t user_write(struct nvio_device *device, uint32_t idx, uint64_t offset,
			  const void *buf, size_t len)
{
	return access_region(device, NVIO_USER_REGION_WRITE, idx, offset, (void *)buf, len);
}

static int user_irq(struct nvio_device *device, uint32_t irq, struct nvio_irq_info *info)
{
	struct nvio_user *u = device->way;
	struct vfio_irq_info request = { .argsz = sizeof(request), .index = irq }, reply = { 0 };
	int err = nvio_user_ask(&u->conn, NVIO_USER_IRQ_INFO, &request, sizeof(request), &reply,
				sizeof(reply));

	if (err)
		return err;
	info->flags = reply.flags;
	info->nr_vectors = (uint32_t)min_u64(reply.count, NVIO_USER_VECTORS);
	return 0;
}

static int set_irqs(struct nvio_user *u, uint32_t irq, uint32_t flags, uint32_t start,
		    uint32_t count, int fd)
{
	struct vfio_irq_set request = { .argsz = sizeof(request),
					.flags = flags,
					.index = irq,
					.start = start,
					.count = count };
	struct nvio_user_call call = {
		.command = NVIO_USER_SET_IRQS,
		.request = &request,
		.request_len = sizeof(request),
		.fds = &fd,
		.nr_fds = fd >= 0,
	};
	int err = nvio_user_call(&u->conn, &call);

	nvio_user_fds_close(&call.reply_fds);
	return err;
}

/* One message for each vector that changes: a list of fds with holes cannot be said here. */
static int user_irq_set(struct nvio_device *device, uint32_t irq, uint32_t flags, uint32_t start,
			uint32_t count, const int *fds)
{
	struct nvio_user *u = device->way;
	uint8_t *signalled = u->signalled[irq];

	/* Masking and signalling by call leave eventfds as they are. */
	if (!fds && count)
		return set_irqs(u, irq, flags, start, count, -1);
	if (!fds) {
		memset(signalled, 0, sizeof(u->signalled[irq]));
		if (irq == NVIO_IRQ_MSIX)
			nvio_user_msix_off(device);
		return set_irqs(u, irq, flags, start, count, -1);
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t v = start + i;
		int err;

		if (v >= NVIO_USER_VECTORS)
			return nvio_error(EINVAL, "vector %u is too large", v);
		if (fds[i] < 0 && !(signalled[v / 8] & 1u << v % 8))
			continue;
		err = set_irqs(u, irq, flags, v, 1, fds[i]);
		if (err)
			return err;
		signalled[v / 8] = (uint8_t)(signalled[v / 8] & ~(1u << v % 8));
		if (fds[i] < 0)
			continue;
		signalled[v / 8] = (uint8_t)(signalled[v / 8] | 1u << v % 8);
		if (irq == NVIO_IRQ_MSIX)
			nvio_user_msix_on(device, v);
	}
	return 0;
}

/* On some servers configuration space is as after power on then; with the kernel it stays. */
static int user_reset(struct nvio_device *device)
{
	struct nvio_user *u = device->way;
	uint16_t command;
	int err = nvio_device_region_read(device, NVIO_REGION_CONFIG, PCI_COMMAND, &command,
					  sizeof(command));

	if (!err)
		err = nvio_user_ask(&u->conn, NVIO_USER_DEVICE_RESET, NULL, 0, NULL, 0);
	if (!err) {
		nvio_user_migration_end(u);
		err = nvio_user_pci_start(device);
	}
	if (!err)
		err = nvio_device_region_write(device, NVIO_REGION_CONFIG, PCI_COMMAND, &command,
					       sizeof(command));
	return err;
}

static bool user_alive(struct nvio_device *device)
{
	struct nvio_user *u = device->way;

	return nvio_user_alive(&u->conn);
}

static int user_hangup_fd(struct nvio_device *device)
{
	struct nvio_user *u = device->way;

	return u->conn.fd;
}

/* The server lets go of all memory when its client hangs up. */
static void user_close(struct nvio_device *device)
{
	struct nvio_user *u = device->way;

	nvio_iommu_leave(device->iommu, &u->domain);
	u->domain.ops->close(&u->domain);
}

const struct nvio_device_ops nvio_user_device_ops = {
	.region = user_region,
	.map = user_region_map,
	.read = user_read,
	.write = user_write,
	.irq = user_irq,
	.irq_set = user_irq_set,
	.reset = user_reset,
	.ask = nvio_user_feature,
	.alive = user_alive,
	.hangup_fd = user_hangup_fd,
	.is_process = true,
	.close = user_close,
};
