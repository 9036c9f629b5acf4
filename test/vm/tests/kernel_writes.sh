#!/bin/bash
# What the kernel's driver writes, nvio reads: pieces of several sizes at several places, the first and the last block
# of the drive among them, and the zeros between. Two block sizes.
# kernels: small stock
# vm: --image disk1=256M --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw'
# vm: --qemu '-device nvme,serial=nvio1,addr=0x11,drive=disk1,logical_block_size=4096,physical_block_size=4096'
. "${0%/*}/../lib.sh"

# check_drive BDF BLOCK_BYTES BLOCKS
check_drive()
{
	local bdf=$1 size=$2 blocks=$3 block piece slba nr image=$TMPDIR/image copy=$TMPDIR/copy
	truncate -s $((blocks * size)) "$image" "$copy" # zeros, as the drive is
	bind "$bdf" nvme
	block=$(wait_for 10 block_of "$bdf")
	for piece in 0:1 1:7 64:499 1201:1600 $((blocks - 1049)):1048 $((blocks - 1)):1; do
		slba=${piece%:*} nr=${piece#*:}
		dd if=/dev/urandom of="$image" bs="$size" seek="$slba" count="$nr" conv=notrunc status=none
		dd if="$image" of="$block" bs="$size" skip="$slba" seek="$slba" count="$nr" oflag=direct \
			conv=fsync,notrunc status=none
	done
	bind "$bdf" vfio-pci
	"$BUILD/test/vm/transfer" read "$bdf" "$copy" 0:3000 $((blocks - 2000)):2000 64:499 3:1 $((blocks - 1)):1
	cmp --bytes=$((3000 * size)) "$image" "$copy"
	cmp --ignore-initial=$(((blocks - 2000) * size)) "$image" "$copy"
	rm "$image" "$copy"
}

check_drive "$BDF" 512 $((1 << 21))
check_drive 0000:00:11.0 4096 $((1 << 16))
