/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a process holds; see usage.h.
 */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "usage.h"

/* A mapping of malloc()'s is split and joined as it likes. */
#define MAPS_SLACK 4u
#define RSS_SLACK  1024 /* kB */

static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int nr = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static unsigned int count_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned int nr = 0;
	int c;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while ((c = getc(file)) != EOF)
		nr += c == '\n';
	fclose(file);
	return nr;
}

/* From /proc/PID/status. */
static long number_of(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	size_t len = strlen(name);
	char line[256];
	long value = -1;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && line[len] == ':')
			value = strtol(line + len + 1, NULL, 10);
	fclose(file);
	CU_ASSERT(value >= 0);
	return value;
}

unsigned int usage_count_fds(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	return count_entries(path);
}

void usage_take(struct usage *usage, pid_t pid)
{
	char path[64];

	usage->fds = usage_count_fds(pid);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	usage->maps = count_lines(path);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	usage->threads = number_of(path, "Threads");
	usage->rss_kb = number_of(path, "VmRSS");
}

void usage_check(const struct usage *before, pid_t pid)
{
	struct usage now;

	/* A thread that has done its work may be about to end. */
	for (int i = 0; i < 200; i++) {
		usage_take(&now, pid);
		if (now.threads <= before->threads)
			break;
		usleep(10000);
	}
	printf("# before and after: %u, %u descriptors; %u, %u mappings; %ld, %ld threads; %ld, %ld kB\n",
	       before->fds, now.fds, before->maps, now.maps, before->threads, now.threads,
	       before->rss_kb, now.rss_kb);
	CU_ASSERT_EQUAL(now.fds, before->fds);
	CU_ASSERT(now.threads <= before->threads);
	/* A sanitizer or valgrind, which keep freed memory, have no arena of malloc's. */
	if (!mallinfo2().arena)
		return;
	CU_ASSERT(now.maps <= before->maps + MAPS_SLACK);
	CU_ASSERT(now.rss_kb <= before->rss_kb + RSS_SLACK);
}
