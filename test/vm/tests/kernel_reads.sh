#!/bin/bash
# What nvio writes, the kernel's driver reads: pieces of several sizes at several places, the first and the last block
# of the drive among them. Between the pieces nothing has changed. Two block sizes.
# kernels: small stock
# vm: --image disk1=256M --qemu '-drive if=none,id=disk1,file={tmp}/disk1,format=raw'
# vm: --qemu '-device nvme,serial=nvio1,addr=0x11,drive=disk1,logical_block_size=4096,physical_block_size=4096'
. "${0%/*}/../lib.sh"

# check_drive BDF BLOCK_BYTES BLOCKS
check_drive()
{
	local bdf=$1 size=$2 blocks=$3 block piece nr image=$TMPDIR/image
	local pieces=(0:1 1:7 64:499 1201:1600 $((blocks - 1049)):1048 $((blocks - 1)):1)
	truncate -s $((blocks * size)) "$image" # zeros, as the drive is
	for piece in "${pieces[@]}"; do
		nr=${piece#*:}
		dd if=/dev/urandom of="$image" bs="$size" seek="${piece%:*}" count="$nr" conv=notrunc status=none
	done
	bind "$bdf" vfio-pci
	"$BUILD/test/vm/transfer" write "$bdf" "$image" "${pieces[@]}"
	bind "$bdf" nvme
	block=$(wait_for 10 block_of "$bdf")
	[ "$(blockdev --getss --getsize64 "$block" | xargs)" = "$size $((blocks * size))" ] || fail "$block: its size"
	cmp --bytes=$((3000 * size)) "$block" "$image"
	cmp --ignore-initial=$(((blocks - 2000) * size)) "$block" "$image"
	rm "$image"
}

check_drive "$BDF" 512 $((1 << 21))
check_drive 0000:00:11.0 4096 $((1 << 16))
