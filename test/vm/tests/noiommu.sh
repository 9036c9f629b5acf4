#!/bin/bash
# A machine without an IOMMU: only on request, with a warning; data in the heap and in memory of the application's own,
# from one opening to the next; through fio's engine, too.
# vm: --no-iommu
. "${0%/*}/../lib.sh"
set -o pipefail
ways=$BUILD/test/vm/ways

echo Y > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
bind "$BDF" vfio-pci
expect_error "^EOPNOTSUPP: $BDF has no IOMMU: " "$BUILD/test/vm/try_open" "$BDF"

"$ways" "$BDF" 3 noiommu write 5 2>&1 | tee "$TMPDIR/log"
grep -q "WARN: $BDF: NO IOMMU: nothing keeps this device from any memory" "$TMPDIR/log"
"$ways" "$BDF" 3 noiommu read 5
"$ways" "$BDF" 3 noiommu registered
"$BUILD/nvme_perf" -r "$BDF" --vfio noiommu -q 32 -o 128k -w randrw -n 2000 | tee "$TMPDIR/log"
grep -q '^2000 I/Os submitted, 2000 completed, 0 of them with an error' "$TMPDIR/log"

# Allowed, it is taken where there is nothing else.
"$BUILD/nvme_perf" -r "$BDF" --allow-noiommu -v -n 100 2>&1 | tee "$TMPDIR/log"
grep -q "$BDF is reached by noiommu: it has no IOMMU, and that was allowed" "$TMPDIR/log"
grep -q '^100 I/Os submitted, 100 completed, 0 of them with an error' "$TMPDIR/log"

# Ordinary pages are in no order.
! "$BUILD/nvme_perf" -r "$BDF" --vfio noiommu --hugepage none -n 10 2> "$TMPDIR/log" || fail "it took ordinary pages"
grep 'without an IOMMU, DMA memory has to be in hugepages' "$TMPDIR/log"

# fio's engine.
[ -e "$BUILD/nvio-fio.so" ] || fail "there is no engine: make fio"
cd "$TMPDIR"
job=(--name=job --ioengine="external:$BUILD/nvio-fio.so" --filename="${BDF//:/\\:}" --rw=randwrite --bsrange=512-1M --size=16M
	--iodepth=16 --verify=crc32c --verify_fatal=1 --verify_state_save=0)
fio "${job[@]}" --vfio_way=noiommu > log 2>&1 || fail "$(cat log)"
grep -q 'NO IOMMU: nothing keeps this device from any memory' log
grep 'WRITE: .* io=16.0MiB' log
! fio "${job[@]}" > log 2>&1 || fail "without an IOMMU, and nobody asked for it"
grep "nvio: $BDF has no IOMMU: " log
