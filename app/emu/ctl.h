/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvme_emu ctl: one line to the control socket of an nvme_emu that runs, and its answer.
 */
#ifndef APP_EMU_CTL_H
#define APP_EMU_CTL_H

/* @argv begins with a name for the usage text. Returns the exit status. */
int ctl_main(int argc, char **argv);

#endif
