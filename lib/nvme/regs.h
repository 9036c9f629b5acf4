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
	NVIO_REG_NSSR = 0x20,
	NVIO_REG_AQA = 0x24,
	NVIO_REG_ASQ = 0x28, /* 64 bits */
	NVIO_REG_ACQ = 0x30, /* 64 bits */
	NVIO_REG_CMBLOC = 0x38,
	NVIO_REG_CMBSZ = 0x3c,
	NVIO_REG_CMBMSC = 0x50, /* 64 bits */
	NVIO_REG_CMBSTS = 0x58,
	NVIO_REG_CRTO = 0x68,
	NVIO_REG_PMRCAP = 0xe00,
	NVIO_REG_PMRCTL = 0xe04,
	NVIO_REG_PMRSTS = 0xe08,
	NVIO_REG_PMREBS = 0xe0c,
	NVIO_REG_PMRSWTP = 0xe10,
	NVIO_REG_PMRMSCL = 0xe14,
	NVIO_REG_PMRMSCU = 0xe18,
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
#define CAP_NSSRS_SHIFT  36 /* NVM subsystem reset */
#define CAP_NSSRS_MASK   1u
#define CAP_CSS_SHIFT    37
#define CAP_CSS_MASK     0xffu
#define CAP_MPSMIN_SHIFT 48 /* pages are 4096 << MPS bytes */
#define CAP_MPSMIN_MASK  0xfu
#define CAP_MPSMAX_SHIFT 52
#define CAP_MPSMAX_MASK  0xfu

#define CAP_PMRS_SHIFT 56 /* persistent memory region */
#define CAP_PMRS_MASK  1u
#define CAP_CMBS_SHIFT 57 /* controller memory buffer, with a base address (CMBMSC) */
#define CAP_CMBS_MASK  1u
#define CAP_CRMS_SHIFT 59 /* ready modes; there is CRTO when it is not 0 */
#define CAP_CRMS_MASK  3u
#define CAP_CRMS_BOTH  3u /* with media, or independent of them: CC.CRIME says */

#define CAP_AMS_WEIGHTED 1u /* weighted round robin with urgent priority class */
#define CAP_CSS_NVM      0x01u /* the NVM command set */
#define CAP_CSS_ALL      0x40u /* others too, each namespace with its own */

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
#define CC_CRIME_SHIFT  24 /* ready before its media are */
#define CC_CRIME_MASK   1u

#define CC_AMS_ROUND_ROBIN 0u
#define CC_AMS_WEIGHTED    1u
#define CC_CSS_NVM         0u
#define CC_CSS_ALL         6u
#define CC_SHN_NORMAL      1u

/* Controller Status */
#define CSTS_RDY_SHIFT  0
#define CSTS_RDY_MASK   1u
#define CSTS_CFS_SHIFT  1
#define CSTS_CFS_MASK   1u
#define CSTS_SHST_SHIFT 2
#define CSTS_SHST_MASK  3u

#define CSTS_NSSRO_SHIFT 4 /* a subsystem reset took place; written with 1 to clear */
#define CSTS_NSSRO_MASK  1u

#define CSTS_SHST_COMPLETE 2u

/* Controller Ready Timeouts, in units of 500 ms: with media, and independent of media */
#define CRTO_CRWMT_SHIFT 0
#define CRTO_CRWMT_MASK  0xffffu
#define CRTO_CRIMT_SHIFT 16
#define CRTO_CRIMT_MASK  0xffffu

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

/* Persistent Memory Region: capabilities, control, status, elasticity buffer, sustained writes,
 * memory space control */
#define PMRCAP_RDS_SHIFT    3
#define PMRCAP_RDS_MASK     1u
#define PMRCAP_WDS_SHIFT    4
#define PMRCAP_WDS_MASK     1u
#define PMRCAP_BIR_SHIFT    5
#define PMRCAP_BIR_MASK     7u
#define PMRCAP_PMRTU_SHIFT  8 /* of PMRTO: 500 ms, or minutes */
#define PMRCAP_PMRTU_MASK   3u
#define PMRCAP_PMRWBM_SHIFT 10 /* what makes writes persistent */
#define PMRCAP_PMRWBM_MASK  0xfu
#define PMRCAP_PMRTO_SHIFT  16
#define PMRCAP_PMRTO_MASK   0xffu
#define PMRCAP_CMSS_SHIFT   24 /* it can have an address for commands */
#define PMRCAP_CMSS_MASK    1u
#define PMRSTS_ERR_SHIFT    0
#define PMRSTS_ERR_MASK     0xffu
#define PMRSTS_NRDY_SHIFT   8
#define PMRSTS_NRDY_MASK    1u
#define PMRSTS_HSTS_SHIFT   9
#define PMRSTS_HSTS_MASK    7u
#define PMRSTS_CBAI_SHIFT   12
#define PMRSTS_CBAI_MASK    1u
#define PMREBS_UNIT_SHIFT   0 /* 1 << 10 * unit bytes; as are those of PMRSWTP, for a second */
#define PMREBS_UNIT_MASK    0xfu
#define PMREBS_VALUE_SHIFT  8
#define PMREBS_VALUE_MASK   0xffffffu

#define PMRWBM_READ_REGION 1u
#define PMRWBM_READ_STATUS 2u
#define PMRCTL_EN          1u
#define PMRMSCL_CMSE       2u

/* What a register of a device that is gone reads as. */
#define NVIO_REG_GONE 0xffffffffu

/* Admin Queue Attributes: sizes minus one */
#define AQA_ASQS_SHIFT 0
#define AQA_ASQS_MASK  0xfffu
#define AQA_ACQS_SHIFT 16
#define AQA_ACQS_MASK  0xfffu

#endif
