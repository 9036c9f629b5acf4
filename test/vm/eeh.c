/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * eeh NAME: EEH on a machine that has it. Each call, and what a reset leaves; then the two rungs of
 * the ladder that are EEH's, with commands outstanding on a queue pair with interrupts and one
 * without.
 *
 * The ladder is climbed because queues cannot be made again: after a reset this program is faster
 * than nvio, and makes one that has the number of nvio's first.
 */
#include <poll.h>

#include "vmtest.h"

#define COMMAND     0x04u /* in configuration space */
#define MEMORY      0x02u
#define BUS_MASTER  0x04u
#define VERSION     0x08u
#define CC          0x14u
#define CC_VALUE    0x00460001u /* enabled, with entries of the usual sizes */
#define CSTS        0x1cu
#define READY       1u
#define AQA         0x24u
#define AQA_VALUE   0x00070007u
#define ASQ         0x28u
#define ACQ         0x30u
#define QUEUES      0x10000u /* where nothing is fetched from: no doorbell is rung */
#define CREATE_CQ   0x05u
#define CONTIGUOUS  1u
#define NR_BLOCKS   64u
#define DEPTH       8u
#define PATIENCE_MS 60000

static void pause_ms(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	nanosleep(&pause, NULL);
}

static uint16_t command(struct nvio_device *device)
{
	uint16_t value;

	vmt_ok(nvio_device_region_read(device, NVIO_REGION_CONFIG, COMMAND, &value, sizeof(value)));
	return value;
}

static void allow_memory(struct nvio_device *device)
{
	uint16_t value = command(device) | MEMORY;

	vmt_ok(nvio_device_region_write(device, NVIO_REGION_CONFIG, COMMAND, &value,
					sizeof(value)));
}

static uint32_t get(struct nvio_device *device, uint64_t reg)
{
	uint32_t value;

	vmt_ok(nvio_device_region_read(device, NVIO_REGION_BAR0, reg, &value, sizeof(value)));
	return value;
}

static void set(struct nvio_device *device, uint64_t reg, uint32_t value)
{
	vmt_ok(nvio_device_region_write(device, NVIO_REGION_BAR0, reg, &value, sizeof(value)));
}

static void enable(struct nvio_device *device)
{
	vmt_ok(nvio_device_bus_master(device, true));
	allow_memory(device);
	set(device, AQA, AQA_VALUE);
	set(device, ASQ, QUEUES);
	set(device, ACQ, QUEUES);
	set(device, CC, CC_VALUE);
	for (int i = 0; !(get(device, CSTS) & READY); i++) {
		vmt_check(i < PATIENCE_MS, "CSTS is 0x%x", get(device, CSTS));
		pause_ms();
	}
}

/* An enabled controller is so no more, and its function no bus master. */
static void check_hot_reset(struct nvio_device *device)
{
	enable(device);
	vmt_ok(nvio_eeh_recover(device, NVIO_EEH_HOT));
	vmt_check(!(command(device) & BUS_MASTER), "it is a bus master");
	allow_memory(device);
	vmt_check(!get(device, CC) && !get(device, CSTS), "CC is 0x%x, CSTS 0x%x", get(device, CC),
		  get(device, CSTS));
	vmt_check(vmt_ok(nvio_eeh_state(device)) == NVIO_EEH_NORMAL, "it is cut off");
}

/* QEMU's host bridge has no PERST, and leaves the device as it is: only the kernel's part is there
 * to be seen. */
static void check_fundamental_reset(struct nvio_device *device)
{
	vmt_ok(nvio_eeh_recover(device, NVIO_EEH_FUNDAMENTAL));
	allow_memory(device);
	vmt_check(get(device, VERSION) != UINT32_MAX, "its registers cannot be read");
	vmt_check(vmt_ok(nvio_eeh_state(device)) == NVIO_EEH_NORMAL, "it is cut off");
}

static void check_calls(const char *name)
{
	struct nvio_eeh_error error = { .type = 0, .func = 6 };
	struct nvio_device *device;
	struct nvio_iommu *iommu;

	vmt_ok(nvio_iommu_open(NULL, &iommu));
	vmt_ok(nvio_device_open(iommu, name, NULL, &device));
	vmt_check(nvio_eeh_exists(device), "no EEH");
	vmt_ok(nvio_eeh_disable(device));
	vmt_ok(nvio_eeh_enable(device));
	vmt_check(vmt_ok(nvio_eeh_state(device)) == NVIO_EEH_NORMAL, "it is cut off");
	vmt_ok(nvio_eeh_unfreeze(device, NVIO_EEH_IO));
	vmt_ok(nvio_eeh_unfreeze(device, NVIO_EEH_DMA));
	/* This would be how to have one that is cut off. */
	vmt_refused(nvio_eeh_inject(device, &error), EIO, "injecting an error");
	check_hot_reset(device);
	check_fundamental_reset(device);
	nvio_device_close(device);
	nvio_iommu_close(iommu);
}

static unsigned int nr_hot, nr_fundamental; /* rungs that helped */

static void hear(void *arg, enum nvio_log_level level, const char *line)
{
	vmt_log(arg, level, line);
	if (strstr(line, ": hot reset by EEH done"))
		__atomic_fetch_add(&nr_hot, 1, __ATOMIC_RELAXED);
	else if (strstr(line, ": fundamental reset by EEH done"))
		__atomic_fetch_add(&nr_fundamental, 1, __ATOMIC_RELAXED);
}

struct load {
	struct vmt_drive drive;
	struct nvio_qpair *signalled;
	struct nvio_qpair *polled;
	char *buf; /* NR_BLOCKS of the drive's */
	char *ring; /* of a queue of ours */
};

static char *block(const struct load *load, uint32_t idx)
{
	return load->buf + (size_t)idx * load->drive.info.block_len;
}

static void fill(const struct load *load)
{
	for (uint32_t i = 0; i < NR_BLOCKS; i++)
		vmt_fill(block(load, i), load->drive.info.block_len, i);
}

static void check(const struct load *load, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		vmt_check(vmt_holds(block(load, i), load->drive.info.block_len, i),
			  "what is in block %u", i);
	memset(load->buf, 0xee, (size_t)NR_BLOCKS * load->drive.info.block_len);
}

/* Only the descriptor tells of what arrives. */
static void drain_by_interrupt(const struct load *load, struct vmt_count *count)
{
	struct pollfd fd = { .fd = nvio_qpair_fd(load->signalled), .events = POLLIN };
	struct nvio_completion done[DEPTH];

	while (count->completed < count->queued) {
		vmt_check(poll(&fd, 1, PATIENCE_MS) == 1, "no interrupt, %" PRIu64 " of %" PRIu64,
			  count->completed, count->queued);
		vmt_ok(nvio_qpair_arm(load->signalled));
		vmt_arrived(load->signalled, count, done,
			    vmt_ok(nvio_poll(load->signalled, done, DEPTH)));
	}
}

/* All blocks, each waited for. */
static void each_block(const struct load *load, enum vmt_op op)
{
	struct vmt_count count = { 0 };

	for (uint32_t i = 0; i < NR_BLOCKS; i++) {
		vmt_ok(vmt_queue(load->signalled, load->drive.ns, op, block(load, i), i, 1, i));
		count.queued++;
		vmt_submit(load->signalled, &count);
		drain_by_interrupt(load, &count);
	}
}

static uint64_t nr_recoveries(const struct load *load)
{
	struct nvio_ctrl_stats stats;

	nvio_ctrl_get_stats(load->drive.ctrl, &stats, sizeof(stats));
	vmt_check(!stats.given_up && !stats.device_resets, "%" PRIu64 " device resets",
		  stats.device_resets);
	return stats.recoveries;
}

/* After a reset, of which the owners of queue pairs have not heard: they cannot be had again, and
 * the next rung is tried.
 */
static void climb(const struct load *load)
{
	uint64_t before = nr_recoveries(load), iova;
	struct nvio_completion done;
	struct nvio_sqe sqe = {
		.opcode = CREATE_CQ,
		.cdw10 = 1u << 16 | nvio_qpair_id(load->signalled),
		.cdw11 = CONTIGUOUS,
	};

	vmt_ok(nvio_mem_iova(load->drive.iommu, load->ring, 1, NVIO_DMA_RW, &iova));
	sqe.prp1 = iova;
	vmt_check(vmt_ok(nvio_admin(load->drive.ctrl, &sqe, NULL, 0, NULL)) == 0, "no queue");
	vmt_check(vmt_ok(nvio_poll(load->signalled, &done, 1)) == 0, "a completion");
	for (int i = 0; nr_recoveries(load) == before; i++) {
		vmt_check(i < PATIENCE_MS, "it was not reset once more");
		pause_ms();
	}
}

/* Commands that wait for the controller while it is reset three times; then others. */
static void outlive(struct load *load)
{
	struct vmt_count signalled = { .queued = DEPTH }, polled = { .queued = DEPTH };

	fill(load);
	each_block(load, VMT_WRITE);
	check(load, NR_BLOCKS);
	vmt_ok(nvio_ctrl_reset(load->drive.ctrl));
	for (uint32_t i = 0; i < DEPTH; i++) {
		vmt_ok(nvio_read(load->signalled, load->drive.ns, block(load, i), i, 1, 0, i));
		vmt_ok(nvio_read(load->polled, load->drive.ns, block(load, DEPTH + i), DEPTH + i, 1,
				 0, i));
	}
	vmt_submit(load->signalled, &signalled);
	vmt_submit(load->polled, &polled);
	climb(load);
	climb(load);
	vmt_drain(load->polled, &polled);
	drain_by_interrupt(load, &signalled);
	check(load, 2 * DEPTH);
	each_block(load, VMT_READ);
	check(load, NR_BLOCKS);
}

static void check_ladder(const char *name)
{
	struct load load;

	vmt_open(&load.drive, name, NULL);
	nvio_log_set(hear, NULL, NVIO_LOG_WARN);
	load.signalled = vmt_qpair(load.drive.ctrl, DEPTH, true);
	load.polled = vmt_qpair(load.drive.ctrl, DEPTH, false);
	load.buf = vmt_alloc(load.drive.iommu, (size_t)NR_BLOCKS * load.drive.info.block_len);
	load.ring = vmt_alloc(load.drive.iommu, NVIO_MEM_PAGE);
	outlive(&load);
	vmt_check(nr_hot == 1 && nr_fundamental == 1, "%u and %u", nr_hot, nr_fundamental);
	nvio_ctrl_close(load.drive.ctrl);
}

int main(int argc, char **argv)
{
	vmt_check(argc == 2, "usage: eeh NAME");
	check_calls(argv[1]);
	check_ladder(argv[1]);
	return 0;
}
