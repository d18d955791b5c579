#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel's xen-netback and xenvifd in the same boot, on a clock that counts
# instructions: TCP throughput each way and the round-trip rate reach 0.8 of
# the kernel's.
#
# Of the throughputs, the best round counts, of either: now and then a guest that
# has been notified is not run for 10 to 80 ms though both CPUs are idle, with
# either backend (never on the simulated host), and what such a round says is how
# often that was, not what a frame costs. Of the round trips, the median does. All
# rounds are printed.
#
# A round trip costs most where a wake goes from one CPU to the other, and whether it
# does is the scheduler's choice, made once and for either backend by chance: the
# kernel's had 890 and 3571 a second in one boot. So what is compared is both in the
# same place, all of dom0's part on one CPU; where they were left free is printed, too.
# lab: icount
# lab: by name
# lab: timeout 1200
. /mnt/tests/lib.sh

ROUNDS=4 LEAST=80 # percent

# figure_of FILE: what counts of its rounds.
figure_of() {
	case $1 in
	*.round_trips*) median < "$1" ;;
	*) sort -n "$1" | tail -n 1 ;;
	esac
}

round_trips() { # ADDRESS [COMMAND-PREFIX...]: a second
	"${@:2}" sockperf ping-pong --tcp -i "$1" -p 11111 -t 2 > "$STATE/sockperf" 2>&1 || fail "sockperf: $(tail -1 "$STATE/sockperf")"
	sed -n 's/.*\[Valid Duration\] RunTime=\([0-9.]*\) sec;.*ReceivedMessages=\([0-9]*\).*/\1 \2/p' "$STATE/sockperf" | awk '{ print int($2 / $1) }'
}

# onto CPU: the threads and interrupts that serve g's vif, of either backend.
onto() {
	local task irq vif
	vif=$(guest_vif g)
	for task in /proc/[0-9]*/task/[0-9]*; do
		[[ $(cat "$task/comm" 2> /dev/null) != "$vif"-q* ]] || taskset -pc "$1" "${task##*/}"
	done
	for irq in /proc/irq/*/*"$vif"-q*; do
		irq=${irq%/*}
		echo "$1" > "$irq/smp_affinity_list"
		step "$irq of $vif is on CPU $(cat "$irq/smp_affinity_list")"
	done
}

# measure WHO: one guest, all of it, ROUNDS times.
measure() {
	local round ip
	guest_create g vcpus=2
	wait_for 20 "the vif to connect" vif_connected g
	ip=$(guest_ip g)
	guest_run g "(sockperf server --tcp -p 11111 > /tmp/sockperf.log 2>&1 < /dev/null) &"
	ping_clean "$ip" 1472 3
	for ((round = 0; round < ROUNDS; round++)); do
		iperf "$ip" -t 2 -O 1 >> "$STATE/$1.to_guest"
		iperf "$ip" -t 2 -O 1 -R >> "$STATE/$1.from_guest"
		round_trips "$ip" >> "$STATE/$1.round_trips_free"
		step "$1: $(tail -qn1 "$STATE/$1".{to_guest,from_guest,round_trips_free} | paste -sd' ')"
	done
	onto 1
	for ((round = 0; round < ROUNDS; round++)); do
		round_trips "$ip" taskset -c 1 >> "$STATE/$1.round_trips"
	done
	step "$1: $(paste -sd' ' "$STATE/$1.round_trips") on one CPU"
	guest_destroy g
}

bridge_up
rm -f "$STATE"/*.{to_guest,from_guest,round_trips,round_trips_free}
kernel_netback
measure kernel
kernel_netback_stop
start_backend
measure tried

low=
for what in to_guest from_guest round_trips round_trips_free; do
	kernel=$(figure_of "$STATE/kernel.$what") tried=$(figure_of "$STATE/tried.$what")
	percent=$((tried * 100 / kernel))
	figure "$what: $BACKEND $tried ($(paste -sd' ' "$STATE/tried.$what")), kernel $kernel ($(paste -sd' ' "$STATE/kernel.$what")): $percent %"
	[ $what = round_trips_free ] || [ $percent -ge $LEAST ] || low+=" $what $percent %"
done
[ -z "$low" ] || fail "below $LEAST % of the kernel's:$low"
