/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Features that the program before has set: written down, read again, and set after resets, on the
 * software controller; and lines that make no sense.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/nvme.h>

#include "nvme/ctrl.h"
#include "nvme/features.h"
#include "tap.h"
#include "vfio/device.h"

#define NAME        "emu:size=1M,states=4"
#define TEMPERATURE 0x04
#define COALESCING  0x08
#define AUTONOMOUS  0x0c
#define TABLE_LEN   256

static const struct {
	uint32_t fid, value, other;
} set[] = { { TEMPERATURE, 0x150, 0x170 }, { COALESCING, 0x304, 0 } };

static struct nvio_ctrl *open_ctrl(void)
{
	struct nvio_ctrl *ctrl = NULL;

	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(NAME, NULL, &ctrl), 0);
	return ctrl;
}

static void set_feature(struct nvio_ctrl *ctrl, uint32_t fid, uint32_t value, void *data)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_SET_FEATURES, .cdw10 = fid, .cdw11 = value };

	CU_ASSERT_EQUAL(nvio_admin(ctrl, &sqe, data, data ? TABLE_LEN : 0, NULL), 0);
}

static uint32_t get_feature(struct nvio_ctrl *ctrl, uint32_t fid, void *data)
{
	struct nvio_sqe sqe = { .opcode = NVIO_ADMIN_GET_FEATURES, .cdw10 = fid };
	uint32_t value = 0xdead;

	CU_ASSERT_EQUAL(nvio_admin(ctrl, &sqe, data, data ? TABLE_LEN : 0, &value), 0);
	return value;
}

/* A table for autonomous transitions: from state 0 to 3 after @minutes, about. */
static void make_table(uint8_t table[TABLE_LEN], uint8_t minutes)
{
	memset(table, 0, TABLE_LEN);
	table[0] = 3 << 3;
	table[3] = minutes;
}

/* What a controller writes down that has them. */
static char *line_of(uint8_t table[TABLE_LEN])
{
	struct nvio_ctrl *ctrl = open_ctrl();
	char *line = (char *)"";

	CU_ASSERT_EQUAL(nvio_features_describe(ctrl, &line), 0);
	CU_ASSERT_PTR_NULL(line);
	for (int i = 0; i < 2; i++) {
		set_feature(ctrl, set[i].fid, set[i].other, NULL);
		set_feature(ctrl, set[i].fid, set[i].value, NULL);
	}
	set_feature(ctrl, AUTONOMOUS, 1, table);
	CU_ASSERT_EQUAL(nvio_features_describe(ctrl, &line), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	CU_ASSERT_EQUAL(strlen(line), 3 * 2 * sizeof(struct nvio_sqe) + 2 * TABLE_LEN + 2);
	nvio_ctrl_close(ctrl);
	return line;
}

static void check_set(struct nvio_ctrl *ctrl, const uint8_t table[TABLE_LEN])
{
	uint8_t there[TABLE_LEN] = { 0 };

	for (int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(get_feature(ctrl, set[i].fid, NULL), set[i].value);
	CU_ASSERT_EQUAL(get_feature(ctrl, AUTONOMOUS, there), 1);
	CU_ASSERT_EQUAL(memcmp(there, table, TABLE_LEN), 0);
}

/* Where it goes on as it was nothing is to be set before it is reset; else everything is at once.
 */
static void set_again(void)
{
	uint8_t table[TABLE_LEN];
	char *line, *again;

	make_table(table, 99);
	line = line_of(table);
	for (int running = 0; running < 2; running++) {
		struct nvio_ctrl *ctrl = open_ctrl();

		ctrl->device->notes = strdup(line);
		ctrl->taken_over = running;
		CU_ASSERT_EQUAL(nvio_features_resume(ctrl), 0);
		ctrl->taken_over = false;
		CU_ASSERT_EQUAL(get_feature(ctrl, TEMPERATURE, NULL) == 0x150, !running);
		if (!running)
			check_set(ctrl, table);
		CU_ASSERT_EQUAL(nvio_ctrl_reset(ctrl), 0);
		check_set(ctrl, table);
		/* And on to the next one. */
		CU_ASSERT_EQUAL(nvio_features_describe(ctrl, &again), 0);
		CU_ASSERT_STRING_EQUAL(again, line);
		free(again);
		nvio_ctrl_close(ctrl);
	}
	free(line);
}

static void malformed(void)
{
	uint8_t table[TABLE_LEN];
	char *line, *bad;

	make_table(table, 1);
	line = line_of(table);
	for (int i = 0; i < 7; i++) {
		struct nvio_ctrl *ctrl = open_ctrl();

		bad = strdup(line);
		switch (i) {
		case 0: /* half a byte */
			bad[strlen(bad) - 1] = '\0';
			break;
		case 1: /* half a command */
			bad[sizeof(struct nvio_sqe)] = '\0';
			break;
		case 2:
			bad[3] = 'x';
			break;
		case 3: /* not Set Features */
			bad[1] = '1';
			break;
		case 4: /* Number of Queues, which is the library's */
			bad[2 * offsetof(struct nvio_sqe, cdw10) + 1] = '7';
			break;
		case 5: /* a blank too many */
			memmove(bad + 1, bad, strlen(bad) - 1);
			bad[0] = ' ';
			break;
		default: /* more data than there can be */
			free(bad);
			bad = malloc(20000);
			memset(bad, '0', 20000);
			bad[1] = '9';
			bad[2 * offsetof(struct nvio_sqe, cdw10) + 1] = '4';
			bad[19999] = '\0';
			bad[19998] = '\0';
		}
		ctrl->device->notes = bad;
		CU_ASSERT_EQUAL(nvio_features_resume(ctrl), -EPROTO);
		CU_ASSERT(strstr(nvio_last_error(), "cannot be taken over") != NULL);
		nvio_ctrl_close(ctrl);
	}
	free(line);
}

static const struct tap_test tests[] = {
	{ "those of the program before are set again", set_again },
	{ "lines that make no sense", malformed },
};

int main(void)
{
	return tap_run("features", tests, sizeof(tests) / sizeof(tests[0]));
}
