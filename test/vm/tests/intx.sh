#!/bin/bash
# Queue pairs on one line of interrupts, INTx: none is lost, though the kernel masks the line with each signal and all
# queue pairs share it.
# kernels: small stock
# vm: --mods vfio
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
"$BUILD/test/vm/intx" "$BDF"
