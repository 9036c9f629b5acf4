#!/bin/bash
# A guest without message-signalled interrupts: all queues share one line, which the server raises as long as there is
# a completion that the guest has not seen, and which its monitor masks and unmasks by message.
# QEMU rings all doorbells by message, and waits for them, so that on a busy machine a signal that comes too late is taken
# back (doc/vfio-user.md).
# kernels: small
. "${0%/*}/lib.sh"

serve --ns size=64M -o mmap=off

guest --no-iommu --append pci=nomsi --qemu "$(drive '' '"x-no-posted-writes":true')" <<'GUEST'
grep -q 'IO-APIC.*nvme0q0' /proc/interrupts || fail "no line: $(cat /proc/interrupts)"
for depth in 1 8; do
	fio --name=v --filename="$(block_of "$BDF")" --rw=randwrite --bs=4k --iodepth=$depth --ioengine=libaio --direct=1 \
		--size=8M --verify=crc32c --verify_fatal=1 --verify_state_save=0 --output=/run/fio || fail "$(cat /run/fio)"
done
# The kernel switches off a line that interrupts for nothing, and looks at commands that no interrupt told of.
[ "$(dmesg | grep -cE 'nobody cared|completion polled|timeout')" = 0 ] || fail "$(dmesg | tail -n 20)"
GUEST
