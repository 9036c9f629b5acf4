# Helpers for the guest tests, sourced by each with: . "${0%/*}/../lib.sh"
# A test runs as root in a guest (test/vm/vm), in bash, and fails at the first command that fails.
# shellcheck shell=bash
set -euE
trap 'echo "FAIL: ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND (status $?)" >&2' ERR

SRC=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
BUILD=${NVIO_BUILD:-$SRC/build/release}
BDF=0000:00:10.0 # of the harness' default controller
export SRC BUILD BDF

pci=/sys/bus/pci

fail()
{
	echo "FAIL: $*" >&2
	exit 1
}

skip()
{
	echo "$*"
	exit 77
}

# wait_for SECONDS COMMAND...: tries COMMAND until it succeeds, at least that long; fails if it never does.
wait_for()
{
	local limit=$1 end=$((SECONDS + $1 + 1)) # SECONDS may be about to turn
	shift
	until "$@"; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "not within $limit s: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# driver_of BDF: the name of its driver, "none" without one.
driver_of()
{
	local link=$pci/devices/$1/driver
	if [ -e "$link" ]; then
		basename "$(readlink "$link")"
	else
		echo none
	fi
}

# bind BDF DRIVER: gives the device to DRIVER whatever it was on; "none" takes it away from its driver.
bind()
{
	local dev=$pci/devices/$1 now
	[ -e "$dev" ] || fail "bind: there is no device $1"
	[ ! -e "$dev/driver" ] || echo "$1" > "$dev/driver/unbind"
	if [ "$2" = none ]; then
		echo > "$dev/driver_override"
	else
		echo "$2" > "$dev/driver_override"
		# A driver that is not there or refuses the device is an error of this write, and told below.
		echo "$1" > $pci/drivers_probe || true
	fi
	now=$(driver_of "$1")
	[ "$now" = "$2" ] || fail "bind: $1 is on driver $now instead of $2"
}

# nvme_bdfs: the addresses of all NVMe controllers, in order.
nvme_bdfs()
{
	local dev
	for dev in $pci/devices/*; do # the shell sorts
		[ "$(< "$dev/class")" != 0x010802 ] || echo "${dev##*/}"
	done
}

# block_of BDF [NSID]: the block device of a namespace (1) on the kernel's driver; fails while there is none.
# With multipath the controller has a path, nvme0c1n2, and the device is nvme0n2. The last number is not the NSID.
block_of()
{
	local path name
	for path in $pci/devices/"$1"/nvme/nvme*/nvme*n*; do
		[ -e "$path/nsid" ] && [ "$(< "$path/nsid")" = "${2:-1}" ] || continue
		name=$(sed -E 's/^(nvme[0-9]+)c[0-9]+(n[0-9]+)$/\1\2/' <<< "${path##*/}")
		[ -b "/dev/$name" ] || return 1
		echo "/dev/$name"
		return
	done
	return 1
}

# port_of NAME: the device of a port to the host.
port_of()
{
	local port
	for port in /sys/class/virtio-ports/*; do
		[ "$(< "$port/name")" != "$1" ] || echo "/dev/${port##*/}"
	done
}

# expect_error REGEX COMMAND...: COMMAND must exit with 1 and say why in one line on stderr that matches REGEX.
expect_error()
{
	local regex=$1 status=0 messages
	shift
	{ messages=$("$@" 2>&1 >&3) || status=$?; } 3>&1
	[ -z "$messages" ] || printf '%s\n' "$messages"
	[ "$status" -eq 1 ] || fail "exit status $status instead of 1: $*"
	[ "$(grep -cE -- "$regex" <<< "$messages")" = 1 ] || fail "no message, or several, like '$regex': $*"
}

# drive TYPE [WAY NUMBER]: writes and reads at several depths against a model in memory, and nvme_perf, on the default
# controller, which has to be reached by TYPE; WAY asks for one, as does its NUMBER in enum nvio_way.
drive()
{
	bind "$BDF" vfio-pci
	"$BUILD/test/vm/verify" -w "${3:-0}" "$BDF" 0 31:5000 255:5000
	"$BUILD/nvme_perf" -r "$BDF" ${2:+--vfio "$2"} -v -q 32 -n 5000 > "$TMPDIR/log" 2>&1 || fail "nvme_perf: $(< "$TMPDIR/log")"
	grep -q '^5000 I/Os submitted, 5000 completed, 0 of them with an error' "$TMPDIR/log" || fail "$(< "$TMPDIR/log")"
	grep -q "$BDF is reached by $1: " "$TMPDIR/log" || fail "another way than $1: $(< "$TMPDIR/log")"
}
