#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The script vif-openvswitch: the guest's port is in an Open vSwitch bridge, in
# its VLAN, traffic passes both ways, and the port goes with the guest.
# lab: timeout 180
. /mnt/tests/lib.sh

RUN=/run/openvswitch
test_end() {
	local name
	for name in $(guests); do
		guest_destroy "$name"
	done
	ovs-appctl --timeout=10 exit --cleanup
	ovs-appctl --timeout=10 -t ovsdb-server exit
	wait_for 10 "the kernel's openvswitch to be let go" rmmod openvswitch
}
ports() { ovs-vsctl --timeout=10 list-ports ovs0 | paste -sd' '; }

modprobe openvswitch
mkdir -p $RUN
ovsdb-tool create $RUN/conf.db
ovsdb-server $RUN/conf.db --remote=punix:$RUN/db.sock --pidfile --detach --log-file="$OUT/ovsdb-server.log"
ovs-vsctl --timeout=10 --no-wait init
ovs-vswitchd --pidfile --detach --log-file="$OUT/ovs-vswitchd.log"
# dom0's own end is in VLAN 7, as is the guest's port.
ovs-vsctl --timeout=20 add-br ovs0 -- add-port ovs0 dom0 tag=7 -- set interface dom0 type=internal
ip link set dom0 up
ip addr add 10.77.0.1/24 dev dom0

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
