#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest with firmware and emulated devices (HVM): its vif has an emulated twin,
# an e1000 behind a tap of QEMU's; the guest's driver unplugs that and uses ours.
# lab: hvm
# lab: by name
# lab: timeout 400
. /mnt/tests/lib.sh

start_backend
bridge_up
guest_create h type=hvm vcpus=2 memory=256 kernel=/mnt/vmlinuz vif=bridge=xenbr0,type=ioemu,model=e1000 \
	config='vnc=0' config='sdl=0' config='nographic=1' config='serial="file:/tmp/serial"'
wait_for 20 "the vif to connect" vif_connected h
expect_eq "the vif's type" "$(xenstore-read "$(guest_backend h)/type")" vif_ioemu
expect_eq "queues" "$(vif_queues h)" 2
expect_eq "the guest's driver" "$(guest_run h 'basename $(readlink /sys/class/net/eth0/device/driver)')" vif
ping_clean "$(guest_ip h)" 1472
guest_ping_clean h 10.77.0.1 60000
to=$(iperf "$(guest_ip h)" -t 2)
from=$(iperf "$(guest_ip h)" -t 2 -R)
figure "hvm: TCP $to Mbit/s to the guest, $from from it"
guest_destroy h
