/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Physical addresses from /proc/self/pagemap: an entry of 64 bits for each page, its frame number
 * in the lower 55, the upmost bit for a page that is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/physical.h"
#include "vfio/sysfs.h"

#define PRESENT    (1ull << 63)
#define FRAME_MASK ((1ull << 55) - 1)
#define TRIES      8

static int read_entries(const void *addr, size_t nr, uint64_t *entries)
{
	uint64_t page = (uint64_t)getpagesize();
	char path[NVIO_PATH_LEN];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/self/pagemap", nvio_roots.proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return nvio_error(errno, "%s: %s", path, strerror(errno));
	n = pread(fd, entries, nr * sizeof(*entries),
		  (off_t)((uintptr_t)addr / page * sizeof(*entries)));
	close(fd);
	if (n < 0 || (size_t)n != nr * sizeof(*entries))
		return nvio_error(EIO, "%s does not tell of %zu pages at %p", path, nr, addr);
	return 0;
}

int nvio_physical_pages(const void *addr, size_t nr, uint64_t *physical)
{
	uint64_t page = (uint64_t)getpagesize();
	int err = read_entries(addr, nr, physical);

	for (size_t i = 0; i < nr && !err; i++) {
		if (!(physical[i] & PRESENT))
			err = nvio_error(EFAULT, "page %zu of the memory at %p is not there", i,
					 addr);
		else if (!(physical[i] & FRAME_MASK))
			err = nvio_error(EPERM, "this process may not know physical addresses, "
						"which a device without an IOMMU needs: run it "
						"with CAP_SYS_ADMIN");
		physical[i] = (physical[i] & FRAME_MASK) * page;
	}
	return err;
}

int nvio_physical_lock(const void *addr, size_t nr, uint64_t *physical)
{
	size_t len = nr * (size_t)getpagesize();
	uint64_t *again;
	int err = -EAGAIN;

	if (mlock(addr, len))
		return nvio_error(errno, "memory %p + %zu cannot be locked: %s", addr, len,
				  strerror(errno));
	again = malloc(nr * sizeof(*again));
	if (!again)
		err = nvio_error(ENOMEM, "no memory for %zu physical addresses", nr);
	for (int i = 0; i < TRIES && err == -EAGAIN; i++) {
		err = nvio_physical_pages(addr, nr, physical);
		if (!err)
			err = nvio_physical_pages(addr, nr, again);
		if (!err && memcmp(physical, again, nr * sizeof(*again)))
			err = -EAGAIN;
	}
	if (err == -EAGAIN)
		nvio_error(EAGAIN, "memory %p + %zu does not stay where it is", addr, len);
	if (err)
		munlock(addr, len);
	free(again);
	return err;
}
