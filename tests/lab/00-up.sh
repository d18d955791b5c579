#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The smallest thing that must work, and the lab's own tools with it: one
# guest, ping and TCP; the guest's command channel carries long answers
# and exit statuses; what a vif holds in Xen can be counted.
# lab: timeout 300
. /mnt/tests/lib.sh

start_backend
bridge_up
guest_create g vcpus=2
expect_match "the guest's Linux" "$(guest_run g 'uname -sr')" '^Linux 6'
wait_for 10 "the vif to connect" vif_connected g
expect_eq "queues" "$(vif_queues g)" 2
expect_eq "hotplug-status" "$(xenstore-read "$(guest_backend g)/hotplug-status")" connected
ping_clean "$(guest_ip g)" 56
figure "TCP $(iperf "$(guest_ip g)" -t 2) Mbit/s to the guest, $(iperf "$(guest_ip g)" -t 2 -R) from it"
if ours; then
	# of one wake-up in 7 the time was taken, and of each direction some
	timed=$(vif_json g | jq -c '[.queues[].histograms | [.from_guest, .to_guest][].wake_to_notify] |
		map(select(.count > 0)) | [(map(.count) | add), ((map(.sum) | add) / (map(.count) | add) / 1000 | round)]')
	expect_ge "timed wake-ups" "$(jq '.[0]' <<< "$timed")" 10
	figure "from waking to the guest's being told: $(jq '.[1]' <<< "$timed") us, the mean of $(jq '.[0]' <<< "$timed")"
fi
# Two queues have two rings each, and the console and xenstore a page each.
expect_ge "mapped grants" "$(grants_mapped "$(guest_id g)")" 4
expect_eq "a long answer" "$(guest_run g 'seq 1 20000' | sha256sum)" "$(seq 1 20000 | sha256sum)"
status=0
guest_run g 'exit 7' || status=$?
expect_eq "the status of a command in the guest" $status 7
guest_start g slow 'sleep 2; echo done'
expect_eq "a command in the guest's background" "$(guest_finish g slow 10)" "done"
lsevtchn 0
leftovers
guest_destroy g
