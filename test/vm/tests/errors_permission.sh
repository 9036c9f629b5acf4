#!/bin/bash
# A user who may not use the drive: the error says whose the device file is, and the advice in it helps.
# kernels: stock
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
group=$(basename "$(readlink "$pci/devices/$BDF/iommu_group")")
cp "$BUILD/test/vm/try_open" "$TMPDIR/try_open" # where that user can get at it
as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups "$TMPDIR/try_open" "$BDF")
ulimit -l unlimited

chmod 600 "/dev/vfio/$group"
advice="chown 65534 /dev/vfio/$group"
denied="EACCES: $BDF: no permission on /dev/vfio/$group"
expect_error "^$denied \(user 0, group 0, mode 0600\): give this user access with \`$advice\`, or run as root" \
	"${as_user[@]}"
chmod 640 "/dev/vfio/$group"
chown 1:2 "/dev/vfio/$group"
expect_error "^$denied \(user 1, group 2, mode 0640\): " "${as_user[@]}"
$advice
"${as_user[@]}"

chmod 660 /dev/vfio/vfio
expect_error "^EACCES: no permission on /dev/vfio/vfio \(user 0, group 0, mode 0660\): it should be mode 0666" \
	"${as_user[@]}"
chmod 666 /dev/vfio/vfio
"${as_user[@]}"
