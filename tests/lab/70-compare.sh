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
# lab: icount
# lab: by name
# lab: timeout 900
. /mnt/tests/lib.sh

ROUNDS=4 LEAST=80 # percent

# figure_of FILE: what counts of its rounds.
figure_of() {
	case $1 in
	*.round_trips) sort -n "$1" | awk '{ v[NR] = $1 } END { print int((v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2) }' ;;
	*) sort -n "$1" | tail -n 1 ;;
	esac
}

round_trips() { # a second
	sockperf ping-pong --tcp -i "$1" -p 11111 -t 2 > "$STATE/sockperf" 2>&1 || fail "sockperf: $(tail -1 "$STATE/sockperf")"
	sed -n 's/.*\[Valid Duration\] RunTime=\([0-9.]*\) sec;.*ReceivedMessages=\([0-9]*\).*/\1 \2/p' "$STATE/sockperf" | awk '{ print int($2 / $1) }'
}

# measure WHO: one guest, all three, ROUNDS times.
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
		round_trips "$ip" >> "$STATE/$1.round_trips"
		step "$1: $(tail -qn1 "$STATE/$1.to_guest" "$STATE/$1.from_guest" "$STATE/$1.round_trips" | paste -sd' ')"
	done
	guest_destroy g
}

bridge_up
rm -f "$STATE"/*.{to_guest,from_guest,round_trips}
kernel_netback
measure kernel
kernel_netback_stop
start_backend
measure tried

low=
for what in to_guest from_guest round_trips; do
	kernel=$(figure_of "$STATE/kernel.$what") tried=$(figure_of "$STATE/tried.$what")
	percent=$((tried * 100 / kernel))
	figure "$what: $BACKEND $tried ($(paste -sd' ' "$STATE/tried.$what")), kernel $kernel ($(paste -sd' ' "$STATE/kernel.$what")): $percent %"
	[ $percent -ge $LEAST ] || low+=" $what $percent %"
done
[ -z "$low" ] || fail "below $LEAST % of the kernel's:$low"
