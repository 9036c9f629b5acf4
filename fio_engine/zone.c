/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zones for zonemode=zbd: fio asks for them before a job opens its files, and has them reset and
 * finished while it runs. Section numbers are those of the Zoned Namespace Command Set
 * Specification 1.1. fio wants to know of a failure by errno, too.
 */
#include <endian.h>
#include <nvme/types.h>

#include "engine.h"

/* Zone Management Send and Receive (ZNS:3.4). */
enum {
	OP_ZONE_SEND = 0x79,
	OP_ZONE_RECEIVE = 0x7a,
	ZONE_FINISH = 2,
	ZONE_RESET = 4,
	ADMIN_IDENTIFY = 0x06,
	CNS_NS = 0x00,
	CNS_NS_DESCRIPTORS = 0x03,
	CNS_CSI_NS = 0x05,
	CSI_ZONED = 2,
	/* Of one report; every controller moves as much in one command. */
	REPORT_LEN = 4096,
};

/* What a namespace says of all its zones. */
struct zones {
	uint64_t len; /* bytes */
	uint32_t max_open; /* UINT32_MAX: no limit */
	uint32_t max_active;
};

static int failed(int err)
{
	errno = err;
	return -err;
}

static int identify(const struct nvio_fio_file *file, uint32_t cns, uint32_t csi, void *data)
{
	struct nvio_sqe cmd = { .opcode = ADMIN_IDENTIFY, .nsid = file->info.nsid };

	cmd.cdw10 = cns;
	cmd.cdw11 = csi << 24;
	return nvio_admin(nvio_fio_device_ctrl(file->device), &cmd, data, NVME_IDENTIFY_DATA_SIZE,
			  NULL);
}

/* Its command set (5.17.2.4); what does not know of any has that of NVM. */
static int command_set(const struct nvio_fio_file *file)
{
	uint8_t list[NVME_IDENTIFY_DATA_SIZE];
	unsigned int at = 0;

	if (identify(file, CNS_NS_DESCRIPTORS, 0, list))
		return 0;
	while (at + 4 < sizeof(list) && list[at]) {
		if (list[at] == NVME_NIDT_CSI)
			return list[at + 4];
		at += 4u + list[at + 1];
	}
	return 0;
}

static int get_zones(const struct nvio_fio_file *file, struct zones *zones)
{
	struct nvme_zns_id_ns zns;
	struct nvme_id_ns ns;
	int err;

	err = identify(file, CNS_NS, 0, &ns);
	if (!err)
		err = identify(file, CNS_CSI_NS, CSI_ZONED, &zns);
	if (err) {
		log_err("nvio: %s: its zones cannot be identified: %s\n", file->name,
			err > 0 ? nvio_status_text((unsigned int)err) : nvio_last_error());
		return failed(EIO);
	}
	zones->len = le64toh(zns.lbafe[ns.flbas & 0xf].zsze) * file->unit;
	zones->max_open = le32toh(zns.mor);
	zones->max_active = le32toh(zns.mar);
	if (zones->len)
		return 0;
	log_err("nvio: %s: zones of no blocks\n", file->name);
	return failed(EIO);
}

/* Parts of a write could overtake each other on their way to the write pointer. */
static int check_write_size(const struct thread_data *td, const struct nvio_fio_file *file)
{
	struct nvio_ctrl_info info;

	nvio_ctrl_get_info(nvio_fio_device_ctrl(file->device), &info, sizeof(info));
	if (td->o.max_bs[DDIR_WRITE] <= info.max_transfer)
		return 0;
	log_err("nvio: %s: writes into zones take one command each, of %u bytes at most\n",
		file->name, info.max_transfer);
	return failed(EINVAL);
}

int nvio_fio_zoned_model(struct thread_data *td, struct fio_file *f, enum zbd_zoned_model *model)
{
	const struct nvio_fio_file *file = FILE_ENG_DATA(f);

	*model = command_set(file) == CSI_ZONED ? ZBD_HOST_MANAGED : ZBD_NONE;
	return *model == ZBD_NONE ? 0 : check_write_size(td, file);
}

static void read_zone(const struct nvio_fio_file *file, const struct nvme_zns_desc *desc,
		      uint64_t len, struct zbd_zone *zone)
{
	static const enum zbd_zone_cond conditions[16] = {
		[NVME_ZNS_ZS_EMPTY] = ZBD_ZONE_COND_EMPTY,
		[NVME_ZNS_ZS_IMPL_OPEN] = ZBD_ZONE_COND_IMP_OPEN,
		[NVME_ZNS_ZS_EXPL_OPEN] = ZBD_ZONE_COND_EXP_OPEN,
		[NVME_ZNS_ZS_CLOSED] = ZBD_ZONE_COND_CLOSED,
		[NVME_ZNS_ZS_READ_ONLY] = ZBD_ZONE_COND_READONLY,
		[NVME_ZNS_ZS_FULL] = ZBD_ZONE_COND_FULL,
		[NVME_ZNS_ZS_OFFLINE] = ZBD_ZONE_COND_OFFLINE,
	};
	unsigned int state = desc->zs >> 4;

	zone->start = le64toh(desc->zslba) * file->unit;
	zone->len = len;
	zone->capacity = le64toh(desc->zcap) * file->unit;
	zone->type = ZBD_ZONE_TYPE_SWR;
	zone->cond = conditions[state];
	/* The write pointer of a full zone, or one that cannot be written, means nothing. */
	zone->wp = state == NVME_ZNS_ZS_FULL    ? zone->start + zone->capacity
		   : state > NVME_ZNS_ZS_CLOSED ? zone->start
						: le64toh(desc->wp) * file->unit;
	if (zone->wp < zone->start || zone->wp > zone->start + len)
		zone->cond = ZBD_ZONE_COND_OFFLINE, zone->wp = zone->start;
}

/* Up to as many zones as fit into one report. Returns how many, or a negative errno. */
static int report_some(const struct nvio_fio_file *file, uint64_t offset, uint64_t len,
		       struct zbd_zone *zones, unsigned int nr_zones)
{
	_Alignas(8) uint8_t data[REPORT_LEN];
	const struct nvme_zone_report *report = (const void *)data;
	const struct nvme_zns_desc *descs = (const void *)(data + sizeof(*report));
	unsigned int fit = (REPORT_LEN - sizeof(*report)) / sizeof(*descs);
	struct nvio_sqe cmd = { .opcode = OP_ZONE_RECEIVE, .nsid = file->info.nsid };
	uint64_t slba = offset / file->unit;

	cmd.cdw10 = (uint32_t)slba;
	cmd.cdw11 = (uint32_t)(slba >> 32);
	cmd.cdw12 = REPORT_LEN / 4 - 1;
	cmd.cdw13 = 1 << 16; /* partial: counts the zones that are in the buffer */
	memset(data, 0, sizeof(data));
	if (nvio_fio_command(file->device, &cmd, data, sizeof(data)))
		return failed(EIO);
	fit = min(fit, nr_zones);
	if (le64toh(report->nr_zones) < fit)
		fit = (unsigned int)le64toh(report->nr_zones);
	for (unsigned int i = 0; i < fit; i++)
		read_zone(file, &descs[i], len, &zones[i]);
	return (int)fit;
}

int nvio_fio_report_zones(struct thread_data *td, struct fio_file *f, uint64_t offset,
			  struct zbd_zone *zones, unsigned int nr_zones)
{
	const struct nvio_fio_file *file = FILE_ENG_DATA(f);
	unsigned int have = 0;
	struct zones all;
	int ret;

	(void)td;
	ret = get_zones(file, &all);
	if (ret)
		return ret;
	while (have < nr_zones && offset < f->real_file_size) {
		ret = report_some(file, offset, all.len, zones + have, nr_zones - have);
		if (ret < 0)
			return ret;
		if (!ret)
			break;
		have += (unsigned int)ret;
		offset += all.len * (unsigned int)ret;
	}
	return (int)have;
}

static int send_zones(struct fio_file *f, uint64_t offset, uint64_t len, uint32_t action)
{
	const struct nvio_fio_file *file = FILE_ENG_DATA(f);
	struct zones all;
	int err = get_zones(file, &all);

	if (err)
		return err;
	for (uint64_t at = offset; at < offset + len; at += all.len) {
		struct nvio_sqe cmd = { .opcode = OP_ZONE_SEND, .nsid = file->info.nsid };
		uint64_t slba = at / file->unit;

		cmd.cdw10 = (uint32_t)slba;
		cmd.cdw11 = (uint32_t)(slba >> 32);
		cmd.cdw13 = action;
		if (nvio_fio_command(file->device, &cmd, NULL, 0))
			return failed(EIO);
	}
	return 0;
}

int nvio_fio_reset_zones(struct thread_data *td, struct fio_file *f, uint64_t offset, uint64_t len)
{
	(void)td;
	return send_zones(f, offset, len, ZONE_RESET);
}

int nvio_fio_finish_zones(struct thread_data *td, struct fio_file *f, uint64_t offset, uint64_t len)
{
	(void)td;
	return send_zones(f, offset, len, ZONE_FINISH);
}

/* fio's 0 is no limit; the controller counts from 0 and has UINT32_MAX for none. */
static int limit(struct fio_file *f, bool open, unsigned int *max)
{
	struct zones all;
	int err = get_zones(FILE_ENG_DATA(f), &all);

	if (!err)
		*max = (open ? all.max_open : all.max_active) + 1;
	return err;
}

int nvio_fio_max_open_zones(struct thread_data *td, struct fio_file *f, unsigned int *max)
{
	(void)td;
	return limit(f, true, max);
}

int nvio_fio_max_active_zones(struct thread_data *td, struct fio_file *f, unsigned int *max)
{
	(void)td;
	return limit(f, false, max);
}
