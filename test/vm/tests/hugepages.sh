#!/bin/bash
# What the heap is made of: files of a hugetlbfs mount, hugepages without one, ordinary pages with one word of warning.
. "${0%/*}/../lib.sh"

pages=/sys/kernel/mm/hugepages/hugepages-2048kB
bind "$BDF" vfio-pci

# heap WARNINGS EXPECTED ARGUMENTS...: a heap of 8 MiB, unless it fails, does I/O and is as expected.
heap()
{
	local output warnings=$1 expected=$2
	output=$("$BUILD/test/vm/heap" "$BDF" "${@:3}" 2> "$TMPDIR/log")
	cat "$TMPDIR/log"
	echo "$output"
	[ "$(head -n 1 <<< "$output")" = "$expected" ] || fail "not '$expected': ${*:3}"
	[ "$(grep -c '^nvio WARN: DMA memory is of ordinary pages: hugepages would need .* are free' "$TMPDIR/log")" = \
		"$warnings" ] || fail "not $warnings warnings"
	[ "$(wc -l < "$TMPDIR/log")" = "$warnings" ] || fail "other lines in the log"
	[ "$(< $pages/free_hugepages)" = "$(< $pages/nr_hugepages)" ] || fail "hugepages are still in use"
}

heap 0 "hugetlbfs 2097152" 8
heap 0 "hugetlbfs 2097152" 8 page=2097152 first=16 huge_only
heap 0 "memfd 4096" 8 page=4096 # as asked, so there is nothing to warn of
expect_error "^EINVAL: this machine has no hugepages of 16777216 bytes$" \
	"$BUILD/test/vm/heap" "$BDF" 8 page=16777216

umount /dev/hugepages
heap 0 "memfd-hugetlb 2097152" 8
heap 0 "memfd-hugetlb 2097152" 8 page=2097152 huge_only

echo 3 > $pages/nr_hugepages # for a part of it
heap 1 "memfd 4096" 8
grep -qE 'echo [4-9] > [^ ]*nr_hugepages' "$TMPDIR/log" || fail "the advice takes hugepages away"
expect_error "^ENOMEM: the DMA heap needs 2 MiB = 1 more hugepages of 2 MiB, 0 are free$" \
	"$BUILD/test/vm/heap" "$BDF" 8 page=2097152 huge_only
expect_error "^ENOMEM: the DMA heap needs 8 MiB = 4 more hugepages of 2 MiB, 3 are free$" \
	"$BUILD/test/vm/heap" "$BDF" 8 first=8 huge_only

echo 0 > $pages/nr_hugepages
heap 1 "memfd 4096" 8
heap 1 "memfd 4096" 8 first=1
expect_error "^ENOMEM: the DMA heap needs 2 MiB = 1 more hugepages of 2 MiB, 0 are free$" \
	"$BUILD/test/vm/heap" "$BDF" 8 huge_only first=1
