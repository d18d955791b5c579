#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL of the daemon five times (KILLS) under TCP streams both ways, restarted
# each time: the streams go on, the guest's kernel log says nothing, nothing in
# the store changes, and the tap stays where it is.
# lab: needs xenvifd
# lab: timeout 500
. /mnt/tests/lib.sh

# Of the streams, in seconds; they may be paced (RATE). Under emulation one kill and what is looked at take ten, or more beside other load.
LENGTH=${LENGTH:-90} KILLS=${KILLS:-5} RATE=${RATE:-}

# told: what the store says of the guest's vif, both ends.
told() {
	xenstore-ls -f "$(guest_backend g)"
	xenstore-ls -f "$(guest_frontend g)"
}
# seat: what the bridge and the rest of the host know the tap by.
seat() {
	local dev
	dev=/sys/class/net/$(guest_vif g)
	echo "ifindex $(cat "$dev/ifindex") port $(cat "$dev/brport/port_no") of $(basename "$(readlink "$dev/master")")" \
		"address $(cat "$dev/address") mtu $(cat "$dev/mtu")"
}

start_daemon
bridge_up
guest_create g vcpus=2
wait_for 10 "the vif to connect" vif_connected g
ping_clean "$(guest_ip g)" 1472

xenstore-watch "$(guest_backend g)" "$(guest_frontend g)" > "$OUT/watch.txt" 2>&1 &
watcher=$!
wait_for 5 "the watch" test -s "$OUT/watch.txt"
sleep 0.5
watched=$(wc -l < "$OUT/watch.txt")
told > "$STATE/told"
seat > "$STATE/seat"
guest_mark g

iperf3 -s -D -I "$STATE/iperf.pid"
# shellcheck disable=SC2086 # options
timeout $((LENGTH + 60)) iperf3 -c "$(guest_ip g)" $RATE -t "$LENGTH" -i 1 --forceflush > "$OUT/to-guest.txt" 2>&1 &
to=$!
guest_start g stream "iperf3 -c 10.77.0.1 $RATE -t $LENGTH -i 1 --forceflush"
wait_for 60 "traffic" carries_more g 1000000 0 0

gaps=''
for i in $(seq "$KILLS"); do
	kill -0 $to 2> /dev/null || fail "the streams ended before SIGKILL $i: $(tail -1 "$OUT/to-guest.txt")"
	kill_daemon
	expect_eq "the tap while no daemon runs ($i)" "$(seat)" "$(cat "$STATE/seat")"
	rx=$(carried g rx_bytes) tx=$(carried g tx_bytes) begin=$(date +%s%N)
	start_daemon
	wait_for 60 "both streams to go on after SIGKILL $i" carries_more g 1000000 "$rx" "$tx"
	gaps+="$((($(date +%s%N) - begin) / 1000000))"$'\n'
	expect_eq "the tap after restart $i" "$(seat)" "$(cat "$STATE/seat")"
	sleep 2
done
gaps=$(sort -n <<< "${gaps%$'\n'}")
figure "both streams carry again after (ms): ${gaps%%$'\n'*} at best, $(median <<< "$gaps") p50, ${gaps##*$'\n'} at most, of $KILLS"

kill -0 $to 2> /dev/null || fail "the streams ended before the last look: $(tail -1 "$OUT/to-guest.txt")"
wait $to || fail "the stream to the guest: $(tail -1 "$OUT/to-guest.txt")"
guest_finish g stream $((LENGTH + 60)) > "$OUT/from-guest.txt" || fail "the stream from the guest: $(tail -1 "$OUT/from-guest.txt")"
figure "$LENGTH s with $KILLS restarts: $(awk '/receiver/ { print $7, $8 }' "$OUT/to-guest.txt") to the guest, $(awk '/receiver/ { print $7, $8 }' "$OUT/from-guest.txt") from it"

guest_quiet g
told | diff "$STATE/told" - > "$OUT/store.diff" || fail "the store changed: $(grep '^[<>]' "$OUT/store.diff" | paste -sd' ')"
expect_eq "writes seen in the store" "$(tail -n +$((watched + 1)) "$OUT/watch.txt" | paste -sd' ')" ''
kill $watcher
wait $watcher 2> /dev/null || true
kill "$(cat "$STATE/iperf.pid")"
ping_clean "$(guest_ip g)" 60000
