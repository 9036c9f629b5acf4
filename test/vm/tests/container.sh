#!/bin/bash
# An I/O address space: its ranges are free of what the kernel reserves and of the drive's own BARs, its counts are
# right, and rights are obeyed.
# kernels: small stock
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
dev=$pci/devices/$BDF
cat "$dev/iommu_group/reserved_regions"
type=type1v2
[ ! -e /dev/iommu ] || type=iommufd
"$BUILD/test/vm/container" "$BDF" $type "$dev/iommu_group/reserved_regions" "$dev/resource"
