#!/bin/bash
# Each way to a device: what one writes another reads. The best is chosen by itself, and what is asked for is taken. A
# user who may open nothing gets along with files that were opened before; one who may open the group only, with that.
. "${0%/*}/../lib.sh"
set -o pipefail

bind "$BDF" vfio-pci
ways=$BUILD/test/vm/ways
cdevs=("$pci/devices/$BDF"/vfio-dev/*)
cdev=/dev/vfio/devices/${cdevs[0]##*/}
group=/dev/vfio/$(basename "$(readlink "$pci/devices/$BDF/iommu_group")")

"$ways" "$BDF" 1 type1v2 write 1
"$ways" "$BDF" 2 iommufd read 1
"$ways" "$BDF" 2 iommufd write 2
"$ways" "$BDF" 1 type1v2 read 2
"$ways" "$BDF" 0 iommufd read 2

for way in group cdev; do
	"$BUILD/nvme_perf" -r "$BDF" --vfio $way -v -q 8 -n 2000 2>&1 | tee "$TMPDIR/log"
	grep -q '^2000 I/Os submitted, 2000 completed, 0 of them with an error' "$TMPDIR/log"
	grep -q "$BDF is reached by .*: it was asked for" "$TMPDIR/log"
done

# Files handed to somebody who may open none of them.
cp "$ways" "$BUILD/nvme_perf" "$TMPDIR"
chmod 600 "$cdev" /dev/iommu "$group" /dev/vfio/vfio
ulimit -l unlimited
as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
expect_error "^EACCES: .*no permission on $cdev" "${as_user[@]}" "$BUILD/test/vm/try_open" "$BDF"
exec {device}<> "$cdev" {iommufd}<> /dev/iommu
"${as_user[@]}" "$TMPDIR/ways" "fd:$device,$iommufd" 0 iommufd read 2
exec {device}>&- {iommufd}>&-
exec {device}<> "$cdev" {iommufd}<> /dev/iommu
"${as_user[@]}" "$TMPDIR/nvme_perf" --fds "$device,$iommufd/1" -q 8 -n 2000 | tee "$TMPDIR/log"
grep -q '^2000 I/Os submitted, 2000 completed, 0 of them with an error' "$TMPDIR/log"
exec {device}>&- {iommufd}>&-

# The group only.
chmod 666 "$group" /dev/vfio/vfio
"${as_user[@]}" "$TMPDIR/ways" "$BDF" 0 type1v2 read 2 | tee "$TMPDIR/log"
grep -q 'this user may not open iommufd or the device' "$TMPDIR/log"
