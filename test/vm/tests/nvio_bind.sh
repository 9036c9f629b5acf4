#!/bin/bash
# `nvio list`, `bind` and `restore`: a controller goes to vfio-pci and comes back, with its data, and leaves nothing
# behind; another is bound by hand and stays so.
# kernels: small stock
# timeout: 240
# vm: --image disk1=64M --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw'
# vm: --qemu '-device nvme,serial=nvio1,addr=0x11,drive=disk1'
. "${0%/*}/../lib.sh"
set -o pipefail
nvio=$BUILD/nvio
other=0000:00:11.0

# What of the machine a bind may change: drivers, overrides, and the files under /dev.
snapshot()
{
	local bdf
	for bdf in "$BDF" $other; do
		echo "$bdf $(driver_of "$bdf") $(< "$pci/devices/$bdf/driver_override")"
	done
	stat -c '%n %u %g %a' /dev/vfio /dev/vfio/* /dev/iommu 2> /dev/null || true
}

# listed BDF KEY VALUE: `nvio list --json` says so, VALUE being JSON.
listed()
{
	"$nvio" list --json | python3 -c '
import json, sys
bdf, key, value = sys.argv[1:]
row = [r for r in json.load(sys.stdin) if r["device"] == bdf][0]
assert row[key] == json.loads(value), f"{key} of {bdf} is {row[key]!r}, not {value}"' "$@"
}

disk=$(wait_for 10 block_of "$BDF")
head -c 65536 /dev/urandom > "$TMPDIR/data"
dd if="$TMPDIR/data" of="$disk" bs=65536 oflag=direct status=none
before=$(snapshot)

"$nvio" list | tee "$TMPDIR/log"
[ "$(nvme_bdfs)" = "$(sed 1d "$TMPDIR/log" | cut -d' ' -f1)" ] || fail "the list is not that of /sys"
listed "$BDF" driver '"nvme"'
listed "$BDF" model '"QEMU NVMe Ctrl"'
listed "$BDF" serial '"nvio0"'
listed "$BDF" iommu_group "$(basename "$(readlink "$pci/devices/$BDF/iommu_group")")"
node=$(< "$pci/devices/$BDF/numa_node")
listed "$BDF" numa_node "${node/-1/null}"
listed "$BDF" used_by null

"$nvio" bind "$BDF" | tee "$TMPDIR/log"
grep -q "^$BDF: nvme -> vfio-pci, /dev/vfio/" "$TMPDIR/log"
[ "$(driver_of "$BDF")" = vfio-pci ] || fail "$BDF is on $(driver_of "$BDF")"
[ ! -e "$disk" ] || fail "$disk is still there"
listed "$BDF" driver '"vfio-pci"'
listed "$BDF" was '"nvme"'
listed $other driver '"nvme"'
"$BUILD/nvme_perf" -r "$BDF" -n 100 -w randread > "$TMPDIR/log" || { cat "$TMPDIR/log"; exit 1; }
grep -q '^100 I/Os submitted, 100 completed, 0 of them with an error' "$TMPDIR/log"

# Held by a process, it stays where it is until that has ended; the list says by whom.
"$BUILD/nvme_perf" -r "$BDF" -t 60 > /dev/null &
perf=$!
held()
{
	"$nvio" list | grep -q "^$BDF .*held by process $perf (nvme_perf)"
}
wait_for 20 held
expect_error "^nvio: $BDF is in use: held by process $perf \(nvme_perf\): end that first" "$nvio" restore "$BDF"
kill "$perf"
wait "$perf"

# A second time, and of both at once: what the first one remembered stands.
"$nvio" bind "$BDF" $other
bound=$(snapshot)
expect_error "^nvio: 0000:00:1e.0: no such PCI device" "$nvio" bind 0000:00:1e.0
[ "$(snapshot)" = "$bound" ] || fail "an error has changed something"
"$nvio" restore --all --json | tee "$TMPDIR/log"
python3 -c 'import json, sys; assert [(r["device"], r["driver"]) for r in json.load(open(sys.argv[1]))] == [
	(sys.argv[2], "nvme"), (sys.argv[3], "nvme")]' "$TMPDIR/log" "$BDF" $other
after=$(snapshot)
[ "$after" = "$before" ] || fail "before and after differ: $(diff <(echo "$before") <(echo "$after"))"
[ "$(ls /run/nvio)" = lock ] || fail "something is still remembered: $(ls /run/nvio)"
expect_error "^nvio: $BDF was not bound by \`nvio bind\`" "$nvio" restore "$BDF"

disk=$(wait_for 10 block_of "$BDF")
cmp -n 65536 "$TMPDIR/data" "$disk"
wait_for 10 block_of $other

# Without a driver before, without one afterwards; and on vfio-pci by hand, there it stays.
bind $other none
"$nvio" bind $other
"$nvio" restore $other
[ "$(driver_of $other)" = none ] || fail "$other is on $(driver_of $other)"
bind $other vfio-pci
hand=$(snapshot)
"$nvio" bind --user nobody $other
[ "$(snapshot)" != "$hand" ] || fail "--user has changed nothing"
"$nvio" restore $other
[ "$(snapshot)" = "$hand" ] || fail "before and after differ: $(diff <(echo "$hand") <(snapshot))"
