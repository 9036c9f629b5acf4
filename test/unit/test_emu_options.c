/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Option text of the software controller: what it means, and which sentence refuses it.
 */
#include <errno.h>
#include <string.h>

#include "emu/options.h"
#include "tap.h"

static void has_defaults(void)
{
	struct emu_opts o;
	struct emu_error error;

	nvio_emu_opts_default(&o);
	CU_ASSERT_EQUAL(nvio_emu_opts_parse(&o, "", &error), 0);
	CU_ASSERT_EQUAL(o.nr_ns, 1);
	CU_ASSERT_EQUAL(o.ns[0].size, 1u << 30);
	CU_ASSERT_EQUAL(o.ns[0].lba, 512);
	CU_ASSERT_EQUAL(o.ns[0].guard, 16);
	CU_ASSERT_EQUAL(o.nr_queues, 64);
	CU_ASSERT_EQUAL(o.queue_entries, 1024);
	CU_ASSERT_EQUAL(o.mdts, 7);
	CU_ASSERT_EQUAL(o.core, -1);
}

static void parses(void)
{
	struct emu_opts o;
	struct emu_error error;

	nvio_emu_opts_default(&o);
	CU_ASSERT_EQUAL(
		nvio_emu_opts_parse(
			&o,
			"size=4G,lba=4k,md=16,pi=1,guard=64,extended,mdts=3,"
			"queues=7,entries=64,dstrd=2,to=500,kato=250,vwc=off,shadow=off,mmap=0,wrr=no,serial=X,core=5,vectors=3,hmb=3M,"
			"latency=10us-1ms,ns,null,size=1T",
			&error),
		0);
	CU_ASSERT_EQUAL(o.nr_ns, 2);
	CU_ASSERT_EQUAL(o.ns[0].size, 4ull << 30);
	CU_ASSERT_EQUAL(o.ns[0].lba, 4096);
	CU_ASSERT_EQUAL(o.ns[0].guard, 64);
	CU_ASSERT_TRUE(o.ns[0].extended && !o.ns[0].null && o.ns[1].null);
	CU_ASSERT_EQUAL(o.ns[1].size, 1ull << 40);
	CU_ASSERT_EQUAL(o.nr_queues, 7);
	CU_ASSERT_EQUAL(o.nr_vectors, 3);
	CU_ASSERT_EQUAL(o.hmb, 3u << 20);
	CU_ASSERT_EQUAL(o.dstrd, 2);
	CU_ASSERT_EQUAL(o.kato_ms, 250);
	CU_ASSERT_EQUAL(o.core, 5);
	CU_ASSERT_FALSE(o.vwc || o.shadow || o.mmap || o.wrr);
	CU_ASSERT_EQUAL(o.latency_min_ns, 10000);
	CU_ASSERT_EQUAL(o.latency_max_ns, 1000000);
	CU_ASSERT_STRING_EQUAL(o.serial, "X");
}

static void adds_namespaces(void)
{
	struct emu_opts o;
	struct emu_error error;

	nvio_emu_opts_default(&o);
	CU_ASSERT_EQUAL(nvio_emu_opts_add_ns(&o, "size=1G", &error), 0);
	CU_ASSERT_EQUAL(o.nr_ns, 1);
	CU_ASSERT_EQUAL(nvio_emu_opts_add_ns(&o, "file=/x", &error), 0);
	CU_ASSERT_EQUAL(o.nr_ns, 2);
	CU_ASSERT_EQUAL(o.ns[1].size, 0);
	CU_ASSERT_EQUAL(nvio_emu_opts_add_ns(&o, "file=/x,size=1M", &error), 0);
	CU_ASSERT_EQUAL(o.ns[2].size, 1u << 20);
	CU_ASSERT_EQUAL(nvio_emu_opts_add_ns(&o, "mdts=3", &error), -EINVAL);
	nvio_emu_opts_default(&o);
	for (int i = 0; i < EMU_NS_MAX; i++)
		CU_ASSERT_EQUAL(nvio_emu_opts_add_ns(&o, "", &error), 0);
	CU_ASSERT_EQUAL(nvio_emu_opts_add_ns(&o, "", &error), -EINVAL);
}

/* Only the namespace that nobody asked for is replaced. */
static void replaces_the_default(void)
{
	static const struct {
		const char *text;
		unsigned int nr_ns;
	} before[] = { { "", 1 },         { "mdts=3", 1 }, { "size=1M", 2 },
		       { "null=off", 2 }, { "ns", 3 },     { "mdts=3,ns,size=1M", 3 } };
	struct emu_opts o;
	struct emu_error error;

	for (unsigned int i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		nvio_emu_opts_default(&o);
		CU_ASSERT_EQUAL(nvio_emu_opts_parse(&o, before[i].text, &error), 0);
		CU_ASSERT_EQUAL(nvio_emu_opts_add_ns(&o, "size=2M", &error), 0);
		CU_ASSERT_EQUAL(o.nr_ns, before[i].nr_ns);
		CU_ASSERT_EQUAL(o.ns[o.nr_ns - 1].size, 2u << 20);
	}
}

static void names_what_is_wrong(void)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{ "sise=1", "sise" },
		{ "size=1x", "size=1x" },
		{ "size=0", "size=0" },
		{ "size=1000", "size=1000" },
		{ "size=99999999999999999999", "size" },
		{ "size=20000000T", "size" },
		{ "size", "size" },
		{ "lba=1000", "lba=1000" },
		{ "lba=256", "lba=256" },
		{ "pi=1", "pi=1" },
		{ "pi=4,md=8", "pi=4" },
		{ "md=16,pi=1,guard=64", "guard=64" },
		{ "md=16,pi=1,guard=32", "guard=32" },
		{ "guard=48", "guard=48" },
		{ "null=maybe", "null=maybe" },
		{ "null,file=/x", "null" },
		{ "queues=0", "queues=0" },
		{ "queues=70000", "queues=70000" },
		{ "entries=1", "entries=1" },
		{ "core=1024", "core=1024" },
		{ "core=", "core" },
		{ "vectors=0", "vectors=0" },
		{ "vectors=2049", "vectors=2049" },
		{ "mpsmin=3,mpsmax=1", "mpsmin=3" },
		{ "latency=5ms-1ms", "latency=5ms-1ms" },
		{ "latency=soon", "latency=soon" },
		{ "serial=123456789012345678901", "serial" },
		{ "model=\n", "model" },
		{ "file=", "file" },
		{ "ns=1", "ns" },
	};
	struct emu_opts o;
	struct emu_error error;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		nvio_emu_opts_default(&o);
		error.text[0] = '\0';
		CU_ASSERT_EQUAL(nvio_emu_opts_parse(&o, bad[i].text, &error), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(error.text, bad[i].says));
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "has defaults", has_defaults },
		{ "parses", parses },
		{ "adds namespaces", adds_namespaces },
		{ "replaces the default", replaces_the_default },
		{ "names what is wrong", names_what_is_wrong },
	};

	return tap_run("emu options", tests, sizeof(tests) / sizeof(tests[0]));
}
