/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where doorbells are: in the registers, or for I/O queues in the client's memory, as shadows.
 */
#include "doorbell.h"
#include "state.h"

static uint32_t *shadow_at(struct emu_ctrl *ctrl, uint64_t page, uint32_t offset, bool write)
{
	return ctrl->bus->dma(ctrl->bus, page + offset, sizeof(uint32_t), write);
}

/* They are looked at all the time: memory that takes a message each will not do. */
bool nvio_emu_shadow(struct emu_ctrl *ctrl, uint64_t values, uint64_t events)
{
	uint32_t last = ctrl->page_len - sizeof(uint32_t);

	if (!shadow_at(ctrl, values, 0, true) || !shadow_at(ctrl, values, last, true) ||
	    !shadow_at(ctrl, events, 0, true) || !shadow_at(ctrl, events, last, true))
		return false;
	ctrl->shadow = values;
	ctrl->shadow_events = events;
	nvio_emu_queues_remap(ctrl);
	return true;
}

/*
 * A doorbell was seen up to @value and is looked at again soon: the client need not ring. It rings
 * when a change passes the index (B.5), and none passes the one before the value.
 */
void nvio_emu_doorbell_seen(uint32_t *event, uint32_t value)
{
	__atomic_store_n(event, (value - 1) & 0xffff, __ATOMIC_RELAXED);
}

static void ask(uint32_t *event, uint32_t value)
{
	if (event)
		__atomic_store_n(event, value, __ATOMIC_RELAXED);
}

/* With INTx a hypervisor takes the access to the register for the end of the interrupt. */
void nvio_emu_cq_event(const struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	if (ctrl->by_line)
		ask(cq->event, cq->head);
	else if (cq->event)
		nvio_emu_doorbell_seen(cq->event, cq->head);
}

/* In assembler, because the sanitizer of threads does not know the builtin. */
static void full_barrier(void)
{
#if defined(__x86_64__)
	__asm__ volatile("mfence" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dmb ish" ::: "memory");
#else
	__sync_synchronize();
#endif
}

void nvio_emu_doorbells_ask(struct emu_ctrl *ctrl)
{
	if (!nvio_emu_queues_usable(ctrl))
		return;
	for (unsigned int i = 0; i < ctrl->nr_sqs; i++)
		ask(ctrl->active[i]->event, ctrl->active[i]->head);
	for (unsigned int i = 0; i < ctrl->nr_cqs; i++)
		ask(ctrl->active_cqs[i]->event, ctrl->active_cqs[i]->head);
	/* The indices before the next look at the doorbells, as the client writes a doorbell before
	 * it looks at the index: one of the two sees the other. */
	full_barrier();
}

/*
 * Where a doorbell is read: the register, or for I/O queues its shadow in the client's memory
 * (5.8), with the index that tells the client when to ring (B.5).
 */
uint32_t *nvio_emu_doorbell_find(struct emu_ctrl *ctrl, unsigned int number, bool write,
				 uint32_t **event)
{
	size_t offset = (size_t)number * ctrl->db_stride;
	uint32_t *shadow;

	*event = NULL;
	/* One behind the page has the register alone. */
	if (ctrl->shadow && number > 1 && offset < ctrl->page_len) {
		shadow = shadow_at(ctrl, ctrl->shadow, (uint32_t)offset, write);
		*event = shadow_at(ctrl, ctrl->shadow_events, (uint32_t)offset, true);
		return *event ? shadow : NULL;
	}
	if (offset + sizeof(uint32_t) > ctrl->bus->doorbells_len)
		return NULL;
	return (uint32_t *)((uint8_t *)ctrl->bus->doorbells + offset);
}

/* A stale value of an earlier queue would be taken for a ring, and a stale index would keep the
 * client from ringing. */
void nvio_emu_doorbell_clear(struct emu_ctrl *ctrl, unsigned int number, uint32_t *db,
			     uint32_t *event)
{
	uint64_t shadow = ctrl->shadow;

	__atomic_store_n(db, 0, __ATOMIC_RELAXED);
	ask(event, 0);
	ctrl->shadow = 0;
	db = nvio_emu_doorbell_find(ctrl, number, true, &event);
	if (db)
		__atomic_store_n(db, 0, __ATOMIC_RELAXED);
	ctrl->shadow = shadow;
}
