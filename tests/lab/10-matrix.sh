#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 1, 2 and 4 queues on PV guests, 2 on a PVH guest: ping of all sizes without
# loss both ways, TCP over IPv4 and IPv6 both ways with 16 streams, and every
# queue at work in both directions.
# lab: timeout 1500
. /mnt/tests/lib.sh

# moved BEFORE AFTER: fails unless every queue's packets grew in both directions.
moved() {
	local still
	still=$(jq -rn --argjson a "$1" --argjson b "$2" '
		[range($b.queues | length) as $q | ("from_guest", "to_guest") as $way |
		 select($b.queues[$q][$way].packets <= $a.queues[$q][$way].packets) | "queue \($q) \($way)"] | join(", ")')
	[ -z "$still" ] || fail "$guest: nothing moved in $still"
}

look_at() { # QUEUES LEAST PINGS SECONDS
	local before after ip size way rate rates=
	wait_for 10 "vif of $guest to connect" vif_connected "$guest"
	expect_eq "$guest: queues" "$(vif_queues "$guest")" "$1"
	! ours || before=$(vif_json "$guest")
	for ip in "$(guest_ip "$guest")" "$(guest_ip6 "$guest")"; do
		for size in 56 1472 8000 60000; do
			ping_clean "$ip" $size "$3"
		done
	done
	for ip in 10.77.0.1 fd77:a0::1; do
		for size in 56 1472 8000 60000; do
			guest_ping_clean "$guest" $ip $size "$3"
		done
	done
	step "$guest: ping is clean"
	for ip in "$(guest_ip "$guest")" "$(guest_ip6 "$guest")"; do
		for way in "" -R; do
			rate=$(iperf "$ip" -P 16 -t "$4" $way)
			expect_ge "$guest: Mbit/s with 16 streams $way" "$rate" "$2"
			rates+=" $rate"
		done
	done
	figure "$guest: 16 streams, Mbit/s to and from the guest: IPv4$(cut -d' ' -f1-3 <<< "$rates"), IPv6 $(cut -d' ' -f4-5 <<< "$rates")"
	if ours; then
		after=$(vif_json "$guest")
		expect_eq "$guest: queues that the daemon runs" "$(jq '.queues | length' <<< "$after")" "$1"
		moved "$before" "$after"
	fi
}

# What least: Mbit/s. PVH under emulated virtualisation is that slow with many streams:
# the kernel's own backend has 10 each way there, where it has 143 and 172 with one. It
# also dies of a triple fault about once a minute there, so it is looked at quickly.
start_backend
bridge_up
while read -r type vcpus queues least pings seconds; do
	guest=$type$queues
	guest_create "$guest" type="$type" vcpus="$vcpus" queues="$queues"
	guest_steady "$guest" look_at "$queues" "$least" "$pings" "$seconds"
	guest_destroy "$guest"
done <<- END
	pv  1 1 10 10 2
	pv  2 2 10 10 2
	pv  4 4 10 10 2
	pvh 2 2 1 3 1
END
