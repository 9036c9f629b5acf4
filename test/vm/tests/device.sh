#!/bin/bash
# The controller as a PCI device through vfio.h alone: regions, configuration space, interrupts, maps, reset.
# kernels: small stock
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
"$BUILD/test/vm/device" "$BDF"
"$BUILD/test/vm/device" "$BDF"
