#!/bin/bash
# `nvio bind` leaves a controller alone that is in use, whatever for, says by what, and the command that it names helps.
# The others are two controllers of one namespace: with multipath, its disk has another name than either, and is both's.
# vm: --image disk1=64M --qemu '-device nvme-subsys,id=subsys0 -device nvme,serial=nvio1,addr=0x11,subsys=subsys0'
# vm: --qemu '-device nvme,serial=nvio1,addr=0x12,subsys=subsys0'
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme-ns,drive=disk1,shared=on'
. "${0%/*}/../lib.sh"
set -o pipefail
nvio=$BUILD/nvio
other=0000:00:11.0 third=0000:00:12.0
mkdir "$TMPDIR/fs"

# refuses BDF USE: says that it is in use for that; then does what the message names, and the device can be had.
refuses()
{
	local message override
	override=$(< "$pci/devices/$1/driver_override")
	expect_error "^nvio: $1 is in use: $2: first \`[^\`]*\`; or use --force" "$nvio" bind "$1" | tee "$TMPDIR/log"
	[ "$(driver_of "$1")" = nvme ] || fail "$1 is on $(driver_of "$1")"
	[ "$(< "$pci/devices/$1/driver_override")" = "$override" ] || fail "its driver_override has changed"
	[ ! -e "/run/nvio/$1" ] || fail "it is remembered"
	message=$(< "$TMPDIR/log")
	message=${message#*first \`}
	bash -ec "${message%%\`*}"
	"$nvio" bind "$1"
	"$nvio" restore "$1"
}

disk=$(wait_for 10 block_of "$BDF")
name=${disk#/dev/}
mkfs.ext4 -q -F "$disk" 16M
mount "$disk" "$TMPDIR/fs"
refuses "$BDF" "$name is mounted on $TMPDIR/fs"

shared=$(wait_for 10 block_of $other)
mkfs.ext4 -q -F "$shared" 16M
mount "$shared" "$TMPDIR/fs"
expect_error "^nvio: $third is in use: ${shared#/dev/} is mounted on $TMPDIR/fs: " "$nvio" bind $third
refuses $other "${shared#/dev/} is mounted on $TMPDIR/fs"

# A process has the disk open.
disk=$(wait_for 10 block_of "$BDF")
exec {fd}< "$disk"
expect_error "^nvio: $BDF is in use: ${disk#/dev/} is held by process $$ \(bash\): end that first" "$nvio" bind "$BDF"
exec {fd}<&-

# Mounted where this process cannot see it: the kernel holds the disk all the same.
unshare --mount sh -c 'mount "$1" "$2/fs" && touch "$2/mounted" && exec sleep 60' - "$disk" "$TMPDIR" &
holder=$!
wait_for 10 test -e "$TMPDIR/mounted"
expect_error "^nvio: $BDF is in use: ${disk#/dev/} is in use by the kernel " "$nvio" bind "$BDF"
kill "$holder"
wait "$holder" || true

# Forced, it goes, whoever had it.
mount "$disk" "$TMPDIR/fs"
"$nvio" bind --force "$BDF"
[ "$(driver_of "$BDF")" = vfio-pci ] || fail "$BDF is on $(driver_of "$BDF")"
umount -l "$TMPDIR/fs"
"$nvio" restore "$BDF"

# A device of another kind is left alone, whatever its group.
expect_error '^nvio: 0000:00:00.0 is of PCI class 0x060000, no NVMe controller' "$nvio" bind 0000:00:00.0
