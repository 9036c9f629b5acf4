/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe status codes in words (section 4.6.1 and NVM:4.3).
 */
#include "base/bits.h"
#include "nvme/wire.h"

#define TYPE_AND_CODE 0x7ffu

struct text {
	uint16_t status; /* type in bits 10:8, code in 7:0 */
	const char *text;
};

static const struct text texts[] = {
	{ 0x000, "success" },
	{ 0x001, "invalid command opcode" },
	{ 0x002, "invalid field in command" },
	{ 0x003, "command identifier conflict" },
	{ 0x004, "data transfer error" },
	{ 0x005, "aborted due to power loss" },
	{ 0x006, "internal error" },
	{ 0x007, "aborted by request" },
	{ 0x008, "aborted: submission queue deleted" },
	{ 0x009, "aborted: fused command failed" },
	{ 0x00a, "aborted: fused command missing" },
	{ 0x00b, "invalid namespace or format" },
	{ 0x00c, "command sequence error" },
	{ 0x00d, "invalid SGL segment descriptor" },
	{ 0x00e, "invalid number of SGL descriptors" },
	{ 0x00f, "data SGL length invalid" },
	{ 0x010, "metadata SGL length invalid" },
	{ 0x011, "SGL descriptor type invalid" },
	{ 0x012, "invalid use of controller memory buffer" },
	{ 0x013, "PRP offset invalid" },
	{ 0x014, "atomic write unit exceeded" },
	{ 0x015, "operation denied" },
	{ 0x016, "SGL offset invalid" },
	{ 0x018, "host identifier inconsistent format" },
	{ 0x019, "keep alive timer expired" },
	{ 0x01a, "keep alive timeout invalid" },
	{ 0x01b, "aborted due to preempt and abort" },
	{ 0x01c, "sanitize failed" },
	{ 0x01d, "sanitize in progress" },
	{ 0x01e, "SGL data block granularity invalid" },
	{ 0x01f, "command not supported for queue in CMB" },
	{ 0x020, "namespace is write protected" },
	{ 0x021, "command interrupted" },
	{ 0x022, "transient transport error" },
	{ 0x023, "prohibited by command and feature lockdown" },
	{ 0x024, "admin command media not ready" },
	{ 0x080, "LBA out of range" },
	{ 0x081, "capacity exceeded" },
	{ 0x082, "namespace not ready" },
	{ 0x083, "reservation conflict" },
	{ 0x084, "format in progress" },
	{ 0x085, "invalid value size" },
	{ 0x086, "invalid key size" },
	{ 0x100, "completion queue invalid" },
	{ 0x101, "invalid queue identifier" },
	{ 0x102, "invalid queue size" },
	{ 0x103, "abort command limit exceeded" },
	{ 0x105, "asynchronous event request limit exceeded" },
	{ 0x106, "invalid firmware slot" },
	{ 0x107, "invalid firmware image" },
	{ 0x108, "invalid interrupt vector" },
	{ 0x109, "invalid log page" },
	{ 0x10a, "invalid format" },
	{ 0x10b, "firmware activation requires conventional reset" },
	{ 0x10c, "invalid queue deletion" },
	{ 0x10d, "feature identifier not saveable" },
	{ 0x10e, "feature not changeable" },
	{ 0x10f, "feature not namespace specific" },
	{ 0x110, "firmware activation requires NVM subsystem reset" },
	{ 0x111, "firmware activation requires controller level reset" },
	{ 0x112, "firmware activation requires maximum time violation" },
	{ 0x113, "firmware activation prohibited" },
	{ 0x114, "overlapping range" },
	{ 0x115, "namespace insufficient capacity" },
	{ 0x116, "namespace identifier unavailable" },
	{ 0x118, "namespace already attached" },
	{ 0x119, "namespace is private" },
	{ 0x11a, "namespace not attached" },
	{ 0x11b, "thin provisioning not supported" },
	{ 0x11c, "controller list invalid" },
	{ 0x11d, "device self-test in progress" },
	{ 0x11e, "boot partition write prohibited" },
	{ 0x11f, "invalid controller identifier" },
	{ 0x120, "invalid secondary controller state" },
	{ 0x121, "invalid number of controller resources" },
	{ 0x122, "invalid resource identifier" },
	{ 0x123, "sanitize prohibited while persistent memory region is enabled" },
	{ 0x129, "I/O command set not supported" },
	{ 0x12a, "I/O command set not enabled" },
	{ 0x12b, "I/O command set combination rejected" },
	{ 0x12c, "invalid I/O command set" },
	{ 0x180, "conflicting attributes" },
	{ 0x181, "invalid protection information" },
	{ 0x182, "attempted write to read only range" },
	{ 0x183, "command size limit exceeded" },
	{ 0x1b8, "zoned boundary error" },
	{ 0x1b9, "zone is full" },
	{ 0x1ba, "zone is read only" },
	{ 0x1bb, "zone is offline" },
	{ 0x1bc, "zone invalid write" },
	{ 0x1bd, "too many active zones" },
	{ 0x1be, "too many open zones" },
	{ 0x1bf, "invalid zone state transition" },
	{ 0x280, "write fault" },
	{ 0x281, "unrecovered read error" },
	{ 0x282, "end-to-end guard check error" },
	{ 0x283, "end-to-end application tag check error" },
	{ 0x284, "end-to-end reference tag check error" },
	{ 0x285, "compare failure" },
	{ 0x286, "access denied" },
	{ 0x287, "deallocated or unwritten logical block" },
	{ 0x288, "end-to-end storage tag check error" },
	{ 0x300, "internal path error" },
	{ 0x301, "asymmetric access persistent loss" },
	{ 0x302, "asymmetric access inaccessible" },
	{ 0x303, "asymmetric access transition" },
	{ 0x360, "controller pathing error" },
	{ 0x370, "host pathing error" },
	{ 0x371, "command aborted by host" },
};

const char *nvio_status_text(unsigned int status)
{
	static const char *const types[] = {
		"unknown generic status", "unknown command specific status",
		"unknown media error",    "unknown path status",
		"reserved status type",   "reserved status type",
		"reserved status type",   "vendor specific status",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i].status == (status & TYPE_AND_CODE))
			return texts[i].text;
	}
	return types[(status >> 8) & 7];
}
