#!/bin/bash
# Two functions behind a port of their own: the reset of their bus, by way of groups and of devices' own files. A faster
# port of QEMU's never reports its link active again.
# kernels: small stock
# vm: --mods vfio --qemu '-device pcie-root-port,id=port1,bus=pcie.0,chassis=1,slot=1,addr=0x12,x-speed=5'
# vm: --image disk1=64M --image disk2=64M
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -drive if=none,id=disk2,file={tmp}/disk2,format=raw'
# vm: --qemu '-device nvme,serial=nvio1,bus=port1,addr=0x0.0,drive=disk1,multifunction=on'
# vm: --qemu '-device nvme,serial=nvio2,bus=port1,addr=0x0.1,drive=disk2'
. "${0%/*}/../lib.sh"

names=()
for bdf in $(nvme_bdfs); do
	[ "$bdf" != "$BDF" ] || continue
	names+=("$bdf")
	bind "$bdf" vfio-pci
done
[ ${#names[@]} = 2 ] || fail "${#names[@]} controllers behind the port: ${names[*]}"
"$BUILD/test/vm/hot_reset" 1 "${names[@]}"
[ ! -e /dev/iommu ] || "$BUILD/test/vm/hot_reset" 2 "${names[@]}"
