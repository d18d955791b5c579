#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# README.md's way into a dom0 whose guest runs on the kernel's backend, and its way
# back, command by command as they stand there; traffic after each.
# lab: needs xenvifd
# lab: by name
# lab: systemd
# lab: package
# lab: timeout 900
. /mnt/tests/lib.sh

# The lab's dom0 has no sudo, and nobody to answer apt's question.
sudo() { "$@"; }
export DEBIAN_FRONTEND=noninteractive
echo 'APT::Get::Assume-Yes "true";' > /etc/apt/apt.conf.d/lab
# In its own folder: the first service to start has all of systemd's start-up behind it, which empties /tmp.
folder=/root/readme
# Nor has a fresh one the programs of this build.
rm /usr/local/bin/{xenvifd,vifctl}
test_end() {
	rm -rf /etc/apt/apt.conf.d/lab $folder
	cp /mnt/bin/{xenvifd,vifctl} /usr/local/bin/
}

# commands BEGIN: those of the first block after the line that begins so.
commands() {
	awk -v begin="$1" 'index($0, begin) == 1 { found = 1 } found && /^```$/ { exit } block { print } found && /^```sh$/ { block = 1 }' \
		/mnt/README.md
}
# follow BEGIN: does them. What each has said is in out.
follow() {
	local line lines
	mapfile -t lines < <(commands "$1")
	expect_ge "commands after \"$1\" in README.md" ${#lines[@]} 4
	for line in "${lines[@]}"; do
		step "$line"
		out=$(eval "$line" 2>&1) || fail "README.md's \"$line\": $(tail -n 1 <<< "$out")"
		echo "$out"
	done
}

# served NAME BY: the guest has network, by the kernel's driver (vif) or none of it.
served() {
	wait_for 30 "$1's vif to connect" vif_connected "$1"
	ping_clean "$(guest_ip "$1")" 1472 3
	guest_ping_clean "$1" 10.77.0.1 1472 3
	expect_eq "the kernel's driver of $1's vif" \
		"$(basename "$(readlink "/sys/bus/xen-backend/devices/vif-$(guest_id "$1")-0/driver" || echo none)")" "$2"
	step "TCP: $(iperf "$(guest_ip "$1")" -t 1) Mbit/s to $1, $(iperf "$(guest_ip "$1")" -R -t 1) from it"
}
gone() { rm -f "$STATE/$1.id" "$STATE/$1.tty"; }

mkdir $folder
cd $folder || exit
cp /mnt/deb/xenvifd_*.deb .
kernel_netback
bridge_up
guest_create k
served k vif
guest_config g vcpus=2
cp "$STATE/g.cfg" guest.cfg

follow "## Installing in dom0"
expect_match "vifctl" "$out" "vif$(xl domid k)\.0"
expect_match "vifctl" "$out" "vif$(xl domid g)\.0"
guest_wait g
served k none
served g none
expect_eq "queues of a guest of two CPUs" "$(vif_json g | jq '.queues | length')" 2
expect_eq "whom systemctl has at work" "$(systemctl is-active xenvifd)" active

follow "**Back to the kernel's backend**"
gone k
guest_wait g
served g vif
! command -v vifctl xenvifd || fail "apt remove has left programs"
guest_destroy g
