/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handover NAME WAY [events|idle]: a program that becomes its successor by execve(), several times,
 * with the drive and its DMA memory. Each writes what the next one reads, and leaves something in
 * memory.
 *
 * The controller goes on without any reset: where queues were made since the last one it refuses to
 * be asked for a number of them. A feature that the first one sets stays set, and the last one has
 * it set again after a reset. With "events" it cannot, and with "idle" it sleeps: then it is
 * brought up anew.
 *
 * What a successor gets as arguments: the same, FD, GENERATION, IOVA of what was left in memory.
 */
#include <fcntl.h>
#include <unistd.h>

#include <nvio/handover.h>

#include "vmtest.h"

#define LEN              65536u
#define GENERATIONS      6
#define COMMAND_SEQUENCE 0x00cu /* status: Command Sequence Error */

struct job {
	const char *name;
	char *way;
	char *mode;
	bool events;
	bool idle;
	int generation;
	bool goes_on; /* the log said so */
	struct vmt_drive drive;
};

static void listen(void *arg, enum nvio_log_level level, const char *line)
{
	struct job *job = arg;

	job->goes_on |= strstr(line, "goes on with its admin queue, without a reset") != NULL;
	if (level <= NVIO_LOG_INFO)
		printf("%d: %s\n", job->generation, line);
}

static uint64_t key(int generation)
{
	return 1000u + (uint64_t)generation;
}

static void open_drive(struct job *job, struct nvio_iommu *iommu)
{
	struct nvio_ctrl_opts opts = NVIO_CTRL_OPTS;

	opts.iommu = iommu;
	vmt_ok(nvio_ctrl_open(job->name, &opts, &job->drive.ctrl));
	vmt_use_ctrl(&job->drive, 1);
	if (job->events)
		vmt_ok(nvio_ctrl_async_start(job->drive.ctrl, NULL));
}

/* What only a controller that was not reset says. */
static void check_not_reset(struct job *job)
{
	const struct nvio_sqe sqe = { .opcode = 0x09, .cdw10 = 0x07, .cdw11 = 0x00010001 };
	int status = (int)vmt_ok(nvio_admin(job->drive.ctrl, &sqe, NULL, 0, NULL));

	vmt_check(job->goes_on != (job->events || job->idle), "it %s",
		  job->goes_on ? "went on" : "was reset");
	vmt_check(((status & 0x7ff) == COMMAND_SEQUENCE) == job->goes_on,
		  "status 0x%x of Set Features (Number of Queues)", (unsigned int)status);
}

#define TEMPERATURE 0x04u
#define KELVIN      0x151u

static void set_feature(struct job *job)
{
	const struct nvio_sqe sqe = { .opcode = 0x09, .cdw10 = TEMPERATURE, .cdw11 = KELVIN };

	vmt_check(!vmt_ok(nvio_admin(job->drive.ctrl, &sqe, NULL, 0, NULL)), "it was refused");
}

static void check_feature(struct job *job)
{
	const struct nvio_sqe sqe = { .opcode = 0x0a, .cdw10 = TEMPERATURE };
	uint32_t value = 0;

	vmt_check(!vmt_ok(nvio_admin(job->drive.ctrl, &sqe, NULL, 0, &value)), "it was refused");
	vmt_check(value == KELVIN, "the threshold is %u", value);
}

static void check_predecessor(struct job *job, uint64_t iova)
{
	struct nvio_qpair *qpair;
	struct nvio_heap_info heap;
	char *data, *left = nvio_mem_at(job->drive.iommu, iova, LEN);
	uint32_t blocks = LEN / job->drive.info.block_len;

	vmt_check(left && vmt_holds(left, LEN, ~key(job->generation - 1)), "memory was not kept");
	check_feature(job);
	check_not_reset(job);
	qpair = vmt_qpair(job->drive.ctrl, 8, job->generation & 1);
	data = vmt_alloc(job->drive.iommu, LEN);
	memset(data, 0, LEN);
	vmt_io(qpair, job->drive.ns, VMT_READ, data, 0, blocks);
	vmt_check(vmt_holds(data, LEN, key(job->generation - 1)), "the blocks hold something else");
	/* By DMA into memory that was left. */
	vmt_io(qpair, job->drive.ns, VMT_READ, left, 0, blocks);
	vmt_check(vmt_holds(left, LEN, key(job->generation - 1)), "the memory is not the drive's");
	nvio_free(job->drive.iommu, left);
	nvio_free(job->drive.iommu, data);
	nvio_heap_get_info(job->drive.iommu, &heap, sizeof(heap));
	printf("%d: heap: %zu of %zu bytes used\n", job->generation, heap.used_len, heap.len);
}

/* Not while a command may still write to memory. */
static void check_busy(struct job *job, struct nvio_qpair *qpair, char *data)
{
	struct vmt_count count = { .queued = 1 };

	vmt_ok(nvio_read(qpair, job->drive.ns, data, 0, 1, 0, 0));
	vmt_refused(nvio_ctrl_hand_over(job->drive.ctrl), EBUSY, "are outstanding");
	vmt_drain(qpair, &count);
	vmt_fill(data, LEN, ~key(job->generation));
}

/* Until its function sleeps. */
static void rest(struct job *job)
{
	struct nvio_idle_opts opts = NVIO_IDLE_OPTS;
	struct nvio_idle_info info = { 0 };

	opts.idle_ms = 100;
	opts.kind = NVIO_IDLE_DEVICE;
	vmt_ok(nvio_ctrl_idle(job->drive.ctrl, &opts));
	for (int i = 0; i < 1000 && !info.nr_rests; i++) {
		usleep(10000);
		vmt_ok(nvio_ctrl_get_idle(job->drive.ctrl, &info, sizeof(info)));
	}
	vmt_check(info.nr_rests == 1, "it went to rest %" PRIu64 " times", info.nr_rests);
}

static void leave(struct job *job)
{
	struct nvio_qpair *qpair = vmt_qpair(job->drive.ctrl, 8, !(job->generation & 1));
	uint32_t blocks = LEN / job->drive.info.block_len;
	char *data = vmt_alloc(job->drive.iommu, LEN);
	char fd_text[16], generation[16], iova_text[32], *self = "/proc/self/exe";
	struct nvio_iommu *iommu = job->drive.iommu;
	uint64_t iova;
	int fd;

	vmt_fill(data, LEN, key(job->generation));
	vmt_io(qpair, job->drive.ns, VMT_WRITE, data, 0, blocks);
	vmt_fill(data, LEN, ~key(job->generation));
	nvio_mem_iova(iommu, data, LEN, NVIO_DMA_RW, &iova);
	check_busy(job, qpair, data);
	/* Its admin ring is at another place each time. */
	for (int i = 0; i < 5 * job->generation; i++)
		vmt_ok(nvio_ctrl_rescan(job->drive.ctrl));
	if (job->idle)
		rest(job);
	vmt_ok(nvio_ctrl_hand_over(job->drive.ctrl));
	vmt_ok(nvio_iommu_hand_over(iommu, &fd));
	snprintf(fd_text, sizeof(fd_text), "%d", fd);
	snprintf(generation, sizeof(generation), "%d", job->generation + 1);
	snprintf(iova_text, sizeof(iova_text), "%" PRIu64, iova);
	fflush(stdout);
	execl(self, self, job->name, job->way, job->mode, fd_text, generation, iova_text, NULL);
	vmt_check(false, "execl: %s", strerror(errno));
}

static struct nvio_iommu *make_iommu(struct job *job, char **argv)
{
	struct nvio_iommu_opts opts = NVIO_IOMMU_OPTS;
	struct nvio_iommu *iommu;

	if (job->generation) {
		vmt_ok(nvio_iommu_take_over(atoi(argv[4]), &iommu));
		return iommu;
	}
	opts.way = (enum nvio_way)atoi(job->way);
	vmt_ok(nvio_iommu_open(&opts, &iommu));
	return iommu;
}

int main(int argc, char **argv)
{
	struct job job = { 0 };

	vmt_check(argc > 2, "usage: handover NAME WAY [events|idle]");
	job.name = argv[1];
	job.way = argv[2];
	job.mode = argc > 3 ? argv[3] : "-";
	job.events = !strcmp(job.mode, "events");
	job.idle = !strcmp(job.mode, "idle");
	job.generation = argc > 5 ? atoi(argv[5]) : 0;
	nvio_log_set(listen, &job, NVIO_LOG_INFO);
	open_drive(&job, make_iommu(&job, argv));
	if (job.generation)
		check_predecessor(&job, strtoull(argv[6], NULL, 10));
	else
		set_feature(&job);
	if (job.generation < GENERATIONS)
		leave(&job);
	vmt_ok(nvio_ctrl_reset(job.drive.ctrl));
	check_feature(&job);
	nvio_ctrl_close(job.drive.ctrl);
	nvio_iommu_close(job.drive.iommu);
	printf("ended after %d\n", job.generation);
	return 0;
}
