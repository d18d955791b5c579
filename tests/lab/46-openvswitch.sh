#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The script vif-openvswitch: the guest's port is in an Open vSwitch bridge, in
# its VLAN, traffic passes both ways, and the port goes with the guest.
# lab: timeout 180
. /mnt/tests/lib.sh

test_end() { switch_down; }
ports() { ovs-vsctl --timeout=10 list-ports ovs0 | paste -sd' '; }

switch_up
start_backend
guest_create g vcpus=2 vif=script=vif-openvswitch,bridge=ovs0.7
wait_for 10 "the vif to connect" vif_connected g
vif=$(guest_vif g)
expect_eq "ovs0's ports" "$(ports)" "dom0 $vif"
expect_eq "the port's VLAN" "$(ovs-vsctl get port "$vif" tag)" 7
expect_eq "the guest's name in the switch" "$(ovs-vsctl get interface "$vif" external-ids:xen-vm-name)" g
ping_clean "$(guest_ip g)" 1472
guest_ping_clean g 10.77.0.1 60000
figure "over Open vSwitch: TCP $(iperf "$(guest_ip g)" -t 2) Mbit/s to the guest, $(iperf "$(guest_ip g)" -t 2 -R) from it"
guest_destroy g
expect_eq "ovs0's ports after the guest" "$(ports)" dom0
