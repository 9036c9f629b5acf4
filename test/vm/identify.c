/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * identify NAME DIRECTORY: writes what Identify answers to ctrl.bin and NSID.bin in a directory,
 * byte for byte as it comes through nvio_admin(), and prints nvio's own view of it as JSON.
 */
#include "vmtest.h"

#define IDENTIFY     0x06
#define IDENTIFY_LEN 4096u
#define CNS_NS       0x00
#define CNS_CTRL     0x01

static void identify(struct nvio_ctrl *ctrl, uint32_t cns, uint32_t nsid, const char *path)
{
	struct nvio_sqe sqe = { .opcode = IDENTIFY, .nsid = nsid, .cdw10 = cns };
	char *data = vmt_pages(IDENTIFY_LEN);
	FILE *f = fopen(path, "w");
	int64_t status;

	vmt_check(f, "%s: %s", path, strerror(errno));
	status = vmt_ok(nvio_admin(ctrl, &sqe, data, IDENTIFY_LEN, NULL));
	vmt_check(!status, "Identify: %s", nvio_status_text((unsigned int)status));
	vmt_check(fwrite(data, 1, IDENTIFY_LEN, f) == IDENTIFY_LEN && !fclose(f), "%s", path);
	free(data);
}

static void print_bytes(const char *name, const uint8_t *bytes, size_t len)
{
	printf("\"%s\":\"", name);
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	printf("\",");
}

static void print_ns(struct nvio_ctrl *ctrl, uint32_t nsid, bool first)
{
	struct nvio_ns *ns = nvio_ctrl_ns(ctrl, nsid);
	struct nvio_ns_info info;

	vmt_check(ns, "%s", nvio_last_error());
	nvio_ns_get_info(ns, &info, sizeof(info));
	printf("%s\"%u\":{", first ? "" : ",", nsid);
	print_bytes("eui64", info.eui64, sizeof(info.eui64));
	print_bytes("nguid", info.nguid, sizeof(info.nguid));
	printf("\"nsid\":%u,\"block_len\":%u,\"metadata_len\":%u,\"max_blocks\":%u,"
	       "\"nr_blocks\":%" PRIu64 ",\"capacity\":%" PRIu64 ",\"used\":%" PRIu64
	       ",\"protection\":%u,\"metadata_extended\":%d,\"read_only\":%d,",
	       info.nsid, info.block_len, info.metadata_len, info.max_blocks, info.nr_blocks,
	       info.capacity, info.used, info.protection, info.metadata_extended, info.read_only);
	printf("\"guard_bits\":%u,\"pi_offset\":%u,\"storage_tag_bits\":%u}", info.guard_bits,
	       info.pi_offset, info.storage_tag_bits);
}

static void print_ctrl(const struct nvio_ctrl_info *info)
{
	printf("{\"name\":\"%s\",\"model\":\"%s\",\"serial\":\"%s\",\"firmware\":\"%s\",",
	       info->name, info->model, info->serial, info->firmware);
	printf("\"vendor\":%u,\"device\":%u,\"version\":%u,\"nr_namespaces\":%u,", info->vendor,
	       info->device, info->version, info->nr_namespaces);
	printf("\"nr_qpairs\":%u,\"max_depth\":%u,\"max_transfer\":%u,\"page_len\":%u,",
	       info->nr_qpairs, info->max_depth, info->max_transfer, info->page_len);
}

int main(int argc, char **argv)
{
	struct vmt_drive drive;
	char path[256];
	uint32_t nsid = 0;

	vmt_check(argc == 3, "usage: identify NAME DIRECTORY");
	vmt_open(&drive, argv[1], NULL);
	snprintf(path, sizeof(path), "%s/ctrl.bin", argv[2]);
	identify(drive.ctrl, CNS_CTRL, 0, path);
	print_ctrl(&drive.ctrl_info);
	printf("\"namespaces\":{");
	while ((nsid = nvio_ctrl_next_nsid(drive.ctrl, nsid))) {
		snprintf(path, sizeof(path), "%s/%u.bin", argv[2], nsid);
		identify(drive.ctrl, CNS_NS, nsid, path);
		print_ns(drive.ctrl, nsid, nsid == nvio_ctrl_next_nsid(drive.ctrl, 0));
	}
	printf("}}\n");
	nvio_ctrl_close(drive.ctrl);
	return 0;
}
