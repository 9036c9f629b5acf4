#!/bin/bash
# `nvio doctor` of a machine with all that is needed, before and after its advice was followed, and of one without
# hugepages.
# kernels: small stock
. "${0%/*}/../lib.sh"
set -o pipefail
nvio=$BUILD/nvio

# doctor STATUS REGEX...: ends with this status and prints lines that match.
doctor()
{
	local want=$1 status=0 regex
	shift
	"$nvio" doctor > "$TMPDIR/log" || status=$?
	[ "$status" = "$want" ] || fail "nvio doctor: exit status $status, not $want: $(cat "$TMPDIR/log")"
	for regex; do
		grep -Eq -- "$regex" "$TMPDIR/log" || fail "nvio doctor does not say '$regex': $(cat "$TMPDIR/log")"
	done
}

groups=(/sys/kernel/iommu_groups/*)
doctor 1 "\[ok\] iommu: on, ${#groups[@]} groups" '\[ok\] modules: vfio-pci, ' '\[ok\] interrupts: remapped' \
	'\[ok\] memlock' '\[ok\] hugepages: 64 of 64 of 2048kB free' '\[NO\] driver: nvme instead of vfio-pci' \
	'^0 of 1 device can be driven'
bash -ec "$(grep -x " *nvio bind $BDF" "$TMPDIR/log" | sed "s,nvio,$nvio,")"
doctor 0 '\[ok\] driver: vfio-pci' "\[ok\] group: IOMMU group [0-9]+, alone" '\[ok\] vfio: group [0-9]+ can be opened' \
	'^1 of 1 device can be driven by root$'
"$BUILD/test/vm/try_open" "$BDF"
"$nvio" doctor --json "$BDF" > "$TMPDIR/json"
python3 - "$TMPDIR/json" << 'PY'
import json, sys

d = json.load(open(sys.argv[1], encoding="utf-8"))
assert d["can_drive"] is True and d["user"] == "root"
machine, device = d["sections"]
assert machine["device"] is None and device["device"] == "0000:00:10.0" and machine["good"] and device["good"]
assert all(c["result"] == "ok" and c["fix"] is None for s in d["sections"] for c in s["checks"])
assert {"iommu", "modules", "interrupts", "memlock", "hugepages"} == {c["check"] for c in machine["checks"]}
PY

echo 0 > /proc/sys/vm/nr_hugepages
doctor 0 '\[--\] hugepages: none: DMA memory is made of small pages' '^ +sysctl vm.nr_hugepages=64$'
bash -ec "$(grep -x ' *sysctl vm.nr_hugepages=64' "$TMPDIR/log")"
doctor 0 '\[ok\] hugepages: 64 of 64'
