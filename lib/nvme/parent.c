/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of several commands; see parent.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mmio.h"
#include "nvme/command.h"
#include "nvme/parent.h"

int nvio_parents_init(struct nvio_qpair *qpair)
{
	size_t len = align_up(qpair->depth * sizeof(*qpair->parents), CACHE_LINE);

	qpair->parents = aligned_alloc(CACHE_LINE, len);
	if (!qpair->parents)
		return nvio_error(ENOMEM, "no memory for a queue pair of depth %u", qpair->depth);
	memset(qpair->parents, 0, len);
	for (uint16_t i = qpair->depth; i-- > 0;) {
		qpair->parents[i].next = qpair->free_parents;
		qpair->free_parents = &qpair->parents[i];
	}
	qpair->last_parent = &qpair->first_parent;
	return 0;
}

void nvio_parents_fini(struct nvio_qpair *qpair)
{
	free(qpair->parents);
}

bool nvio_parents_use(const struct nvio_qpair *qpair, uintptr_t addr, size_t len)
{
	for (uint16_t i = 0; i < qpair->depth; i++) {
		const struct nvio_parent *parent = &qpair->parents[i];

		if (!__atomic_load_n(&parent->active, __ATOMIC_ACQUIRE))
			continue;
		if (nvio_span_has(&parent->data, addr, len) ||
		    nvio_span_has(&parent->metadata, addr, len))
			return true;
	}
	return false;
}

/* Takes a record for a request. All its memory counts as used from here on. */
static struct nvio_parent *take(struct nvio_qpair *qpair, const struct nvio_request *request)
{
	struct nvio_parent *parent = qpair->free_parents;

	qpair->free_parents = parent->next;
	parent->request = *request;
	if (request->data.iov == &request->single)
		parent->request.data.iov = &parent->request.single;
	parent->nr_out = 0;
	parent->status = 0;
	parent->result = 0;
	parent->queued = false;
	nvio_span_set(&parent->data, nvio_data_span(&request->data, nvio_data_len(&request->data)));
	nvio_span_set(&parent->metadata, nvio_request_metadata(request, request->nr_blocks));
	__atomic_store_n(&parent->active, 1, __ATOMIC_RELEASE);
	nvio_smp_mb();
	qpair->nr_parents++;
	return parent;
}

static void give(struct nvio_qpair *qpair, struct nvio_parent *parent)
{
	__atomic_store_n(&parent->active, 0, __ATOMIC_RELEASE);
	parent->next = qpair->free_parents;
	qpair->free_parents = parent;
	qpair->nr_parents--;
}

/* Whether all of a request can be sent, before any of it is. */
static int check_parts(struct nvio_qpair *qpair, struct nvio_request request)
{
	struct nvio_sqe sqe;

	while (request.nr_blocks) {
		int64_t nr = nvio_request_build(qpair, &request, qpair->free, &sqe);

		if (nr < 0)
			return (int)nr;
		nvio_request_skip(&request, (uint64_t)nr);
	}
	return 0;
}

/* Sends one part. Returns 0 or -errno. */
static int send_part(struct nvio_qpair *qpair, struct nvio_parent *parent)
{
	struct nvio_tracker *t = qpair->free;
	struct nvio_sqe sqe;
	int64_t nr = nvio_request_build(qpair, &parent->request, t, &sqe);

	if (nr < 0) {
		nvio_memory_hold(qpair->memory);
		nr = nvio_request_build(qpair, &parent->request, t, &sqe);
		nvio_memory_release(qpair->memory);
	}
	if (nr < 0)
		return (int)nr;
	nvio_sq_make_room(qpair);
	/* The record says what memory all parts use. */
	nvio_track_memory(t, 0, 0);
	nvio_track_metadata(t, 0, 0);
	nvio_command_queue(qpair, t, &sqe, NVIO_TRACKER_IS_PART | parent->request.state,
			   (uint64_t)(uintptr_t)parent);
	nvio_request_skip(&parent->request, (uint64_t)nr);
	parent->nr_out++;
	qpair->nr_parts++;
	return 0;
}

/* Its vector is not what it was: what was sent is waited for. */
static void stop(struct nvio_parent *parent)
{
	parent->request.nr_blocks = 0;
	if (!parent->status)
		parent->status = NVIO_STATUS_HOST_ABORTED;
}

static void send_parts(struct nvio_qpair *qpair, struct nvio_parent *parent)
{
	while (parent->request.nr_blocks && qpair->free) {
		if (send_part(qpair, parent))
			stop(parent);
	}
}

/* Puts a request in line for trackers. */
static void line_up(struct nvio_qpair *qpair, struct nvio_parent *parent)
{
	parent->queued = true;
	parent->next = NULL;
	*qpair->last_parent = parent;
	qpair->last_parent = &parent->next;
	nvio_attend(qpair, NVIO_ATTENTION_PARTS);
}

static void leave_line(struct nvio_qpair *qpair, struct nvio_parent *parent)
{
	struct nvio_parent **at = &qpair->first_parent;

	while (*at != parent)
		at = &(*at)->next;
	*at = parent->next;
	if (!*at)
		qpair->last_parent = at;
	parent->queued = false;
}

int nvio_parent_queue(struct nvio_qpair *qpair, struct nvio_request *request)
{
	struct nvio_parent *parent;
	int err;

	if (!qpair->free_parents || !qpair->free)
		return nvio_no_slot(qpair);
	parent = take(qpair, request);
	/* The first at once, whoever is in line: see nvio_part_done(). */
	err = check_parts(qpair, parent->request);
	if (!err)
		err = send_part(qpair, parent);
	if (err) {
		give(qpair, parent);
		return err;
	}
	nvio_count(&qpair->stats.splits, 1);
	/* With the rest those that came before go on first. */
	if (!qpair->first_parent)
		send_parts(qpair, parent);
	if (parent->request.nr_blocks)
		line_up(qpair, parent);
	return 0;
}

/* Builds a command that must be the whole of its request. Returns 0 or -errno. */
static int build_whole(struct nvio_qpair *qpair, const struct nvio_request *request,
		       struct nvio_tracker *t, struct nvio_sqe *sqe)
{
	int64_t nr;

	nvio_request_track(request, t, request->nr_blocks);
	nvio_smp_mb();
	nr = nvio_request_build(qpair, request, t, sqe);
	if (nr < 0)
		return (int)nr;
	if ((uint64_t)nr != request->nr_blocks)
		return nvio_error(EINVAL,
				  "%llu blocks from %llu on do not fit into one command, which "
				  "fused commands must",
				  (unsigned long long)request->nr_blocks,
				  (unsigned long long)request->slba);
	return 0;
}

int nvio_parent_queue_fused(struct nvio_qpair *qpair, struct nvio_request *first,
			    struct nvio_request *second)
{
	struct nvio_tracker *t = qpair->free;
	struct nvio_parent *parent;
	struct nvio_sqe sqe[2];
	int err;

	if (t && qpair->depth < 2)
		return nvio_error(EINVAL,
				  "queue pair %u has a depth of 1 and fused commands are two",
				  qpair->qid);
	if (!t || !t->next || !qpair->free_parents)
		return nvio_no_slot(qpair);
	err = build_whole(qpair, first, t, &sqe[0]);
	if (!err)
		err = build_whole(qpair, second, t->next, &sqe[1]);
	if (err) {
		nvio_track_kind(t, NVIO_TRACKER_FREE);
		nvio_track_kind(t->next, NVIO_TRACKER_FREE);
		return err;
	}
	parent = take(qpair, first);
	parent->request.nr_blocks = 0;
	for (int i = 0; i < 2; i++)
		nvio_command_queue(qpair, qpair->free, &sqe[i],
				   NVIO_TRACKER_IS_PART | NVIO_TRACKER_ONCE,
				   (uint64_t)(uintptr_t)parent);
	parent->nr_out = 2;
	qpair->nr_parts += 2;
	return 0;
}

static int complete(struct nvio_qpair *qpair, struct nvio_parent *parent,
		    struct nvio_completion *out)
{
	*out = (struct nvio_completion){
		.user_data = parent->request.user_data,
		.result = parent->result,
		.status = parent->status,
	};
	if (parent->status)
		nvio_count(&qpair->stats.errors, 1);
	give(qpair, parent);
	return 1;
}

/* The first error counts; that the other of two fused commands failed says less than its own. */
static void keep_status(struct nvio_parent *parent, uint16_t status)
{
	if (!parent->status || (parent->status & NVIO_STATUS_CODE) == NVIO_STATUS_FUSED_FAILED)
		parent->status = status ? status : parent->status;
}

int nvio_part_done(struct nvio_qpair *qpair, struct nvio_tracker *t, uint16_t status,
		   uint32_t result, struct nvio_completion *out)
{
	struct nvio_parent *parent = (struct nvio_parent *)(uintptr_t)t->user_data;

	nvio_tracker_free(qpair, t);
	qpair->nr_parts--;
	parent->nr_out--;
	parent->result = result;
	keep_status(parent, status);
	/* What follows an error is not sent. */
	if (parent->status)
		parent->request.nr_blocks = 0;
	/*
	 * A request has a command under way for as long as it is outstanding. So there are never
	 * more requests than trackers, and that no tracker is free tells that the queue is full.
	 */
	if (!parent->nr_out && parent->request.nr_blocks && send_part(qpair, parent))
		stop(parent);
	if (parent->nr_out)
		return 0;
	if (parent->queued)
		leave_line(qpair, parent);
	return complete(qpair, parent, out);
}

void nvio_parents_go_on(struct nvio_qpair *qpair)
{
	while (qpair->first_parent) {
		struct nvio_parent *parent = qpair->first_parent;

		send_parts(qpair, parent);
		if (parent->request.nr_blocks)
			return;
		leave_line(qpair, parent);
	}
	nvio_attended(qpair, NVIO_ATTENTION_PARTS);
}

int nvio_parents_end(struct nvio_qpair *qpair, struct nvio_completion *done, int max)
{
	int n = 0;

	for (uint16_t i = 0; i < qpair->depth && n < max; i++) {
		struct nvio_parent *parent = &qpair->parents[i];

		if (!parent->active || parent->nr_out)
			continue;
		if (!parent->status)
			parent->status = NVIO_STATUS_HOST_ABORTED;
		n += complete(qpair, parent, done + n);
	}
	return n;
}
