#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest with firmware and emulated devices (HVM): its vif has an emulated twin,
# an e1000 behind a tap of QEMU's; the guest's driver unplugs that and uses ours. Another
# one comes onto the kernel's backend, and its vif moves to ours and back as it runs.
# lab: hvm
# lab: by name
# lab: timeout 1000
. /mnt/tests/lib.sh

# created: the guest h, whose driver uses its vif. One vCPU, as in 12-pvh: spinning between two may
# stop the emulated machine.
created() {
	guest_create h type=hvm vcpus=1 queues=2 memory=256 kernel=/mnt/vmlinuz vif=bridge=xenbr0,type=ioemu,model=e1000 \
		config='vnc=0' config='sdl=0' config='nographic=1' config='serial="file:/tmp/serial"'
	wait_for 20 "the vif to connect" vif_connected h
	expect_eq "the guest's driver" "$(guest_run h 'basename $(readlink /sys/class/net/eth0/device/driver)')" vif
}
# reached: frames of all sizes pass, over a vif that alone is in the bridge.
reached() {
	expect_eq "ports of the bridge" "$(ls /sys/class/net/xenbr0/brif)" "$(guest_vif h)"
	ping_clean "$(guest_ip h)" 1472
	guest_ping_clean h 10.77.0.1 60000
}
# moves VERB OWNER DRIVER
moves() {
	vifctl "$1" "$(guest_vif h)" || fail "vifctl $1: status $?"
	expect_eq "who has it after $1" "$(owner h) $(driver h)" "$2 $3"
	wait_for 30 "the vif to connect after $1" vif_connected h
	reached
	step "$1"
}

start_backend
bridge_up
created
expect_eq "the vif's type" "$(xenstore-read "$(guest_backend h)/type")" vif_ioemu
expect_eq "queues" "$(vif_queues h)" 2
reached
to=$(iperf "$(guest_ip h)" -t 2)
from=$(iperf "$(guest_ip h)" -t 2 -R)
figure "hvm: TCP $to Mbit/s to the guest, $from from it"
guest_destroy h
ours || exit 0

kernel_netback
created
moves takeover xenvifd none
moves giveback xen-netback vif
guest_destroy h
