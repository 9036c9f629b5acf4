#!/bin/bash
# The harness of the guest tests (test/vm/vm) seen from outside: statuses, ends of all kinds, stray DMA, leftovers.
# kernels: small
# timeout: 240
set -eu
cd "${0%/*}/../.."
vm=test/vm/vm

# The harness' temporary folders go here, so that a leftover can be told from those of other runs.
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
log=$TMPDIR/log

fail()
{
	echo "FAIL: $*"
	cat "$log"
	exit 1
}

# ends STATUS COMMAND...: COMMAND ends with STATUS; its output, all of it, is in $log.
ends()
{
	local expected=$1 status=0
	shift
	"$@" > "$log" 2>&1 || status=$?
	[ "$status" -eq "$expected" ] || fail "status $status instead of $expected: $*"
}

# logged COUNT REGEX: so many lines of $log match.
logged()
{
	[ "$(grep -cE -- "$2" "$log")" = "$1" ] || fail "not $1 lines like '$2'"
}

# gone PATTERN: no process has PATTERN in its command line, or soon has none.
gone()
{
	for _ in $(seq 50); do
		pgrep -f -- "$1" > /dev/null || return 0
		sleep 0.1
	done
	pgrep -af -- "$1" > "$log"
	fail "still there"
}

no_folder()
{
	[ -z "$(ls -d "$TMPDIR"/nvio-vm.* 2> /dev/null)" ] || fail "left behind: $(ls -d "$TMPDIR"/nvio-vm.*)"
}

# What QEMU prints, of 7.2 and 10, and what must not be taken for it.
qemu='qemu-system-x86_64: '
while read -r line; do
	echo "$qemu$line" > "$TMPDIR/stderr"
	ends 1 $vm --check-stderr "$TMPDIR/stderr"
	logged 1 "^$qemu"
done <<'STRAY'
vtd_iova_to_slpte: detected slpte permission error (iova=0x1000, level=0x3, slpte=0x0, write=0, pasid=0xffffffff)
vtd_iova_to_slpte: detected IOVA overflow (iova=0x8000000000,pasid=0xffffffff)
vtd_iova_to_flpte: detected flpte reserved non-zero iova=0x1000, level=0x1flpte=0x1, pasid=0x0)
vtd_iommu_translate: detected translation failure (dev=00:10:00, iova=0x1000)
vtd_irte_get: detected non-present IRTE (index=3, high=0x0, low=0x0)
virtio_iommu_translate no mapping for 0x1000 for sid=128
STRAY
printf "$qemu%s\n" 'terminating on signal 15 from pid 1' 'warning: vtd is a fine word' > "$TMPDIR/stderr"
ends 0 $vm --check-stderr "$TMPDIR/stderr"
logged 0 .

# Status and output of the command; where and with what it runs.
ends 3 $vm 'seq 100000; exit 3'
seq 100000 | cmp - "$log" || fail "the output has changed on its way"
ends 0 env NVIO_BUILD=some/build $vm -- sh -c 'echo "$1"; pwd; echo $NVIO_BUILD $TMPDIR; id -u' sh 'a  b'
[ "$(cat "$log")" = "a  b
$PWD
$PWD/some/build /run
0" ] || fail "the command's surroundings"

# A guest that ends by itself, or not at all.
ends 124 $vm --timeout 5 'echo started; sleep 60'
logged 1 '^started$'
logged 1 '^vm: timeout after 5 s$'
ends 125 $vm 'echo c > /proc/sysrq-trigger; sleep 60'
logged 1 'console: Kernel panic'
logged 1 'died while its command ran'
logged 0 'once more'
ends 125 $vm --append 'rdinit=/nowhere' true
logged 1 'once more'
logged 2 'died before its command started'
ends 124 $vm --boot-timeout 0.3 true
logged 1 'once more'
logged 2 '^vm: timeout after 0.3 s, before its command started$'
ends 125 $vm --nvme nosuch=1 true
logged 0 'once more'
ends 125 $vm --qemu-bin /nowhere true
logged 1 'cannot run /nowhere'
ends 125 $vm --image disk true
logged 1 "bad image 'disk'"

# A real stray DMA: the controller fetches a command from a queue at an address that nothing is mapped at.
cat > "$TMPDIR/stray.py" <<'PYTHON'
import mmap, os, struct, time
device = "/sys/bus/pci/devices/0000:00:10.0/"
with open(device + "config", "r+b", buffering=0) as config:
    os.pwrite(config.fileno(), struct.pack("<H", 6), 4)  # memory space and bus master
with open(device + "resource0", "r+b", buffering=0) as bar:
    register = memoryview(mmap.mmap(bar.fileno(), 8192)).cast("I")
register[0x24 // 4] = 0x000f000f  # AQA
register[0x28 // 4] = register[0x30 // 4] = 0x123000  # ASQ, ACQ
register[0x14 // 4] = 0x00460001  # CC
register[0x1000 // 4] = 1
time.sleep(1)
PYTHON
ends 1 $vm --mods '' python3 "$TMPDIR/stray.py"
logged 1 '^vm: qemu: .*vtd_iommu_translate: detected translation failure \(dev=00:10:00, iova=0x123000\)'
logged 1 '^vm: stray DMA: '
ends 0 $vm --mods '' --expect-stray-dma python3 "$TMPDIR/stray.py"
ends 1 $vm --expect-stray-dma true
logged 1 'there was no stray DMA'
no_folder

# A harness that is told to stop takes its guest with it; one that is killed cannot remove its folder.
for signal in TERM INT KILL; do
	setsid $vm --qmp "{tmp}/qmp" --image disk1=3K 'sleep 60' > "$log" 2>&1 &
	for _ in $(seq 100); do
		[ ! -S "$(echo "$TMPDIR"/nvio-vm.*/qmp)" ] || break
		sleep 0.1
	done
	[ "$(stat -c %s "$TMPDIR"/nvio-vm.*/disk1)" = 3072 ] || fail "no image of 3 KiB"
	kill -$signal $!
	status=0
	wait $! || status=$?
	[ "$status" = $((128 + $(kill -l $signal))) ] || fail "status $status after SIG$signal"
	gone "$TMPDIR/nvio-vm"
	[ $signal = KILL ] || no_folder
done
