/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine's options, as `fio --enghelp` shows them. Where fio's io_uring_cmd engine has one of
 * the same meaning, it has its name here.
 */
#include "engine.h"

#define OPTION(_member, _text)                                                                  \
	.name = #_member, .lname = (_text), .off1 = offsetof(struct nvio_fio_options, _member), \
	.category = FIO_OPT_C_ENGINE, .group = FIO_OPT_G_INVALID

struct fio_option nvio_fio_option_table[] = {
	{
		OPTION(readfua, "FUA of reads"),
		.type = FIO_OPT_BOOL,
		.help = "Reads with force unit access: from the medium",
		.def = "0",
	},
	{
		OPTION(writefua, "FUA of writes"),
		.type = FIO_OPT_BOOL,
		.help = "Writes with force unit access: on the medium when they complete",
		.def = "0",
	},
	{
		OPTION(write_mode, "Command of writes"),
		.type = FIO_OPT_STR,
		.help = "Command that a write of the job is",
		.def = "write",
		.posval = {
			{ .ival = "write", .oval = NVIO_FIO_WRITE, .help = "Write" },
			{ .ival = "uncor", .oval = NVIO_FIO_UNCORRECTABLE,
			  .help = "Write Uncorrectable: reads fail until written again" },
			{ .ival = "zeroes", .oval = NVIO_FIO_ZEROES, .help = "Write Zeroes" },
			{ .ival = "verify", .oval = NVIO_FIO_VERIFY,
			  .help = "Verify: reads without a transfer" },
		},
	},
	{
		OPTION(deac, "Deallocate with zeroes"),
		.type = FIO_OPT_BOOL,
		.help = "Write Zeroes: the controller may deallocate the blocks",
		.def = "0",
	},
#if FIO_IOOPS_VERSION >= 39
	{
		OPTION(verify_mode, "Command of verification"),
		.type = FIO_OPT_STR,
		.help = "Command that checks what was written",
		.def = "read",
		.posval = {
			{ .ival = "read", .oval = NVIO_FIO_VERIFY_READ, .help = "Read" },
			{ .ival = "compare", .oval = NVIO_FIO_VERIFY_COMPARE, .help = "Compare" },
		},
	},
#endif
	{
		OPTION(md_per_io_size, "Metadata of an I/O"),
		.type = FIO_OPT_INT,
		.help = "Bytes of separate metadata for each I/O, at least (default: what the largest "
			"needs)",
		.def = "0",
	},
	{
		OPTION(pi_act, "Protection information action"),
		.type = FIO_OPT_BOOL,
		.help = "1: the controller makes protection information and strips it; 0: the engine "
			"makes and checks it",
		.def = "1",
	},
	{
		OPTION(pi_chk, "Protection information checks"),
		.type = FIO_OPT_STR_STORE,
		.help = "What is checked: GUARD, REFTAG, APPTAG, with commas (default: nothing)",
	},
	{
		OPTION(apptag, "Application tag"),
		.type = FIO_OPT_INT,
		.help = "Application tag of protection information",
		.def = "0x1234",
		.maxval = 0xffff,
	},
	{
		OPTION(apptag_mask, "Application tag mask"),
		.type = FIO_OPT_INT,
		.help = "Bits of the application tag that are checked",
		.def = "0xffff",
		.maxval = 0xffff,
	},
	{
		OPTION(interrupts, "Wait for interrupts"),
		.type = FIO_OPT_BOOL,
		.help = "Sleep until the controller interrupts, instead of polling",
		.def = "0",
	},
	{
		OPTION(priority, "Queue priority"),
		.type = FIO_OPT_STR,
		.help = "Weighted round robin arbitration, and the priority of the job's queue pairs",
		.def = "none",
		.posval = {
			{ .ival = "none", .oval = NVIO_PRIORITY_DEFAULT, .help = "Round robin" },
			{ .ival = "urgent", .oval = NVIO_PRIORITY_URGENT, .help = "Before all others" },
			{ .ival = "high", .oval = NVIO_PRIORITY_HIGH, .help = "High" },
			{ .ival = "medium", .oval = NVIO_PRIORITY_MEDIUM, .help = "Medium" },
			{ .ival = "low", .oval = NVIO_PRIORITY_LOW, .help = "Low" },
		},
	},
	{
		OPTION(sgl, "Scatter gather lists"),
		.type = FIO_OPT_BOOL,
		.help = "SGLs where they do better than PRPs",
		.def = "1",
	},
	{
		OPTION(max_retries, "Retries"),
		.type = FIO_OPT_INT,
		.help = "How often a command is sent again whose status allows it",
		.def = "4",
		.maxval = 254,
	},
	{
		OPTION(timeout_ms, "Deadline of a command"),
		.type = FIO_OPT_INT,
		.help = "Milliseconds after which a command is aborted, and then the controller reset; "
			"0: never",
		.def = "30000",
	},
	{
		OPTION(cmb, "Controller memory buffer"),
		.type = FIO_OPT_STR,
		.help = "What lies in the controller memory buffer",
		.def = "none",
		.posval = {
			{ .ival = "none", .oval = 0, .help = "Nothing" },
			{ .ival = "queue", .oval = NVIO_CMB_QUEUE, .help = "Submission queues" },
			{ .ival = "lists", .oval = NVIO_CMB_QUEUE | NVIO_CMB_LISTS,
			  .help = "Submission queues, PRP lists and SGLs" },
		},
	},
	{
		OPTION(recovery, "Recovery"),
		.type = FIO_OPT_BOOL,
		.help = "1: a controller that fails is reset, and its commands are sent again; 0: they "
			"are errors",
		.def = "1",
	},
	{
		OPTION(admin_timeout_ms, "Deadline of an admin command"),
		.type = FIO_OPT_INT,
		.help = "Milliseconds",
		.def = "30000",
		.minval = 1,
	},
	{
		OPTION(shadow_doorbells, "Shadow doorbells"),
		.type = FIO_OPT_STR,
		.help = "Doorbells in memory, for controllers in software",
		.def = "auto",
		.posval = {
			{ .ival = "auto", .oval = NVIO_AUTO, .help = "Where doorbells cannot be mapped" },
			{ .ival = "on", .oval = NVIO_ON, .help = "An error where there are none" },
			{ .ival = "off", .oval = NVIO_OFF, .help = "Registers only" },
		},
	},
	{
		OPTION(host_memory, "Host memory buffer"),
		.type = FIO_OPT_ULL,
		.help = "Bytes at most that are lent to a drive that wants them; 0: none",
		.def = "64m",
	},
	{
		OPTION(vf_token, "Token of virtual functions"),
		.type = FIO_OPT_STR_STORE,
		.help = "UUID that whoever drives the physical function has set (default: none)",
	},
	{
		OPTION(vfio_way, "Way to devices of VFIO"),
		.type = FIO_OPT_STR,
		.help = "How devices of the kernel's VFIO are reached, for all jobs as the first one says",
		.def = "auto",
		.posval = {
			{ .ival = "auto", .oval = NVIO_WAY_AUTO, .help = "What the kernel has" },
			{ .ival = "group", .oval = NVIO_WAY_GROUP, .help = "Container and group" },
			{ .ival = "cdev", .oval = NVIO_WAY_CDEV, .help = "iommufd and the device's file" },
			{ .ival = "tce-v1", .oval = NVIO_WAY_TCE_V1,
			  .help = "POWER: container of sPAPR TCE v1" },
			{ .ival = "noiommu", .oval = NVIO_WAY_NOIOMMU,
			  .help = "No IOMMU: nothing keeps the device from any memory" },
		},
	},
	{
		OPTION(hugepage, "Pages of DMA memory"),
		.type = FIO_OPT_STR,
		.help = "Pages that DMA memory is made of, for all jobs as the first one says",
		.def = "2M",
		.posval = {
			{ .ival = "2M", .oval = 2u << 20, .help = "2 MiB where there are any" },
			{ .ival = "1G", .oval = 1u << 30, .help = "1 GiB" },
			{ .ival = "none", .oval = NVIO_HEAP_NO_HUGE, .help = "Ordinary pages" },
		},
	},
	{
		.name = NULL,
	},
};
