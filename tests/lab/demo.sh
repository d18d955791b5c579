#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What lab demo shows: one guest with two queues at work.
# lab: timeout 240
. /mnt/tests/lib.sh

tell() { say "say $*"; }
tell_block() { while IFS= read -r line; do say "say     $line"; done; }

start_backend
tell "backend    $(ours && xenvifd --version || echo 'the kernel'\''s xen-netback')"
bridge_up
tell "bridge     xenbr0 in dom0, 10.77.0.1"
guest_create g1 vcpus=2 queues=2
wait_for 10 "the vif to connect" vif_connected g1
tell "guest      g1, unmodified $(guest_run g1 'uname -sr'), PV, 2 vCPUs, $(guest_ip g1); $(guest_vif g1) connected with $(vif_queues g1) queues"
tell "ping       $(ping -q -c 20 -i 0.05 "$(guest_ip g1)" | sed -n 's/.*\(received\)/\1/p; s/^rtt/round trip/p; /transmitted/p' | paste -sd' ')"
tell "TCP        $(iperf "$(guest_ip g1)" -P 8 -t 3) Mbit/s to the guest, 8 streams, IPv4"
tell "           $(iperf "$(guest_ip g1)" -P 8 -t 3 -R) Mbit/s from the guest"
tell "           $(iperf "$(guest_ip6 g1)" -P 8 -t 3) Mbit/s to the guest over IPv6"
if ours; then
	tell "vifctl show:"
	vifctl show | tell_block
else
	tell "xl network-list:"
	xl network-list g1 | tell_block
fi
guest_destroy g1
tell "gone       guest destroyed; left in dom0: $(leftovers | diff "$STATE/before" - > /dev/null && echo nothing || leftovers | paste -sd,)"
