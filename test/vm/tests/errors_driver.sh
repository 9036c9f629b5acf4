#!/bin/bash
# A drive on another driver: the error names the driver, and where a file system of it is mounted.
# The other one has a namespace that it could share: with multipath, its disk has another name than its controller.
# vm: --image disk1=64M --qemu '-device nvme-subsys,id=subsys0 -device nvme,serial=nvio1,addr=0x11,subsys=subsys0'
# vm: --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw -device nvme-ns,drive=disk1,shared=on'
. "${0%/*}/../lib.sh"
set -o pipefail
open=$BUILD/test/vm/try_open
other=0000:00:11.0

disk=$(wait_for 10 block_of "$BDF")
name=${disk#/dev/}

mkdir "$TMPDIR/fs"
mkfs.ext4 -q -F "$disk" 16M
mount "$disk" "$TMPDIR/fs"
in_use="$BDF is bound to nvme and $name is mounted on $TMPDIR/fs: stop using it first, then bind it to vfio-pci"
expect_error "^EBUSY: $in_use" "$open" "$BDF"
touch "$TMPDIR/fs/file" # the refusal has not touched it
umount "$TMPDIR/fs"
expect_error "^EBUSY: $BDF is bound to nvme, not to vfio-pci: " "$open" "$BDF"

# A partition table with two entries, of 65536 blocks each from block 2048 on: type 83, first block, length.
{
	head -c 446 /dev/zero
	printf '\0\0\0\0\x83\0\0\0\0\x08\0\0\0\0\x01\0'
	printf '\0\0\0\0\x83\0\0\0\0\x08\x01\0\0\0\x01\0'
	head -c 32 /dev/zero
	printf '\x55\xaa'
} | dd of="$disk" status=none
blockdev --rereadpt "$disk"
wait_for 10 test -b "${disk}p2"
mkfs.ext4 -q -F "${disk}p2"
mount "${disk}p2" "$TMPDIR/fs"
expect_error "^EBUSY: $BDF is bound to nvme and ${name}p2 is mounted on $TMPDIR/fs: stop using it " "$open" "$BDF"
umount "$TMPDIR/fs"

# Mounted where this process cannot see it: the kernel holds the disk all the same.
unshare --mount sh -c 'mount "$1" "$2/fs" && touch "$2/mounted" && exec sleep 60' - "${disk}p2" "$TMPDIR" &
holder=$!
wait_for 10 test -e "$TMPDIR/mounted"
expect_error "^EBUSY: $BDF is bound to nvme and $name is in use by the kernel " "$open" "$BDF"
kill "$holder"
wait "$holder" || true

shared=$(wait_for 10 block_of $other)
mkfs.ext4 -q -F "$shared"
mount "$shared" "$TMPDIR/fs"
in_use="$other is bound to nvme and ${shared#/dev/} is mounted on $TMPDIR/fs: stop using it first, "
expect_error "^EBUSY: $in_use" "$open" $other
umount "$TMPDIR/fs"

# follow_advice BDF REGEX: does what the error says.
follow_advice()
{
	local message
	expect_error "^EBUSY: $1 is bound to $2: \`[^\`]*\`$" "$open" "$1" | tee "$TMPDIR/log"
	message=$(< "$TMPDIR/log")
	message=${message#*\`}
	PATH=$TMPDIR/bin:$PATH sh -ec "${message%\`}"
	"$open" "$1"
}

mkdir "$TMPDIR/bin"
ln -s /bin/true "$TMPDIR/bin/modprobe" # the driver is there
follow_advice $other "nvme, not to vfio-pci"
bind $other none
follow_advice $other "no driver"
