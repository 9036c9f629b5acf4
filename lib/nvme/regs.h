/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Controller registers (section 3.1.3): offsets in BAR 0, and the fields that nvio uses.
 */
#ifndef NVIO_LIB_NVME_REGS_H
#define NVIO_LIB_NVME_REGS_H

enum nvio_reg {
	NVIO_REG_CAP = 0x00, /* 64 bits */
	NVIO_REG_VS = 0x08,
	NVIO_REG_CC = 0x14,
	NVIO_REG_CSTS = 0x1c,
	NVIO_REG_AQA = 0x24,
	NVIO_REG_ASQ = 0x28, /* 64 bits */
	NVIO_REG_ACQ = 0x30, /* 64 bits */
	NVIO_REG_CMBLOC = 0x38,
	NVIO_REG_CMBSZ = 0x3c,
	NVIO_REG_CMBMSC = 0x50, /* 64 bits */
	NVIO_REG_CMBSTS = 0x58,
	NVIO_REG_DOORBELLS = 0x1000,
};

/* Controller Capabilities */
#define CAP_MQES_SHIFT   0
#define CAP_MQES_MASK    0xffffu
#define CAP_AMS_SHIFT    17
#define CAP_AMS_MASK     3u
#define CAP_TO_SHIFT     24 /* units of 500 ms */
#define CAP_TO_MASK      0xffu
#define CAP_DSTRD_SHIFT  32 /* doorbells are 4 << DSTRD bytes apart */
#define CAP_DSTRD_MASK   0xfu
#define CAP_CSS_SHIFT    37
#define CAP_CSS_MASK     0xffu
#define CAP_MPSMIN_SHIFT 48 /* pages are 4096 << MPS bytes */
#define CAP_MPSMIN_MASK  0xfu
#define CAP_MPSMAX_SHIFT 52
#define CAP_MPSMAX_MASK  0xfu

#define CAP_CMBS_SHIFT 57 /* controller memory buffer, with a base address (CMBMSC) */
#define CAP_CMBS_MASK  1u

#define CAP_AMS_WEIGHTED 1u /* weighted round robin with urgent priority class */
#define CAP_CSS_NVM      0x01u /* the NVM command set */

/* Controller Configuration */
#define CC_EN_SHIFT     0
#define CC_EN_MASK      1u
#define CC_CSS_SHIFT    4
#define CC_CSS_MASK     7u
#define CC_MPS_SHIFT    7
#define CC_MPS_MASK     0xfu
#define CC_AMS_SHIFT    11
#define CC_AMS_MASK     7u
#define CC_SHN_SHIFT    14
#define CC_SHN_MASK     3u
#define CC_IOSQES_SHIFT 16
#define CC_IOSQES_MASK  0xfu
#define CC_IOCQES_SHIFT 20
#define CC_IOCQES_MASK  0xfu

#define CC_AMS_ROUND_ROBIN 0u
#define CC_AMS_WEIGHTED    1u
#define CC_SHN_NORMAL      1u

/* Controller Status */
#define CSTS_RDY_SHIFT  0
#define CSTS_RDY_MASK   1u
#define CSTS_CFS_SHIFT  1
#define CSTS_CFS_MASK   1u
#define CSTS_SHST_SHIFT 2
#define CSTS_SHST_MASK  3u

#define CSTS_SHST_COMPLETE 2u

/* Controller Memory Buffer: location, size, memory space control, status */
#define CMBLOC_BIR_SHIFT     0
#define CMBLOC_BIR_MASK      7u
#define CMBLOC_CDPCILS_SHIFT 6 /* a command and its lists may be one inside, one outside */
#define CMBLOC_CDPCILS_MASK  1u
#define CMBLOC_OFST_SHIFT    12 /* in units of the size */
#define CMBLOC_OFST_MASK     0xfffffu
#define CMBSZ_SQS_SHIFT      0
#define CMBSZ_SQS_MASK       1u
#define CMBSZ_LISTS_SHIFT    2
#define CMBSZ_LISTS_MASK     1u
#define CMBSZ_RDS_SHIFT      3
#define CMBSZ_RDS_MASK       1u
#define CMBSZ_WDS_SHIFT      4
#define CMBSZ_WDS_MASK       1u
#define CMBSZ_SZU_SHIFT      8 /* the unit is 4 KiB << 4 * SZU */
#define CMBSZ_SZU_MASK       0xfu
#define CMBSZ_SZ_SHIFT       12
#define CMBSZ_SZ_MASK        0xfffffu

#define CMBMSC_CRE     1u /* CMBLOC and CMBSZ can be read */
#define CMBMSC_CMSE    2u /* the address is in force */
#define CMBSTS_INVALID 1u /* the address cannot be */

/* What a register of a device that is gone reads as. */
#define NVIO_REG_GONE 0xffffffffu

/* Admin Queue Attributes: sizes minus one */
#define AQA_ASQS_SHIFT 0
#define AQA_ASQS_MASK  0xfffu
#define AQA_ACQS_SHIFT 16
#define AQA_ACQS_MASK  0xfffu

#endif
