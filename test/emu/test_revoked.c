/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doorbells that are taken away under load, as the kernel does when a device is removed: with the
 * guard the device is gone, and the process is not. A file without contents lies where they were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load.h"
#include "stack.h"

#define NR_THREADS 4u

/* Within a second; sanitizers keep threads from looking. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GONE_NS (3 * SECOND)
#else
#define GONE_NS (SECOND + 200 * MS)
#endif

/* Returns how many mappings of doorbells there were. */
static unsigned int take_away(void)
{
	int fd = memfd_create("nothing", MFD_CLOEXEC);
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	unsigned int nr = 0;
	char line[512];

	CU_ASSERT_FATAL(maps && fd >= 0);
	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "nvio-emu-bar0") || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		/* To the sanitizer of threads mmap() would be a store. */
		CU_ASSERT_EQUAL(syscall(SYS_mmap, start, end - start, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_FIXED, fd, 0l),
				(long)start);
		nr++;
	}
	fclose(maps);
	close(fd);
	return nr;
}

static void under_load(void)
{
	struct nvio_ctrl_opts opts = stack_opts();
	struct nvio_ctrl *ctrl;
	struct load load;
	struct daemon d;
	uint64_t start;

	daemon_start(&d, NULL);
	CU_ASSERT_EQUAL(nvio_sigbus_guard(true), 0);
	opts.shadow_doorbells = NVIO_OFF;
	CU_ASSERT_EQUAL_FATAL(nvio_ctrl_open(d.name, &opts, &ctrl), 0);
	load_start(&load, ctrl, nvio_ctrl_ns(ctrl, 1), NR_THREADS, 10000, 1, NULL);
	CU_ASSERT_TRUE(load_goes_on(&load, 100, 20 * SECOND));
	start = now_ns();
	CU_ASSERT_EQUAL(take_away(), 1);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(load.threads[i].thread, NULL);
	CU_ASSERT(now_ns() - start < GONE_NS);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		struct load_thread *t = &load.threads[i];

		CU_ASSERT_EQUAL(t->end, -ENODEV);
		CU_ASSERT_EQUAL(t->counts.submitted, t->counts.completed);
		CU_ASSERT_EQUAL(t->counts.lost + t->counts.doubled + t->counts.corrupted, 0);
		CU_ASSERT_EQUAL(nvio_qpair_outstanding(t->qpair), 0);
	}
	start = now_ns();
	nvio_ctrl_close(ctrl);
	CU_ASSERT(now_ns() - start < 3 * SECOND);
	/* The same process goes on with it when it is back. */
	opts = stack_opts();
	CU_ASSERT_EQUAL(stack_try(d.name, &opts), 0);
	CU_ASSERT_EQUAL(nvio_sigbus_guard(false), 0);
	daemon_stop(&d);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "under load", under_load },
	};

	return tap_run("revoked", tests, sizeof(tests) / sizeof(tests[0]));
}
