#!/bin/bash
# An I/O address space: its ranges are free of what the kernel reserves and of the drive's own BARs, its counts are
# right, and rights are obeyed.
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
dev=$pci/devices/$BDF
cat "$dev/iommu_group/reserved_regions"
"$BUILD/test/vm/container" "$BDF" "$dev/iommu_group/reserved_regions" "$dev/resource"
