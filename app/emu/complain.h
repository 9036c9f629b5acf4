/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line on standard error.
 */
#ifndef APP_EMU_COMPLAIN_H
#define APP_EMU_COMPLAIN_H

/* "nvme_emu: ...". Returns -EINVAL, so that a check is one line. */
__attribute__((format(printf, 1, 2))) int complain(const char *format, ...);

#endif
