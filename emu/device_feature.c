/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DEVICE_FEATURE: which features the device has, with which verbs; the log of DMA writes, and the
 * state of a migration.
 *
 * Errors are those of Linux for the same request to a device of its own. Features of the NVMe
 * controller are in features.c.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

/* Newer than the <linux/vfio.h> of Debian 12. */
#define MIG_DATA_SIZE 9

#define VERBS (VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET)

/* A request: @len bytes behind its head, and @room for those of the answer. */
struct request {
	const struct emu_feature *head;
	const uint8_t *data;
	size_t len;
	size_t room;
};

static bool is_power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* Begins the answer: the head, and @len bytes of data. NULL: no memory. */
static uint8_t *begin_answer(struct emu_server *server, const struct request *request, size_t len)
{
	struct emu_feature *out = nvio_emu_conn_reply(&server->conn, sizeof(*out) + len);

	if (!out)
		return NULL;
	out->argsz = (uint32_t)(sizeof(*out) + len);
	out->flags = request->head->flags;
	return (uint8_t *)(out + 1);
}

static int answer(struct emu_server *server, const struct request *request, const void *data,
		  size_t len)
{
	uint8_t *out;

	if (request->room < len)
		return -EINVAL;
	out = begin_answer(server, request, len);
	if (!out)
		return -ENOMEM;
	if (len)
		memcpy(out, data, len);
	return 0;
}

/* The request is its own answer. */
static int repeat(struct emu_server *server, const struct request *request)
{
	return answer(server, request, request->data, request->len);
}

/* Pages of the log are what @page_len says or smaller: it is asked in any from there on. */
static int read_range(const uint8_t *at, uint64_t page_len, struct emu_dirty_range *range)
{
	struct emu_log_range in;

	memcpy(&in, at, sizeof(in));
	if (!in.len || (in.iova | in.len) & (page_len - 1))
		return -EINVAL;
	range->iova = in.iova;
	range->last = in.iova + (in.len - 1);
	return range->last < range->iova ? -EOVERFLOW : 0;
}

static int log_start(struct emu_server *server, const struct request *request)
{
	struct emu_dirty_range *ranges = NULL;
	struct emu_log_start in;
	uint8_t *out;
	int err = 0;

	memcpy(&in, request->data, sizeof(in));
	if (!is_power_of_two(in.page_len) ||
	    in.nr_ranges > (request->len - sizeof(in)) / sizeof(struct emu_log_range))
		return -EINVAL;
	if (in.nr_ranges)
		ranges = calloc(in.nr_ranges, sizeof(*ranges));
	out = begin_answer(server, request, request->len);
	if (!out || (in.nr_ranges && !ranges)) {
		free(ranges);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < in.nr_ranges && !err; i++)
		err = read_range(request->data + sizeof(in) + i * sizeof(struct emu_log_range),
				 in.page_len, &ranges[i]);
	if (err) {
		free(ranges);
		return err;
	}
	err = nvio_emu_dirty_start(&server->dirty, ranges, in.nr_ranges);
	/* Pages that were found to be written before are not found again. */
	server->bus.generation++;
	memcpy(out, request->data, request->len);
	if (in.page_len < EMU_DIRTY_PAGE)
		((struct emu_log_start *)out)->page_len = EMU_DIRTY_PAGE;
	return err;
}

static int log_stop(struct emu_server *server, const struct request *request)
{
	nvio_emu_dirty_stop(&server->dirty);
	return repeat(server, request);
}

static int log_report(struct emu_server *server, const struct request *request)
{
	struct emu_log_report in;
	uint64_t bits, last;
	uint8_t *out;
	size_t len;

	memcpy(&in, request->data, sizeof(in));
	if (!is_power_of_two(in.page_len) || in.page_len < EMU_DIRTY_PAGE || !in.len ||
	    in.iova % EMU_DIRTY_PAGE)
		return -EINVAL;
	last = in.iova + (in.len - 1);
	if (last < in.iova)
		return -EOVERFLOW;
	bits = (in.len - 1) / in.page_len + 1;
	if (bits > 8ull * EMU_XFER_MAX)
		return -EINVAL;
	len = (bits + 63) / 64 * 8;
	if (request->room < sizeof(in) + len)
		return -EINVAL;
	out = begin_answer(server, request, sizeof(in) + len);
	if (!out)
		return -ENOMEM;
	memcpy(out, &in, sizeof(in));
	server->bus.generation++;
	return nvio_emu_dirty_take(&server->dirty, in.iova, last, in.page_len,
				   (uint64_t *)(out + sizeof(in)));
}

static int get_migration(struct emu_server *server, const struct request *request)
{
	const uint64_t flags = VFIO_MIGRATION_STOP_COPY;

	return answer(server, request, &flags, sizeof(flags));
}

static int get_state(struct emu_server *server, const struct request *request)
{
	const struct emu_migration_state state = { server->migration.state, -1 };

	return answer(server, request, &state, sizeof(state));
}

static int set_state(struct emu_server *server, const struct request *request)
{
	struct emu_migration_state state;
	int err;

	if (request->len < sizeof(state))
		return -EINVAL;
	memcpy(&state, request->data, sizeof(state));
	if (nvio_emu_ctrl_gone(server->ctrl))
		return -ENODEV;
	err = nvio_emu_migration_set(server, state.state);
	return err ? err : repeat(server, request);
}

static int get_size(struct emu_server *server, const struct request *request)
{
	const uint64_t len = nvio_emu_stream_len(server->ctrl);

	return answer(server, request, &len, sizeof(len));
}

static const struct feature {
	int (*get)(struct emu_server *server, const struct request *request);
	int (*set)(struct emu_server *server, const struct request *request);
	size_t len_min; /* of the data, for the verbs */
	bool (*offered)(const struct emu_server *server); /* NULL: always */
} features[] = {
	[VFIO_DEVICE_FEATURE_MIGRATION] = { get_migration, NULL, 0, nvio_emu_migration_offered },
	[VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE] = { get_state, set_state, 0,
						   nvio_emu_migration_offered },
	[VFIO_DEVICE_FEATURE_DMA_LOGGING_START] = { NULL, log_start, sizeof(struct emu_log_start),
						    NULL },
	[VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP] = { NULL, log_stop, 0, NULL },
	[VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT] = { log_report, NULL,
						     sizeof(struct emu_log_report), NULL },
	[MIG_DATA_SIZE] = { get_size, NULL, 0, nvio_emu_migration_offered },
};

static const struct feature *find(uint32_t number)
{
	if (number >= sizeof(features) / sizeof(features[0]) ||
	    (!features[number].get && !features[number].set))
		return NULL;
	return &features[number];
}

int nvio_emu_device_feature(struct emu_server *server, const void *payload, size_t len)
{
	const struct emu_feature *head = payload;
	const size_t said = head->argsz < sizeof(*head) ? sizeof(*head) : head->argsz;
	const struct request request = { head, (const uint8_t *)(head + 1),
					 (said < len ? said : len) - sizeof(*head),
					 said - sizeof(*head) };
	const struct feature *feature = find(head->flags & VFIO_DEVICE_FEATURE_MASK);
	uint32_t verbs = head->flags & VERBS;

	if (head->argsz < sizeof(*head) ||
	    head->flags & ~(VFIO_DEVICE_FEATURE_MASK | VERBS | VFIO_DEVICE_FEATURE_PROBE))
		return -EINVAL;
	if (!feature || (feature->offered && !feature->offered(server)))
		return -ENOTTY;
	if ((verbs & VFIO_DEVICE_FEATURE_GET && !feature->get) ||
	    (verbs & VFIO_DEVICE_FEATURE_SET && !feature->set))
		return -EINVAL;
	if (head->flags & VFIO_DEVICE_FEATURE_PROBE)
		return repeat(server, &request);
	if (!verbs || verbs == VERBS || request.len < feature->len_min)
		return -EINVAL;
	return verbs == VFIO_DEVICE_FEATURE_GET ? feature->get(server, &request)
						: feature->set(server, &request);
}
