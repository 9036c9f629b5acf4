#!/bin/bash
# No more mappings: the kernel allows few, and the error says how many, what to raise, and how many neighbours take one each
# that need not: all of them in one call take one. Then it allows enough.
# kernels: stock
. "${0%/*}/../lib.sh"
set -o pipefail

limit=/sys/module/vfio_iommu_type1/parameters/dma_entry_limit
usual=$(< $limit)
bind "$BDF" vfio-pci
echo 10 > $limit
spent="ENOSPC: all 10 DMA mappings that the kernel allows are in use: map fewer, larger regions or raise"
expect_error "^$spent dma_entry_limit of vfio_iommu_type1\$" "$BUILD/test/vm/maps" "$BDF" 200 | tee "$TMPDIR/log"
grep -qx '[89] registered' "$TMPDIR/log" || fail "the heap should take one or two mappings of ten"
expect_error "^$spent dma_entry_limit of vfio_iommu_type1; [78] of [89] pieces of registered memory begin where another ends" \
	"$BUILD/test/vm/maps" "$BDF" 200 adjoining
"$BUILD/test/vm/maps" "$BDF" 200 whole | tee "$TMPDIR/log"
grep -qx '200 registered' "$TMPDIR/log"
echo "$usual" > $limit
"$BUILD/test/vm/maps" "$BDF" 200 | tee "$TMPDIR/log"
grep -qx '200 registered' "$TMPDIR/log"
