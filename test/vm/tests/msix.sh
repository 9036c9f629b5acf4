#!/bin/bash
# Completions by interrupt: each queue pair's eventfd for itself, a wait that sleeps, 10,000 commands (1,000 on
# other architectures) each waited for. The second drive takes 1.5 s for each command: the kernel's driver would take long over it.
# kernels: small stock aarch64/4k aarch64/16k aarch64/64k ppc64le/64k
# vm: --mods vfio
# vm: --qemu '-drive if=none,id=slow,driver=null-co,size=64M,read-zeroes=on,latency-ns=1500000000'
# vm: --qemu '-device nvme,serial=slow,addr=0x11,drive=slow{bus}'
. "${0%/*}/../lib.sh"

bind "$BDF" vfio-pci
bind 0000:00:11.0 vfio-pci
nr=1000
[ "$(uname -m)" != x86_64 ] || nr=10000
"$BUILD/test/vm/msix" "$BDF" 0000:00:11.0 $nr
