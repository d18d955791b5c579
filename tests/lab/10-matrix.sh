#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 1, 2 and 4 queues on PV guests: ping of all sizes without loss both ways, TCP
# over IPv4 and IPv6 both ways with 16 streams, and every queue at work in both
# directions. How fast is 70-compare's business: here streams are only to move, on two
# emulated CPUs that may have to share theirs.
# lab: timeout 900
. /mnt/tests/lib.sh

# moved BEFORE AFTER: fails unless every queue's packets grew in both directions.
moved() {
	local still
	still=$(jq -rn --argjson a "$1" --argjson b "$2" '
		[range($b.queues | length) as $q | ("from_guest", "to_guest") as $way |
		 select($b.queues[$q][$way].packets <= $a.queues[$q][$way].packets) | "queue \($q) \($way)"] | join(", ")')
	[ -z "$still" ] || fail "$guest: nothing moved in $still"
}

look_at() { # QUEUES LEAST [IPERF-OPTION...]
	local queues=$1 least=$2 before after ip size way rate rates=
	shift 2
	wait_for 10 "vif of $guest to connect" vif_connected "$guest"
	expect_eq "$guest: queues" "$(vif_queues "$guest")" "$queues"
	! ours || before=$(vif_json "$guest")
	for ip in "$(guest_ip "$guest")" "$(guest_ip6 "$guest")"; do
		for size in 56 1472 8000 60000; do
			ping_clean "$ip" $size
		done
	done
	for ip in 10.77.0.1 fd77:a0::1; do
		for size in 56 1472 8000 60000; do
			guest_ping_clean "$guest" $ip $size
		done
	done
	step "$guest: ping is clean"
	for ip in "$(guest_ip "$guest")" "$(guest_ip6 "$guest")"; do
		for way in "" -R; do
			rate=$(iperf "$ip" -P 16 -t 2 $way "$@")
			expect_ge "$guest: Mbit/s with 16 streams $way" "$rate" "$least"
			rates+=" $rate"
		done
	done
	figure "$guest: 16 streams, Mbit/s to and from the guest: IPv4$(cut -d' ' -f1-3 <<< "$rates"), IPv6 $(cut -d' ' -f4-5 <<< "$rates")"
	if ours; then
		after=$(vif_json "$guest")
		expect_eq "$guest: queues that the daemon runs" "$(jq '.queues | length' <<< "$after")" "$queues"
		moved "$before" "$after"
	fi
}

start_backend
bridge_up
while read -r type vcpus queues options; do
	guest=$type$queues
	guest_create "$guest" type="$type" vcpus="$vcpus" queues="$queues"
	# shellcheck disable=SC2086 # LEAST and options
	look_at "$queues" $options
	guest_destroy "$guest"
done <<< "${GUESTS:-pv 1 1 10
pv 2 2 3
pv 4 4 1}"
