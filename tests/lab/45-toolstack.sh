#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What people do with a vif through xl and see with Xen's own tools: rate=, xl
# network-list, xentop, xl pause, the scripts vif-route and vif-nat, and xl save
# and restore. One guest of two queues lives through all of it.
# lab: timeout 300
. /mnt/tests/lib.sh

RATE=8 # Mbit/s

# counters NAME: frames and bytes from the guest and to it, as vifctl has them.
counters() {
	vif_json "$1" | jq -r '[.queues[] | [.from_guest.packets, .from_guest.bytes, .to_guest.packets, .to_guest.bytes]]
		| transpose | map(add) | join(" ")'
}

# xentop_counters NAME: the same as xentop has them; its rx is what it got from the guest.
xentop_counters() {
	xentop -b -i 1 -n | awk -v name="$1" '
		length($2) == 6 && $2 ~ /^[-a-z]+$/ { mine = $1 == name }
		mine && /^Net0 RX:/ { sub(/^Net0 RX:/, ""); gsub(/[^0-9]+/, " "); print $2, $1, $6, $5 }'
}

# xentop_agrees: the guest's and the bridge's own housekeeping may come in between.
xentop_agrees() {
	local before
	before=$(counters g)
	seen=$(xentop_counters g)
	[ "$before" = "$seen" ] && [ "$before" = "$(counters g)" ]
}

# attached: the second vif is up at both ends.
attached() { vif_connected g 1 && guest_run g "net-up; ip addr show eth1 | grep -q 'inet '"; }
detach() {
	xl network-detach g 1 || fail "network-detach: status $?"
	wait_for 20 "the second vif to go" not xenstore-exists "$(guest_backend g 1)"
	wait_for 5 "the second vif's netdev to go" not test -e "/sys/class/net/$(guest_vif g 1)"
	expect_eq "routes to $(guest_ip g 1) that are left" "$(ip route show "$(guest_ip g 1)" | wc -l)" 0
}

start_backend
bridge_up 0
bridge_up 1
guest_create g vcpus=2 vif=bridge=xenbr0,rate=${RATE}Mb/s
wait_for 10 "the vif to connect" vif_connected g
ping_clean "$(guest_ip g)" 1472

# rate= holds what the guest sends, over all its queues. The kernel's backend gives each
# queue that much.
expect_eq "the rate node" "$(xenstore-read "$(guest_backend g)/rate")" "$((RATE * 6250)),50000"
rate=$(iperf "$(guest_ip g)" -R -P 4 -O 1 -t 4)
free=$(iperf "$(guest_ip g)" -t 2)
figure "rate=${RATE}Mb/s: $rate Mbit/s from the guest on $(vif_queues g) queues, $free to it"
if ours; then
	expect_ge "Mbit/s at most at rate=${RATE}Mb/s" $((RATE * 12 / 10)) "$rate"
	# A machine too busy for that much without a limit says nothing of the lower bound.
	[ "$free" -lt $((RATE * 2)) ] || expect_ge "Mbit/s at rate=${RATE}Mb/s" "$rate" $((RATE * 8 / 10))
fi

xl network-list g | tee "$OUT/network-list.txt"
expect_match "xl network-list" "$(tail -n +2 "$OUT/network-list.txt")" \
	"^0 +0 +$(xenstore-read "$(guest_backend g)/mac") +0 +4 +-1 +-1/-1 +$(guest_backend g) *$"

xentop -b -i 1 -n > "$OUT/xentop.txt"
if ours; then
	wait_for 10 "xentop and vifctl to agree" xentop_agrees
	step "xentop and vifctl: $seen"
fi

# Paused under a stream, which goes on.
timeout 60 iperf3 -c "$(guest_ip g)" -t 6 > "$OUT/paused.txt" 2>&1 &
stream=$!
sleep 2
xl pause g
sleep 2
expect_eq "the state of a paused guest's vif" "$(xenstore-read "$(guest_backend g)/state")" 4
xl unpause g
wait $stream || fail "the stream over pause and unpause: $(tail -1 "$OUT/paused.txt")"
ping_clean "$(guest_ip g)" 1472 3
step "paused and unpaused"

# vif-route: a route to the guest, and dom0 answers for whatever is behind it.
ip=$(guest_ip g 1)
xl network-attach g mac=00:16:3e:77:0a:01 script=vif-route ip="$ip" gatewaydev=xenbr1 || fail "network-attach, vif-route: status $?"
wait_for 20 "the routed vif" attached
expect_eq "vif-route's route" "$(route_to "$ip")" "$ip dev $(guest_vif g 1) scope link src 10.77.1.1 metric 2"
ping_clean "$ip" 1472 3
guest_run g "ip route add 10.77.9.1 dev eth1"
ip addr add 10.77.9.1/32 dev lo
guest_ping_clean g 10.77.9.1 1472 3
ip addr del 10.77.9.1/32 dev lo
step "vif-route: TCP $(iperf "$ip" -t 1) Mbit/s"
detach

# vif-nat: the guest's gateway is dom0's end of the vif, at its own address plus 127.
xl network-attach g mac=00:16:3e:77:0a:01 script=vif-nat ip="$ip" || fail "network-attach, vif-nat: status $?"
wait_for 20 "the vif behind vif-nat" attached
gateway=10.77.1.$(($(guest_number g) + 127))
expect_eq "vif-nat's route" "$(route_to "$ip")" "$ip dev $(guest_vif g 1) scope link src $gateway"
guest_ping_clean g "$gateway" 1472 3
ping_clean "$ip" 1472 3
step "vif-nat: TCP $(iperf "$ip" -t 1) Mbit/s"
detach

# Saved, and restored as another domain.
old=$(guest_id g)
xl save g /tmp/g.save > "$OUT/save.txt" 2>&1 || fail "xl save: $(tail -1 "$OUT/save.txt")"
wait_for 10 "the saved guest's backend to go" not xenstore-exists "/local/domain/0/backend/vif/$old"
wait_for 5 "the saved guest's netdev to go" not test -e "/sys/class/net/vif$old.0"
xl restore /tmp/g.save > "$OUT/restore.txt" 2>&1 || fail "xl restore: $(tail -1 "$OUT/restore.txt")"
rm /tmp/g.save
wait_for 20 "the restored guest's console" guest_find g
expect_ge "the restored guest's domid" "$(guest_id g)" $((old + 1))
wait_for 20 "the restored guest's vif" vif_connected g
ping_clean "$(guest_ip g)" 1472
guest_ping_clean g 10.77.0.1 1472
rate=$(iperf "$(guest_ip g)" -R -P 4 -O 1 -t 2)
figure "after xl save and restore: $rate Mbit/s from the guest"
! ours || expect_ge "Mbit/s at most after restore" $((RATE * 12 / 10)) "$rate"
guest_destroy g
