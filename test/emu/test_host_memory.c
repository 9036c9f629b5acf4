/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of ours that a controller works in: how much it gets and in which pieces, that it is left
 * alone while it is lent, and that it is taken back before the end. The software controller signs
 * what it is lent and is stopped by anybody who touches it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "stack.h"

#define GET_FEATURES 0x0a
#define HOST_MEMORY  0x0d
#define MIB          (1u << 20)

/* Bytes of Identify Controller. */
#define HMMINDS "333" /* units of 1 MiB */
#define HMMAXD  "336"
#define HMMIN   "277" /* units of 1 MiB */

/* What the library warns of: nothing, where all is well. */
static unsigned int warnings;
static char last_warning[512];

static void count_warnings(void *arg, enum nvio_log_level level, const char *line)
{
	(void)arg;
	/* About the machine, which is not what this is about. */
	if (level > NVIO_LOG_WARN || strstr(line, "hugepages"))
		return;
	warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static struct nvio_ctrl *open_with(const char *device, uint64_t max)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct nvio_ctrl *ctrl = NULL;

	warnings = 0;
	nvio_log_set(count_warnings, NULL, NVIO_LOG_WARN);
	opts.host_memory_max = max;
	if (nvio_ctrl_open(device, &opts, &ctrl))
		printf("# %s: %s\n", device, nvio_last_error());
	CU_ASSERT_PTR_NOT_NULL_FATAL(ctrl);
	return ctrl;
}

/* What the controller says it has: bytes, and descriptors. */
static uint64_t lent(struct nvio_ctrl *ctrl, uint32_t *nr)
{
	struct nvio_sqe get = { .opcode = GET_FEATURES, .cdw10 = HOST_MEMORY };
	struct nvio_ctrl_info info;
	uint32_t data[1024], on = 0;

	nvio_ctrl_get_info(ctrl, &info, sizeof(info));
	CU_ASSERT_EQUAL(nvio_admin(ctrl, &get, data, sizeof(data), &on), 0);
	CU_ASSERT_EQUAL(on, info.host_memory_len != 0);
	CU_ASSERT_EQUAL((uint64_t)data[0] * info.page_len, info.host_memory_len);
	*nr = data[3];
	return info.host_memory_len;
}

/* Opens, looks, closes, without a warning but as many as that. */
static uint64_t gets(const char *device, uint64_t max, uint32_t *nr, unsigned int warns)
{
	struct nvio_ctrl *ctrl = open_with(device, max);
	uint64_t len = lent(ctrl, nr);

	nvio_ctrl_close(ctrl);
	CU_ASSERT_EQUAL(warnings, warns);
	if (warnings != warns)
		printf("# %s: %s\n", device, last_warning);
	return len;
}

static void as_much_as_it_may(void)
{
	uint32_t nr;

	CU_ASSERT_EQUAL(gets("emu:hmb=8M", 0, &nr, 0), 8 * MIB);
	CU_ASSERT_EQUAL(nr, 1);
	CU_ASSERT_EQUAL(gets("emu:hmb=8M", 5 * MIB + 1000, &nr, 0), 5 * MIB);
	CU_ASSERT_EQUAL(gets("emu:hmb=100M", 0, &nr, 0), 64 * MIB);
	CU_ASSERT_EQUAL(gets("emu:hmb=100M", 1ull << 40, &nr, 0), 100 * MIB);
	/* Less than it can use is nothing, and told of; switched off is not. */
	CU_ASSERT_EQUAL(gets("emu:hmb=8M", 4 * MIB - 1, &nr, 1), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_warning, "4194304 at least, and may have 4194303"));
	CU_ASSERT_EQUAL(gets("emu:hmb=8M", NVIO_NO_HOST_MEMORY, &nr, 0), 0);
	CU_ASSERT_EQUAL(gets("emu:hmb=8M,mpsmin=2,mpsmax=2", 6 * MIB, &nr, 0) / 4, 6 * MIB / 4);
}

static void wants_none(void)
{
	struct nvio_ctrl *ctrl = open_with("emu:", 0);
	struct nvio_ctrl_info info;

	nvio_ctrl_get_info(ctrl, &info, sizeof(info));
	CU_ASSERT_EQUAL(info.host_memory_len, 0);
	nvio_ctrl_close(ctrl);
	CU_ASSERT_EQUAL(warnings, 0);
}

/* The heap's regions set how long a piece can be; the controller, how short and how many. */
static void in_pieces(void)
{
	struct nvio_heap_opts heap_opts = NVIO_HEAP_OPTS;
	struct nvio_ctrl_opts opts = stack_opts();
	struct nvio_heap_info heap;
	struct nvio_iommu *iommu;
	struct nvio_ctrl *ctrl = NULL;
	uint32_t nr;

	warnings = 0;
	nvio_log_set(count_warnings, NULL, NVIO_LOG_WARN);
	/* 20 MiB are in the heap's first region, and no 32 MiB in all of it. */
	heap_opts.page_len = NVIO_HEAP_NO_HUGE;
	heap_opts.max_len = 24 * MIB;
	CU_ASSERT_EQUAL_FATAL(nvio_iommu_open(NULL, &iommu), 0);
	CU_ASSERT_EQUAL(nvio_heap_open(iommu, &heap_opts), 0);
	opts.iommu = iommu;
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open("emu:hmb=32M", &opts, &ctrl), 0);
	CU_ASSERT_EQUAL(lent(ctrl, &nr), 16 * MIB);
	CU_ASSERT_EQUAL(nr, 1);
	nvio_ctrl_close(ctrl);
	CU_ASSERT_EQUAL(warnings, 0);
	/* All of it is the heap's again. */
	nvio_heap_get_info(iommu, &heap, sizeof(heap));
	CU_ASSERT_EQUAL(heap.used_len, 0);
	nvio_iommu_close(iommu);
	/* Pieces of 1 MiB are longer than that, pieces of 16 MiB cannot be had of 8. */
	CU_ASSERT_EQUAL(gets("emu:hmb=8M,fault=identify+cns=1+byte=" HMMINDS "+value=1", 0, &nr, 0),
			8 * MIB);
	CU_ASSERT_EQUAL(
		gets("emu:hmb=8M,fault=identify+cns=1+byte=" HMMINDS "+value=16", 0, &nr, 1), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_warning, "no memory in pieces that it takes"));
	CU_ASSERT_EQUAL(gets("emu:hmb=8M,fault=identify+cns=1+byte=" HMMAXD "+value=1", 0, &nr, 0),
			8 * MIB);
	CU_ASSERT_EQUAL(nr, 1);
}

/* Commands, queue pairs and allocations all around it, and whoever touches it stops the controller.
 */
static void is_left_alone(void)
{
	struct stack s;
	uint8_t *more[32];

	warnings = 0;
	nvio_log_set(count_warnings, NULL, NVIO_LOG_WARN);
	stack_open(&s, "hmb=4M", NULL);
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < 32; i++) {
			more[i] = nvio_alloc(nvio_ctrl_iommu(s.ctrl), 65536, 0);
			CU_ASSERT_PTR_NOT_NULL_FATAL(more[i]);
			memset(more[i], 0xff, 65536);
		}
		stack_write_all(&s);
		stack_read(&s, 0, STACK_BUFS - 1);
		stack_expect(&s, 0, STACK_BUFS - 1, STACK_BUFS);
		for (unsigned int i = 0; i < 32; i++)
			nvio_free(nvio_ctrl_iommu(s.ctrl), more[i]);
	}
	stack_close(&s);
	CU_ASSERT_EQUAL(warnings, 0);
	if (warnings)
		printf("# %s\n", last_warning);
}

/* A controller that cannot be brought up all the way gives it back as well. */
static void a_failed_start(void)
{
	struct nvio_ctrl_opts opts = stack_opts();

	warnings = 0;
	nvio_log_set(count_warnings, NULL, NVIO_LOG_WARN);
	opts.shadow_doorbells = NVIO_ON;
	CU_ASSERT_EQUAL(stack_try("hmb=2M,shadow=off", &opts), -ENOTSUP);
	CU_ASSERT_EQUAL(warnings, 0);
	if (warnings)
		printf("# %s\n", last_warning);
}

/* It says that any length would do, and refuses a short one: without, then. */
static void refused(void)
{
	struct nvio_ctrl *ctrl =
		open_with("emu:hmb=8M,fault=identify+cns=1+byte=" HMMIN "+value=0", MIB);
	uint32_t nr;

	CU_ASSERT_EQUAL(warnings, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_warning, "wants host memory and refuses it"));
	CU_ASSERT_EQUAL(lent(ctrl, &nr), 0);
	nvio_ctrl_close(ctrl);
	CU_ASSERT_EQUAL(warnings, 1);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "as much as it may", as_much_as_it_may },
		{ "wants none", wants_none },
		{ "in pieces", in_pieces },
		{ "is left alone", is_left_alone },
		{ "a failed start", a_failed_start },
		{ "refused", refused },
	};

	return tap_run("host_memory", tests, sizeof(tests) / sizeof(tests[0]));
}
