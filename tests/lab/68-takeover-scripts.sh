#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# takeover and giveback where a vif is no plain bridge port: in a VLAN of Open vSwitch,
# renamed by vifname=, with a route (vif-route), and behind vif-nat. One guest has them
# all; each way, what the script has made is there again, and the guest is reached.
# lab: needs xenvifd
# lab: by name
# lab: timeout 600
. /mnt/tests/lib.sh

test_end() { switch_down; }

N=10 # the first guest's number
names=(openvswitch vifname route nat)
netdev() { [ "$1" = 1 ] && echo lan7 || guest_vif g "$1"; }
port() { basename "$(readlink "/sys/class/net/lan7/master")"; }
tag() { ovs-vsctl get port "$(guest_vif g 0)" tag; }
route() { route_to "10.77.$1.$N"; }

# served OWNER: all four, each in its place, and the guest reached over each.
served() {
	local i
	for i in 0 1 2 3; do
		expect_eq "${names[i]}: its owner" "$(owner g $i)" "$1"
		wait_for 30 "${names[i]}: to be connected" vif_connected g $i
		expect_eq "${names[i]}: hotplug-status" "$(xenstore-read "$(guest_backend g $i)/hotplug-status")" connected
		expect_eq "${names[i]}: a tap, or not" "$(find "/sys/class/net/$(netdev $i)/" -maxdepth 1 -name tun_flags | wc -l)" "$2"
	done
	expect_eq "the port's VLAN" "$(tag)" 7
	expect_eq "the renamed vif's bridge" "$(port)" xenbr1
	[ ! -e "/sys/class/net/$(guest_vif g 1)" ] || fail "$(guest_vif g 1) is there beside lan7"
	expect_eq "vif-route's route" "$(route 2)" "10.77.2.$N dev $(guest_vif g 2) scope link src 10.77.2.1 metric 2"
	expect_eq "vif-nat's route" "$(route 3)" "10.77.3.$N dev $(guest_vif g 3) scope link src 10.77.3.$((N + 127))"
	for i in 0 1 2 3; do
		ping_clean "10.77.$i.$N" 1472 3
	done
	step "all four are served by $1, and reached"
}
move() { # VERB WORD...
	vifctl "$@" >> "$OUT/moves.txt" 2>&1 || fail "vifctl $*: status $?, $(tail -1 "$OUT/moves.txt")"
}

attach() { # I KEY=VALUE...
	xl network-attach g mac=00:16:3e:77:0a:0"$1" "${@:2}" || fail "network-attach ${*:2}: status $?"
	wait_for 30 "vif $1 to connect" vif_connected g "$1"
}

switch_up
bridge_up 1
bridge_up 2
kernel_netback
guest_create g vif=script=vif-openvswitch,bridge=ovs0.7
expect_eq "the guest's number" "$(guest_number g)" $N
# One after another: four scripts at once outlast the toolstack's patience here.
attach 1 bridge=xenbr1 vifname=lan7
attach 2 script=vif-route gatewaydev=xenbr2 ip=10.77.2.$N
attach 3 script=vif-nat ip=10.77.3.$N
guest_run g net-up
BESIDE_NETBACK=1 start_daemon
guest_mark g
served xen-netback 0
move takeover --all
served xenvifd 1
move giveback "$(guest_vif g 0)" "$(guest_vif g 1)" "$(guest_vif g 2)" "$(guest_vif g 3)"
served xen-netback 0
while read -r line; do
	figure "$line"
done < <(grep 'it took' "$OUT/moves.txt")
guest_quiet g
guest_destroy g
