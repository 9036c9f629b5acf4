#!/bin/bash
# Another IOMMU, virtio's, which isolates no interrupts: refused by either way with a reason, and once that is accepted both
# work.
# vm: --no-iommu --qemu '-device virtio-iommu-pci,addr=0x1e'
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
open=$BUILD/test/vm/try_open
expect_error "^EPERM: $BDF: the IOMMU does not isolate interrupts \(no interrupt remapping\)" "$open" "$BDF"
for module in vfio_iommu_type1 iommufd; do
	echo 1 > "/sys/module/$module/parameters/allow_unsafe_interrupts"
done
"$BUILD/test/vm/ways" "$BDF" 1 type1v2 write 1
"$BUILD/test/vm/ways" "$BDF" 2 iommufd read 1
"$BUILD/test/vm/ways" "$BDF" 2 iommufd registered
"$BUILD/nvio" vfio "$BDF"
"$BUILD/nvio" doctor "$BDF"
