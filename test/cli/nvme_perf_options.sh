#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The command line of nvme_perf, without a device: what --help names, and that each mistake gets one
# line on standard error, exit status 1 and nothing on standard output.
#
# Exit status: 0 all as it should be, 1 not, 77 skipped. NVIO_BUILD says where the build is.

set -u
cd "$(dirname "$0")/../.." || exit 1
name=nvme_perf
. test/cli/options.bash

prints . --help
for option in -r -q -o -w -M -t -a -n -P -c -L -v -V --device= --depth= --io-size= --workload= \
	--read-percent= --time= --warmup= --number-ios= --qpairs= --cores= --hugepage= --seed= --quirks= --vf-token= --shadow-doorbells= --priority= --host-memory= \
	--latency --json= --verbose --help --version; do
	grep -Eq -e "^ +(-., )?${option}[, =]?" "$dir/out" || fail "--help does not name $option"
done
prints '^nvme_perf \(nvio\) [0-9]+\.[0-9]+\.[0-9]+$' --version
prints . --usage

# What getopt finds.
refuses "unrecognized option '--bogus'" --bogus
refuses "invalid option -- 'Z'" -Z
refuses "option requires an argument -- 'q'" -r x -q
refuses "option '--json' requires an argument" -r x --json
refuses "option '--latency' doesn't allow an argument" -r x --latency=1
refuses "ambiguous" -r x --de 1

# Numbers.
refuses 'no device' -q 1
for option in -q -t -n -P; do
	for value in 0 -1 +1 1x x '' ' 1' 1.5 0x10 99999999999999999999; do
		refuses "$option '$value': not a whole number" -r x "$option" "$value"
	done
done
for option in -a -M --seed; do
	for value in -1 1x x '' 99999999999999999999; do
		refuses "$option '$value': not a whole number" -r x -w rw "$option" "$value"
	done
done
refuses "-q '65536': not a whole number from 1 to 65535" -r x -q 65536
refuses "-M '101': not a whole number from 0 to 100" -r x -w rw -M 101
for value in 0 '' k 4q 4kk -4k 1025m 18446744073709551616; do
	refuses "-o '$value': not a size" -r x -o "$value"
done

# Words, and what does not go together.
refuses "-w 'trim': not one of" -r x -w trim
refuses "-w '': not one of" -r x -w ''
refuses '-M is for rw and randrw only, not for randread' -r x -M 50
refuses '-M is for rw and randrw only, not for write' -r x -w write -M 50
refuses "--hugepage '4M': not one of 2M, 1G, none" -r x --hugepage 4M
refuses "--priority 'none': not one of urgent high medium low" -r x --priority none
refuses 'no weighted round robin arbitration' -r emu:wrr=off --priority high
refuses "'secret' is no UUID such as" -r emu: --vf-token secret
refuses "'' is no UUID such as" -r 0000:01:00.0 --vf-token ''
refuses "--shadow-doorbells 'yes': not one of auto on off" -r x --shadow-doorbells yes
refuses "--json ''" -r x --json ''
refuses "'stray' is no option" -r x stray
refuses "-w 'a?b': not one of" -r x -w $'a\nb'

# Cores.
for value in '' ',' '1,' 1- 3-1 a 0x 0x0 0xg 4096; do
	refuses "-c '$value': not a list" -r x -c "$value"
done
refuses 'core 4095 does not exist' -r x -c 4095
allowed=$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')
if [ "$(getconf _NPROCESSORS_CONF)" -gt 1 ]; then
	other=$((allowed == 0 ? 1 : 0))
	everywhere=$program
	cat > "$dir/pinned" <<-END
		#!/bin/sh
		exec taskset -c $allowed "$everywhere" "\$@"
	END
	chmod +x "$dir/pinned"
	program=$dir/pinned
	refuses "may not run on core $other, only on $allowed" -r x -c "$other"
	program=$everywhere
fi

# Devices; the library's sentence.
refuses '.' -r ''
refuses '.' -r 0000:01:00.0/x
refuses '.' -r 0000:01:00.0/0
refuses '.' -r 'no such name'
refuses '.' -r 0000:ff:1f.7

[ "$failed" = 0 ] && echo 'nvme_perf options: all as they should be'
exit "$failed"
