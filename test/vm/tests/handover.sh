#!/bin/bash
# A program that becomes its successor, and that one its own: the drive stays open and goes on where it was, the memory
# stays mapped. In the end all of it is given back. Since Linux 6.14 iommufd counts the memory as the successor's.
# kernels: small stock new
. "${0%/*}/../lib.sh"
set -o pipefail

bind "$BDF" vfio-pci
ways=1
[ ! -e /dev/iommu ] || ways="1 2"
for way in $ways; do
	"$BUILD/test/vm/handover" "$BDF" "$way" | tee "$TMPDIR/log"
	grep -qx 'ended after 6' "$TMPDIR/log"
	[ "$(grep -c 'goes on with its admin queue, without a reset' "$TMPDIR/log")" = 6 ]
	[ "$(grep -c ' is handed over$' "$TMPDIR/log")" = 6 ]
	[ "$(grep -c '1 features are as the program before has set them' "$TMPDIR/log")" = 6 ]
	counts=0
	[[ $way = 1 || $(uname -r) != 6.* ]] || counts=6
	[ "$(sed -n '/counts as that of the program before: the kernel/p' "$TMPDIR/log" | wc -l)" = $counts ]
	for mode in events idle; do
		"$BUILD/test/vm/handover" "$BDF" "$way" $mode | tee "$TMPDIR/log"
		grep -qx 'ended after 6' "$TMPDIR/log"
		[ "$(grep -c 'was shut down for that' "$TMPDIR/log")" = 6 ]
		[ "$(grep -c '1 features are as the program before has set them' "$TMPDIR/log")" = 6 ]
	done
done
"$BUILD/nvme_perf" -r "$BDF" -q 8 -n 1000 | grep '^1000 I/Os submitted, 1000 completed, 0 of them with an error'
