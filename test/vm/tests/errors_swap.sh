#!/bin/bash
# A drive that is swap space: the error says so. (The small kernel has no swap.)
# kernels: stock
. "${0%/*}/../lib.sh"
open=$BUILD/test/vm/try_open

disk=$(wait_for 10 block_of "$BDF")
mkswap "$disk" 16384
swapon "$disk"
expect_error "^EBUSY: $BDF is bound to nvme and ${disk#/dev/} is used as swap: stop using it first, " "$open" "$BDF"
swapoff "$disk"
expect_error "^EBUSY: $BDF is bound to nvme, not to vfio-pci: " "$open" "$BDF"
