/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events PORT NAME: what QEMU's controller tells by itself: a critical warning that its monitor
 * sets, with the log that has it, and a second namespace that is attached and detached, and is
 * taken up and let go meanwhile. PORT leads to the monitor; the controller is "nvme0" there.
 */
#include <endian.h>

#include "qmp.h"

#define ADMIN_NS_ATTACH 0x15
#define SELECT_ATTACH   0u
#define SELECT_DETACH   1u
#define TEMPERATURE     2u /* of the critical warnings */
#define LOG_SMART       2u
#define LOG_CHANGED     4u
#define SECOND_NS       2u
#define PATIENCE_MS     10000

static void next_event(struct nvio_ctrl *ctrl, struct nvio_async_event *event)
{
	struct pollfd fd = { .fd = (int)vmt_ok(nvio_ctrl_async_fd(ctrl)), .events = POLLIN };

	vmt_check(poll(&fd, 1, PATIENCE_MS) == 1, "no event");
	vmt_check(nvio_ctrl_async_next(ctrl, event, sizeof(*event)) == 1, "%s", nvio_last_error());
	printf("event %u/%u, %u bytes of log %u\n", event->type, event->info, event->log_len,
	       event->log_page);
}

static void check_health(struct nvio_ctrl *ctrl, struct qmp *qmp, struct nvio_async_event *event)
{
	for (unsigned int warning = TEMPERATURE; warning < 16; warning <<= 1) {
		qmp_do(qmp,
		       "{\"execute\": \"qom-set\", \"arguments\": {\"path\": \"/machine/peripheral/nvme0\", "
		       "\"property\": \"smart_critical_warning\", \"value\": %u}}\n",
		       warning);
		next_event(ctrl, event);
		vmt_check(event->type == NVIO_ASYNC_HEALTH && event->log_page == LOG_SMART, "%u",
			  event->type);
		vmt_check(event->log_len >= 512 && event->log[0] == warning, "0x%x", event->log[0]);
		qmp_do(qmp, "{\"execute\": \"qom-set\", \"arguments\": {\"path\": "
			    "\"/machine/peripheral/nvme0\", \"property\": "
			    "\"smart_critical_warning\", \"value\": 0}}\n");
	}
}

/* To or from this controller, whose identifier is 0. */
static void attach(struct nvio_ctrl *ctrl, uint32_t select)
{
	struct nvio_sqe sqe = { .opcode = ADMIN_NS_ATTACH, .nsid = SECOND_NS, .cdw10 = select };
	uint16_t list[2048] = { htole16(1), htole16(0) };
	int status = nvio_admin(ctrl, &sqe, list, sizeof(list), NULL);

	vmt_check(!status, "status 0x%x", status);
}

static void check_notice(struct nvio_ctrl *ctrl, struct nvio_async_event *event)
{
	uint32_t nsid;

	next_event(ctrl, event);
	memcpy(&nsid, event->log, sizeof(nsid));
	vmt_check(event->type == NVIO_ASYNC_NOTICE && event->info == NVIO_NOTICE_NAMESPACES,
		  "%u/%u", event->type, event->info);
	vmt_check(event->log_page == LOG_CHANGED && le32toh(nsid) == SECOND_NS, "namespace %u",
		  le32toh(nsid));
}

static void check_namespaces(struct vmt_drive *drive, struct nvio_async_event *event)
{
	struct nvio_qpair *qpair = vmt_qpair(drive->ctrl, 4, false);
	char *buf = vmt_alloc(drive->iommu, drive->info.block_len);

	for (int i = 0; i < 2; i++) {
		struct nvio_ns *ns;

		vmt_check(!nvio_ctrl_ns(drive->ctrl, SECOND_NS), "it is there already");
		attach(drive->ctrl, SELECT_ATTACH);
		check_notice(drive->ctrl, event);
		vmt_check(nvio_ctrl_next_nsid(drive->ctrl, 1) == SECOND_NS, "it was not taken up");
		ns = nvio_ctrl_ns(drive->ctrl, SECOND_NS);
		vmt_check(ns, "%s", nvio_last_error());
		vmt_fill(buf, drive->info.block_len, (uint64_t)i);
		vmt_io(qpair, ns, VMT_WRITE, buf, 7, 1);
		memset(buf, 0, drive->info.block_len);
		vmt_io(qpair, ns, VMT_READ, buf, 7, 1);
		vmt_check(vmt_holds(buf, drive->info.block_len, (uint64_t)i), "round %d", i);
		attach(drive->ctrl, SELECT_DETACH);
		check_notice(drive->ctrl, event);
		vmt_check(!nvio_ctrl_next_nsid(drive->ctrl, 1), "it was not let go");
		vmt_refused(nvio_read(qpair, ns, buf, 7, 1, 0, 0), ESTALE, "");
	}
}

int main(int argc, char **argv)
{
	struct nvio_async_opts opts = NVIO_ASYNC_OPTS;
	static struct nvio_async_event event;
	static struct qmp qmp;
	struct vmt_drive drive;

	vmt_check(argc == 3, "usage: events PORT NAME");
	qmp_open(&qmp, argv[1]);
	vmt_open(&drive, argv[2], NULL);
	vmt_ok(nvio_ctrl_async_start(drive.ctrl, &opts));
	check_health(drive.ctrl, &qmp, &event);
	check_namespaces(&drive, &event);
	/* A reset takes requests and feature back. */
	vmt_ok(nvio_ctrl_reset(drive.ctrl));
	check_health(drive.ctrl, &qmp, &event);
	nvio_ctrl_close(drive.ctrl);
	return 0;
}
