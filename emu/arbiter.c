/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which submission queue is next (3.4.4): the admin queue, then the I/O queues by turns, or by
 * their priorities where the client has chosen weighted round robin.
 *
 * A round is short, so that the admin queue gets its turn; no queue has more than a burst of it.
 */
#include "state.h"

/* Arbitration Burst (5.27.1.1): a power of two, but for this. */
#define NO_LIMIT 7u

/* Urgent commands of a round, which the client could make endless: as many as a weight can be. */
#define URGENT_MAX 256u

void nvio_emu_arbitration_set(struct emu_ctrl *ctrl, uint32_t value)
{
	ctrl->burst = (value & 7) == NO_LIMIT ? UINT32_MAX : 1u << (value & 7);
	for (unsigned int i = EMU_PRIO_HIGH; i <= EMU_PRIO_LOW; i++)
		ctrl->weights[i] = (value >> (32 - 8 * i) & 0xff) + 1;
}

/* Each queue once, from another one on each time. */
static bool round_robin(struct emu_ctrl *ctrl)
{
	unsigned int nr = ctrl->nr_sqs;
	uint32_t done = 0;

	for (unsigned int i = 0, at = ctrl->first_sq; i < nr && ctrl->running && !ctrl->bus->hold;
	     i++) {
		done |= nvio_emu_run_sq(ctrl, ctrl->active[at], ctrl->burst);
		if (++at == nr)
			at = 0;
	}
	return done;
}

/* The queues of one priority by turns until they had @credits commands, or have none left. */
static bool run_class(struct emu_ctrl *ctrl, enum emu_priority priority, uint32_t credits)
{
	unsigned int nr = ctrl->nr_sqs, idle = 0;
	bool busy = false;

	for (unsigned int at = ctrl->first_sq;
	     idle < nr && credits && ctrl->running && !ctrl->bus->hold;) {
		struct emu_sq *sq = ctrl->active[at];
		uint32_t most = ctrl->burst < credits ? ctrl->burst : credits, n = 0;

		if (sq->priority == priority)
			n = nvio_emu_run_sq(ctrl, sq, most);
		idle = n ? 0 : idle + 1;
		busy |= n;
		credits -= n;
		if (++at == nr)
			at = 0;
	}
	return busy;
}

/* Urgent queues before all others, as long as they have commands; the others share by weight. */
static bool weighted(struct emu_ctrl *ctrl)
{
	bool busy = run_class(ctrl, EMU_PRIO_URGENT, URGENT_MAX);

	if (busy)
		return true;
	for (unsigned int i = EMU_PRIO_HIGH; i <= EMU_PRIO_LOW; i++)
		busy |= run_class(ctrl, i, ctrl->weights[i]);
	return busy;
}

bool nvio_emu_arbitrate(struct emu_ctrl *ctrl)
{
	bool busy = nvio_emu_run_sq(ctrl, &ctrl->sqs[0], ctrl->burst);

	if (++ctrl->first_sq >= ctrl->nr_sqs)
		ctrl->first_sq = 0;
	if (emu_unlikely(ctrl->weighted))
		return weighted(ctrl) || busy;
	return round_robin(ctrl) || busy;
}
