/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The controller memory buffer; see cmb.h.
 *
 * The controller sees it at addresses that it keeps to itself: those of its BAR, where no memory
 * is, as IOVAs never overlap PCI windows; since 1.4 the host tells it which (CMBMSC).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nvme/cmb.h"
#include "nvme/ctrl.h"

#define ALIGN_MIN 64u

struct piece {
	uint64_t offset;
	uint64_t len;
};

struct nvio_cmb {
	uint32_t loc; /* CMBLOC, CMBSZ */
	uint32_t sz;
	uint32_t bir; /* the region, and where in it */
	uint64_t offset;
	struct nvio_local local;
	bool reserved; /* its address is none of its BAR's */
	struct nvio_space space; /* free offsets */
	uint64_t used_len;
	struct piece *pieces; /* handed out, unordered */
	size_t nr_pieces;
	size_t room;
};

static int has_none(const struct nvio_ctrl *ctrl)
{
	return nvio_error(ENOTSUP, "%s has no controller memory buffer (CAP 0x%016llx)",
			  ctrl->info.name, (unsigned long long)ctrl->cap);
}

/* The high half first: the low one has the bit that puts all of it in force. */
static void write_cmbmsc(struct nvio_ctrl *ctrl, uint64_t value)
{
	nvio_reg_write32(ctrl, NVIO_REG_CMBMSC + 4, (uint32_t)(value >> 32));
	nvio_reg_write32(ctrl, NVIO_REG_CMBMSC, (uint32_t)value);
}

static int read_registers(struct nvio_ctrl *ctrl, struct nvio_cmb *cmb)
{
	if (FIELD_GET(CAP_CMBS, ctrl->cap))
		write_cmbmsc(ctrl, CMBMSC_CRE);
	cmb->loc = nvio_reg_read32(ctrl, NVIO_REG_CMBLOC);
	cmb->sz = nvio_reg_read32(ctrl, NVIO_REG_CMBSZ);
	if (cmb->loc == NVIO_REG_GONE && cmb->sz == NVIO_REG_GONE)
		return nvio_error(ENODEV, "%s is gone: its registers read as all ones",
				  ctrl->info.name);
	return FIELD_GET(CMBSZ_SZ, cmb->sz) ? 0 : has_none(ctrl);
}

/* Finds the buffer in its BAR and maps it. What reaches beyond the BAR is not there (3.1.3.12). */
static int map(struct nvio_ctrl *ctrl, struct nvio_cmb *cmb)
{
	uint64_t unit = 4096ull << min_u64(4ull * FIELD_GET(CMBSZ_SZU, cmb->sz), 24), len;
	struct nvio_region_info region;
	void *addr;
	int err;

	cmb->bir = FIELD_GET(CMBLOC_BIR, cmb->loc);
	cmb->offset = FIELD_GET(CMBLOC_OFST, cmb->loc) * unit;
	len = FIELD_GET(CMBSZ_SZ, cmb->sz) * unit;
	err = nvio_device_region(ctrl->device, cmb->bir, &region, sizeof(region));
	if (err)
		return err;
	if (cmb->bir > 5 || cmb->offset >= region.len)
		return nvio_error(EPROTO,
				  "%s: its memory buffer begins at 0x%" PRIx64
				  " of BAR %u, which has %" PRIu64 " bytes",
				  ctrl->info.name, cmb->offset, cmb->bir, region.len);
	len = align_down(min_u64(len, region.len - cmb->offset), NVIO_MEM_PAGE);
	if (!len)
		return has_none(ctrl);
	err = nvio_device_region_map(ctrl->device, cmb->bir, cmb->offset, len, &addr);
	if (err)
		return err;
	cmb->local.window.addr = (uintptr_t)addr;
	cmb->local.window.len = len;
	if (FIELD_GET(CMBSZ_RDS, cmb->sz))
		cmb->local.rights |= NVIO_DMA_WRITE;
	if (FIELD_GET(CMBSZ_WDS, cmb->sz))
		cmb->local.rights |= NVIO_DMA_READ;
	return 0;
}

/*
 * The bus address of its BAR: no memory is there, and controllers that take any host's address for
 * that one exist. Only where it cannot be, or is not known, another one is chosen.
 */
static int choose_address(struct nvio_ctrl *ctrl, struct nvio_cmb *cmb)
{
	struct nvio_window *window = &cmb->local.window;
	int err = nvio_local_bar_address(ctrl, cmb->bir, cmb->offset, window->len, &window->iova);

	if (!err || !FIELD_GET(CAP_CMBS, ctrl->cap))
		return err;
	err = nvio_local_reserve(ctrl, window->len, &window->iova);
	cmb->reserved = !err;
	return err;
}

static int tell_address(struct nvio_ctrl *ctrl, struct nvio_cmb *cmb)
{
	uint64_t iova = cmb->local.window.iova;

	if (!FIELD_GET(CAP_CMBS, ctrl->cap))
		return 0;
	write_cmbmsc(ctrl, iova | CMBMSC_CRE | CMBMSC_CMSE);
	if (!(nvio_reg_read32(ctrl, NVIO_REG_CMBSTS) & CMBSTS_INVALID))
		return 0;
	return nvio_error(EIO, "%s refuses 0x%" PRIx64 " as the address of its memory buffer",
			  ctrl->info.name, iova);
}

static void destroy(struct nvio_ctrl *ctrl, struct nvio_cmb *cmb)
{
	if (cmb->reserved)
		nvio_local_release(ctrl, cmb->local.window.len, cmb->local.window.iova);
	nvio_space_free(&cmb->space);
	free(cmb->pieces);
	free(cmb);
}

static int set_up(struct nvio_ctrl *ctrl, struct nvio_cmb *cmb)
{
	int err = read_registers(ctrl, cmb);

	if (!err)
		err = map(ctrl, cmb);
	if (!err)
		err = choose_address(ctrl, cmb);
	if (!err)
		err = tell_address(ctrl, cmb);
	if (!err && nvio_space_add(&cmb->space, 0, cmb->local.window.len))
		err = nvio_error(ENOMEM, "no memory to keep track of a memory buffer");
	if (err && FIELD_GET(CAP_CMBS, ctrl->cap))
		write_cmbmsc(ctrl, 0);
	return err;
}

/* Finds the buffer unless that was done. The controller is locked. Returns 0 or -errno. */
static int open_cmb(struct nvio_ctrl *ctrl)
{
	struct nvio_cmb *cmb;
	int err;

	if (ctrl->cmb)
		return 0;
	cmb = calloc(1, sizeof(*cmb));
	if (!cmb)
		return nvio_error(ENOMEM, "no memory to keep track of a memory buffer");
	err = set_up(ctrl, cmb);
	if (err) {
		destroy(ctrl, cmb);
		return err;
	}
	ctrl->cmb = cmb;
	nvio_local_publish(ctrl, NVIO_LOCAL_CMB, &cmb->local);
	nvio_log(NVIO_LOG_INFO, "%s: memory buffer of %zu bytes at 0x%" PRIx64, ctrl->info.name,
		 cmb->local.window.len, cmb->local.window.iova);
	return 0;
}

int nvio_cmb_get_info(struct nvio_ctrl *ctrl, struct nvio_cmb_info *out, size_t size)
{
	struct nvio_cmb_info info = { 0 };
	int err;

	nvio_ctrl_claim(ctrl);
	err = open_cmb(ctrl);
	if (!err)
		info = (struct nvio_cmb_info){
			.len = ctrl->cmb->local.window.len,
			.used_len = ctrl->cmb->used_len,
			.queues = FIELD_GET(CMBSZ_SQS, ctrl->cmb->sz),
			.lists = FIELD_GET(CMBSZ_LISTS, ctrl->cmb->sz),
			.reads = FIELD_GET(CMBSZ_RDS, ctrl->cmb->sz),
			.writes = FIELD_GET(CMBSZ_WDS, ctrl->cmb->sz),
		};
	pthread_mutex_unlock(&ctrl->lock);
	return err ? err : nvio_give_info(out, size, &info, sizeof(info));
}

static int make_room(struct nvio_cmb *cmb)
{
	size_t room = cmb->room ? cmb->room * 2 : 16;
	struct piece *larger;

	if (cmb->nr_pieces < cmb->room)
		return 0;
	larger = realloc(cmb->pieces, room * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	cmb->pieces = larger;
	cmb->room = room;
	return 0;
}

static void *take(struct nvio_ctrl *ctrl, size_t len, size_t align)
{
	struct nvio_cmb *cmb = ctrl->cmb;
	struct piece piece = { .len = align_up(len, ALIGN_MIN) };
	struct nvio_window *window = &cmb->local.window;

	align = max_u64(align, ALIGN_MIN);
	if (make_room(cmb) ||
	    nvio_space_take(&cmb->space, piece.len, align, -window->iova, &piece.offset)) {
		nvio_error(ENOMEM,
			   "%s: no %zu bytes aligned to %zu are left in its memory buffer of %zu, "
			   "of which %" PRIu64 " are in use",
			   ctrl->info.name, len, align, window->len, cmb->used_len);
		return NULL;
	}
	cmb->pieces[cmb->nr_pieces++] = piece;
	cmb->used_len += piece.len;
	return (void *)(window->addr + piece.offset);
}

void *nvio_cmb_alloc(struct nvio_ctrl *ctrl, size_t len, size_t align)
{
	void *p = NULL;

	if (!len || len > SIZE_MAX / 2 || (align && !is_power_of_two(align))) {
		nvio_error(EINVAL, "an allocation of %zu bytes aligned to %zu makes no sense", len,
			   align);
		return NULL;
	}
	nvio_ctrl_claim(ctrl);
	if (!open_cmb(ctrl))
		p = take(ctrl, len, align);
	pthread_mutex_unlock(&ctrl->lock);
	return p;
}

static void give(struct nvio_cmb *cmb, uint64_t offset, const void *addr)
{
	for (size_t i = 0; cmb && i < cmb->nr_pieces; i++) {
		struct piece *piece = &cmb->pieces[i];

		if (piece->offset != offset)
			continue;
		cmb->used_len -= piece->len;
		nvio_space_add(&cmb->space, offset, piece->len);
		*piece = cmb->pieces[--cmb->nr_pieces];
		return;
	}
	nvio_log(NVIO_LOG_ERROR, "nvio_cmb_free: %p was not allocated from this memory buffer",
		 addr);
}

void nvio_cmb_free(struct nvio_ctrl *ctrl, void *addr)
{
	if (!addr)
		return;
	pthread_mutex_lock(&ctrl->lock);
	give(ctrl->cmb, (uintptr_t)addr - ctrl->locals[NVIO_LOCAL_CMB].window.addr, addr);
	pthread_mutex_unlock(&ctrl->lock);
}

uint64_t nvio_cmb_iova(const struct nvio_ctrl *ctrl, const void *addr)
{
	const struct nvio_window *window = &ctrl->locals[NVIO_LOCAL_CMB].window;

	return (uintptr_t)addr - window->addr + window->iova;
}

/* Lists are data of some commands, too: of those that name ranges. */
static int check_use(const struct nvio_ctrl *ctrl, uint8_t *use)
{
	const struct nvio_cmb *cmb = ctrl->cmb;

	if (!FIELD_GET(CMBSZ_SQS, cmb->sz))
		return nvio_error(ENOTSUP, "%s: its memory buffer takes no queues (CMBSZ 0x%x)",
				  ctrl->info.name, cmb->sz);
	/* Before 1.4 there was no such rule, and no such bit. */
	if (FIELD_GET(CAP_CMBS, ctrl->cap) && !FIELD_GET(CMBLOC_CDPCILS, cmb->loc))
		*use |= NVIO_CMB_LISTS;
	if (*use & NVIO_CMB_LISTS &&
	    !(FIELD_GET(CMBSZ_LISTS, cmb->sz) && FIELD_GET(CMBSZ_WDS, cmb->sz)))
		return nvio_error(ENOTSUP,
				  "%s: its memory buffer takes no lists with a queue (CMBSZ 0x%x)",
				  ctrl->info.name, cmb->sz);
	return 0;
}

int nvio_cmb_check_use(struct nvio_ctrl *ctrl, uint8_t *use)
{
	int err;

	if (!*use)
		return 0;
	if (*use != NVIO_CMB_QUEUE && *use != (NVIO_CMB_QUEUE | NVIO_CMB_LISTS))
		return nvio_error(EINVAL,
				  "0x%x: not the queue, or queue and lists, of a queue pair", *use);
	nvio_ctrl_claim(ctrl);
	err = open_cmb(ctrl);
	if (!err)
		err = check_use(ctrl, use);
	pthread_mutex_unlock(&ctrl->lock);
	return err;
}

int nvio_cmb_again(struct nvio_ctrl *ctrl)
{
	return ctrl->cmb ? tell_address(ctrl, ctrl->cmb) : 0;
}

void nvio_cmb_stop(struct nvio_ctrl *ctrl)
{
	if (ctrl->cmb && FIELD_GET(CAP_CMBS, ctrl->cap))
		write_cmbmsc(ctrl, 0);
}

void nvio_cmb_free_all(struct nvio_ctrl *ctrl)
{
	if (ctrl->cmb)
		destroy(ctrl, ctrl->cmb);
	ctrl->cmb = NULL;
}
