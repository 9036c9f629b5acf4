#!/bin/bash
# A drive that another process has: the error names the process, to a user who may see it.
# kernels: stock
. "${0%/*}/../lib.sh"
open=$BUILD/test/vm/try_open

bind "$BDF" vfio-pci
group=$(basename "$(readlink "$pci/devices/$BDF/iommu_group")")
mkfifo "$TMPDIR/in" "$TMPDIR/out"
"$open" -w "$BDF" < "$TMPDIR/in" > "$TMPDIR/out" &
holder=$!
exec {in}> "$TMPDIR/in" {out}< "$TMPDIR/out"
read -r -t 60 line <&"$out" || fail "the first process did not get the drive"
[ "$line" = open ] || fail "the first process said '$line'"

in_use="EBUSY: $BDF: /dev/vfio/$group is in use: held by"
expect_error "^$in_use process $holder \(try_open\)$" "$open" "$BDF"
chmod 666 "/dev/vfio/$group"
cp "$open" "$TMPDIR/try_open" # where that user can get at it
expect_error "^$in_use a process that this user cannot see$" \
	setpriv --reuid=65534 --regid=65534 --clear-groups "$TMPDIR/try_open" "$BDF"

# The holder is not disturbed by that, and leaves the drive to the next.
exec {in}>&-
wait "$holder"
"$open" "$BDF"
expect_error "^$in_use process [0-9]+ \(try_open\), which is this one$" "$open" "$BDF" "$BDF"
"$open" "$BDF"
