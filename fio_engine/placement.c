/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The placement handles of a namespace (FDP): fio asks for them by I/O Management Receive, with
 * room for none first to learn how many there are.
 */
#include "engine.h"

#if FIO_IOOPS_VERSION >= 32
enum {
	OP_IO_MANAGEMENT_RECEIVE = 0x12,
	RECLAIM_UNIT_HANDLE_STATUS = 1,
	NR_OFFSET = 14, /* of the number of descriptors, in the header */
	HEADER_LEN = 16,
	DESC_LEN = 32, /* of a descriptor, which begins with the placement identifier */
};

int nvio_fio_fetch_ruhs(struct thread_data *td, struct fio_file *f, struct fio_ruhs_info *info)
{
	const struct nvio_fio_file *file = FILE_ENG_DATA(f);
	struct nvio_sqe cmd = { .opcode = OP_IO_MANAGEMENT_RECEIVE, .nsid = file->info.nsid };
	size_t len = HEADER_LEN + (size_t)info->nr_ruhs * DESC_LEN;
	uint8_t *data = calloc(1, len);
	unsigned int nr;
	int err;

	(void)td;
	if (!data)
		return -ENOMEM;
	cmd.cdw10 = RECLAIM_UNIT_HANDLE_STATUS;
	cmd.cdw11 = (uint32_t)(len / 4 - 1);
	err = nvio_fio_command(file->device, &cmd, data, len) ? -ENOTSUP : 0;
	nr = data[NR_OFFSET] | (unsigned int)data[NR_OFFSET + 1] << 8;
	for (unsigned int i = 0; !err && i < info->nr_ruhs && i < nr; i++) {
		const uint8_t *desc = data + HEADER_LEN + (size_t)i * DESC_LEN;

		info->plis[i] = (uint16_t)(desc[0] | desc[1] << 8);
	}
	if (!err)
		info->nr_ruhs = nr;
	free(data);
	errno = -err;
	return err;
}
#endif
