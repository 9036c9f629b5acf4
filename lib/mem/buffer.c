/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles for memory whose IOVA was looked up: a window of their own each.
 *
 * They own nothing but themselves. A registration counts its handles and stays while it has any.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "mem/memory.h"

/* The registration that all of the range is of. */
static struct nvio_registration *find(struct nvio_memory *memory, const struct nvio_window *window)
{
	for (size_t i = 0; i < memory->nr_registrations; i++) {
		struct nvio_registration *r = &memory->registrations[i];

		if (window->addr >= r->addr && window->addr - r->addr < r->len &&
		    window->len <= r->len - (window->addr - r->addr))
			return r;
	}
	return NULL;
}

/* Finds where the memory is for devices, and keeps it there. */
static int hold(struct nvio_memory *memory, struct nvio_buffer *buffer)
{
	struct nvio_window *window = &buffer->window;
	struct nvio_registration *r;
	size_t run;

	if (window->len && nvio_memory_in_window(memory, window->addr, window->len, &window->iova))
		return 0;
	r = find(memory, window);
	if (!window->len || !r || (r->rights & buffer->rights) != buffer->rights)
		return nvio_error(EFAULT,
				  "memory %p + %zu is not in one registration with the rights 0x%x",
				  (void *)window->addr, window->len, buffer->rights);
	/* As the table has it: without an IOMMU each page is where it is. */
	run = nvio_memory_run(memory, window->addr, window->len, buffer->rights, &window->iova);
	if (run != window->len)
		return nvio_error(EFAULT,
				  "memory %p + %zu is not in one piece for devices: only %zu bytes "
				  "are",
				  (void *)window->addr, window->len, run);
	r->nr_buffers++;
	return 0;
}

int nvio_buffer_open(struct nvio_iommu *iommu, void *addr, size_t len, unsigned int rights,
		     struct nvio_buffer **out)
{
	struct nvio_memory *memory = nvio_memory_of(iommu);
	struct nvio_buffer *buffer = malloc(sizeof(*buffer));
	int err;

	if (!memory || !buffer) {
		free(buffer);
		return nvio_error(ENOMEM, "no memory for a buffer's handle");
	}
	*buffer = (struct nvio_buffer){
		.window = { .addr = (uintptr_t)addr, .len = len },
		.memory = memory,
		.rights = rights,
	};
	pthread_mutex_lock(&memory->lock);
	err = hold(memory, buffer);
	pthread_mutex_unlock(&memory->lock);
	if (err)
		free(buffer);
	else
		*out = buffer;
	return err;
}

void nvio_buffer_close(struct nvio_buffer *buffer)
{
	struct nvio_memory *memory;
	struct nvio_registration *r;

	if (!buffer)
		return;
	memory = (struct nvio_memory *)buffer->memory;
	pthread_mutex_lock(&memory->lock);
	r = find(memory, &buffer->window);
	if (r)
		r->nr_buffers--;
	pthread_mutex_unlock(&memory->lock);
	free(buffer);
}
