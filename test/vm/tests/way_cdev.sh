#!/bin/bash
# On other architectures: iommufd and the controller's own file, which Debian's kernels lack. The kernel's
# argument gives the controller pages of its own: shared_page.sh goes without.
# kernels: aarch64/64k
# vm: --mods vfio --append pci=resource_alignment=pci:0:0
# timeout: 180
. "${0%/*}/../lib.sh"

drive iommufd
! grep -q 'cannot be mapped' "$TMPDIR/log" || fail "doorbells are rung by call"
bash "$SRC/test/vm/tests/container.sh"
bash "$SRC/test/vm/tests/ways.sh"
