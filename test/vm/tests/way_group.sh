#!/bin/bash
# On other architectures: the controller's group in a container, with each size of pages. The
# kernel's argument gives the controller pages of its own, where they have 64 KiB: shared_page.sh goes without.
# kernels: aarch64/4k aarch64/16k aarch64/64k
# vm: --mods vfio --append pci=resource_alignment=pci:0:0
# timeout: 180
. "${0%/*}/../lib.sh"

rm -f /dev/iommu # so that nothing better is there
drive type1v2
! grep -q 'cannot be mapped' "$TMPDIR/log" || fail "doorbells are rung by call"
bash "$SRC/test/vm/tests/container.sh"
