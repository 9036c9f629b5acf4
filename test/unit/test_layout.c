/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where queue pairs lie in memory: no cache line that one of them writes is another's.
 */
#include <stdlib.h>

#include "nvme/parent.h"
#include "path_bench.h"

struct area {
	const void *addr;
	size_t len;
};

#define NR_AREAS 7u

/* All that submitting and polling write for a queue pair, but for the doorbells. */
static void list_areas(const struct nvio_qpair *q, struct area areas[NR_AREAS])
{
	areas[0] = (struct area){ q->trackers, q->depth * sizeof(q->trackers[0]) };
	areas[1] = (struct area){ q->saved, q->depth * sizeof(q->saved[0]) };
	areas[2] = (struct area){ q->parents, q->depth * sizeof(q->parents[0]) };
	areas[3] = (struct area){ q->sq, q->sq_entries * sizeof(q->sq[0]) };
	areas[4] = (struct area){ q->cq, q->cq_entries * sizeof(q->cq[0]) };
	areas[5] = (struct area){ q->lists, (size_t)q->depth * q->list_len };
	areas[6] = (struct area){ q->spoilt, q->sq_entries };
}

/* Of allocations of any size side by side. */
static void lines_of_their_own(void)
{
	static const uint16_t depths[] = { 1, 2, 3, 5, 7, 31, 128 };
	struct nvio_qpair *qpairs[ARRAY_LEN(depths)];
	struct area areas[ARRAY_LEN(depths) * NR_AREAS];
	struct bench b;
	unsigned int shared = 0;

	path_setup(&b, &(struct path){ 0 });
	for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
		const struct nvio_qpair_shape shape = { .depth = depths[i],
							.page_len = 4096,
							.max_transfer = 8192 };

		qpairs[i] = aligned_alloc(CACHE_LINE, sizeof(*qpairs[i]));
		CU_ASSERT_EQUAL_FATAL(nvio_qpair_init(qpairs[i], b.iommu, &shape), 0);
		list_areas(qpairs[i], &areas[i * NR_AREAS]);
		/* What an application allocates comes between. */
		CU_ASSERT_PTR_NOT_NULL(nvio_alloc(b.iommu, 4, 4));
	}
	for (size_t i = 0; i < ARRAY_LEN(areas); i++) {
		CU_ASSERT_EQUAL((uintptr_t)areas[i].addr % CACHE_LINE, 0);
		for (size_t k = 0; k < i; k++)
			shared += ranges_overlap(
				(uintptr_t)areas[i].addr, align_up(areas[i].len, CACHE_LINE),
				(uintptr_t)areas[k].addr, align_up(areas[k].len, CACHE_LINE));
	}
	CU_ASSERT_EQUAL(shared, 0);
	for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
		nvio_qpair_fini(qpairs[i], b.iommu);
		free(qpairs[i]);
	}
	path_teardown(&b);
}

/* Memory of the heap is handed out in whole lines: a buffer shares none with a ring. */
static void buffers_apart_from_rings(void)
{
	struct bench b;
	char *p[20];

	path_setup(&b, &(struct path){ 0 });
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		p[i] = nvio_alloc(b.iommu, 1 + i, 1u << i % 4);
	for (size_t i = 1; i < ARRAY_LEN(p); i++)
		CU_ASSERT_TRUE(((uintptr_t)p[i] ^ (uintptr_t)p[i - 1]) >= CACHE_LINE);
	path_teardown(&b);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "lines of their own", lines_of_their_own },
		{ "buffers apart from rings", buffers_apart_from_rings },
	};

	return tap_run("layout", tests, sizeof(tests) / sizeof(tests[0]));
}
