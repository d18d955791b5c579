#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 64 MiB (1 in a run of "all") through netcat both ways arrive with the same SHA-256: with all
# offloads, with each one off in the guest, at MTU 9000, and written 100 bytes
# at a time.
# lab: timeout 1800
. /mnt/tests/lib.sh

MIB=64 port=6000
[ "$BRIEF" = 0 ] || MIB=1
patience=120 # seconds for one way

# Both sides make the same bytes, so nothing has to be carried for comparing.
# No two places in them are alike: a frame lost, doubled or out of place shows.
data="head -c $((MIB * 1048576)) > /tmp/data < <(seq 1 20000000 || true)"

netcat="nc -N \$1 \$2 < /tmp/data"
small_writes="dd if=/tmp/data bs=100 status=none > /dev/tcp/\$1/\$2"

# to_guest LABEL SENDER [IP]: SENDER is a bash command; the guest listens.
to_guest() {
	local got v=-4 ip=${3:-$(guest_ip g)}
	[[ $ip != *:* ]] || v=-6
	port=$((port + 1))
	guest_start g sum "nc $v -d -l $port | sha256sum | cut -c1-64"
	wait_for 10 "the guest's netcat" guest_run g "grep -qi :$(printf %04X $port) /proc/net/tcp /proc/net/tcp6"
	timeout "$patience" bash -c "$2" - "$ip" $port || fail "$1: dom0 could not send"
	got=$(guest_finish g sum "$patience") || fail "$1: the guest's netcat: $got"
	expect_eq "$1: SHA-256 of what the guest received" "$got" "$sum"
}

# from_guest LABEL SENDER [IP]: the other way round.
from_guest() {
	local receiver out v=-4 ip=${3:-10.77.0.1}
	[[ $ip != *:* ]] || v=-6
	port=$((port + 1))
	nc $v -d -l $port | sha256sum | cut -c1-64 > "$STATE/sum" &
	receiver=$!
	wait_for 10 "netcat" grep -qi ":$(printf %04X $port)" /proc/net/tcp /proc/net/tcp6
	out=$(guest_run -t "$patience" g "bash -c '$2' - $ip $port") || fail "$1: the guest could not send: $out"
	wait $receiver
	expect_eq "$1: SHA-256 of what the guest sent" "$(cat "$STATE/sum")" "$sum"
}

both_ways() {
	local begin
	begin=$(date +%s%N)
	to_guest "$1" "$2"
	from_guest "$1" "$2"
	step "$1: $MIB MiB arrived whole both ways, $((($(date +%s%N) - begin) / 1000000)) ms"
}

start_backend
bridge_up
guest_create g vcpus=2 memory=320
guest_run g "$data"
eval "$data"
sum=$(sha256sum /tmp/data | cut -c1-64)

both_ways "all offloads" "$netcat"
to_guest "IPv6, all offloads" "$netcat" "$(guest_ip6 g)"
from_guest "IPv6, all offloads" "$netcat" fd77:a0::1

fixed=
for offload in tx sg tso gso gro rx; do
	# netfront has some that cannot be switched: that is the guest's own choice.
	before=$(guest_run g "ethtool -k eth0 | grep -v fixed")
	guest_run g "ethtool -K eth0 $offload off" || true
	[ "$before" != "$(guest_run g "ethtool -k eth0 | grep -v fixed")" ] || fixed+=" $offload"
	both_ways "$offload off" "$netcat"
	if [ $offload = tx ]; then # over IPv4, netfront always offloads it
		to_guest "IPv6, tx off" "$netcat" "$(guest_ip6 g)"
		from_guest "IPv6, tx off" "$netcat" fd77:a0::1
	fi
	guest_run g "ethtool -K eth0 tx on sg on tso on gso on gro on; ethtool -K eth0 rx on" > /dev/null || true
done
[ -z "$fixed" ] || step "not switchable in this guest:$fixed"

patience=400 # 671,089 writes
both_ways "100-byte writes" "$small_writes"
patience=120

ip link set xenbr0 mtu 9000
ip link set "$(guest_vif g)" mtu 9000
guest_run g "ip link set eth0 mtu 9000"
ping_clean "$(guest_ip g)" 8900 # 8 KB frames, in one piece
both_ways "MTU 9000" "$netcat"
