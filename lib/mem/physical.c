/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hugepages in the order of their physical addresses; see physical.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/error.h"
#include "mem/physical.h"
#include "vfio/physical.h"

/* A hugepage: where it is, and where in its file. */
struct place {
	uint64_t physical;
	size_t offset;
};

static int compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->physical < y->physical ? -1 : x->physical > y->physical;
}

static int find_places(const struct nvio_pages *pages, struct place *places, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		int err = nvio_physical_pages((char *)pages->addr + i * pages->page_len, 1,
					      &places[i].physical);

		if (err)
			return err;
		places[i].offset = i * pages->page_len;
	}
	qsort(places, nr, sizeof(*places), compare);
	return 0;
}

/* The longest run of neighbours: its first place, and how many they are. */
static size_t longest_run(const struct place *places, size_t nr, size_t page_len, size_t *first)
{
	size_t best = 0, start = 0;

	for (size_t i = 1; i <= nr; i++) {
		if (i < nr && places[i].physical == places[i - 1].physical + page_len)
			continue;
		if (i - start > best) {
			best = i - start;
			*first = start;
		}
		start = i;
	}
	return best;
}

/* Maps the run from the window's start on, and gives the rest back. */
static int lay_out(struct nvio_pages *pages, const struct place *run, size_t nr,
		   const struct place *all, size_t nr_all)
{
	size_t len = nr * pages->page_len;

	(void)mmap(pages->addr, pages->len, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	for (size_t i = 0; i < nr; i++) {
		if (mmap((char *)pages->addr + i * pages->page_len, pages->page_len,
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, pages->fd,
			 (off_t)run[i].offset) == MAP_FAILED)
			return nvio_error(ENOMEM, "hugepages cannot be put in order: %s",
					  strerror(errno));
	}
	for (size_t i = 0; i < nr_all; i++) {
		if (&all[i] < run || &all[i] >= run + nr)
			fallocate(pages->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)all[i].offset, (off_t)pages->page_len);
	}
	pages->len = len;
	madvise(pages->addr, len, MADV_DONTFORK);
	madvise(pages->addr, len, MADV_DONTDUMP);
	return 0;
}

/* Locked, and all of it where it was found. */
static int verify(const struct nvio_pages *pages, uint64_t physical)
{
	for (size_t offset = 0; offset < pages->len; offset += pages->page_len) {
		char *at = (char *)pages->addr + offset;
		uint64_t found;
		int err;

		if (mlock(at, pages->page_len))
			return nvio_error(errno, "hugepages cannot be locked: %s", strerror(errno));
		err = nvio_physical_lock(at, 1, &found);
		if (err)
			return err;
		if (found != physical + offset)
			return nvio_error(ENOMEM, "hugepages have moved");
	}
	return 0;
}

static int arrange(struct nvio_pages *pages, size_t need, uint64_t *physical)
{
	size_t nr = pages->len / pages->page_len, first = 0, run;
	struct place *places = calloc(nr, sizeof(*places));
	int err;

	if (!places)
		return nvio_error(ENOMEM, "no memory for a list of %zu hugepages", nr);
	err = find_places(pages, places, nr);
	run = err ? 0 : longest_run(places, nr, pages->page_len, &first);
	if (!err && run * pages->page_len < need)
		err = nvio_error(
			ENOMEM,
			"without an IOMMU, %zu bytes of DMA memory have to be one piece of "
			"physical memory: of %zu hugepages, %zu are neighbours; take 1 GiB "
			"pages, or boot with more",
			need, nr, run);
	if (!err) {
		*physical = places[first].physical;
		err = lay_out(pages, &places[first], run, places, nr);
	}
	free(places);
	return err ? err : verify(pages, *physical);
}

int nvio_pages_neighbours(struct nvio_pages *pages, void *addr, size_t need, size_t wanted,
			  size_t page_len, int node, uint64_t *physical)
{
	int err;

	for (size_t len = align_up(max_u64(wanted, need), page_len);;) {
		if (!nvio_pages_huge(pages, addr, len, page_len, node))
			break;
		if (len <= align_up(need, page_len))
			return nvio_error(
				ENOMEM,
				"without an IOMMU, DMA memory has to be in hugepages: %zu "
				"more of %zu MiB are needed, %ld are free",
				len / page_len, page_len >> 20,
				nvio_hugepages("free_hugepages", page_len, node));
		len = max_u64(align_up(len / 2, page_len), align_up(need, page_len));
	}
	err = arrange(pages, need, physical);
	if (err)
		nvio_pages_put(pages);
	return err;
}
