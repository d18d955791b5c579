#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel's xen-netback on the same host: what it has stays with it, and the
# package's modprobe.d file keeps it out while guests are on xenvifd.
# lab: needs xenvifd
# lab: timeout 400
. /mnt/tests/lib.sh

driver() { basename "$(readlink "/sys/bus/xen-backend/devices/vif-$(guest_id "$1")-0/driver")"; }
reason() { vif_json "$1" | jq -r .reason; }

bridge_up
kernel_netback
guest_create k
wait_for 20 "the kernel's vif" vif_connected k
ping_clean "$(guest_ip k)" 1472 3

# The daemon comes to a host where xen-netback is at work.
BESIDE_NETBACK=1 start_daemon
expect_match "the log" "$(cat "$OUT/daemon.log")" "xen-netback is loaded"
expect_eq "who has the guest's vif" "$(driver k)" vif
expect_match "vifctl" "$(reason k)" "served by the kernel's xen-netback"
ping_clean "$(guest_ip k)" 1472 3

# A guest that comes is the kernel's, too.
guest_create l
wait_for 20 "the second vif" vif_connected l
expect_match "vifctl" "$(reason l)" "served by the kernel's xen-netback"
ping_clean "$(guest_ip l)" 1472 3
stop_daemon
ping_clean "$(guest_ip l)" 1472 3
guest_destroy l
guest_destroy k
kernel_netback_stop

# The other way round: refused by modprobe.d while a guest is on xenvifd.
start_daemon
guest_create g
wait_for 20 "the vif to connect" vif_connected g
cp /mnt/modprobe.conf /etc/modprobe.d/xenvifd.conf
! modprobe xen-netback 2> "$STATE/refusal" || fail "modprobe loaded xen-netback under a guest"
expect_match "modprobe" "$(cat "$STATE/refusal")" "guests are on xenvifd"
[ ! -d /sys/module/xen_netback ] || fail "xen-netback is loaded"
ping_clean "$(guest_ip g)" 1472 3
guest_destroy g
stop_daemon
modprobe xen-netback || fail "modprobe does not load xen-netback on a host without guests"
rm /etc/modprobe.d/xenvifd.conf
