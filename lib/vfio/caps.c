/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO capability chains; see caps.h.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "vfio/caps.h"
#include "vfio/sys.h"

/* More than any kernel answers; a bound against a peer that asks for ever more. */
#define ARGSZ_MAX 65536u

int nvio_caps_walk(const void *info, size_t len, size_t fixed, uint32_t offset, nvio_cap_fn each,
		   void *arg)
{
	size_t least = fixed;

	while (offset) {
		struct vfio_info_cap_header header;
		int err;

		/* Chains ascend: the kernel appends. Anything else could be a cycle. */
		if (offset < least || offset > len || len - offset < sizeof(header))
			return nvio_error(EPROTO,
					  "VFIO capability at offset %u of %zu bytes: the chain is "
					  "broken",
					  offset, len);
		memcpy(&header, (const char *)info + offset, sizeof(header));
		err = each(arg, header.id, header.version, (const char *)info + offset,
			   len - offset);
		if (err)
			return err;
		least = offset + sizeof(header);
		offset = header.next;
	}
	return 0;
}

void *nvio_caps_ioctl(int fd, unsigned long request, const void *info, size_t len, size_t *full_len,
		      int *err)
{
	size_t room = len;
	void *answer = NULL;

	for (;;) {
		void *larger = realloc(answer, room);
		uint32_t argsz = (uint32_t)room;

		if (!larger) {
			*err = -ENOMEM;
			break;
		}
		answer = larger;
		memset(answer, 0, room);
		memcpy(answer, info, len);
		memcpy(answer, &argsz, sizeof(argsz));
		*err = nvio_sys_ioctl(fd, request, answer);
		if (*err) {
			*err = *err < 0 ? *err : -EPROTO;
			break;
		}
		memcpy(&argsz, answer, sizeof(argsz));
		if (argsz <= room) {
			*full_len = room;
			return answer;
		}
		if (argsz > ARGSZ_MAX) {
			*err = -EPROTO;
			break;
		}
		room = argsz;
	}
	free(answer);
	return NULL;
}
