#!/bin/bash
# A device that is no NVMe controller, though it is bound to vfio-pci.
# vm: --qemu '-device pci-testdev,addr=0x12' --qemu '-device edu,addr=0x13'
. "${0%/*}/../lib.sh"
open=$BUILD/test/vm/try_open

for bdf in 0000:00:12.0 0000:00:13.0; do
	bind "$bdf" vfio-pci
	class=$(< "$pci/devices/$bdf/class")
	[ "$class" = 0x00ff00 ] || fail "$bdf is of class $class"
	expect_error "^EINVAL: $bdf is of PCI class 0x00ff00, not 0x010802 \(NVMe\)" "$open" "$bdf"
done
expect_error "^ENODEV: 0000:00:14.0: no such PCI device; NVMe controllers here: $BDF \(nvme\)$" "$open" 0000:00:14.0
