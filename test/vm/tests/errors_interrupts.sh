#!/bin/bash
# An IOMMU without interrupt remapping: the error says so, and the module parameter that it names helps.
# kernels: stock
# vm: --iommu intremap=off,caching-mode=on
. "${0%/*}/../lib.sh"
open=$BUILD/test/vm/try_open

bind "$BDF" vfio-pci
regex="EPERM: $BDF: the IOMMU does not isolate interrupts \(no interrupt remapping\): enable it in the firmware, or"
regex+=" accept the risk with allow_unsafe_interrupts=1 of vfio_iommu_type1"
expect_error "^$regex" "$open" "$BDF"
echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
"$open" "$BDF"
echo 0 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
expect_error "^$regex" "$open" "$BDF"
