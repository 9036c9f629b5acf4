#!/bin/bash
# `nvio doctor` and `nvio bind` without an IOMMU, and in the kernel's mode without protection.
# vm: --no-iommu
. "${0%/*}/../lib.sh"
nvio=$BUILD/nvio

! "$nvio" doctor > "$TMPDIR/log" || fail "nothing wrong: $(cat "$TMPDIR/log")"
grep -q '\[NO\] iommu: off: the firmware shows none; enable ' "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
grep -qx ' *systemctl reboot --firmware-setup' "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
! grep -q 'interrupts:\|no-iommu:' "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
grep -qx 'no device can be driven' "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
expect_error "^nvio: $BDF has no IOMMU group: \`nvio doctor\` says" "$nvio" bind "$BDF"
[ "$(driver_of "$BDF")" = nvme ] || fail "$BDF is on $(driver_of "$BDF")"

echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
"$nvio" bind --user nobody "$BDF" | tee "$TMPDIR/log"
group=$(basename "$(readlink "$pci/devices/$BDF/iommu_group")")
grep -q "/dev/vfio/noiommu-$group, user nobody" "$TMPDIR/log"
[ "$(stat -c %U "/dev/vfio/noiommu-$group")" = nobody ] || fail "the group is not the user's"
! "$nvio" doctor "$BDF" > "$TMPDIR/log" || fail "nothing wrong: $(cat "$TMPDIR/log")"
grep -q '\[--\] no-iommu: on' "$TMPDIR/log" || fail "$(cat "$TMPDIR/log")"
bash -ec "$(grep -x ' *echo 0 | tee .*enable_unsafe_noiommu_mode' "$TMPDIR/log")"
"$nvio" restore "$BDF"
[ "$(driver_of "$BDF")" = nvme ] || fail "$BDF is on $(driver_of "$BDF")"
