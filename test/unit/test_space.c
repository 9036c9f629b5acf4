/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The set of free addresses: literal cases, and a long random run against a map with one byte per
 * address.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem/space.h"
#include "tap.h"

static void takes_first_fit(void)
{
	struct nvio_space s = { 0 };
	uint64_t at;

	CU_ASSERT_EQUAL(nvio_space_add(&s, 0x1000, 0x1000), 0);
	CU_ASSERT_EQUAL(nvio_space_add(&s, 0x10000, 0x10000), 0);
	CU_ASSERT_EQUAL(nvio_space_take(&s, 0x2000, 0x1000, 0, &at), 0);
	CU_ASSERT_EQUAL(at, 0x10000);
	CU_ASSERT_EQUAL(nvio_space_take(&s, 0x800, 1, 0, &at), 0);
	CU_ASSERT_EQUAL(at, 0x1000);
	CU_ASSERT_EQUAL(nvio_space_take(&s, 0x1000, 0x10000, 0, &at), -ENOSPC);
	CU_ASSERT_EQUAL(nvio_space_longest(&s), 0xe000);
	nvio_space_free(&s);
}

static void honours_alignment_and_phase(void)
{
	struct nvio_space s = { 0 };
	uint64_t at;

	nvio_space_add(&s, 0x1000, 0x800000);
	CU_ASSERT_EQUAL(nvio_space_take(&s, 0x1000, 0x200000, 0x3000, &at), 0);
	CU_ASSERT_EQUAL(at, 0x3000);
	CU_ASSERT_EQUAL(nvio_space_take(&s, 0x1000, 0x200000, 0x3000, &at), 0);
	CU_ASSERT_EQUAL(at, 0x203000);
	CU_ASSERT_EQUAL(nvio_space_take(&s, 0x2000, 0x1000, 0, &at), 0);
	CU_ASSERT_EQUAL(at, 0x1000);
	nvio_space_free(&s);
}

static void merges_what_is_freed(void)
{
	struct nvio_space s = { 0 };
	uint64_t at;

	nvio_space_add(&s, 0, 0x10000);
	CU_ASSERT_EQUAL(nvio_space_take(&s, 0x10000, 1, 0, &at), 0);
	CU_ASSERT_EQUAL(s.nr, 0);
	nvio_space_add(&s, 0x0000, 0x1000);
	nvio_space_add(&s, 0x3000, 0x1000);
	nvio_space_add(&s, 0x2000, 0x1000);
	CU_ASSERT_EQUAL(s.nr, 2);
	nvio_space_add(&s, 0x1000, 0x1000);
	CU_ASSERT_EQUAL(s.nr, 1);
	CU_ASSERT_EQUAL(nvio_space_longest(&s), 0x4000);
	nvio_space_free(&s);
}

static void refuses_what_is_free(void)
{
	struct nvio_space s = { 0 };

	nvio_space_add(&s, 0x1000, 0x1000);
	CU_ASSERT_EQUAL(nvio_space_add(&s, 0x1000, 0x1000), -EINVAL);
	CU_ASSERT_EQUAL(nvio_space_add(&s, 0x1fff, 1), -EINVAL);
	CU_ASSERT_EQUAL(nvio_space_add(&s, 0x0, 0x1001), -EINVAL);
	CU_ASSERT_EQUAL(nvio_space_add(&s, 0x0, 0), -EINVAL);
	CU_ASSERT_EQUAL(nvio_space_add(&s, UINT64_MAX, 2), -EINVAL);
	CU_ASSERT_EQUAL(s.nr, 1);
	nvio_space_free(&s);
}

/* A piece in use, for the random run. */
struct piece {
	uint64_t start;
	uint64_t len;
};

#define MODEL_LEN 4096
#define PIECES    64

static void agrees_with_a_model(void)
{
	static unsigned char used[MODEL_LEN];
	struct piece pieces[PIECES] = { { 0 } };
	struct nvio_space s = { 0 };
	int wrong = 0, taken = 0;

	srand(1);
	memset(used, 0, sizeof(used));
	nvio_space_add(&s, 0, MODEL_LEN);
	for (int i = 0; i < 100000; i++) {
		struct piece *p = &pieces[rand() % PIECES];
		uint64_t align = 1ull << rand() % 7;

		if (p->len) {
			wrong += nvio_space_add(&s, p->start, p->len) != 0;
			memset(used + p->start, 0, p->len);
			p->len = 0;
			continue;
		}
		p->len = 1 + (uint64_t)rand() % 200;
		if (nvio_space_take(&s, p->len, align, 3, &p->start)) {
			p->len = 0;
			continue;
		}
		taken++;
		wrong += (p->start & (align - 1)) != (3 & (align - 1));
		wrong += p->start + p->len > MODEL_LEN;
		for (uint64_t k = 0; k < p->len; k++)
			wrong += used[p->start + k]++ != 0;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(taken > 10000);
	for (int i = 0; i < PIECES; i++) {
		if (pieces[i].len)
			nvio_space_add(&s, pieces[i].start, pieces[i].len);
	}
	CU_ASSERT_EQUAL(s.nr, 1);
	CU_ASSERT_EQUAL(nvio_space_longest(&s), MODEL_LEN);
	nvio_space_free(&s);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "takes the first fit", takes_first_fit },
		{ "honours alignment and phase", honours_alignment_and_phase },
		{ "merges what is freed", merges_what_is_freed },
		{ "refuses what is free already", refuses_what_is_free },
		{ "agrees with a model over 100,000 steps", agrees_with_a_model },
	};

	return tap_run("space", tests, sizeof(tests) / sizeof(tests[0]));
}
