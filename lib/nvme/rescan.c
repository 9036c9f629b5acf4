/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Namespaces that appear, vanish or change while the controller is open.
 *
 * What only has another size keeps its handle. What went, or has become another one, or is
 * formatted otherwise, has a handle that takes no commands from then on: whoever holds it has
 * buffers that were made for what it was. Handles are freed with the controller.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/async.h>

#include "base/error.h"
#include "nvme/ctrl.h"

/* Where there are more than the list has room for (5.16.1.5). */
#define TOO_MANY 0xffffffffu

/* What was found: the new table, and what is different in it. */
struct scan {
	struct nvio_ns_slot *slots;
	size_t nr;
	uint32_t *changed; /* NULL: nobody wants it */
	uint32_t nr_changed;
};

static void note(struct scan *scan, uint32_t nsid)
{
	uint32_t idx = scan->nr_changed++;

	if (!scan->changed)
		return;
	if (idx < NVIO_NS_LIST_LEN) {
		scan->changed[idx] = htole32(nsid);
		return;
	}
	memset(scan->changed, 0, NVIO_NS_LIST_LEN * sizeof(*scan->changed));
	scan->changed[0] = htole32(TOO_MANY);
}

/* Whether buffers, limits and data of one are those of the other, but for what is behind its end.
 */
static bool is_same(const struct nvio_ns *a, const struct nvio_ns *b)
{
	struct nvio_ns_info x = a->info;
	const struct nvio_ns_info *y = &b->info;

	x.nr_blocks = y->nr_blocks;
	x.capacity = y->capacity;
	x.used = y->used;
	x.read_only = y->read_only;
	return x.nsid == y->nsid && x.block_len == y->block_len &&
	       x.metadata_len == y->metadata_len && x.max_blocks == y->max_blocks &&
	       x.metadata_extended == y->metadata_extended && x.protection == y->protection &&
	       x.guard_bits == y->guard_bits && x.pi_offset == y->pi_offset &&
	       x.storage_tag_bits == y->storage_tag_bits &&
	       x.storage_tag_mask == y->storage_tag_mask && a->boundary == b->boundary &&
	       !memcmp(x.eui64, y->eui64, sizeof(x.eui64)) &&
	       !memcmp(x.nguid, y->nguid, sizeof(x.nguid));
}

/*
 * Queue pairs read both numbers in any order: one that is too large between the two is refused by
 * the controller.
 */
static bool resize(struct nvio_ns *ns, const struct nvio_ns *now)
{
	struct nvio_ns_info *info = &ns->info;
	bool changes = info->nr_blocks != now->info.nr_blocks ||
		       info->capacity != now->info.capacity ||
		       info->read_only != now->info.read_only;

	__atomic_store_n(&ns->last_block, now->last_block, __ATOMIC_RELAXED);
	__atomic_store_n(&ns->max_blocks, now->max_blocks, __ATOMIC_RELAXED);
	pthread_mutex_lock(&ns->owner->ns_lock);
	info->nr_blocks = now->info.nr_blocks;
	info->capacity = now->info.capacity;
	info->used = now->info.used;
	info->read_only = now->info.read_only;
	pthread_mutex_unlock(&ns->owner->ns_lock);
	return changes;
}

/* Whatever queues commands looks whose it is, and finds nobody. */
static void end(struct nvio_ctrl *ctrl, struct nvio_ns *ns)
{
	__atomic_store_n(&ns->ctrl, NULL, __ATOMIC_RELAXED);
	ns->next_ended = ctrl->ended;
	ctrl->ended = ns;
	nvio_log(NVIO_LOG_WARN, "%s: namespace %u is not what it was", ctrl->info.name, ns->nsid);
}

/* A namespace that is still there. Returns 0, or -errno when nothing can be found out. */
static int look_at(struct nvio_ctrl *ctrl, struct scan *scan, struct nvio_ns_slot *slot,
		   struct nvio_ns *old)
{
	struct nvio_ns *now;

	/* Nobody has asked for it so far, and it is identified when somebody does. */
	if (!old)
		return 0;
	slot->ns = old;
	now = nvio_ns_make(ctrl, slot->nsid);
	if (!now && ctrl->dead)
		return -EIO;
	if (now && is_same(old, now)) {
		if (resize(old, now))
			note(scan, slot->nsid);
		free(now);
		return 0;
	}
	/* When it cannot be used any more, that is said to whoever asks for it next. */
	slot->ns = now;
	end(ctrl, old);
	note(scan, slot->nsid);
	return 0;
}

static void went(struct nvio_ctrl *ctrl, struct scan *scan, const struct nvio_ns_slot *slot)
{
	note(scan, slot->nsid);
	if (slot->ns)
		end(ctrl, slot->ns);
}

/* Both tables ascend. What is left to look at after an error stays as it is. */
static int compare(struct nvio_ctrl *ctrl, struct scan *scan)
{
	size_t i = 0;
	int err = 0;

	for (size_t j = 0; j < scan->nr; j++) {
		struct nvio_ns_slot *slot = &scan->slots[j];

		while (i < ctrl->nr_namespaces && ctrl->namespaces[i].nsid < slot->nsid)
			went(ctrl, scan, &ctrl->namespaces[i++]);
		if (i == ctrl->nr_namespaces || ctrl->namespaces[i].nsid != slot->nsid)
			note(scan, slot->nsid);
		else if (err)
			slot->ns = ctrl->namespaces[i++].ns;
		else
			err = look_at(ctrl, scan, slot, ctrl->namespaces[i++].ns);
	}
	while (i < ctrl->nr_namespaces)
		went(ctrl, scan, &ctrl->namespaces[i++]);
	return err;
}

int nvio_rescan(struct nvio_ctrl *ctrl, uint32_t *changed)
{
	struct scan scan = { .changed = changed };
	int64_t nr = nvio_identify_active(ctrl, &scan.slots);
	struct nvio_ns_slot *before;
	int err;

	if (nr < 0)
		return (int)nr;
	scan.nr = (size_t)nr;
	if (changed)
		memset(changed, 0, NVIO_NS_LIST_LEN * sizeof(*changed));
	err = compare(ctrl, &scan);
	pthread_mutex_lock(&ctrl->ns_lock);
	before = ctrl->namespaces;
	ctrl->namespaces = scan.slots;
	ctrl->nr_namespaces = scan.nr;
	ctrl->info.nr_namespaces = (uint32_t)scan.nr;
	pthread_mutex_unlock(&ctrl->ns_lock);
	free(before);
	return err ? err : (int)scan.nr_changed;
}

int nvio_ctrl_rescan(struct nvio_ctrl *ctrl)
{
	int ret;

	nvio_ctrl_claim(ctrl);
	ret = nvio_rescan(ctrl, NULL);
	pthread_mutex_unlock(&ctrl->lock);
	return ret;
}
