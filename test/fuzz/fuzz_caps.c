/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capability chains of the kernel: the input is a structure with its chain as an ioctl of VFIO
 * answers it, first as it is, then through the two steps in which a longer one is fetched.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vfio/caps.h"
#include "vfio/device.h"
#include "vfio/type1.h"
#include "fake_iommu.h"
#include "fuzz.h"

#define FIXED 32u

/* Where a walk is. */
struct walk {
	const char *info;
	size_t len;
	const char *last;
};

/* What the kernel is made to answer. */
static struct fuzz_input kernel;

int __wrap_ioctl(int fd, unsigned long request, void *argument);

/* As the kernel does it: what has no room is not written, and argsz says how much is there. */
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
	uint32_t room, argsz;

	(void)fd;
	(void)request;
	memcpy(&room, argument, sizeof(room));
	if (fuzz_u8(&kernel) == 0xff) {
		errno = EINVAL;
		return -1;
	}
	argsz = fuzz_u32(&kernel);
	fuzz_bytes(&kernel, argument, room);
	memcpy(argument, &argsz, sizeof(argsz));
	return 0;
}

/* Every capability lies behind the fixed part and the one before it, up to the end of the buffer.
 */
static int each(void *arg, uint16_t id, uint16_t version, const void *cap, size_t len)
{
	struct walk *walk = arg;
	const char *at = cap;

	(void)version;
	fuzz_check(at >= walk->info + FIXED && at + len == walk->info + walk->len);
	fuzz_check(len >= sizeof(struct vfio_info_cap_header));
	fuzz_check(!walk->last || at >= walk->last + sizeof(struct vfio_info_cap_header));
	walk->last = at;
	return id == 0xffff ? -ENOTSUP : 0;
}

static void check_walk(const char *info, size_t len, uint32_t offset)
{
	struct walk walk = { .info = info, .len = len };
	int err = nvio_caps_walk(info, len, FIXED, offset, each, &walk);

	fuzz_check(!err || err == -EPROTO || err == -ENOTSUP);
	fuzz_check(offset || (!err && !walk.last));
}

/* Areas that may be mapped lie in their region, and that in a file. */
static void check_region(const void *info, size_t len)
{
	struct nvio_region region;

	if (nvio_region_parse(info, len, &region))
		return;
	fuzz_check(region.info.nr_areas <= NVIO_REGION_AREAS);
	fuzz_check(region.fd_offset + region.info.len <= INT64_MAX);
	for (uint32_t i = 0; i < region.info.nr_areas; i++) {
		uint64_t offset = region.info.areas[i].offset, area = region.info.areas[i].len;

		fuzz_check(offset <= region.info.len && area <= region.info.len - offset);
	}
}

static void check_type1(const void *info, size_t len)
{
	struct fake_iommu fake;
	const struct nvio_ranges *ranges = &fake.domain.ranges;

	fake_domain_init(&fake);
	if (len < sizeof(struct vfio_iommu_type1_info) ||
	    nvio_type1_parse_info(&fake.domain, info, len))
		return;
	fuzz_check(ranges->nr <= NVIO_IOMMU_RANGES && fake.domain.page_sizes);
	for (uint32_t i = 0; i < ranges->nr; i++) {
		fuzz_check(ranges->range[i].start <= ranges->range[i].last);
		fuzz_check(!i || ranges->range[i].start > ranges->range[i - 1].last);
	}
}

static void check_ioctl(void)
{
	char ask[FIXED] = { 0 };
	size_t len = 0;
	int err = 0;
	void *answer = nvio_caps_ioctl(-1, VFIO_DEVICE_GET_INFO, ask, sizeof(ask), &len, &err);

	fuzz_check(answer ? len >= sizeof(ask) && len <= 65536 : err < 0);
	if (answer)
		check_region(answer, len);
	free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input in = { data, len };
	uint32_t offset = fuzz_u8(&in);
	/* Of its exact length, so that one byte beyond it is found out; aligned as the kernel's. */
	size_t info_len = in.len;
	char *info = malloc(info_len ? info_len : 1);

	fuzz_check(info);
	kernel = in;
	fuzz_bytes(&in, info, info_len);
	check_walk(info, info_len, offset);
	check_region(info, info_len);
	check_type1(info, info_len);
	check_ioctl();
	free(info);
	return 0;
}
