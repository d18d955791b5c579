#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vifname= renames the netdev, mtu=9000 is on it and told to the guest, and a
# guest that uses it sends 9000-byte frames in one piece.
# lab: timeout 300
. /mnt/tests/lib.sh

start_backend
bridge_up 0 9000
guest_create g vcpus=2 mtu=9000 vif=bridge=xenbr0,vifname=uplink7,mtu=9000
wait_for 10 "the vif to connect" vif_connected g
[ -d /sys/class/net/uplink7 ] || fail "no netdev uplink7: $(ls /sys/class/net | paste -sd' ')"
[ ! -e "/sys/class/net/$(guest_vif g)" ] || fail "$(guest_vif g) is still there"
expect_eq "uplink7's MTU" "$(cat /sys/class/net/uplink7/mtu)" 9000
expect_eq "uplink7's bridge" "$(basename "$(readlink /sys/class/net/uplink7/master)")" xenbr0
expect_eq "uplink7's address" "$(cat /sys/class/net/uplink7/address)" fe:ff:ff:ff:ff:ff
expect_eq "uplink7's carrier" "$(cat /sys/class/net/uplink7/carrier)" 1
expect_eq "hotplug-status" "$(xenstore-read "$(guest_backend g)/hotplug-status")" connected
expect_eq "the mtu node of the backend" "$(xenstore-read "$(guest_backend g)/mtu")" 9000
ours && expect_eq "the tap's name in vifctl" "$(vif_json g | jq -r .tap.name)" uplink7

# Do-not-fragment: only a path of whole 9000-byte frames lets these through.
out=$(ping -q -c 5 -i 0.05 -M 'do' -s 8972 "$(guest_ip g)") || fail "ping of 9000-byte packets: $out"
out=$(guest_run g "ping -q -c 5 -i 0.05 -M do -s 8972 10.77.0.1") || fail "ping of 9000-byte packets from the guest: $out"
figure "MTU 9000: $(iperf "$(guest_ip g)" -t 2) Mbit/s to the guest, $(iperf "$(guest_ip g)" -t 2 -R) from it"
guest_destroy g
[ ! -e /sys/class/net/uplink7 ] || fail "uplink7 is left"
