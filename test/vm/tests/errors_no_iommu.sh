#!/bin/bash
# A machine without an IOMMU.
# vm: --no-iommu
. "${0%/*}/../lib.sh"
open=$BUILD/test/vm/try_open
no_iommu="^EOPNOTSUPP: $BDF has no IOMMU: enable VT-d or AMD-Vi in the firmware and boot with intel_iommu=on \(Intel\) "

expect_error "$no_iommu" "$open" "$BDF"
bind "$BDF" none
expect_error "$no_iommu" "$open" "$BDF"
