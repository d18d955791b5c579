#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Vifs come and go: attached and detached ten times (three in a run of "all")
# while another one carries traffic, a guest reboots, a guest is destroyed in the
# middle of a TCP stream; nothing is left of any of them.
# lab: timeout 900
. /mnt/tests/lib.sh

# held: what this guest's vifs hold in Xen, in the kernel, in the store and in the daemon.
held() {
	local pid
	echo "mapped grants $(grants_mapped "$(guest_id g)")"
	leftovers | grep -v foreign-grants
	if ours; then
		pid=$(daemon_pid)
		echo "daemon's descriptors $(find "/proc/$pid/fd" -mindepth 1 | wc -l)"
		echo "daemon's threads $(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)"
		echo "daemon's mappings of grants $(grep -c gntdev "/proc/$pid/maps" || true)"
	fi
}
same_as() { diff "$1" <(held) > "$STATE/diff"; }
expect_same() {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		! same_as "$1" || return 0
		sleep 0.3
	done
	fail "$2: $(sed -n 's/^> /now /p; s/^< /was /p' "$STATE/diff" | paste -sd,)"
}
attached() { vif_connected g 1 && guest_run g "net-up; ip addr show eth1 | grep -q 'inet '"; }

start_backend
bridge_up 0
bridge_up 1
guest_create g vcpus=2
wait_for 10 "the vif to connect" vif_connected g
held > "$STATE/one-vif"
cat "$STATE/one-vif"

TIMES=10
[ "$BRIEF" = 0 ] || TIMES=3
# The first vif carries a stream all the while.
timeout 400 iperf3 -c "$(guest_ip g)" -t 380 -b 2M -i 10 > "$OUT/iperf.txt" 2>&1 &
stream=$!
begin=$(date +%s)
for i in $(seq "$TIMES"); do
	xl network-attach g mac=00:16:3e:77:0a:01 bridge=xenbr1 || fail "network-attach $i: status $?"
	wait_for 20 "the attached vif, time $i" attached
	ping_clean "$(guest_ip g 1)" 1472 3
	xl network-detach g 1 || fail "network-detach $i: status $?"
	wait_for 20 "the detached vif to go, time $i" not xenstore-exists "$(guest_backend g 1)"
	expect_same "$STATE/one-vif" "after network-detach $i"
done
step "attached and detached $TIMES times in $(($(date +%s) - begin)) s"
kill -0 $stream 2> /dev/null || fail "the first vif's stream broke: $(tail -1 "$OUT/iperf.txt")"
kill -INT $stream
wait $stream || true
ping_clean "$(guest_ip g)" 1472

old=$(guest_id g)
xl reboot g || fail "xl reboot: status $?"
wait_for 40 "the guest to reboot" not xl domname "$old"
guest_wait g
expect_ge "the rebooted guest's domid" "$(guest_id g)" $((old + 1))
wait_for 10 "the rebooted guest's vif" vif_connected g
ping_clean "$(guest_ip g)" 60000
expect_same "$STATE/one-vif" "after the reboot"
step "rebooted"

for way in '' -R; do
	timeout 60 iperf3 -c "$(guest_ip g)" -P 4 -t 30 $way > /dev/null 2>&1 &
	echo $! >> "$STATE/streams"
	sleep 2
	kill -0 $! || fail "iperf3 did not run"
	guest_destroy g
	kill $! 2> /dev/null || true
	wait $! || true
	if ours; then
		expect_eq "vifs that the daemon still has" "$(vifctl show --json | jq '.vifs | length')" 0
	fi
	guest_create g vcpus=2
done
sleep 2
guest_destroy g
wait_for 10 "everything to go" eval 'leftovers | diff "$STATE/before" -'
