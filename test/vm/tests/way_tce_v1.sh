#!/bin/bash
# On POWER: a container of sPAPR TCE v1, which is there for who asks, in the default window. Who may not lock as much as
# the whole window is told so.
# kernels: ppc64le/4k ppc64le/64k
# vm: --mods vfio
# timeout: 240
. "${0%/*}/../lib.sh"

drive spapr-tce tce-v1 4
ulimit -l 64
expect_error 'charges its whole DMA window of [0-9]+ bytes as locked memory, .* RLIMIT_MEMLOCK is 65536 .*`ulimit -l [0-9]+`' \
	setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock "$BUILD/nvme_perf" -r "$BDF" --vfio tce-v1 -n 100
