/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO_DEVICE_FEATURE to a vfio-user server: what the kernel takes and gives by address goes and
 * comes inside the messages. The protocol has the features of migration alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/feature.h>

#include "base/bits.h"
#include "vfio/uapi.h"
#include "vfio/user.h"

/* Bytes of one message: some servers take it with one call of recv(). */
#define MESSAGE_MAX 16384u

/* Asks with @len bytes of data, and receives @room of them at most. Returns how many, or -errno;
 * -ENOTTY when there is no such feature. */
static ssize_t ask(struct nvio_user *u, uint32_t flags, const void *data, size_t len, void *answer,
		   size_t room)
{
	struct nvio_user_feature request = { .argsz = (uint32_t)(sizeof(request) + room),
					     .flags = flags };
	struct nvio_user_call call = {
		.command = NVIO_USER_DEVICE_FEATURE,
		.request = &request,
		.request_len = sizeof(request),
		.data = data,
		.data_len = len,
		.reply_room = sizeof(request) + room,
	};
	ssize_t got;
	int err;

	call.reply = malloc(call.reply_room);
	if (!call.reply)
		return -ENOMEM;
	err = nvio_user_call(&u->conn, &call);
	nvio_user_fds_close(&call.reply_fds);
	got = (ssize_t)(call.reply_len - min_u64(call.reply_len, sizeof(request)));
	if (!err && got)
		memcpy(answer, (char *)call.reply + sizeof(request), (size_t)got);
	free(call.reply);
	/* Servers that know no features say so in many ways. */
	if (call.refused == EOPNOTSUPP || (call.refused && flags & VFIO_DEVICE_FEATURE_PROBE))
		return -ENOTTY;
	return err ? err : got;
}

static int log_start(struct nvio_user *u, struct vfio_device_feature *request)
{
	struct vfio_device_feature_dma_logging_control *control = (void *)request->data;
	const struct vfio_device_feature_dma_logging_range *ranges;
	struct nvio_user_log_start *start;
	size_t ranges_len;
	ssize_t got;

	if (request->argsz < sizeof(*request) + sizeof(*control))
		return -EINVAL;
	ranges = (const void *)(uintptr_t)control->ranges;
	ranges_len = control->num_ranges * sizeof(*ranges);
	if (ranges_len > MESSAGE_MAX)
		return -E2BIG;
	start = malloc(sizeof(*start) + ranges_len);
	if (!start)
		return -ENOMEM;
	*start = (struct nvio_user_log_start){ control->page_size, control->num_ranges, 0 };
	memcpy(start + 1, ranges, ranges_len);
	got = ask(u, request->flags, start, sizeof(*start) + ranges_len, start,
		  sizeof(*start) + ranges_len);
	if (got >= (ssize_t)sizeof(*start))
		control->page_size = start->page_len;
	free(start);
	return got < 0 ? (int)got : 0;
}

/* Reports are asked for in parts that fit a message. Of the last word the bits of @nr count. */
static int log_report_part(struct nvio_user *u, uint32_t flags, const struct nvio_user_log *part,
			   uint64_t nr, uint64_t *bitmap)
{
	size_t words = (size_t)(nr + 63) / 64, len = sizeof(*part) + words * sizeof(*bitmap);
	uint64_t *answer = calloc(1, len);
	const uint64_t *bits;
	ssize_t got;

	if (!answer)
		return -ENOMEM;
	bits = answer + sizeof(*part) / sizeof(*answer);
	got = ask(u, flags, part, sizeof(*part), answer, len);
	if (got >= 0 && (size_t)got != len)
		got = -EPROTO;
	for (size_t i = 0; got >= 0 && i < words; i++)
		bitmap[i] |=
			i == words - 1 && nr % 64 ? bits[i] & ((1ull << nr % 64) - 1) : bits[i];
	free(answer);
	return got < 0 ? (int)got : 0;
}

static int log_report(struct nvio_user *u, const struct vfio_device_feature *request)
{
	const struct vfio_device_feature_dma_logging_report *report = (const void *)request->data;
	const uint64_t most = align_down(min_u64(u->conn.max_data, MESSAGE_MAX), 8) * 8;
	uint64_t *bitmap;
	uint64_t nr;
	int err = 0;

	if (request->argsz < sizeof(*request) + sizeof(*report) || !report->page_size)
		return -EINVAL;
	bitmap = (uint64_t *)(uintptr_t)report->bitmap;
	nr = report->length / report->page_size + !!(report->length % report->page_size);
	for (uint64_t done = 0; done < nr && !err; done += most) {
		uint64_t n = min_u64(nr - done, most), before = done * report->page_size;
		struct nvio_user_log part = {
			.iova = report->iova + before,
			.len = n == nr - done ? report->length - before : n * report->page_size,
			.page_len = report->page_size,
		};

		err = log_report_part(u, request->flags, &part, n, bitmap + done / 64);
	}
	return err;
}

/* Data that is the same on the wire. */
static int plain(struct nvio_user *u, struct vfio_device_feature *request)
{
	size_t len = request->argsz - sizeof(*request);
	bool get = request->flags & VFIO_DEVICE_FEATURE_GET;
	ssize_t got = ask(u, request->flags, request->data, get ? 0 : len, request->data, len);

	if (got < 0)
		return (int)got;
	return get && (size_t)got < len && !(request->flags & VFIO_DEVICE_FEATURE_PROBE) ? -EPROTO
											 : 0;
}

static int migration_state(struct nvio_user *u, struct vfio_device_feature *request)
{
	const size_t len = sizeof(*request) + sizeof(struct vfio_device_feature_mig_state);
	bool set = request->flags & VFIO_DEVICE_FEATURE_SET;

	if (!set || request->flags & VFIO_DEVICE_FEATURE_PROBE)
		return plain(u, request);
	return request->argsz < len ? -EINVAL : nvio_user_migration_set(u, request, plain);
}

int nvio_user_feature(struct nvio_device *device, unsigned long number, void *arg)
{
	struct vfio_device_feature *request = arg;
	struct nvio_user *u = device->way;
	bool probe;

	if (number != VFIO_DEVICE_FEATURE)
		return -ENOTTY;
	probe = request->flags & VFIO_DEVICE_FEATURE_PROBE;
	switch (request->flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_START:
		return probe ? plain(u, request) : log_start(u, request);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT:
		return probe ? plain(u, request) : log_report(u, request);
	case VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
		return migration_state(u, request);
	case VFIO_DEVICE_FEATURE_MIGRATION:
	case NVIO_FEATURE_MIGRATION_SIZE:
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP:
		return plain(u, request);
	default:
		return -ENOTTY;
	}
}
