#!/bin/bash
# A heap of one page of 1 GiB, by way of a mount and without one.
# vm: --huge 0 --mem 4096 --append 'hugepagesz=1G hugepages=1'
. "${0%/*}/../lib.sh"
set -o pipefail

page=$((1 << 30))
[ "$(< /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages)" = 1 ] || fail "the machine has no page of 1 GiB"
bind "$BDF" vfio-pci
"$BUILD/test/vm/heap" "$BDF" 64 page=$page huge_only | tee "$TMPDIR/log"
[ "$(xargs < "$TMPDIR/log")" = "memfd-hugetlb $page 1 regions" ]
mkdir "$TMPDIR/huge"
mount -t hugetlbfs -o pagesize=1G hugetlbfs "$TMPDIR/huge"
"$BUILD/test/vm/heap" "$BDF" 64 page=$page huge_only | tee "$TMPDIR/log"
[ "$(xargs < "$TMPDIR/log")" = "hugetlbfs $page 1 regions" ]
[ "$(< /sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages)" = 1 ] || fail "the page is still in use"
