/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that is registered with a container of sPAPR TCE v2; see spapr_memory.h.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/explain.h"
#include "vfio/spapr_memory.h"
#include "vfio/sys.h"

static int ask(const struct nvio_spapr_memory *memory, unsigned long request, uintptr_t addr,
	       size_t len)
{
	struct vfio_iommu_spapr_register_memory what = { .argsz = sizeof(what),
							 .vaddr = addr,
							 .size = len };

	return nvio_sys_ioctl(memory->fd, request, &what);
}

static int register_error(int err, uintptr_t addr, size_t len)
{
	switch (err) {
	case ENOMEM:
		return nvio_explain_nomem(len, "VmLck:");
	case EFAULT:
		return nvio_error(EFAULT,
				  "memory %p + %zu cannot be registered for DMA: it is not mapped "
				  "in this process, or not to be written",
				  (void *)addr, len);
	case EINVAL:
	case EBUSY:
		return nvio_error(err,
				  "memory %p + %zu cannot be registered for DMA: another address "
				  "space of this process has registered part of it, and may share "
				  "only the same memory from start to end",
				  (void *)addr, len);
	default:
		return nvio_error(err, "memory %p + %zu cannot be registered for DMA: %s",
				  (void *)addr, len, strerror(err));
	}
}

static int make_room(struct nvio_spapr_memory *memory)
{
	uint32_t room = memory->room ? memory->room * 2 : 16;
	struct nvio_spapr_region *larger;

	if (memory->nr < memory->room)
		return 0;
	larger = realloc(memory->regions, room * sizeof(*larger));
	if (!larger)
		return nvio_error(ENOMEM, "no memory to keep track of registered memory");
	memory->regions = larger;
	memory->room = room;
	return 0;
}

/* The first region that ends behind @addr. */
static uint32_t first_behind(const struct nvio_spapr_memory *memory, uintptr_t addr)
{
	uint32_t i = 0;

	while (i < memory->nr && memory->regions[i].addr + memory->regions[i].len <= addr)
		i++;
	return i;
}

/* Registers memory none of which is, as region @idx. */
static int add(struct nvio_spapr_memory *memory, uint32_t idx, uintptr_t addr, size_t len)
{
	int err = make_room(memory);

	if (err)
		return err;
	err = ask(memory, VFIO_IOMMU_SPAPR_REGISTER_MEMORY, addr, len);
	if (err)
		return register_error(-err, addr, len);
	memmove(&memory->regions[idx + 1], &memory->regions[idx],
		(memory->nr - idx) * sizeof(memory->regions[0]));
	memory->regions[idx] = (struct nvio_spapr_region){ addr, len, 0 };
	memory->nr++;
	return 0;
}

/* Takes back what of these addresses no map uses. */
static void drop_unused(struct nvio_spapr_memory *memory, uintptr_t addr, size_t len)
{
	uint32_t i = first_behind(memory, addr);

	while (i < memory->nr && memory->regions[i].addr < addr + len) {
		struct nvio_spapr_region *r = &memory->regions[i];
		int err = r->nr_maps ? 0
				     : ask(memory, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY, r->addr,
					   r->len);

		/* What stays registered serves the next map. */
		if (err)
			nvio_log(NVIO_LOG_WARN, "memory %p + %zu stays registered for DMA: %s",
				 (void *)r->addr, r->len, strerror(-err));
		if (r->nr_maps || err) {
			i++;
			continue;
		}
		memory->nr--;
		memmove(r, r + 1, (memory->nr - i) * sizeof(*r));
	}
}

int nvio_spapr_memory_hold(struct nvio_spapr_memory *memory, uintptr_t addr, size_t len)
{
	uintptr_t at = addr, end = addr + len;
	struct nvio_sentence sentence;
	uint32_t i;

	for (i = first_behind(memory, at); at < end; i++) {
		bool more = i < memory->nr && memory->regions[i].addr < end;
		uintptr_t until = more ? max_u64(memory->regions[i].addr, at) : end;
		int err = until > at ? add(memory, i, at, until - at) : 0;

		if (err) {
			nvio_error_save(&sentence);
			drop_unused(memory, addr, len);
			nvio_error_restore(&sentence);
			return err;
		}
		at = memory->regions[i].addr + memory->regions[i].len;
	}
	for (i = first_behind(memory, addr); i < memory->nr && memory->regions[i].addr < end; i++)
		memory->regions[i].nr_maps++;
	return 0;
}

void nvio_spapr_memory_release(struct nvio_spapr_memory *memory, uintptr_t addr, size_t len)
{
	uint32_t i = first_behind(memory, addr);

	for (; i < memory->nr && memory->regions[i].addr < addr + len; i++)
		memory->regions[i].nr_maps--;
	drop_unused(memory, addr, len);
}

uint64_t nvio_spapr_memory_len(const struct nvio_spapr_memory *memory)
{
	uint64_t len = 0;

	for (uint32_t i = 0; i < memory->nr; i++)
		len += memory->regions[i].len;
	return len;
}
