/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a controller says of its namespaces: lists of any length, lists that lie, formats that make
 * no sense; and names and statuses in words.
 */
#include <errno.h>
#include <fcntl.h>
#include <nvme/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nvme/ctrl.h"
#include "tap.h"

/* A controller with @nr active namespaces, the i-th being first + i * step. */
struct lister {
	uint32_t nr;
	uint32_t first;
	uint32_t step;
	int fetches;
	int fail_at; /* the fetch that fails, counted from 1 */
};

static int fetch(void *arg, uint32_t nsid, uint32_t *list)
{
	struct lister *l = arg;
	uint32_t at = 0;

	memset(list, 0, NVIO_NS_LIST_LEN * sizeof(*list));
	if (++l->fetches == l->fail_at)
		return -EIO;
	for (uint32_t i = 0; i < l->nr && at < NVIO_NS_LIST_LEN; i++) {
		if (l->first + i * l->step > nsid)
			list[at++] = l->first + i * l->step;
	}
	return 0;
}

static void check_list(uint32_t nr, uint32_t first, uint32_t step, int fetches)
{
	struct lister l = { .nr = nr, .first = first, .step = step };
	struct nvio_ns_slot *slots;
	int64_t got = nvio_ns_list_read(fetch, &l, &slots);
	int wrong = 0;

	CU_ASSERT_EQUAL(got, nr);
	CU_ASSERT_EQUAL(l.fetches, fetches);
	for (uint32_t i = 0; i < got; i++)
		wrong += slots[i].nsid != first + i * step || slots[i].ns;
	CU_ASSERT_EQUAL(wrong, 0);
	free(slots);
}

static void lists_of_any_length(void)
{
	check_list(0, 1, 1, 1);
	check_list(1, 1, 1, 1);
	check_list(1023, 1, 1, 1);
	check_list(1024, 1, 1, 2);
	check_list(1025, 1, 1, 2);
	check_list(5000, 3, 7, 5);
	/* Up to the largest identifier: behind it nothing can be asked for. */
	check_list(1024, 0xfffffffe - 1023, 1, 1);
}

static int fetch_descending(void *arg, uint32_t nsid, uint32_t *list)
{
	(void)arg;
	(void)nsid;
	memset(list, 0, NVIO_NS_LIST_LEN * sizeof(*list));
	list[0] = 2;
	list[1] = 1;
	return 0;
}

/* The same full list for ever. */
static int fetch_repeating(void *arg, uint32_t nsid, uint32_t *list)
{
	(void)arg;
	(void)nsid;
	for (uint32_t i = 0; i < NVIO_NS_LIST_LEN; i++)
		list[i] = i + 1;
	return 0;
}

static int fetch_broadcast(void *arg, uint32_t nsid, uint32_t *list)
{
	(void)arg;
	(void)nsid;
	memset(list, 0, NVIO_NS_LIST_LEN * sizeof(*list));
	list[0] = 0xffffffff;
	return 0;
}

static void lists_that_lie(void)
{
	struct lister l = { .nr = 3000, .first = 1, .step = 1, .fail_at = 2 };
	struct nvio_ns_slot *slots;

	CU_ASSERT_EQUAL(nvio_ns_list_read(fetch_descending, NULL, &slots), -EPROTO);
	CU_ASSERT_PTR_NULL(slots);
	CU_ASSERT_EQUAL(nvio_ns_list_read(fetch_repeating, NULL, &slots), -EPROTO);
	CU_ASSERT_EQUAL(nvio_ns_list_read(fetch_broadcast, NULL, &slots), -EPROTO);
	CU_ASSERT_EQUAL(nvio_ns_list_read(fetch, &l, &slots), -EIO);
	CU_ASSERT_PTR_NULL(slots);
}

static void namespaces(void)
{
	static struct nvme_id_ns id;
	struct nvio_ns ns;

	memset(&id, 0, sizeof(id));
	id.nsze = 1000000;
	id.ncap = 900000;
	id.nuse = 5;
	id.nlbaf = 3;
	id.flbas = 2;
	id.lbaf[2].ds = 12;
	id.nguid[15] = 0xaa;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 9, &id, 128 * 1024), 0);
	CU_ASSERT_EQUAL(ns.info.nsid, 9);
	CU_ASSERT_EQUAL(ns.info.block_len, 4096);
	CU_ASSERT_EQUAL(ns.info.nr_blocks, 1000000);
	CU_ASSERT_EQUAL(ns.info.capacity, 900000);
	CU_ASSERT_EQUAL(ns.info.used, 5);
	CU_ASSERT_EQUAL(ns.info.nguid[15], 0xaa);
	CU_ASSERT_EQUAL(ns.info.max_blocks, 32);
	CU_ASSERT_EQUAL(ns.block_len, 4096);
	/* Blocks of a command are counted in 16 bits. */
	id.lbaf[2].ds = 9;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 9, &id, 1u << 30), 0);
	CU_ASSERT_EQUAL(ns.info.max_blocks, 65536);
	/* Metadata: known, and not transferred. */
	id.lbaf[2].ms = 8;
	id.flbas |= 1 << 4;
	id.dps = 1;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 9, &id, 131072), 0);
	CU_ASSERT_EQUAL(ns.info.metadata_len, 8);
	CU_ASSERT_TRUE(ns.info.metadata_extended);
	CU_ASSERT_EQUAL(ns.info.protection, 1);
	CU_ASSERT_EQUAL(ns.max_blocks, 0);
	/* It is transferred with the data, and a command carries less of that. */
	CU_ASSERT_EQUAL(ns.info.max_blocks, 131072 / 520);
	id.flbas &= ~(1u << 4);
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 9, &id, 131072), 0);
	CU_ASSERT_EQUAL(ns.info.max_blocks, 256);
	id.flbas |= 1 << 4;
	/* Without metadata, the way in which it would travel means nothing. */
	id.lbaf[2].ms = 0;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 9, &id, 131072), 0);
	CU_ASSERT_FALSE(ns.info.metadata_extended);
	/* Bits 6:5 of FLBAS count where there are more than 16 formats, common or unique ones. */
	id.nlbaf = 16;
	id.flbas = 1 << 5 | 2;
	id.lbaf[18].ds = 14;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 9, &id, 131072), 0);
	CU_ASSERT_EQUAL(ns.info.block_len, 16384);
	id.nlbaf = 15;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 9, &id, 131072), 0);
	CU_ASSERT_EQUAL(ns.info.block_len, 512);
	id.nulbaf = 1;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 9, &id, 131072), 0);
	CU_ASSERT_EQUAL(ns.info.block_len, 16384);
}

/* Identify data of a namespace with a format of 4 KiB and @ms bytes of metadata; DPS, and what the
 * extended format says. */
static struct nvme_id_ns id_pi;
static struct nvme_nvm_id_ns id_nvm;

static int parse_pi(struct nvio_ns *ns, uint16_t ms, uint8_t dps, uint32_t elbaf)
{
	int err;

	id_pi.nsze = 1000;
	id_pi.nlbaf = 5;
	id_pi.flbas = 5;
	id_pi.lbaf[5].ds = 12;
	id_pi.lbaf[5].ms = ms;
	id_pi.dps = dps;
	id_nvm.elbaf[5] = elbaf;
	err = nvio_ns_parse(ns, 9, &id_pi, 131072);
	return err ? err : nvio_ns_parse_pi(ns, &id_pi, &id_nvm);
}

static void check_pi(const struct nvio_ns *ns, unsigned int guard, unsigned int offset,
		     unsigned int tag_bits, uint64_t mask)
{
	CU_ASSERT_EQUAL(ns->info.guard_bits, guard);
	CU_ASSERT_EQUAL(ns->info.pi_len, guard == 16 ? 8 : 16);
	CU_ASSERT_EQUAL(ns->info.pi_offset, offset);
	CU_ASSERT_EQUAL(ns->info.storage_tag_bits, tag_bits);
	CU_ASSERT_EQUAL(ns->info.storage_tag_mask, mask);
	CU_ASSERT_EQUAL(ns->info.pi_alone, ns->info.metadata_len == ns->info.pi_len);
}

#define PIF(n)  ((n) << 7)
#define QPIF(n) ((n) << 9 | PIF(3))

static void protection_information(void)
{
	struct nvio_ns ns;

	/* Types and places. Before 2.0 there is nothing but DPS to tell. */
	CU_ASSERT_EQUAL(parse_pi(&ns, 8, 1, 0), 0);
	CU_ASSERT_EQUAL(ns.info.protection, 1);
	check_pi(&ns, 16, 0, 0, 0);
	CU_ASSERT_TRUE(ns.info.pi_alone);
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 9, &id_pi, 131072), 0);
	CU_ASSERT_EQUAL(ns.info.guard_bits, 0);
	CU_ASSERT_EQUAL(nvio_ns_parse_pi(&ns, &id_pi, NULL), 0);
	check_pi(&ns, 16, 0, 0, 0);
	CU_ASSERT_EQUAL(parse_pi(&ns, 64, 2, 0), 0);
	CU_ASSERT_EQUAL(ns.info.protection, 2);
	check_pi(&ns, 16, 56, 0, 0);
	CU_ASSERT_FALSE(ns.info.pi_alone);
	CU_ASSERT_EQUAL(parse_pi(&ns, 64, 3 | 1 << 3, 0), 0);
	CU_ASSERT_EQUAL(ns.info.protection, 3);
	check_pi(&ns, 16, 0, 0, 0);
	CU_ASSERT_EQUAL(parse_pi(&ns, 65535, 1, 0), 0);
	check_pi(&ns, 16, 65527, 0, 0);
	/* Guards, storage tags and the low bits of the mask. */
	id_nvm.lbstm = 0xfedcba9876543210;
	CU_ASSERT_EQUAL(parse_pi(&ns, 8, 1, PIF(0) | 32), 0);
	check_pi(&ns, 16, 0, 32, 0x76543210);
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, PIF(1) | 16), 0);
	check_pi(&ns, 32, 0, 16, 0x3210);
	CU_ASSERT_EQUAL(parse_pi(&ns, 64, 1, PIF(1) | 64), 0);
	check_pi(&ns, 32, 48, 64, 0xfedcba9876543210);
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, PIF(2)), 0);
	check_pi(&ns, 64, 0, 0, 0);
	CU_ASSERT_EQUAL(parse_pi(&ns, 17, 1, PIF(2) | 18), 0);
	check_pi(&ns, 64, 1, 18, 0x03210);
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, PIF(2) | 48), 0);
	check_pi(&ns, 64, 0, 48, 0xba9876543210);
	/* The qualified type counts where the controller has it. */
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, QPIF(2)), -EPROTO);
	id_nvm.pic = 1 << 3;
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, QPIF(2)), 0);
	check_pi(&ns, 64, 0, 0, 0);
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, QPIF(3)), -EPROTO);
	id_nvm.pic = 0;
}

static void protection_information_that_makes_no_sense(void)
{
	struct nvio_ns ns;

	CU_ASSERT_EQUAL(parse_pi(&ns, 8, 4, 0), -EPROTO);
	CU_ASSERT_EQUAL(parse_pi(&ns, 8, 7, 0), -EPROTO);
	/* Too little metadata. */
	CU_ASSERT_EQUAL(parse_pi(&ns, 0, 1, 0), -EPROTO);
	CU_ASSERT_EQUAL(parse_pi(&ns, 7, 1, 0), -EPROTO);
	CU_ASSERT_EQUAL(parse_pi(&ns, 15, 1 | 1 << 3, PIF(2)), -EPROTO);
	CU_ASSERT_EQUAL(parse_pi(&ns, 15, 1, PIF(1) | 16), -EPROTO);
	/* Storage tags that their format does not allow. */
	CU_ASSERT_EQUAL(parse_pi(&ns, 8, 1, PIF(0) | 33), -EPROTO);
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, PIF(1) | 15), -EPROTO);
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, PIF(1) | 65), -EPROTO);
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, PIF(2) | 49), -EPROTO);
	CU_ASSERT_EQUAL(parse_pi(&ns, 16, 1, PIF(3)), -EPROTO);
}

static void namespaces_that_make_no_sense(void)
{
	static struct nvme_id_ns id;
	struct nvio_ns ns;

	memset(&id, 0, sizeof(id));
	id.nsze = 1000;
	id.lbaf[0].ds = 8;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 1, &id, 4096), -EPROTO);
	id.lbaf[0].ds = 64;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 1, &id, 4096), -EPROTO);
	id.lbaf[0].ds = 12;
	/* A block that no command can transfer. */
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 1, &id, 4096), 0);
	id.lbaf[0].ms = 8;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 1, &id, 4096), 0);
	id.flbas = 1 << 4;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 1, &id, 4096), -EPROTO);
	id.flbas = 0;
	id.lbaf[0].ds = 13;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 1, &id, 4096), -EPROTO);
	id.lbaf[0].ds = 12;
	id.nsze = 0;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 1, &id, 4096), -EPROTO);
	id.nsze = UINT64_MAX;
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 1, &id, 4096), -EPROTO);
	memset(&id, 0xff, sizeof(id));
	CU_ASSERT_EQUAL(nvio_ns_parse(&ns, 1, &id, 4096), -EPROTO);
}

static void splits_names(void)
{
	char device[32];
	uint32_t nsid = 99;

	CU_ASSERT_EQUAL(nvio_name_split("0000:01:00.0", device, sizeof(device), &nsid), 0);
	CU_ASSERT_STRING_EQUAL(device, "0000:01:00.0");
	CU_ASSERT_EQUAL(nsid, 0);
	CU_ASSERT_EQUAL(nvio_name_split("0000.01.00.0/17", device, sizeof(device), &nsid), 0);
	CU_ASSERT_STRING_EQUAL(device, "0000:01:00.0");
	CU_ASSERT_EQUAL(nsid, 17);
	CU_ASSERT_EQUAL(nvio_name_split("1:0.0/4294967294", device, sizeof(device), &nsid), 0);
	CU_ASSERT_EQUAL(nsid, 0xfffffffe);
	CU_ASSERT_EQUAL(nvio_name_split("a/4294967295", device, sizeof(device), &nsid), -EINVAL);
	CU_ASSERT_EQUAL(nvio_name_split("a/0", device, sizeof(device), &nsid), -EINVAL);
	CU_ASSERT_EQUAL(nvio_name_split("a/", device, sizeof(device), &nsid), -EINVAL);
	CU_ASSERT_EQUAL(nvio_name_split("a/-1", device, sizeof(device), &nsid), -EINVAL);
	CU_ASSERT_EQUAL(nvio_name_split("a/1x", device, sizeof(device), &nsid), -EINVAL);
	CU_ASSERT_EQUAL(nvio_name_split("nothing/1", device, sizeof(device), &nsid), -EINVAL);
	CU_ASSERT_EQUAL(nvio_name_split("", device, sizeof(device), &nsid), -EINVAL);
	CU_ASSERT_EQUAL(nvio_name_split("/1", device, sizeof(device), &nsid), -EINVAL);
	CU_ASSERT_EQUAL(nvio_name_split("0000:01:00.0/1", device, 5, &nsid), -ENAMETOOLONG);
}

/* Whether a name, with @name's %s replaced by a path, is a namespace of that number, or none: 0. */
static void is_namespace(const char *format, const char *path, uint32_t expected)
{
	char name[128], device[128], whole[128];
	uint32_t nsid = 99;

	snprintf(name, sizeof(name), format, path);
	CU_ASSERT_EQUAL(nvio_name_split(name, device, sizeof(device), &nsid), 0);
	CU_ASSERT_EQUAL(nsid, expected);
	snprintf(whole, sizeof(whole), expected ? "%s/%u" : "%s", device, expected);
	CU_ASSERT_STRING_EQUAL(whole, name);
}

/* Sockets and files may be called by a number; neither is a directory. */
static void splits_names_with_paths(void)
{
	char dir[] = "/tmp/nvio-test-XXXXXX", file[64];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/12", dir);
	for (int exists = 0; exists < 2; exists++) {
		is_namespace("emu:file=%s", file, 0);
		is_namespace("emu:size=1M,file=%s", file, 0);
		is_namespace("emu:file=%s/3", file, 3);
		is_namespace("emu:file=%s,size=1M", file, 0);
		is_namespace("emu:file=%s,size=1M/4", file, 4);
		is_namespace("vfio-user:%s", file, 0);
		is_namespace("vfio-user:%s/5", file, 5);
		if (!exists)
			close(open(file, O_CREAT | O_CLOEXEC, 0600));
	}
	unlink(file);
	rmdir(dir);
	is_namespace("emu:file=/%s", "6", 0);
	is_namespace("emu:%s", "/7", 7);
	is_namespace("emu:size=1M/%s", "8", 8);
}

static void statuses_in_words(void)
{
	CU_ASSERT_STRING_EQUAL(nvio_status_text(0x080), "LBA out of range");
	/* Do Not Retry and More are no part of the code. */
	CU_ASSERT_STRING_EQUAL(nvio_status_text(0x4281), "unrecovered read error");
	CU_ASSERT_STRING_EQUAL(nvio_status_text(0x0ff), "unknown generic status");
	CU_ASSERT_STRING_EQUAL(nvio_status_text(0x7ff), "vendor specific status");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "namespace lists of any length", lists_of_any_length },
		{ "namespace lists that lie", lists_that_lie },
		{ "namespaces", namespaces },
		{ "namespaces that make no sense", namespaces_that_make_no_sense },
		{ "protection information", protection_information },
		{ "protection information that makes no sense",
		  protection_information_that_makes_no_sense },
		{ "splits names", splits_names },
		{ "splits names with paths", splits_names_with_paths },
		{ "statuses in words", statuses_in_words },
	};

	return tap_run("identify", tests, sizeof(tests) / sizeof(tests[0]));
}
