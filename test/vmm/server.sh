#!/bin/bash
# nvio on a server that is not ours: QEMU's NVMe controller behind its x-vfio-user-server. That one has registers only
# once its BARs have addresses, cannot map doorbells, masks MSI-X vectors until told otherwise, and serves one client.
# timeout: 180
. "${0%/*}/lib.sh"

qemu=$("$SRC/test/vm/qemu-server")
truncate -s 256M "$tmp/disk"

# serve_qemu BLOCKDEV [PROPS]: a new server on $tmp/s, with the block device as its namespace.
serve_qemu()
{
	if [ -n "$server" ]; then
		kill "$server" 2> /dev/null || true # it may have ended with its client
		wait "$server" || true
	fi
	rm -f "$tmp/s"
	"$qemu" -machine x-remote,vfio-user=on -accel qtest -nodefaults -display none -L "$tmp" -blockdev "node-name=disk,$1" \
		-device "nvme,id=nvme,serial=qemu-1,drive=disk${2:-}" \
		-object "x-vfio-user-server,id=server,type=unix,path=$tmp/s,device=nvme" > "$tmp/server" 2>&1 &
	server=$!
	for _ in $(seq 200); do
		[ ! -S "$tmp/s" ] || return 0
		sleep 0.05
	done
	fail "no socket: $(cat "$tmp/server")"
}

# counted ARGS...: a run of nvme_perf whose figures add up.
counted()
{
	"$BUILD/nvme_perf" -r "vfio-user:$tmp/s" -t 1 --json - "$@" > "$tmp/json" 2> "$tmp/err" ||
		fail "$* $(cat "$tmp/err" "$tmp/server")"
	python3 - "$tmp/json" <<-'PYTHON' || fail "$*: the figures do not add up"
		import json, sys
		total = json.load(open(sys.argv[1]))["total"]
		sys.exit(not (total["submitted"] == total["completed"] > 100 and total["errors"] == 0))
	PYTHON
	! grep -v 'terminating on signal' "$tmp/server" || fail "the server complains"
}

file="driver=file,filename=$tmp/disk"
serve_qemu "$file"
counted -q 1 -w randread
serve_qemu "$file"
counted -q 32 -w randrw -P 4 -o 64k
# What nvio writes is in the file, and what is in the file nvio reads; at both ends, in commands of many lengths.
pieces=(0:1 1:7 64:499 1201:1600 523239:1048 524287:1)
truncate -s 256M "$tmp/disk" "$tmp/image"
for piece in "${pieces[@]}"; do
	dd if=/dev/urandom of="$tmp/image" bs=512 seek="${piece%:*}" count="${piece#*:}" conv=notrunc status=none
done
: > "$tmp/disk"
truncate -s 256M "$tmp/disk"
for way in write read; do
	serve_qemu "$file"
	"$BUILD/test/vm/transfer" $way "vfio-user:$tmp/s" "$tmp/image" "${pieces[@]}" > "$tmp/out" 2>&1 ||
		fail "$way: $(cat "$tmp/out" "$tmp/server")"
	cmp "$tmp/disk" "$tmp/image" || fail "after $way: the file"
	# For the second round: the image is to be filled from the drive.
	: > "$tmp/image"
	truncate -s 256M "$tmp/image"
done

# Its second drive takes 1.5 s for a command.
serve_qemu "$file"
mv "$tmp/s" "$tmp/fast"
server=
serve_qemu 'driver=null-co,size=67108864,read-zeroes=on,latency-ns=1500000000'
"$BUILD/test/vm/msix" "vfio-user:$tmp/fast" "vfio-user:$tmp/s" 10000 > "$tmp/out" 2>&1 || fail "$(cat "$tmp/out" "$tmp/server")"
