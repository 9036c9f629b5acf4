#!/bin/bash
# Names that name nothing: malformed ones, a device that is not there, a namespace that is not active.
. "${0%/*}/../lib.sh"
open=$BUILD/test/vm/try_open

bind "$BDF" vfio-pci
"$open" "$BDF"
"$open" 00:10.0/1
"$open" 0000.00.10.0/1

expect_error "^ENODEV: 0000:00:1f.7: no such PCI device; NVMe controllers here: $BDF \(vfio-pci\)$" "$open" 00:1f.7
bind "$BDF" nvme
expect_error "^ENODEV: 0001:00:10.0: no such PCI device; NVMe controllers here: $BDF \(nvme\)$" "$open" 0001:00:10.0
bind "$BDF" vfio-pci
for name in nvme0n1 0000:00:10 0000:00:10.0.0 0000:00:20.0 0000:00:10.8 00:10.0x 0000:00:10.g; do
	expect_error "^EINVAL: '$name' is no device: expected a PCI address such as 0000:01:00.0$" "$open" "$name"
done
for nsid in 0 -1 x 1x 4294967295 ''; do
	expect_error "^EINVAL: '$BDF/$nsid': '$nsid' is no namespace identifier$" "$open" "$BDF/$nsid"
done
expect_error "^EINVAL: '/dev/nvme0n1': 'nvme0n1' is no namespace identifier$" "$open" /dev/nvme0n1
expect_error "^EINVAL: '/1' names no device$" "$open" /1
expect_error "^EINVAL: '' names no device$" "$open" ''
expect_error "^ENAMETOOLONG: " "$open" "$(printf '%0100d' 0)"
for nsid in 2 4294967294; do
	expect_error "^ENOENT: $BDF has no active namespace $nsid$" "$open" "$BDF/$nsid"
done
"$open" "$BDF" # nothing of this has left anything behind
