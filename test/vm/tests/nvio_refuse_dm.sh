#!/bin/bash
# `nvio bind` leaves a controller alone whose disk is swap space or part of a device mapper device, and names the command
# that ends that. (The small kernel has neither.)
# kernels: stock
# vm: --mods 'nvme vfio dm'
. "${0%/*}/../lib.sh"
set -o pipefail
nvio=$BUILD/nvio

# refuses USE COMMAND: says that, then does it.
refuses()
{
	expect_error "^nvio: $BDF is in use: $1: first \`$2\`; or use --force" "$nvio" bind "$BDF"
	[ "$(driver_of "$BDF")" = nvme ] || fail "$BDF is on $(driver_of "$BDF")"
	"$nvio" doctor "$BDF" > "$TMPDIR/log" && fail "nvio doctor sees nothing wrong"
	grep -qx " *$2; nvio bind $BDF" "$TMPDIR/log" || fail "nvio doctor says otherwise: $(cat "$TMPDIR/log")"
	bash -ec "$2"
}

disk=$(wait_for 10 block_of "$BDF")
name=${disk#/dev/}
mkswap "$disk" 16384
swapon "$disk"
refuses "$name is used as swap" "swapoff $disk"
dmsetup create --noudevsync vault --table "0 65536 linear $disk 2048"
refuses "$name is part of dm-0 \(vault\)" "dmsetup remove vault"
"$nvio" bind "$BDF"
"$nvio" restore "$BDF"
