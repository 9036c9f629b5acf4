/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory with an fd behind it; see pages.h. libhugetlbfs knows mounts and sizes; its allocators are
 * not used, because they give no fd.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stddef.h>
#include <hugetlbfs.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mem/pages.h"
#include "vfio/sysfs.h"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define SMALL_HUGEPAGE (2ul << 20)

/* libhugetlbfs keeps state of its own without a lock. */
static pthread_mutex_t hugetlbfs_lock = PTHREAD_MUTEX_INITIALIZER;

size_t nvio_hugepage_len(void)
{
	long len;

	/* Where the default is 1 GiB, a few queues should not take that much. */
	if (nvio_hugepage_exists(SMALL_HUGEPAGE))
		return SMALL_HUGEPAGE;
	pthread_mutex_lock(&hugetlbfs_lock);
	len = gethugepagesize();
	pthread_mutex_unlock(&hugetlbfs_lock);
	return len > 0 ? (size_t)len : 0;
}

bool nvio_hugepage_exists(size_t page_len)
{
	return nvio_sysfs_exists("%s/kernel/mm/hugepages/hugepages-%zukB", nvio_roots.sys,
				 page_len / 1024);
}

void nvio_hugepage_dir(char *buf, size_t len, size_t page_len, int node)
{
	if (node >= 0)
		snprintf(buf, len, "%s/devices/system/node/node%d/hugepages/hugepages-%zukB",
			 nvio_roots.sys, node, page_len / 1024);
	else
		snprintf(buf, len, "%s/kernel/mm/hugepages/hugepages-%zukB", nvio_roots.sys,
			 page_len / 1024);
}

long nvio_hugepages(const char *counter, size_t page_len, int node)
{
	char dir[NVIO_PATH_LEN / 2];

	nvio_hugepage_dir(dir, sizeof(dir), page_len, node);
	return nvio_sysfs_number(0, "%s/%s", dir, counter);
}

static int hugetlbfs_fd(size_t page_len)
{
	const char *mount;
	int fd = -1;

	pthread_mutex_lock(&hugetlbfs_lock);
	mount = hugetlbfs_find_path_for_size((long)page_len);
	/* Asked for a file in a mount that this user cannot write to, the library would print. */
	if (mount && !access(mount, W_OK | X_OK))
		fd = hugetlbfs_unlinked_fd_for_size((long)page_len);
	pthread_mutex_unlock(&hugetlbfs_lock);
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static int huge_memfd(size_t page_len)
{
	unsigned int log2 = (unsigned int)__builtin_ctzl(page_len);

	return memfd_create("nvio",
			    MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | log2 << MFD_HUGE_SHIFT);
}

static void prefer_node(void *addr, size_t len, int node)
{
	unsigned long mask[16] = { 0 };
	const unsigned int bits = 8 * sizeof(mask[0]);

	if (node < 0 || (unsigned int)node >= bits * 16)
		return;
	mask[(unsigned int)node / bits] = 1ul << ((unsigned int)node % bits);
	/* A preference: memory of another node is slower, a failed start is worse. */
	syscall(SYS_mbind, addr, len, MPOL_PREFERRED, mask, bits * 16 + 1, 0);
}

/*
 * Allocates every page or fails: through the mapping, because the node set for it does not reach
 * fallocate() on hugetlbfs. Kernels before 5.14 lack this and lose the preference.
 */
static int populate(void *addr, size_t len, int fd)
{
	if (!madvise(addr, len, MADV_POPULATE_WRITE))
		return 0;
	return errno == EINVAL ? fallocate(fd, 0, 0, (off_t)len) : -1;
}

static void reserve(void *addr, size_t len)
{
	(void)mmap(addr, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		   -1, 0);
}

/* A child of fork() has nothing of it, and it fills no core file. */
static void keep_to_ourselves(void *addr, size_t len)
{
	madvise(addr, len, MADV_DONTFORK);
	madvise(addr, len, MADV_DONTDUMP);
}

/* Owns @fd from here on. */
static int place(struct nvio_pages *pages, void *addr, size_t len, int node, int fd)
{
	void *p;

	if (fd < 0)
		return -ENOMEM;
	if (ftruncate(fd, (off_t)len))
		goto close_fd;
	p = mmap(addr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	if (p == MAP_FAILED)
		goto restore;
	prefer_node(addr, len, node);
	if (populate(addr, len, fd))
		goto restore;
	/* A vfio-user server gets the fd: cutting it off would be a SIGBUS here. hugetlbfs knows
	 * no seals. */
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	keep_to_ourselves(addr, len);
	pages->addr = addr;
	pages->len = len;
	pages->fd = fd;
	return 0;

restore:
	reserve(addr, len);
close_fd:
	close(fd);
	return -ENOMEM;
}

int nvio_pages_huge(struct nvio_pages *pages, void *addr, size_t len, size_t page_len, int node)
{
	pages->page_len = page_len;
	pages->backing = "hugetlbfs";
	if (!place(pages, addr, len, node, hugetlbfs_fd(page_len)))
		return 0;
	pages->backing = "memfd-hugetlb";
	return place(pages, addr, len, node, huge_memfd(page_len));
}

int nvio_pages_plain(struct nvio_pages *pages, void *addr, size_t len, int node)
{
	pages->page_len = (size_t)getpagesize();
	pages->backing = "memfd";
	return place(pages, addr, len, node, memfd_create("nvio", MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

int nvio_pages_again(struct nvio_pages *pages, void *addr, size_t len, int fd)
{
	struct stat st;

	/* Beyond its end an access would be a SIGBUS. */
	if (fstat(fd, &st) || st.st_size < (off_t)len)
		return -EPROTO;
	if (mmap(addr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
		int err = -errno;

		reserve(addr, len);
		return err;
	}
	keep_to_ourselves(addr, len);
	pages->addr = addr;
	pages->len = len;
	pages->fd = fd;
	return 0;
}

void nvio_pages_abandon(struct nvio_pages *pages)
{
	reserve(pages->addr, pages->len);
	pages->fd = -1;
}

void nvio_pages_put(struct nvio_pages *pages)
{
	reserve(pages->addr, pages->len);
	close(pages->fd);
}
