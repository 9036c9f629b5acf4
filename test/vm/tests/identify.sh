#!/bin/bash
# What Identify says by way of nvio is what nvme-cli says by way of the kernel's driver, of the same controller and of
# its four namespaces: the raw bytes, and each field that nvio makes of them.
# kernels: small stock
# vm: --nvme mdts=6 --image disk1=64M --image disk2=32M --image disk3=32M
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -drive if=none,id=disk2,file={tmp}/disk2,format=raw'
# vm: --qemu '-device nvme-ns,bus=nvme0,nsid=3,drive=disk1,eui64=0xabc,logical_block_size=4096,physical_block_size=4096'
# vm: --qemu '-device nvme-ns,bus=nvme0,nsid=77,drive=disk2,ms=8,mset=1,pi=2'
# vm: --qemu '-drive if=none,id=disk3,file={tmp}/disk3,format=raw'
# vm: --qemu '-device nvme-ns,bus=nvme0,nsid=78,drive=disk3,logical_block_size=4096,physical_block_size=4096,ms=64,pi=1,pif=2'
. "${0%/*}/../lib.sh"

nsids=(1 3 77 78)
kernel=$TMPDIR/kernel nvio=$TMPDIR/nvio
mkdir "$kernel" "$nvio"

wait_for 10 block_of "$BDF" > /dev/null
names=("$pci/devices/$BDF"/nvme/nvme*)
device=/dev/${names[0]##*/}
nvme id-ctrl -b "$device" > "$kernel/ctrl.bin"
nvme id-ctrl -o json "$device" > "$kernel/ctrl.json"
for nsid in "${nsids[@]}"; do
	nvme id-ns -b -n "$nsid" "$device" > "$kernel/$nsid.bin"
	nvme id-ns -o json -n "$nsid" "$device" > "$kernel/$nsid.json"
	nvme nvm-id-ns -o json -n "$nsid" "$device" > "$kernel/$nsid.nvm.json"
done

bind "$BDF" vfio-pci
"$BUILD/test/vm/identify" "$BDF" "$nvio" > "$TMPDIR/nvio.json"
for name in ctrl "${nsids[@]}"; do
	[ "$(stat -c %s "$nvio/$name.bin")" = 4096 ] || fail "$name: $(stat -c %s "$nvio/$name.bin") bytes"
	cmp "$nvio/$name.bin" "$kernel/$name.bin"
done

/usr/bin/python3 - "$TMPDIR/nvio.json" "$kernel" "$BDF" <<'PYTHON'
"""Compares nvio's view of a controller with nvme-cli's."""
import json
import pathlib
import sys

nvio = json.loads(pathlib.Path(sys.argv[1]).read_text())
kernel = pathlib.Path(sys.argv[2])
sysfs = pathlib.Path("/sys/bus/pci/devices") / sys.argv[3]
failures = 0


def same(what, ours, theirs):
    global failures
    if ours != theirs:
        print(f"{what}: {ours!r} instead of {theirs!r}")
        failures += 1


ctrl = json.loads((kernel / "ctrl.json").read_text())
max_transfer = 4096 << ctrl["mdts"]
same("max_transfer", max_transfer, 256 * 1024)
same("namespaces", list(nvio["namespaces"]), ["1", "3", "77", "78"])
for field, theirs in {
        "name": sys.argv[3], "model": ctrl["mn"].rstrip(), "serial": ctrl["sn"].rstrip(),
        "firmware": ctrl["fr"].rstrip(), "version": ctrl["ver"], "max_transfer": max_transfer,
        "nr_namespaces": 4, "vendor": int((sysfs / "vendor").read_text(), 0),
        "device": int((sysfs / "device").read_text(), 0), "nr_qpairs": 64, "max_depth": 2047,
        "page_len": 4096}.items():
    same(field, nvio[field], theirs)
for nsid, ours in nvio["namespaces"].items():
    ns = json.loads((kernel / f"{nsid}.json").read_text())
    lbaf = ns["lbafs"][ns["flbas"] & 15]
    elbaf = json.loads((kernel / f"{nsid}.nvm.json").read_text())["elbafs"][ns["flbas"] & 15]
    guard = (16, 32, 64)[elbaf["pif"]] if ns["dps"] & 7 else 0
    behind = 0 if ns["dps"] & 8 else {0: 0, 16: lbaf["ms"] - 8}.get(guard, lbaf["ms"] - 16)
    # Metadata at the end of blocks counts as data.
    in_memory = (1 << lbaf["ds"]) + (lbaf["ms"] if ns["flbas"] >> 4 & 1 else 0)
    for field, theirs in {
            "nsid": int(nsid), "block_len": 1 << lbaf["ds"], "metadata_len": lbaf["ms"],
            "max_blocks": max_transfer // in_memory, "nr_blocks": ns["nsze"],
            "capacity": ns["ncap"], "used": ns["nuse"], "eui64": ns["eui64"],
            "nguid": ns["nguid"], "metadata_extended": ns["flbas"] >> 4 & 1,
            "protection": ns["dps"] & 7, "read_only": ns["nsattr"] & 1, "guard_bits": guard,
            "pi_offset": behind, "storage_tag_bits": elbaf["sts"] if guard else 0}.items():
        same(f"namespace {nsid}: {field}", ours[field], theirs)
same("block lengths", [ns["block_len"] for ns in nvio["namespaces"].values()], [512, 4096, 512, 4096])
same("metadata", nvio["namespaces"]["77"]["metadata_len"], 8)
same("guards", [ns["guard_bits"] for ns in nvio["namespaces"].values()], [0, 0, 16, 64])
same("place", nvio["namespaces"]["78"]["pi_offset"], 48)
sys.exit(1 if failures else 0)
PYTHON
