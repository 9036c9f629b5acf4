#!/bin/bash
# With pages of 64 KiB the registers of two controllers are in one, and VFIO maps neither: they are driven by calls, and
# the log says why, and what helps. A user without a say on the kernel's command line has two working drives.
# kernels: aarch64/64k
# timeout: 180
# vm: --mods vfio --image disk1=256M
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme,serial=nvio1,addr=0x11,drive=disk1'
. "${0%/*}/../lib.sh"

second=0000:00:11.0
page_of() { cut -d' ' -f1 "$pci/devices/$1/resource" | head -n1 | sed 's/....$//'; }
[ "$(page_of $BDF)" = "$(page_of $second)" ] || fail "the registers are in different pages: $(page_of $BDF), $(page_of $second)"
bind $second vfio-pci
drive iommufd
why='BAR 0 of 16 KiB shares a page of 64 KiB with another device (`pci=resource_alignment=pci:0:0`'
grep -qF "$BDF: the doorbells cannot be mapped: ringing each takes a call, which is slow: $why" "$TMPDIR/log" ||
	fail "nothing is said of it: $(< "$TMPDIR/log")"
"$BUILD/test/vm/verify" $second 0 31:5000
