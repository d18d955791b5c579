#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The smallest thing that must work, and the lab's own tools with it: one PV and
# one PVH guest, ping and TCP; the guest's command channel carries long answers
# and exit statuses; what a vif holds in Xen can be counted.
# lab: timeout 1200
. /mnt/tests/lib.sh

look_at() { # of one guest: TYPE, also its name
	local type=$1 timed
	expect_match "the guest's Linux" "$(guest_run "$type" 'uname -sr')" '^Linux 6'
	wait_for 10 "vif of $type to connect" vif_connected "$type"
	expect_eq "queues" "$(vif_queues "$type")" 2
	expect_eq "hotplug-status" "$(xenstore-read "$(guest_backend "$type")/hotplug-status")" connected
	ping_clean "$(guest_ip "$type")" 56
	figure "$type: TCP $(iperf "$(guest_ip "$type")" -t 2) Mbit/s to the guest, $(iperf "$(guest_ip "$type")" -t 2 -R) from it"
	if ours; then
		# of one wake-up in 7 the time was taken, and of each direction some
		timed=$(vif_json "$type" | jq -c '[.queues[].histograms | [.from_guest, .to_guest][].wake_to_notify] |
			map(select(.count > 0)) | [(map(.count) | add), ((map(.sum) | add) / (map(.count) | add) / 1000 | round)]')
		expect_ge "$type: timed wake-ups" "$(jq '.[0]' <<< "$timed")" 10
		figure "$type: from waking to the guest's being told: $(jq '.[1]' <<< "$timed") us, the mean of $(jq '.[0]' <<< "$timed")"
	fi
	# Two queues have two rings each, and the console and xenstore a page each.
	expect_ge "mapped grants" "$(grants_mapped "$(guest_id "$type")")" 4
}

start_backend
bridge_up
guest_create pv type=pv vcpus=2
look_at pv
expect_eq "a long answer" "$(guest_run pv 'seq 1 20000' | sha256sum)" "$(seq 1 20000 | sha256sum)"
status=0
guest_run pv 'exit 7' || status=$?
expect_eq "the status of a command in the guest" $status 7
guest_start pv slow 'sleep 2; echo done'
expect_eq "a command in the guest's background" "$(guest_finish pv slow 10)" "done"
lsevtchn 0
leftovers
guest_destroy pv
guest_create pvh type=pvh vcpus=2
guest_steady pvh look_at pvh
guest_destroy pvh
