#!/bin/bash
# Requests of all kinds, sizes and shapes against a model, on namespaces with and without metadata and protection
# information: of one block to 4 MiB, pieces by SGLs and by PRPs alone, cut by MDTS into many commands.
# vm: --nvme mdts=3 --image d1=32M --image d2=32M --image d3=32M --image d4=32M --image d5=32M --image d6=32M
# vm: --qemu '-drive if=none,id=d1,file={tmp}/d1,format=raw -device nvme-ns,bus=nvme0,nsid=3,drive=d1,ms=8'
# vm: --qemu '-drive if=none,id=d2,file={tmp}/d2,format=raw -device nvme-ns,bus=nvme0,nsid=4,drive=d2,ms=8,mset=1'
# vm: --qemu '-drive if=none,id=d3,file={tmp}/d3,format=raw -device nvme-ns,bus=nvme0,nsid=5,drive=d3,ms=8,mset=1,pi=1'
# vm: --qemu '-drive if=none,id=d4,file={tmp}/d4,format=raw -device nvme-ns,bus=nvme0,nsid=6,drive=d4,ms=8,pi=2'
# vm: --qemu '-drive if=none,id=d5,file={tmp}/d5,format=raw'
# vm: --qemu '-device nvme-ns,bus=nvme0,nsid=7,drive=d5,ms=16,mset=1,pi=3,pil=1'
# vm: --qemu '-drive if=none,id=d6,file={tmp}/d6,format=raw'
# vm: --qemu '-device nvme-ns,bus=nvme0,nsid=8,drive=d6,ms=64,pi=1,pif=2,logical_block_size=4096,physical_block_size=4096'
# timeout: 240
. "${0%/*}/../lib.sh"

# Bits of enum traffic_op that are left out: discarded blocks keep their data here, the namespace that comes with the
# controller itself copies nothing, and zeroed blocks keep the protection information that they had.
discard=0x80 copy=0x400 zero=0x40

# mixed NSID LEAVE_OUT
mixed()
{
	echo "namespace $1"
	"$BUILD/test/vm/mixed" -x $(($2)) -m 4194304 "$BDF/$1" 0 8:600 1:150
	"$BUILD/test/vm/mixed" -x $(($2)) -m 262144 -s "$BDF/$1" 0 32:600
}

bind "$BDF" vfio-pci
mixed 1 "discard | copy"
mixed 3 discard
mixed 4 discard
for nsid in 5 6 7 8; do
	mixed $nsid "discard | zero"
done
