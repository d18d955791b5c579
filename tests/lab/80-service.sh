#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The package under systemd: installed, and then restarted, killed, hung and
# upgraded under TCP both ways, numbered datagrams both ways, and pings, on two
# guests with two queues each.
# lab: needs xenvifd
# lab: by name
# lab: systemd
# lab: package
# lab: timeout 1200
. /mnt/tests/lib.sh

property() { systemctl show --value -p "$1" xenvifd.service; }
ready() { [ "$(property ActiveState)/$(property SubState)" = active/running ]; }
# restarted PID: another process serves, and says that it is ready.
restarted() { ready && [ "$(property MainPID)" != "$1" ]; }
carried() { cat "/sys/class/net/$(guest_vif "$1")/statistics/$2"; }
seat() {
	local dev
	for g in a b; do
		dev=/sys/class/net/$(guest_vif $g)
		echo "$g ifindex $(cat "$dev/ifindex") carrier changes $(cat "$dev/carrier_changes") port $(cat "$dev/brport/port_no") $(cat "$dev/brport/state")"
	done
}
told() { for g in a b; do xenstore-ls -f "$(guest_backend $g)"; xenstore-ls -f "$(guest_frontend $g)"; done; }
moves() { # GUEST: a good deal more in both directions than a moment ago
	[ "$(carried "$1" rx_bytes)" -gt $((rx[$1] + 500000)) ] && [ "$(carried "$1" tx_bytes)" -gt $((tx[$1] + 500000)) ]
}
# counted: a counter that only goes up, over all queues
counted() { vif_json "$1" | jq '[.queues[].from_guest.packets] | add'; }

dpkg -i /mnt/deb/xenvifd_*.deb > "$OUT/dpkg.log" 2>&1 || fail "dpkg -i: $(tail -1 "$OUT/dpkg.log")"
wait_for 30 "the service, started by its package" ready
vifctl show > /dev/null || fail "vifctl does not reach it: $(vifctl show 2>&1 | head -1)"

bridge_up
guest_create a vcpus=2
guest_create b vcpus=2
for g in a b; do
	wait_for 20 "$g's vif to connect" vif_connected $g
	ping_clean "$(guest_ip $g)" 1472 3
	guest_run $g dmesg > "$STATE/dmesg.$g"
done
told > "$STATE/told"
seat > "$STATE/seat"

LENGTH=${LENGTH:-240}
declare -A rx tx to ping
n=0
for g in a b; do
	iperf3 -s -D -p $((5300 + n)) -I "$STATE/iperf.$g.pid"
	timeout $((LENGTH + 60)) iperf3 -c "$(guest_ip $g)" -t "$LENGTH" > "$OUT/to.$g" 2>&1 &
	to[$g]=$!
	guest_start $g from "iperf3 -c 10.77.0.1 -p $((5300 + n)) -t $LENGTH"
	ping -D -i 0.05 -w "$LENGTH" "$(guest_ip $g)" > "$OUT/ping.$g" 2>&1 &
	ping[$g]=$!
	n=$((n + 1))
done
for g in a b; do
	rx[$g]=0 tx[$g]=0
	wait_for 20 "traffic of $g" moves $g
done

for how in restart SIGKILL watchdog upgrade; do
	# A restart by hand begins to count anew: those after it are systemd's own.
	[ $how != upgrade ] || expect_eq "restarts by systemd (SIGKILL, watchdog)" "$(property NRestarts)" 2
	pid=$(property MainPID) begin=$(date +%s%N)
	for g in a b; do
		kill -0 "${to[$g]}" 2> /dev/null || fail "the streams ended before: $how"
		rx[$g]=$(carried $g rx_bytes) tx[$g]=$(carried $g tx_bytes)
	done
	packets=$(counted a)
	case $how in
	restart) systemctl restart xenvifd ;;
	SIGKILL) kill -KILL "$pid" ;;
	watchdog) kill -STOP "$pid" ;;
	upgrade) dpkg -i /mnt/deb/newer/xenvifd_*.deb > "$OUT/dpkg-upgrade.log" 2>&1 || fail "upgrade: $(tail -1 "$OUT/dpkg-upgrade.log")" ;;
	esac
	wait_for 60 "the daemon to be back after: $how" restarted "$pid"
	back=$((($(date +%s%N) - begin) / 1000000))
	for g in a b; do
		wait_for 60 "$g's streams to go on after: $how" moves $g
	done
	expect_eq "the taps after: $how" "$(seat | paste -sd' ')" "$(paste -sd' ' < "$STATE/seat")"
	[ "$(counted a)" -ge $((packets / 2)) ] || fail "$how: the counters began anew: $(counted a) after $packets"
	figure "$how: ready again after $back ms"
done
expect_match "the version after the upgrade" "$(xenvifd --version)" 'xenvifd [0-9.]+'

for g in a b; do
	wait "${to[$g]}" || fail "the stream to $g: $(tail -1 "$OUT/to.$g")"
	guest_finish $g from $((LENGTH + 60)) > "$OUT/from.$g" || fail "the stream from $g: $(tail -1 "$OUT/from.$g")"
	wait "${ping[$g]}" || true
	figure "$g: $(awk '/receiver/ { print $7, $8 }' "$OUT/to.$g") to it, $(awk '/receiver/ { print $7, $8 }' "$OUT/from.$g") from it; pings: $(grep -o '[0-9.]*% packet loss' "$OUT/ping.$g")"
	# An emulated machine is now and then late; that is not our doing.
	expect_eq "new lines in $g's kernel log" "$(guest_run $g dmesg | diff "$STATE/dmesg.$g" - | sed -n 's/^> //p' | grep -v 'hrtimer: interrupt took' | paste -sd'|')" ''
	kill "$(cat "$STATE/iperf.$g.pid")"
done
told | diff "$STATE/told" - > "$OUT/store.diff" || fail "the store changed: $(grep '^[<>]' "$OUT/store.diff" | paste -sd' ')"
guest_destroy a
guest_destroy b
systemctl stop xenvifd
dpkg --purge xenvifd >> "$OUT/dpkg.log" 2>&1 || fail "dpkg --purge: $(tail -1 "$OUT/dpkg.log")"
