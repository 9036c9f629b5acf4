/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Features of a device, one request each; see <nvio/feature.h>. Migration is in migration.c, low
 * power in doze.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <nvio/feature.h>

#include "base/bits.h"
#include "base/error.h"
#include "vfio/device.h"
#include "vfio/feature.h"
#include "vfio/uapi.h"

static const char *const names[] = {
	[NVIO_FEATURE_VF_TOKEN] = "token of virtual functions",
	[NVIO_FEATURE_MIGRATION] = "migration",
	[NVIO_FEATURE_MIGRATION_STATE] = "migration state",
	[NVIO_FEATURE_LOW_POWER] = "low power",
	[NVIO_FEATURE_LOW_POWER_WAKEUP] = "low power with wake-up",
	[NVIO_FEATURE_LOW_POWER_EXIT] = "end of low power",
	[NVIO_FEATURE_DMA_LOG_START] = "start of a DMA log",
	[NVIO_FEATURE_DMA_LOG_STOP] = "end of a DMA log",
	[NVIO_FEATURE_DMA_LOG_REPORT] = "report of a DMA log",
	[NVIO_FEATURE_MIGRATION_SIZE] = "size of a migration",
	[NVIO_FEATURE_BUS_MASTER] = "bus master",
	[NVIO_FEATURE_DMA_BUF] = "dma-buf of a region",
	[NVIO_FEATURE_MIGRATION_RENEWAL] = "renewal of a migration",
};

static_assert(ARRAY_LEN(names) == NVIO_NR_FEATURES, "each feature has a name");

const char *nvio_feature_name(enum nvio_feature feature)
{
	return (unsigned int)feature < NVIO_NR_FEATURES ? names[feature] : NULL;
}

int nvio_feature_call(struct nvio_device *device, uint32_t flags, void *data, size_t len)
{
	uint32_t feature = flags & VFIO_DEVICE_FEATURE_MASK;
	const char *name = nvio_feature_name((enum nvio_feature)feature);
	struct vfio_device_feature *request;
	int ret;

	if (len > UINT16_MAX)
		return nvio_error(EINVAL, "%zu bytes are no feature of a device", len);
	request = calloc(1, sizeof(*request) + len);
	if (!request)
		return nvio_error(ENOMEM, "no memory for a feature of a device");
	request->argsz = (uint32_t)(sizeof(*request) + len);
	request->flags = flags;
	if (len)
		memcpy(request->data, data, len);
	ret = nvio_device_ask(device, VFIO_DEVICE_FEATURE, request);
	if (ret >= 0 && len)
		memcpy(data, request->data, len);
	free(request);
	/* A feature that the kernel does not know, and a kernel that knows none. */
	if (ret == -ENOTTY || (ret == -EINVAL && flags & VFIO_DEVICE_FEATURE_PROBE))
		return nvio_error(ENOTSUP, "%s has no feature %u (%s)", device->name, feature,
				  name ? name : "unknown");
	if (ret < 0)
		return nvio_error(-ret, "%s: feature %u (%s): %s", device->name, feature,
				  name ? name : "unknown", strerror(-ret));
	return ret;
}

int nvio_device_feature_probe(struct nvio_device *device, enum nvio_feature feature)
{
	return nvio_feature_call(device, (uint32_t)feature | VFIO_DEVICE_FEATURE_PROBE, NULL, 0);
}

int nvio_device_feature_get(struct nvio_device *device, enum nvio_feature feature, void *data,
			    size_t len)
{
	return nvio_feature_call(device, (uint32_t)feature | VFIO_DEVICE_FEATURE_GET, data, len);
}

int nvio_device_feature_set(struct nvio_device *device, enum nvio_feature feature, const void *data,
			    size_t len)
{
	uint8_t copy[256];

	/* The kernel answers in place of what it was given. */
	if (len > sizeof(copy))
		return nvio_error(EINVAL, "%zu bytes are no feature of a device", len);
	if (len)
		memcpy(copy, data, len);
	return nvio_feature_call(device, (uint32_t)feature | VFIO_DEVICE_FEATURE_SET, copy, len);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int nvio_uuid_parse(const char *text, uint8_t uuid[NVIO_UUID_LEN])
{
	const char *at = text;

	for (int i = 0; i < NVIO_UUID_LEN; i++) {
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-')
			goto malformed;
		high = hex_digit(at[0]);
		low = high < 0 ? -1 : hex_digit(at[1]);
		if (low < 0)
			goto malformed;
		uuid[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	if (!*at)
		return 0;
malformed:
	return nvio_error(EINVAL,
			  "'%s' is no UUID such as 01234567-89ab-cdef-0123-456789abcdef, which a "
			  "token of virtual functions has to be",
			  text);
}

int nvio_token_refused(const char *device, const char *token, int err)
{
	if (err == EACCES)
		return nvio_error(EACCES, "%s: the token of its physical function is %s", device,
				  token ? "another one" : "wanted (vf_token)");
	if (err == EINVAL && token)
		return nvio_error(EINVAL,
				  "%s takes no token (vf_token): it is no virtual function of one "
				  "that is on vfio-pci, or this kernel takes tokens by the group "
				  "only",
				  device);
	return 0;
}

int nvio_device_vf_token(struct nvio_device *device, const char *text)
{
	uint8_t uuid[NVIO_UUID_LEN];
	int err = nvio_uuid_parse(text, uuid);

	return err ? err
		   : nvio_device_feature_set(device, NVIO_FEATURE_VF_TOKEN, uuid, sizeof(uuid));
}

int nvio_device_dma_log_start(struct nvio_device *device, uint64_t page_len,
			      const struct nvio_iova_range *ranges, uint32_t nr)
{
	struct vfio_device_feature_dma_logging_control control = { .page_size = page_len,
								   .num_ranges = nr };
	struct vfio_device_feature_dma_logging_range *list;
	int err;

	if (!nr || !is_power_of_two(page_len))
		return nvio_error(EINVAL,
				  "a DMA log of %u ranges in pages of %" PRIu64
				  " bytes makes no sense",
				  nr, page_len);
	list = calloc(nr, sizeof(*list));
	if (!list)
		return nvio_error(ENOMEM, "no memory for %u ranges of a DMA log", nr);
	for (uint32_t i = 0; i < nr; i++) {
		list[i].iova = ranges[i].start;
		list[i].length = ranges[i].last - ranges[i].start + 1;
	}
	control.ranges = (uintptr_t)list;
	err = nvio_device_feature_set(device, NVIO_FEATURE_DMA_LOG_START, &control,
				      sizeof(control));
	free(list);
	return err;
}

int nvio_bitmap_check(uint64_t len, uint64_t page_len, size_t bitmap_len)
{
	uint64_t pages;

	if (!len || !is_power_of_two(page_len) || bitmap_len % sizeof(uint64_t))
		return nvio_error(EINVAL,
				  "%" PRIu64 " bytes in pages of %" PRIu64
				  " in a bitmap of %zu bytes make no sense",
				  len, page_len, bitmap_len);
	pages = len / page_len + !!(len % page_len);
	if (bitmap_len < pages / 8 + !!(pages % 8))
		return nvio_error(EINVAL,
				  "a bitmap of %zu bytes is too small for %" PRIu64 " pages",
				  bitmap_len, pages);
	return 0;
}

int nvio_device_dma_log_read(struct nvio_device *device, uint64_t iova, uint64_t len,
			     uint64_t page_len, uint64_t *bitmap, size_t bitmap_len)
{
	struct vfio_device_feature_dma_logging_report report = {
		.iova = iova, .length = len, .page_size = page_len, .bitmap = (uintptr_t)bitmap
	};
	int err = nvio_bitmap_check(len, page_len, bitmap_len);

	return err ? err
		   : nvio_device_feature_get(device, NVIO_FEATURE_DMA_LOG_REPORT, &report,
					     sizeof(report));
}

int nvio_device_dma_log_stop(struct nvio_device *device)
{
	return nvio_device_feature_set(device, NVIO_FEATURE_DMA_LOG_STOP, NULL, 0);
}

int nvio_device_dmabuf(struct nvio_device *device, uint32_t region, uint64_t offset, uint64_t len)
{
	struct {
		struct nvio_uapi_dma_buf head;
		struct nvio_uapi_dma_range range;
	} request = { { .region = region, .open_flags = O_RDWR | O_CLOEXEC, .nr_ranges = 1 },
		      { offset, len } };

	if (region >= device->nr_regions || offset > device->regions[region].info.len || !len ||
	    len > device->regions[region].info.len - offset)
		return nvio_error(EINVAL, "%s: 0x%" PRIx64 " + %" PRIu64 " is not in region %u",
				  device->name, offset, len, region);
	return nvio_device_feature_get(device, NVIO_FEATURE_DMA_BUF, &request, sizeof(request));
}
