/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller to bytes and back.
 *
 * It owns their layout, in host byte order: the fixed part, queues by identifier, vectors, and what
 * features.c and admin_event.c keep to themselves. Times are relative. Doorbells are those in the
 * registers; shadows are in the client's memory and stay there. Commands that were not answered
 * when the controller was settled are forgotten.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "saved.h"

/* Where each part is. */
struct parts {
	struct emu_saved_fixed fixed;
	const uint8_t *pairs;
	const uint8_t *immediate; /* a byte for each vector */
	const uint8_t *features;
	const uint8_t *events;
};

static size_t nr_pairs(const struct emu_ctrl *ctrl)
{
	return ctrl->opts.nr_queues + 1u;
}

size_t nvio_emu_saved_len(const struct emu_ctrl *ctrl)
{
	size_t events_len;

	nvio_emu_events_state(ctrl, &events_len);
	return sizeof(struct emu_saved_fixed) +
	       nr_pairs(ctrl) * sizeof(struct emu_saved_queue_pair) +
	       nvio_emu_ctrl_nr_vectors(&ctrl->opts) + sizeof(struct emu_features) + events_len;
}

static void split(const struct emu_ctrl *ctrl, const uint8_t *bytes, struct parts *parts)
{
	memcpy(&parts->fixed, bytes, sizeof(parts->fixed));
	parts->pairs = bytes + sizeof(parts->fixed);
	parts->immediate = parts->pairs + nr_pairs(ctrl) * sizeof(struct emu_saved_queue_pair);
	parts->features = parts->immediate + nvio_emu_ctrl_nr_vectors(&ctrl->opts);
	parts->events = parts->features + sizeof(struct emu_features);
}

static struct emu_saved_queue_pair pair_at(const struct parts *parts, size_t i)
{
	struct emu_saved_queue_pair pair;

	memcpy(&pair, parts->pairs + i * sizeof(pair), sizeof(pair));
	return pair;
}

static void describe(const struct emu_ctrl *ctrl, struct emu_saved_made *made)
{
	memset(made, 0, sizeof(*made));
	made->cap = ctrl->cap;
	made->max_transfer = ctrl->max_transfer;
	made->nr_queues = ctrl->opts.nr_queues;
	made->nr_vectors = nvio_emu_ctrl_nr_vectors(&ctrl->opts);
	made->nr_states = ctrl->opts.nr_states;
	made->media_ms = ctrl->opts.media_ms;
	made->vwc = ctrl->opts.vwc;
	made->shadow = ctrl->opts.shadow;
	for (unsigned int i = 0; i < EMU_NS_MAX; i++) {
		const struct emu_ns *ns = &ctrl->ns[i];

		made->ns[i].nsid = ns->nsid;
		made->ns[i].nr_blocks = ns->nr_blocks;
		made->ns[i].md_len = ns->md_len;
		made->ns[i].lba_shift = ns->lba_shift;
		made->ns[i].lbaf = ns->lbaf;
		made->ns[i].pi = ns->pi;
		made->ns[i].flags = (uint8_t)(ns->attached | ns->null << 1 | ns->ready << 2 |
					      ns->extended << 3 | ns->pi_first << 4);
	}
}

static uint64_t time_left(uint64_t at)
{
	uint64_t now = nvio_emu_now();

	return at > now ? at - now : 0;
}

static void save_registers(const struct emu_ctrl *ctrl, struct emu_saved_registers *regs)
{
	regs->asq = ctrl->asq;
	regs->acq = ctrl->acq;
	regs->cc = ctrl->cc;
	regs->csts = ctrl->csts;
	regs->aqa = ctrl->aqa;
	regs->intms = ctrl->intms;
	regs->shadow = ctrl->shadow;
	regs->shadow_events = ctrl->shadow_events;
	regs->ready_in = ctrl->ready_at ? time_left(ctrl->ready_at) + 1 : 0;
	regs->media_in = time_left(ctrl->media_at);
	regs->kato_ms = ctrl->kato_ms;
	regs->granted_sqs = ctrl->granted_sqs;
	regs->granted_cqs = ctrl->granted_cqs;
	regs->running = ctrl->running;
	regs->formats_known = ctrl->formats_known;
}

static uint32_t *doorbell(const struct emu_ctrl *ctrl, size_t number)
{
	return ctrl->bus->doorbells + number * ctrl->db_stride / sizeof(uint32_t);
}

static void save_pair(const struct emu_ctrl *ctrl, size_t i, struct emu_saved_queue_pair *pair)
{
	const struct emu_sq *sq = &ctrl->sqs[i];
	const struct emu_cq *cq = &ctrl->cqs[i];

	*pair = (struct emu_saved_queue_pair){
		.sq_iova = sq->iova,
		.cq_iova = cq->iova,
		.sq_entries = sq->entries,
		.cq_entries = cq->entries,
		.sq_head = sq->head,
		.cq_head = cq->head,
		.cq_tail = cq->tail,
		.sq_db = __atomic_load_n(doorbell(ctrl, 2 * i), __ATOMIC_ACQUIRE),
		.cq_db = __atomic_load_n(doorbell(ctrl, 2 * i + 1), __ATOMIC_ACQUIRE),
		.sq_cq = sq->entries ? sq->cq->id : 0,
		.vector = cq->vector,
		.phase = (uint8_t)cq->phase,
		.interrupts = cq->interrupts,
		.priority = sq->priority,
	};
}

void nvio_emu_save(struct emu_ctrl *ctrl, uint8_t *bytes)
{
	struct emu_features features = *ctrl->features;
	const void *events;
	struct parts parts;
	size_t len;

	/* As of now, which is another moment elsewhere. */
	if (features.timestamp_set)
		features.timestamp += (nvio_emu_now() - features.timestamp_at) / 1000000;
	memset(&parts, 0, sizeof(parts));
	describe(ctrl, &parts.fixed.made);
	save_registers(ctrl, &parts.fixed.regs);
	parts.fixed.power = ctrl->power;
	parts.fixed.log.stats = ctrl->stats;
	memcpy(parts.fixed.log.errors, ctrl->errors, sizeof(ctrl->errors));
	parts.fixed.log.last_error = ctrl->last_error;
	memcpy(bytes, &parts.fixed, sizeof(parts.fixed));
	bytes += sizeof(parts.fixed);
	for (size_t i = 0; i < nr_pairs(ctrl); i++) {
		struct emu_saved_queue_pair pair;

		save_pair(ctrl, i, &pair);
		memcpy(bytes, &pair, sizeof(pair));
		bytes += sizeof(pair);
	}
	for (unsigned int i = 0; i < nvio_emu_ctrl_nr_vectors(&ctrl->opts); i++)
		*bytes++ = ctrl->vectors[i].immediate;
	memcpy(bytes, &features, sizeof(features));
	bytes += sizeof(features);
	events = nvio_emu_events_state(ctrl, &len);
	memcpy(bytes, events, len);
}

/* Inside the ring, and no more completions unseen than it has room for. */
static bool cq_is_valid(const struct emu_ctrl *ctrl, const struct emu_saved_queue_pair *pair,
			bool admin)
{
	uint32_t most = admin ? 4096 : ctrl->opts.queue_entries;

	if (!pair->cq_entries)
		return true;
	return pair->cq_entries >= 2 && pair->cq_entries <= most &&
	       pair->cq_head < pair->cq_entries && pair->cq_tail < pair->cq_entries &&
	       !(pair->cq_iova % EMU_DMA_PAGE) && pair->phase <= NVIO_CQE_PHASE &&
	       pair->vector < nvio_emu_ctrl_nr_vectors(&ctrl->opts);
}

static bool sq_is_valid(const struct emu_ctrl *ctrl, const struct parts *parts,
			const struct emu_saved_queue_pair *pair, bool admin)
{
	uint32_t most = admin ? 4096 : ctrl->opts.queue_entries;

	if (!pair->sq_entries)
		return true;
	return pair->sq_entries >= 2 && pair->sq_entries <= most &&
	       pair->sq_head < pair->sq_entries && !(pair->sq_iova % EMU_DMA_PAGE) &&
	       pair->priority < EMU_NR_PRIOS && pair->sq_cq < nr_pairs(ctrl) &&
	       (pair->sq_cq == 0) == admin && pair_at(parts, pair->sq_cq).cq_entries;
}

static bool registers_are_valid(const struct emu_ctrl *ctrl, const struct parts *parts)
{
	const struct emu_saved_registers *regs = &parts->fixed.regs;
	uint32_t mps = NVME_CC_MPS(regs->cc), page_len = EMU_DMA_PAGE << (mps & 0xf);

	if (mps < ctrl->opts.mpsmin * (uint32_t)regs->running || mps > ctrl->opts.mpsmax ||
	    NVME_CC_AMS(regs->cc) > (ctrl->opts.wrr ? NVME_CC_AMS_WRRU : NVME_CC_AMS_RR))
		return false;
	if (regs->granted_sqs > ctrl->opts.nr_queues || regs->granted_cqs > ctrl->opts.nr_queues)
		return false;
	if ((regs->shadow | regs->shadow_events) & (page_len - 1) || regs->kato_ms > 3600000)
		return false;
	return regs->running <= 1 && regs->formats_known <= 1 &&
	       (!regs->running || pair_at(parts, 0).sq_entries);
}

static bool is_valid(const struct emu_ctrl *ctrl, const struct parts *parts)
{
	const struct emu_saved_fixed *fixed = &parts->fixed;
	struct emu_saved_made made;

	describe(ctrl, &made);
	if (memcmp(&made, &fixed->made, sizeof(made)) || !registers_are_valid(ctrl, parts) ||
	    fixed->power.state >= ctrl->opts.nr_states ||
	    fixed->power.operational >= ctrl->opts.nr_states ||
	    ((const uint8_t *)&fixed->power)[offsetof(struct emu_power, autonomous)] > 1 ||
	    fixed->log.last_error >= EMU_ERRORS ||
	    parts->features[offsetof(struct emu_features, timestamp_set)] > 1 ||
	    !nvio_emu_events_are_valid(parts->events))
		return false;
	for (size_t i = 0; i < nr_pairs(ctrl); i++) {
		struct emu_saved_queue_pair pair = pair_at(parts, i);

		if (!cq_is_valid(ctrl, &pair, !i) || !sq_is_valid(ctrl, parts, &pair, !i) ||
		    pair.interrupts > 1)
			return false;
	}
	return true;
}

static void load_registers(struct emu_ctrl *ctrl, const struct emu_saved_registers *regs)
{
	uint64_t now = nvio_emu_now();

	ctrl->asq = regs->asq;
	ctrl->acq = regs->acq;
	ctrl->cc = regs->cc;
	ctrl->csts = regs->csts;
	ctrl->aqa = regs->aqa;
	ctrl->intms = regs->intms;
	ctrl->ready_at = regs->ready_in ? now + regs->ready_in : 0;
	ctrl->media_at = now + regs->media_in;
	ctrl->kato_ms = regs->kato_ms;
	ctrl->kato_due = regs->running && regs->kato_ms ? now + regs->kato_ms * 1000000ull : 0;
	ctrl->granted_sqs = regs->granted_sqs;
	ctrl->granted_cqs = regs->granted_cqs;
	ctrl->formats_known = regs->formats_known;
	ctrl->page_len = EMU_DMA_PAGE << NVME_CC_MPS(regs->cc);
	ctrl->weighted = NVME_CC_AMS(regs->cc) == NVME_CC_AMS_WRRU;
}

/* Whoever may not have been told of a completion is told again. */
static bool load_cq(struct emu_ctrl *ctrl, size_t i, const struct emu_saved_queue_pair *pair)
{
	struct emu_cq *cq = &ctrl->cqs[i];

	if (!pair->cq_entries)
		return true;
	if (!nvio_emu_cq_open(ctrl, (uint16_t)i, pair->cq_iova, pair->cq_entries))
		return false;
	cq->head = pair->cq_head;
	cq->tail = cq->told = pair->cq_tail;
	cq->phase = pair->phase;
	cq->vector = pair->vector;
	cq->interrupts = pair->interrupts;
	__atomic_store_n(doorbell(ctrl, 2 * i + 1), pair->cq_db, __ATOMIC_RELEASE);
	if (cq->interrupts && cq->head != cq->tail) {
		cq->dirty = true;
		ctrl->dirty[ctrl->nr_dirty++] = cq;
	}
	return true;
}

static bool load_sq(struct emu_ctrl *ctrl, size_t i, const struct emu_saved_queue_pair *pair)
{
	if (!pair->sq_entries)
		return true;
	if (!nvio_emu_sq_open(ctrl, (uint16_t)i, pair->sq_cq, pair->sq_iova, pair->sq_entries))
		return false;
	ctrl->sqs[i].head = pair->sq_head;
	ctrl->sqs[i].priority = pair->priority;
	__atomic_store_n(doorbell(ctrl, 2 * i), pair->sq_db, __ATOMIC_RELEASE);
	return true;
}

static bool load_queues(struct emu_ctrl *ctrl, const struct parts *parts)
{
	bool ok = true;

	for (size_t i = 0; i < nr_pairs(ctrl) && ok; i++) {
		struct emu_saved_queue_pair pair = pair_at(parts, i);

		ok = load_cq(ctrl, i, &pair);
	}
	for (size_t i = 0; i < nr_pairs(ctrl) && ok; i++) {
		struct emu_saved_queue_pair pair = pair_at(parts, i);

		ok = load_sq(ctrl, i, &pair);
	}
	return ok;
}

static void load_features(struct emu_ctrl *ctrl, const struct parts *parts)
{
	void *events;
	size_t len;

	memcpy(ctrl->features, parts->features, sizeof(*ctrl->features));
	ctrl->features->timestamp_at = nvio_emu_now();
	nvio_emu_features_apply(ctrl);
	events = nvio_emu_events_state(ctrl, &len);
	memcpy(events, parts->events, len);
	ctrl->power = parts->fixed.power;
	ctrl->power.used_at = nvio_emu_now();
	for (unsigned int i = 0; i < nvio_emu_ctrl_nr_vectors(&ctrl->opts); i++)
		ctrl->vectors[i].immediate = parts->immediate[i] != 0;
}

int nvio_emu_load(struct emu_ctrl *ctrl, const uint8_t *bytes)
{
	struct parts parts;

	split(ctrl, bytes, &parts);
	if (!is_valid(ctrl, &parts))
		return -EINVAL;
	nvio_emu_ctrl_reset(ctrl);
	load_registers(ctrl, &parts.fixed.regs);
	/* Queues begin with their doorbells in the registers: the shadows of the client's are not
	 * to be cleared. */
	if (!load_queues(ctrl, &parts)) {
		nvio_emu_ctrl_reset(ctrl);
		return -ENOMEM;
	}
	load_features(ctrl, &parts);
	ctrl->stats = parts.fixed.log.stats;
	memcpy(ctrl->errors, parts.fixed.log.errors, sizeof(ctrl->errors));
	ctrl->last_error = (unsigned int)parts.fixed.log.last_error;
	ctrl->shadow = parts.fixed.regs.shadow;
	ctrl->shadow_events = parts.fixed.regs.shadow_events;
	ctrl->generation = ctrl->bus->generation - 1;
	ctrl->running = parts.fixed.regs.running;
	return 0;
}
