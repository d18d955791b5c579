#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vifctl capture on a vif of an unmodified guest: frames of both directions, large
# ones whole, none that is not accounted for; and an end with the guest's.
# lab: timeout 240
# lab: needs xenvifd
. /mnt/tests/lib.sh

# capture_begin FILE OPTION...: in the background, capturing when this returns.
capture_begin() {
	local file=$1
	shift
	vifctl capture "$(guest_vif g)" -w "$file" "$@" > "$file.said" 2>&1 &
	capture=$!
	wait_for 10 "the capture to begin" test -s "$file"
}
# capture_end STATUS: what it ends with.
capture_end() {
	local status=0
	wait "$capture" || status=$?
	expect_eq "exit status of vifctl capture" $status "$1"
}

moved() { vif_json g | jq '[.queues[] | .from_guest.packets, .to_guest.packets] | add'; }

# comments FILE EXTENDED-REGEX: how many frames have one.
comments() { { grep -aoE -- "$2" "$1" || true; } | wc -l; }

# readable FILE FRAMES: tcpdump takes it, and finds so many.
readable() {
	local n
	n=$(tcpdump -nn -r "$1" 2> "$1.err" | grep -c '^[0-9][0-9]:')
	expect_eq "frames that tcpdump reads" "$n" "$2"
}

start_backend
bridge_up
guest_create g vcpus=2
ip=$(guest_ip g)

least=$(moved)
file=$OUT/both.pcapng
capture_begin "$file" -s 128 --json
begun=$(moved)
iperf "$ip" -t 1 > /dev/null
iperf "$ip" -t 1 -R > /dev/null
ping_clean "$ip" 1000
done=$(moved)
kill -INT "$capture"
capture_end 0
most=$(moved)
frames=$(jq .frames "$file.said") missed=$(jq .missed "$file.said")
figure "$frames frames captured, $missed missed"
readable "$file" "$frames"
expect_ge "frames captured and missed" $((frames + missed)) $((done - begun))
expect_ge "frames that there were" $((most - least)) $((frames + missed))
for way in from-guest to-guest; do
	large=$(comments "$file" "$way index=[0-9]+ slots=[0-9]+ extras=1 gso=tcpv4:[0-9]+ csum_blank data_validated response=okay")
	small=$(comments "$file" "$way index=[0-9]+ slots=[0-9]+ extras=0 ")
	figure "$way: $large GSO frames, $small others"
	expect_ge "GSO frames $way" "$large" 10
	expect_ge "frames without GSO $way" "$small" 10
done
rm "$file"

# A frame that the tap does not take says so.
file=$OUT/lost.pcapng
capture_begin "$file" --direction from-guest
ip link set "$(guest_vif g)" down
guest_run g "ping -c 2 -i 0.2 -W 1 10.77.0.1" > /dev/null || true
ip link set "$(guest_vif g)" up
kill -INT "$capture"
capture_end 0
expect_ge "frames lost at the tap" "$(comments "$file" "from-guest [^,]* response=okay lost=drop_tap_down")" 1

# It ends with the guest, and the daemon's end does not spoil the file.
file=$OUT/gone.pcapng
capture_begin "$file" --json
ping_clean "$ip" 56
guest_destroy g
capture_end 0
expect_match "why it ended" "$(jq -r .end "$file.said")" "queues of the vif have ended"
readable "$file" "$(jq .frames "$file.said")"

guest_create g
ip=$(guest_ip g)
file=$OUT/killed.pcapng
capture_begin "$file"
ping_clean "$ip" 56
sleep 0.1
kill_daemon
capture_end 1
expect_match "what it says" "$(cat "$file.said")" "the daemon has ended"
expect_ge "echoes in its file" "$(tcpdump -nn -r "$file" icmp 2> /dev/null | wc -l)" 20
start_daemon
wait_for 10 "the vif to be served again" vif_connected g
ping_clean "$ip" 56
