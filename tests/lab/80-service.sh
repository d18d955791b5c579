#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The package under systemd: installed, and then restarted, killed, hung and
# upgraded under TCP both ways, numbered datagrams both ways, and pings, on two
# guests with two queues each.
# lab: needs xenvifd
# lab: by name
# lab: systemd
# lab: package
# lab: timeout 2000
. /mnt/tests/lib.sh

property() { systemctl show --value -p "$1" xenvifd.service; }
ready() { [ "$(property ActiveState)/$(property SubState)" = active/running ]; }
# restarted PID: another process serves, and says that it is ready.
restarted() { ready && [ "$(property MainPID)" != "$1" ]; }
seat() {
	local dev
	for g in a b; do
		dev=/sys/class/net/$(guest_vif $g)
		echo "$g ifindex $(cat "$dev/ifindex") carrier changes $(cat "$dev/carrier_changes") port $(cat "$dev/brport/port_no") $(cat "$dev/brport/state")"
	done
}
told() { for g in a b; do xenstore-ls -f "$(guest_backend $g)"; xenstore-ls -f "$(guest_frontend $g)"; done; }
moves() { carries_more "$1" 100000 "${rx[$1]}" "${tx[$1]}"; } # more than a moment ago
# counted: a counter that only goes up, over all queues
counted() { vif_json "$1" | jq '[.queues[].from_guest.packets] | add'; }

# installed DEB: as an administrator does it.
installed() { apt-get -q -y install "$1" >> "$OUT/apt.log" 2>&1 || fail "apt-get install $1: $(tail -1 "$OUT/apt.log")"; }
installed /mnt/deb/xenvifd_*.deb
wait_for 30 "the service, started by its package" ready
systemctl start xenvifd-devd 2> /dev/null || true
expect_eq "the driver domain's unit in dom0" "$(systemctl is-active xenvifd-devd || true)" inactive
expect_match "its word there" "$(journalctl -q -b -u xenvifd-devd)" 'this is dom0'
expect_eq "the unit of its modules" "$(systemctl is-active xenvifd-modules.service)" active
vifctl show > /dev/null || fail "vifctl does not reach it: $(vifctl show 2>&1 | head -1)"

bridge_up
guest_create a vcpus=2
guest_create b vcpus=2
for g in a b; do
	wait_for 20 "$g's vif to connect" vif_connected $g
	ping_clean "$(guest_ip $g)" 1472 3
	guest_mark $g
done
expect_eq "no new privileges, and system calls filtered" \
	"$(awk '/^NoNewPrivs|^Seccomp:/ { print $2 }' "/proc/$(property MainPID)/status" | paste -sd' ')" "1 2"
expect_ge "lines of a's vif in the journal, by its domain" "$(journalctl -q -b XENVIFD_DOMID="$(guest_id a)" | wc -l)" 2
pid=$(property MainPID)
systemctl reload xenvifd || fail "systemctl reload: status $?"
expect_eq "the daemon after a reload" "$(property MainPID)" "$pid"
wait_for 25 "the status to tell of both guests" eval '[ "$(property StatusText)" = "2 vifs, 4 queues" ]'
told > "$STATE/told"
seat > "$STATE/seat"

# What dom0's CPUs have to spare, so that what is seen is the restart and not their load: a
# client that looks a thousand times a second whether it may send takes most of one.
# With 2 Mbit/s and 20 datagrams a second each, the emulated machine was full: pings
# took 1.7 s, and a guest's receiver fell so far behind that its socket overflowed.
PACED="--pacing-timer 10000"
STREAM="-b 512K -l 8K $PACED"
LENGTH=${LENGTH:-900}
# Late datagrams come all at once, to a receiver that may not have run for half a minute.
buffers='for i in rmem_max wmem_max rmem_default; do echo 4194304 > /proc/sys/net/core/$i; done'
for g in a b; do guest_run $g "$buffers"; done
eval "$buffers"
# 10 numbered datagrams a second; whoever receives them counts what is missing, by the second.
numbered="-u -b 8K -l 100 -w 2M $PACED"
declare -A rx tx stream
n=0
for g in a b; do
	iperf3 -s -D -p $((5300 + n)) -I "$STATE/iperf.$g.pid"
	iperf3 -s -D -p $((5310 + n)) -I "$STATE/udp.$g.pid" --timestamps='%s ' --forceflush --logfile "$OUT/udp-from.$g"
	guest_run $g "iperf3 -s -D -p 5310 --timestamps='%s ' --forceflush --logfile /tmp/udp-to"
	# shellcheck disable=SC2086 # options
	timeout $((LENGTH + 60)) iperf3 -c "$(guest_ip $g)" $STREAM -t "$LENGTH" > "$OUT/to.$g" 2>&1 &
	stream[$g to]=$!
	# shellcheck disable=SC2086 # options
	timeout $((LENGTH + 60)) iperf3 -c "$(guest_ip $g)" -p 5310 $numbered -t "$LENGTH" > "$OUT/udp-sent.$g" 2>&1 &
	stream[$g udp]=$!
	ping -D -i 0.2 -w "$LENGTH" "$(guest_ip $g)" > "$OUT/ping.$g" 2>&1 &
	stream[$g ping]=$!
	guest_start $g from "iperf3 -c 10.77.0.1 -p $((5300 + n)) $STREAM -t $LENGTH"
	guest_start $g udp "iperf3 -c 10.77.0.1 -p $((5310 + n)) $numbered -t $LENGTH"
	n=$((n + 1))
done
for g in a b; do
	rx[$g]=0 tx[$g]=0
	wait_for 60 "traffic of $g" moves $g
	# The guest looks for itself: dom0 has no CPU to spare for asking it often.
	guest_run -t 150 $g "until grep -q ' 0/[1-9]' /tmp/udp-to; do sleep 2; done" || fail "no datagrams to $g"
	wait_for 150 "datagrams from $g" grep -q ' 0/[1-9]' "$OUT/udp-from.$g"
done

# silence_of GUEST BEGIN END: the longest time between two answers to pings, in ms.
silence_of() {
	awk -v from="$2" -v to="$3" -F'[][]' '/icmp_seq/ && !/DUP/ && $2 >= from - 1 && $2 <= to + 5 {
		if (last && $2 - last > most) most = $2 - last
		last = $2 } END { print int(most * 1000) }' "$OUT/ping.$1"
}
# missing FILE BEGIN END: datagrams that its receiver missed meanwhile, and seconds that it told of.
missing() {
	awk -v from="$2" -v to="$3" '$1 >= from - 1 && $1 <= to + 8 && !/receiver/ {
		for (i = 1; i <= NF; i++) if ($i ~ /^-?[0-9]+\/[0-9]+$/) { split($i, n, "/"); lost += n[1]; seconds++ } }
		END { print lost + 0, seconds + 0 }' "$1"
}

: > "$STATE/events"
for how in restart restart restart SIGKILL SIGKILL SIGKILL watchdog upgrade; do
	# A restart by hand begins to count anew: those after it are systemd's own.
	[ $how != upgrade ] || expect_eq "restarts by systemd (SIGKILL, watchdog)" "$(property NRestarts)" 4
	pid=$(property MainPID) begin=$(date +%s%N)
	for g in a b; do
		kill -0 "${stream[$g to]}" 2> /dev/null || fail "the streams ended before: $how"
		rx[$g]=$(carried $g rx_bytes) tx[$g]=$(carried $g tx_bytes)
	done
	packets=$(counted a)
	case $how in
	restart) systemctl restart xenvifd ;;
	SIGKILL) kill -KILL "$pid" ;;
	watchdog) kill -STOP "$pid" ;;
	upgrade) installed /mnt/deb/newer/xenvifd_*.deb ;;
	esac
	wait_for 60 "the daemon to be back after: $how" restarted "$pid"
	end=$(date +%s%N)
	for g in a b; do
		wait_for 60 "$g's streams to go on after: $how" moves $g
	done
	expect_eq "the taps after: $how" "$(seat | paste -sd' ')" "$(paste -sd' ' < "$STATE/seat")"
	[ "$(counted a)" -ge $((packets / 2)) ] || fail "$how: the counters began anew: $(counted a) after $packets"
	step "$how: ready again after $(((end - begin) / 1000000)) ms"
	echo "$how $begin $end" >> "$STATE/events"
	sleep 3
done
expect_match "the version after the upgrade" "$(dpkg-query -W -f '${Version}' xenvifd)" '[+]next$'

for g in a b; do
	wait "${stream[$g to]}" || fail "the stream to $g: $(tail -1 "$OUT/to.$g")"
	wait "${stream[$g udp]}" || fail "the datagrams to $g: $(tail -1 "$OUT/udp-sent.$g")"
	guest_finish $g from $((LENGTH + 60)) > "$OUT/from.$g" || fail "the stream from $g: $(tail -1 "$OUT/from.$g")"
	guest_finish $g udp 150 > "$OUT/udp-sent-from.$g" || fail "the datagrams from $g: $(tail -1 "$OUT/udp-sent-from.$g")"
	guest_run $g "cat /tmp/udp-to" > "$OUT/udp-to.$g"
	wait "${stream[$g ping]}" || true
	figure "$g: $(awk '/receiver/ { print $7, $8 }' "$OUT/to.$g") to it, $(awk '/receiver/ { print $7, $8 }' "$OUT/from.$g") from it;" \
		"datagrams missing $(awk '/receiver/ { print $(NF - 2) }' "$OUT/udp-sent.$g") and $(awk '/receiver/ { print $(NF - 2) }' "$OUT/udp-sent-from.$g");" \
		"pings: $(grep -o '[0-9.]*% packet loss' "$OUT/ping.$g")"
	guest_quiet $g
	kill "$(cat "$STATE/iperf.$g.pid")" "$(cat "$STATE/udp.$g.pid")"
done
while read -r how begin end; do
	begin=${begin::-9} end=${end::-9}
	for g in a b; do
		read -r to told_to <<< "$(missing "$OUT/udp-to.$g" "$begin" "$end")"
		read -r from told_from <<< "$(missing "$OUT/udp-from.$g" "$begin" "$end")"
		[ "$told_to" -ge 5 ] && [ "$told_from" -ge 5 ] || fail "$how: of $told_to and $told_from seconds the receivers told"
		# One batch a queue, and a stream is on one of them.
		[ $how != SIGKILL ] || expect_ge "datagrams that SIGKILL may cost a stream of $g" 64 $((to > from ? to : from))
		echo "$how $(silence_of $g "$begin" "$end") $to $from"
	done
done < "$STATE/events" > "$OUT/gaps"
for how in restart SIGKILL watchdog upgrade; do
	gaps=$(awk -v how=$how '$1 == how { print $2 }' "$OUT/gaps" | sort -n | paste -sd' ')
	read -r to from <<< "$(awk -v how=$how '$1 == how { a += $3; b += $4 } END { print a, b }' "$OUT/gaps")"
	figure "$how: silence in ms: $gaps; datagrams missing: $to to the guests, $from from them"
	case $how in
	restart | upgrade) expect_eq "datagrams missing over: $how" "$to $from" "0 0" ;;
	esac
done
told | diff "$STATE/told" - > "$OUT/store.diff" || fail "the store changed: $(grep '^[<>]' "$OUT/store.diff" | paste -sd' ')"
guest_destroy a
guest_destroy b
systemctl stop xenvifd
apt-get -q -y purge xenvifd >> "$OUT/apt.log" 2>&1 || fail "apt-get purge: $(tail -1 "$OUT/apt.log")"
