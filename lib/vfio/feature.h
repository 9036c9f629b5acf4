/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What calls for a device's features share.
 */
#ifndef NVIO_LIB_VFIO_FEATURE_H
#define NVIO_LIB_VFIO_FEATURE_H

#include <stddef.h>
#include <stdint.h>

struct nvio_device;

#define NVIO_UUID_LEN 16

/*
 * VFIO_DEVICE_FEATURE: @flags name feature and verb; @data goes there and comes back. Returns what
 * the kernel does; -ENOTSUP when there is no such feature.
 */
int nvio_feature_call(struct nvio_device *device, uint32_t flags, void *data, size_t len);

/* Reads "01234567-89ab-cdef-0123-456789abcdef". Returns 0 or -EINVAL. */
int nvio_uuid_parse(const char *text, uint8_t uuid[NVIO_UUID_LEN]);

/* Why the kernel, which says -@err, does not hand a device out for @token, which may be NULL.
 * Returns -errno; 0 when the token is not it. */
int nvio_token_refused(const char *device, const char *token, int err);

/* Whether a bitmap has room for a bit for each page. Returns 0 or -EINVAL. */
int nvio_bitmap_check(uint64_t len, uint64_t page_len, size_t bitmap_len);

#endif
