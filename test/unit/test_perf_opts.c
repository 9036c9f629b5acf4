/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line of nvme_perf: what is accepted, and the sentence for each thing that is not.
 * Mistakes that getopt itself reports are in test/cli/nvme_perf_options.sh.
 */
#include <errno.h>
#include <string.h>
#include <nvio/mem.h>
#include "perf/opts.h"
#include "common/parse.h"
#include "perf/target.h"
#include "tap.h"

#define MAX_ARGS 32

static struct perf_opts opts;
static struct perf_msg msg;

/* Parses a line of words behind "-r x", freeing what the last call left. */
static int parse(const char *line)
{
	static char words[512];
	static char program[] = "/usr/bin/nvme_perf", r[] = "-r", device[] = "x";
	char *argv[MAX_ARGS] = { program, r, device };
	char *rest = words;
	int argc = 3;

	perf_opts_free(&opts);
	strcpy(words, line);
	while (argc < MAX_ARGS - 1 && *line && (argv[argc] = strsep(&rest, " ")))
		argc++;
	argv[argc] = NULL;
	return perf_opts_parse(argc, argv, &opts, &msg);
}

/* A line that must fail with just this message. */
static void check_bad(const char *line, const char *text)
{
	CU_ASSERT_EQUAL(parse(line), -EINVAL);
	CU_ASSERT_STRING_EQUAL(msg.text, text);
}

static void defaults(void)
{
	CU_ASSERT_EQUAL_FATAL(parse(""), 0);
	CU_ASSERT_EQUAL(opts.nr_names, 1);
	CU_ASSERT_STRING_EQUAL(opts.names[0], "x");
	CU_ASSERT_EQUAL(opts.depth, 32);
	CU_ASSERT_EQUAL(opts.io_len, 4096);
	CU_ASSERT_STRING_EQUAL(opts.workload, "randread");
	CU_ASSERT_EQUAL(opts.random, true);
	CU_ASSERT_EQUAL(opts.read_percent, 100);
	CU_ASSERT_EQUAL(opts.seconds, 5);
	CU_ASSERT_EQUAL(opts.warmup, 0);
	CU_ASSERT_EQUAL(opts.nr_ios, 0);
	CU_ASSERT_EQUAL(opts.nr_qpairs, 1);
	CU_ASSERT_EQUAL(cores_count(&opts.cores), 0);
	CU_ASSERT_EQUAL(opts.latency, false);
	CU_ASSERT_PTR_NULL(opts.json);
	CU_ASSERT_EQUAL(opts.page_len, 0);
	CU_ASSERT_EQUAL(opts.seed, 1);
	CU_ASSERT_EQUAL(opts.verbose, false);
}

static void all_options(void)
{
	CU_ASSERT_EQUAL_FATAL(parse("-q 65535 -o 128k -w randrw -M 70 -t 60 -a 3 -n 1000 -P 4"), 0);
	CU_ASSERT_EQUAL(opts.depth, 65535);
	CU_ASSERT_EQUAL(opts.io_len, 131072);
	CU_ASSERT_EQUAL(opts.read_percent, 70);
	CU_ASSERT_EQUAL(opts.seconds, 60);
	CU_ASSERT_EQUAL(opts.warmup, 3);
	CU_ASSERT_EQUAL(opts.nr_ios, 1000);
	CU_ASSERT_EQUAL(opts.nr_qpairs, 4);
	CU_ASSERT_EQUAL_FATAL(parse("-r y/2 -c 0,2-3 -L --json - --hugepage 1G -v --seed 9"), 0);
	CU_ASSERT_EQUAL(opts.nr_names, 2);
	CU_ASSERT_STRING_EQUAL(opts.names[1], "y/2");
	CU_ASSERT_EQUAL(cores_count(&opts.cores), 3);
	CU_ASSERT_EQUAL(opts.latency, true);
	CU_ASSERT_STRING_EQUAL(opts.json, "-");
	CU_ASSERT_EQUAL(opts.page_len, 1UL << 30);
	CU_ASSERT_EQUAL(opts.verbose, true);
	CU_ASSERT_EQUAL(opts.seed, 9);
	CU_ASSERT_EQUAL_FATAL(parse("--hugepage none"), 0);
	CU_ASSERT_EQUAL(opts.page_len, NVIO_HEAP_NO_HUGE);
	CU_ASSERT_EQUAL(opts.shadow_doorbells.value, NVIO_AUTO);
	CU_ASSERT_EQUAL(opts.host_memory_max, 0);
	CU_ASSERT_EQUAL_FATAL(parse("--host-memory 5m"), 0);
	CU_ASSERT_EQUAL(opts.host_memory_max, 5u << 20);
	CU_ASSERT_EQUAL_FATAL(parse("--host-memory none"), 0);
	CU_ASSERT_EQUAL(opts.host_memory_max, NVIO_NO_HOST_MEMORY);
	CU_ASSERT_EQUAL(opts.quirks, 0);
	CU_ASSERT_EQUAL_FATAL(parse("--quirks 5"), 0);
	CU_ASSERT_EQUAL(opts.quirks, NVIO_QUIRK_FRESH_QIDS | NVIO_QUIRK_DELAY_READY);
	CU_ASSERT_EQUAL(opts.priority.value, NVIO_PRIORITY_DEFAULT);
	CU_ASSERT_EQUAL_FATAL(parse("--priority urgent"), 0);
	CU_ASSERT_EQUAL(opts.priority.value, NVIO_PRIORITY_URGENT);
	CU_ASSERT_EQUAL_FATAL(parse("--priority low"), 0);
	CU_ASSERT_EQUAL(opts.priority.value, NVIO_PRIORITY_LOW);
	CU_ASSERT_EQUAL(opts.way.value, NVIO_WAY_AUTO);
	CU_ASSERT_EQUAL_FATAL(parse("--vfio group"), 0);
	CU_ASSERT_EQUAL(opts.way.value, NVIO_WAY_GROUP);
	CU_ASSERT_EQUAL_FATAL(parse("--vfio cdev"), 0);
	CU_ASSERT_EQUAL(opts.way.value, NVIO_WAY_CDEV);
	CU_ASSERT_EQUAL_FATAL(parse("--allow-noiommu"), 0);
	CU_ASSERT(opts.allow_noiommu);
	CU_ASSERT_EQUAL_FATAL(parse("--vfio noiommu"), 0);
	CU_ASSERT_FALSE(opts.allow_noiommu);
	CU_ASSERT_EQUAL(opts.way.value, NVIO_WAY_NOIOMMU);
	CU_ASSERT_PTR_NULL(opts.vf_token);
	CU_ASSERT_EQUAL_FATAL(parse("--vf-token 01234567"), 0);
	CU_ASSERT_STRING_EQUAL(opts.vf_token, "01234567");
	CU_ASSERT_EQUAL_FATAL(parse("--fds 5,6/1"), 0);
	CU_ASSERT_EQUAL(opts.nr_names, 2);
	CU_ASSERT_STRING_EQUAL(opts.names[1], "fd:5,6/1");
	CU_ASSERT_EQUAL_FATAL(parse("--shadow-doorbells on"), 0);
	CU_ASSERT_EQUAL(opts.shadow_doorbells.value, NVIO_ON);
	CU_ASSERT_EQUAL_FATAL(parse("--shadow-doorbells off"), 0);
	CU_ASSERT_EQUAL(opts.shadow_doorbells.value, NVIO_OFF);
	CU_ASSERT_EQUAL_FATAL(parse("--shadow-doorbells auto"), 0);
	CU_ASSERT_EQUAL(opts.shadow_doorbells.value, NVIO_AUTO);
}

static void workloads(void)
{
	static const struct {
		const char *line;
		bool random;
		unsigned int read_percent;
	} table[] = {
		{ "-w read", false, 100 },     { "-w write", false, 0 },
		{ "-w randread", true, 100 },  { "-w randwrite", true, 0 },
		{ "-w rw", false, 50 },        { "-w randrw", true, 50 },
		{ "-w rw -M 0", false, 0 },    { "-M 100 -w rw", false, 100 },
		{ "-M 7 -w randrw", true, 7 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		CU_ASSERT_EQUAL_FATAL(parse(table[i].line), 0);
		CU_ASSERT_EQUAL(opts.random, table[i].random);
		CU_ASSERT_EQUAL(opts.read_percent, table[i].read_percent);
	}
	check_bad("-w trim", "-w 'trim': not one of read, write, randread, randwrite, rw, randrw");
	check_bad("-w rand", "-w 'rand': not one of read, write, randread, randwrite, rw, randrw");
	check_bad("-q 3 -P 4", "-q 3 leaves some of the 4 queue pairs of -P without an I/O");
	check_bad("-M 50", "-M is for rw and randrw only, not for randread");
	check_bad("-w write -M 0", "-M is for rw and randrw only, not for write");
}

static void bad_numbers(void)
{
	check_bad("-q 0", "-q '0': not a whole number from 1 to 65535");
	check_bad("-q 65536", "-q '65536': not a whole number from 1 to 65535");
	check_bad("-q 32x", "-q '32x': not a whole number from 1 to 65535");
	check_bad("-q -1", "-q '-1': not a whole number from 1 to 65535");
	check_bad("-q +1", "-q '+1': not a whole number from 1 to 65535");
	check_bad("-q 0x10", "-q '0x10': not a whole number from 1 to 65535");
	check_bad("-q ", "-q '': not a whole number from 1 to 65535");
	check_bad("-M 101 -w rw", "-M '101': not a whole number from 0 to 100");
	check_bad("-t 0", "-t '0': not a whole number from 1 to 4294967295");
	check_bad("-t 1.5", "-t '1.5': not a whole number from 1 to 4294967295");
	check_bad("-a 4294967296", "-a '4294967296': not a whole number from 0 to 4294967295");
	check_bad("-n 0", "-n '0': not a whole number from 1 to 9223372036854775807");
	check_bad("-P 0", "-P '0': not a whole number from 1 to 65535");
	check_bad("--seed 18446744073709551616",
		  "--seed '18446744073709551616': not a whole number from 0 to "
		  "18446744073709551615");
}

static void bad_words(void)
{
	check_bad("-o 4x", "-o '4x': not a size from 1 to 1024m, such as 512, 4k or 1m");
	check_bad("-o 0", "-o '0': not a size from 1 to 1024m, such as 512, 4k or 1m");
	check_bad("-o 1025m", "-o '1025m': not a size from 1 to 1024m, such as 512, 4k or 1m");
	check_bad("-c 3-1",
		  "-c '3-1': not a list such as 0,2-3 or a mask such as 0x5 of cores 0 to "
		  "4095");
	check_bad("--hugepage 4K", "--hugepage '4K': not one of 2M, 1G, none");
	check_bad("--quirks x", "--quirks 'x': not a whole number from 0 to 4294967295");
	check_bad("--host-memory all",
		  "--host-memory 'all': not none, nor a size from 1 to 16384m");
	check_bad("--priority default", "--priority 'default': not one of urgent high medium low");
	check_bad("--vfio type1", "--vfio 'type1': not one of group cdev noiommu tce-v1");
	check_bad("--fds x", "--fds 'x': not two numbers of files, such as 5,6");
	check_bad("--fds 5,6 --fds 7,8", "--fds '7,8': one device at a time");
	check_bad("--shadow-doorbells o", "--shadow-doorbells 'o': not one of auto on off");
	check_bad("--shadow-doorbells ", "--shadow-doorbells '': not one of auto on off");
	check_bad("--shadow-doorbells offx", "--shadow-doorbells 'offx': not one of auto on off");
	check_bad("--json ", "--json '': not the name of a file");
	check_bad("stray", "'stray' is no option; devices are named with -r");
}

static void a_device_is_needed(void)
{
	char program[] = "nvme_perf";
	char *argv[] = { program, NULL };

	perf_opts_free(&opts);
	CU_ASSERT_EQUAL(perf_opts_parse(1, argv, &opts, &msg), -EINVAL);
	CU_ASSERT_STRING_EQUAL(msg.text, "no device: name one with -r, such as -r 0000:01:00.0");
}

static void sizes(void)
{
	uint64_t value = 0;

	CU_ASSERT(!parse_size("512", 1 << 30, &value) && value == 512);
	CU_ASSERT(!parse_size("4k", 1 << 30, &value) && value == 4096);
	CU_ASSERT(!parse_size("4K", 1 << 30, &value) && value == 4096);
	CU_ASSERT(!parse_size("3m", 1 << 30, &value) && value == 3 << 20);
	CU_ASSERT(!parse_size("1024m", 1 << 30, &value) && value == 1 << 30);
	CU_ASSERT(parse_size("1048577k", 1 << 30, &value) == -EINVAL);
	CU_ASSERT(parse_size("18446744073709551615m", UINT64_MAX, &value) == -EINVAL);
	CU_ASSERT(parse_size("18014398509481984k", UINT64_MAX, &value) == -EINVAL);
	CU_ASSERT(parse_size("", 1 << 30, &value) == -EINVAL);
	CU_ASSERT(parse_size("k", 1 << 30, &value) == -EINVAL);
	CU_ASSERT(parse_size("4kk", 1 << 30, &value) == -EINVAL);
	CU_ASSERT(parse_size(" 4k", 1 << 30, &value) == -EINVAL);
	CU_ASSERT(parse_size("-4k", 1 << 30, &value) == -EINVAL);
	CU_ASSERT_EQUAL(value, 1 << 30);
}

static void numbers(void)
{
	uint64_t value = 7;

	CU_ASSERT(!parse_u64("18446744073709551615", 0, UINT64_MAX, &value) && value == UINT64_MAX);
	CU_ASSERT(!parse_u64("007", 0, 10, &value) && value == 7);
	CU_ASSERT(parse_u64("18446744073709551616", 0, UINT64_MAX, &value) == -EINVAL);
	CU_ASSERT(parse_u64("99999999999999999999999", 0, UINT64_MAX, &value) == -EINVAL);
	CU_ASSERT(parse_u64("11", 0, 10, &value) == -EINVAL);
	CU_ASSERT(parse_u64("1 ", 0, 10, &value) == -EINVAL);
	CU_ASSERT_EQUAL(value, 7);
}

/* Parses a set and writes it back as a list. */
static const char *core_list(const char *given)
{
	static char list[256];
	struct cores cores;

	if (cores_parse(given, &cores))
		return "bad";
	cores_format(&cores, list, sizeof(list));
	return list;
}

static void core_lists(void)
{
	CU_ASSERT_STRING_EQUAL(core_list("0"), "0");
	CU_ASSERT_STRING_EQUAL(core_list("0,2-3"), "0,2-3");
	CU_ASSERT_STRING_EQUAL(core_list("3,1,2,1-2"), "1-3");
	CU_ASSERT_STRING_EQUAL(core_list("5-5"), "5");
	CU_ASSERT_STRING_EQUAL(core_list("4095"), "4095");
	CU_ASSERT_STRING_EQUAL(core_list("0-4095"), "0-4095");
	CU_ASSERT_STRING_EQUAL(core_list("4096"), "bad");
	CU_ASSERT_STRING_EQUAL(core_list(""), "bad");
	CU_ASSERT_STRING_EQUAL(core_list(","), "bad");
	CU_ASSERT_STRING_EQUAL(core_list("1,"), "bad");
	CU_ASSERT_STRING_EQUAL(core_list("1-"), "bad");
	CU_ASSERT_STRING_EQUAL(core_list("-1"), "bad");
	CU_ASSERT_STRING_EQUAL(core_list("1-2-3"), "bad");
	CU_ASSERT_STRING_EQUAL(core_list("a"), "bad");
}

static void core_masks(void)
{
	char mask[CORES_MAX / 4 + 4];

	CU_ASSERT_STRING_EQUAL(core_list("0x1"), "0");
	CU_ASSERT_STRING_EQUAL(core_list("0x5"), "0,2");
	CU_ASSERT_STRING_EQUAL(core_list("0XfF"), "0-7");
	CU_ASSERT_STRING_EQUAL(core_list("0x10000000000000000"), "64");
	CU_ASSERT_STRING_EQUAL(core_list("0x0"), "bad");
	CU_ASSERT_STRING_EQUAL(core_list("0x"), "bad");
	CU_ASSERT_STRING_EQUAL(core_list("0x5g"), "bad");
	CU_ASSERT_STRING_EQUAL(core_list("0x-1"), "bad");
	/* As wide as the set, one digit more, and zeros in front. */
	memset(mask, '0', sizeof(mask));
	memcpy(mask, "0x8", 3);
	mask[2 + CORES_MAX / 4] = '\0';
	CU_ASSERT_STRING_EQUAL(core_list(mask), "4095");
	memset(mask, '0', sizeof(mask));
	memcpy(mask, "0x1", 3);
	mask[3 + CORES_MAX / 4] = '\0';
	CU_ASSERT_STRING_EQUAL(core_list(mask), "bad");
	memcpy(mask, "0x0", 3);
	mask[2 + CORES_MAX / 4] = '3';
	CU_ASSERT_STRING_EQUAL(core_list(mask), "0-1");
}

static void cores_must_be_allowed(void)
{
	struct cores want, allowed;

	CU_ASSERT_EQUAL_FATAL(cores_parse("0-1,3", &allowed), 0);
	CU_ASSERT(!cores_parse("0,3", &want) && !cores_check(&want, &allowed, 4, &msg));
	CU_ASSERT(!cores_parse("0,2", &want) && cores_check(&want, &allowed, 4, &msg) == -EINVAL);
	CU_ASSERT_STRING_EQUAL(msg.text, "this process may not run on core 2, only on 0-1,3");
	CU_ASSERT(!cores_parse("9", &want) && cores_check(&want, &allowed, 4, &msg) == -EINVAL);
	CU_ASSERT_STRING_EQUAL(msg.text, "core 9 does not exist: the machine has 0 to 3");
	CU_ASSERT_EQUAL(cores_get_allowed(&allowed), 0);
	CU_ASSERT(cores_count(&allowed) > 0);
}

static void long_lists_are_cut(void)
{
	struct cores cores;
	char list[8];

	CU_ASSERT_EQUAL_FATAL(cores_parse("1,3,5,7,9,11-13", &cores), 0);
	cores_format(&cores, list, sizeof(list));
	CU_ASSERT_STRING_EQUAL(list, "1,3,5,7");
}

static const struct tap_test tests[] = {
	{ "defaults", defaults },
	{ "every option", all_options },
	{ "workloads and -M", workloads },
	{ "bad numbers", bad_numbers },
	{ "bad words", bad_words },
	{ "a device is needed", a_device_is_needed },
	{ "sizes", sizes },
	{ "numbers", numbers },
	{ "core lists", core_lists },
	{ "core masks", core_masks },
	{ "cores must be allowed", cores_must_be_allowed },
	{ "long core lists are cut", long_lists_are_cut },
};

int main(void)
{
	int failed = tap_run("perf_opts", tests, sizeof(tests) / sizeof(tests[0]));

	perf_opts_free(&opts);
	return failed;
}
