#!/bin/bash
# `nvio vfio`: what it prints, as text and as JSON, is what /sys says; behind a root port there is a hot reset.
# kernels: small stock
# vm: --image disk1=64M --qemu '-device pcie-root-port,id=port0,chassis=1,addr=0x12'
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme,serial=nvio1,bus=port0,drive=disk1'
. "${0%/*}/../lib.sh"
set -o pipefail
nvio=$BUILD/nvio

# Behind the port is another bus.
behind=$(nvme_bdfs | grep -v "^$BDF\$")
expect_error "^nvio: $BDF is bound to nvme, not to vfio-pci" "$nvio" vfio "$BDF"
"$nvio" bind "$BDF" "$behind"

for bdf in "$BDF" "$behind"; do
	"$nvio" vfio "$bdf" | tee "$TMPDIR/text"
	"$nvio" vfio --json "$bdf" > "$TMPDIR/json"
	python3 - "$TMPDIR/json" "$TMPDIR/text" "$bdf" << 'PY'
import json, os, sys

d = json.load(open(sys.argv[1], encoding="utf-8"))
text = open(sys.argv[2], encoding="utf-8").read().splitlines()
bdf = sys.argv[3]
sys_dir = f"/sys/bus/pci/devices/{bdf}/"


def read(name):
    with open(sys_dir + name, encoding="ascii") as f:
        return f.read().strip()


assert d["device"] == bdf and "device: " + bdf in text
assert d["id"] == read("vendor")[2:] + ":" + read("device")[2:]
assert d["class"] == read("class") and "class: " + d["class"] in text
numa = int(read("numa_node"))
assert d["numa_node"] == (None if numa < 0 else numa)
assert "pci" in d["flags"] and "reset" in d["flags"]

# Each line of "resource" is a BAR: first and last address, flags.
regions = {r["index"]: r for r in d["regions"]}
for i, line in enumerate(read("resource").splitlines()[:6]):
    start, end, flags = (int(x, 16) for x in line.split())
    want = end - start + 1 if end else 0
    assert regions.get(i, {"bytes": 0})["bytes"] == want, (i, want)
    if want:
        assert "mmap" in regions[i]["flags"]
        assert sum(a["bytes"] for a in regions[i]["mappable"]) in (want, want - 4096)
        assert any(t.startswith(f"  {i} BAR{i}: 0x{want:x} bytes, read write mmap") for t in text)
assert regions[7]["name"] == "config" and regions[7]["bytes"] in (256, 4096)

# MSI-X: the table size in configuration space, which is where the capabilities lead to.
config = open(sys_dir + "config", "rb").read()
at = config[0x34]
while at and config[at] != 0x11:
    at = config[at + 1]
assert at, "no MSI-X"
vectors = (int.from_bytes(config[at + 2:at + 4], "little") & 0x7ff) + 1
irqs = {i["name"]: i for i in d["interrupts"]}
assert irqs["MSI-X"]["vectors"] == vectors and irqs["INTx"]["vectors"] == 1
assert any(t.startswith(f"  2 MSI-X: {vectors} vectors, eventfd") for t in text)
assert {"ERR", "REQ"} >= set(irqs) - {"INTx", "MSI", "MSI-X"}

group = os.path.realpath(sys_dir + "iommu_group")
assert d["iommu_group"] == int(os.path.basename(group))
assert [m["device"] for m in d["group_members"]] == sorted(os.listdir(group + "/devices"))
assert f"  {bdf}, vfio-pci" in text

# Addresses that the kernel keeps for itself are in no range.
with open(group + "/reserved_regions", encoding="ascii") as f:
    kept = [[int(x, 16) for x in line.split()[:2]] for line in f]
assert kept and d["iova_ranges"]
for r in d["iova_ranges"]:
    assert r["start"] < r["last"] and all(last < r["start"] or start > r["last"] for start, last in kept), r
assert 4096 in d["page_sizes"] and any(t.startswith("page sizes: 4K") for t in text)
way, why = ("iommufd", "the kernel has iommufd") if os.path.exists("/dev/iommu") else ("type1v2", "the kernel has no file")
assert d["way"] == way and f"way: {way}" in text and d["why"].startswith(why), d["why"]
assert "type1v2" in d["container_extensions"] and "  unmap-all" in text
# Only a container in use says that it can be handed over.
assert ("update-vaddr" in d["container_extensions"]) == (d["way"] == "type1v2")

# vfio-pci has these three since 6.1, and no virtual function's token here.
names = {f["number"]: (f["get"], f["set"]) for f in d["features"]}
assert names[3] == (False, True) and names[5] == (False, True)
assert 0 not in names and "  3 low power: set" in text

if bdf == "0000:00:10.0":  # on the root bus, which nothing can reset
    assert d["hot_reset"] is None and "hot reset: none" in text
else:
    (one,) = d["hot_reset"]
    assert one == {"device": bdf, "owned": True} and f"  {bdf}" in text
PY
done

# The other way, and one that does not exist.
"$nvio" vfio --vfio group "$BDF" > "$TMPDIR/text"
grep -qx 'way: type1v2' "$TMPDIR/text" && grep -qx 'why: it was asked for' "$TMPDIR/text" || fail "$(cat "$TMPDIR/text")"
expect_error "^nvio: --vfio 'x': not one of group cdev noiommu" "$nvio" vfio --vfio x "$BDF"
"$nvio" restore --all
