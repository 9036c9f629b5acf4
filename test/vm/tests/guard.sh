#!/bin/bash
# Registers that the kernel takes away in the middle of their use: SIGBUS, and with the guard a device that is gone.
# kernels: small stock
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
"$BUILD/test/vm/guard" "$BDF"
