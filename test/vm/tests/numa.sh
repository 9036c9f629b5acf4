#!/bin/bash
# Two NUMA nodes, the drive on the second, the program on a CPU of the first.
# kernels: stock
# vm: --no-nvme --image disk1=64M --qemu '-bios bios-256k.bin -object memory-backend-ram,size=512M,id=m0'
# vm: --qemu '-object memory-backend-ram,size=512M,id=m1 -numa node,nodeid=0,memdev=m0,cpus=0'
# vm: --qemu '-numa node,nodeid=1,memdev=m1,cpus=1 -device pxb-pcie,id=pxb,bus_nr=128,numa_node=1,bus=pcie.0'
# vm: --qemu '-device pcie-root-port,id=rp0,bus=pxb,chassis=1,slot=1'
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme,serial=nvio1,drive=disk1,bus=rp0'
. "${0%/*}/../lib.sh"

drive=$(nvme_bdfs)
node=$(cat "/sys/bus/pci/devices/$drive/numa_node")
[ "$node" = 1 ] || fail "$drive is on node $node"
bind "$drive" vfio-pci
taskset -c 0 "$BUILD/test/vm/numa" "$drive" 1
