#!/bin/bash
# An SMMU keeps 1 MiB for interrupts at 128 MiB, which no IOVA may be in: 200 MiB of DMA memory have no room below it, and
# all of it is written and read; a stray DMA would be seen.
# kernels: aarch64/4k
# vm: --mods vfio --huge 150
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
regions=$pci/devices/$BDF/iommu_group/reserved_regions
grep -qx '0x0000000008000000 0x00000000080fffff msi' "$regions" || fail "no hole where one is expected: $(< "$regions")"
"$BUILD/test/vm/heap" "$BDF" 200
