#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Frames larger than the MTU cross as one in both directions, and the checksums
# are right where a real wire would see them.
#
# The wire is a namespace behind a veth on the bridge, whose offloads are off:
# the kernel must cut and sum every frame before it goes there, tcpdump checks
# each sum, and the stack there does, too.
# lab: timeout 300
. /mnt/tests/lib.sh

wire_up() {
	ip netns add wire
	ip link add veth-br type veth peer name veth-wire netns wire
	ip link set veth-br master xenbr0 up
	ip -n wire link set lo up
	ip -n wire link set veth-wire up
	ip -n wire addr add 10.77.0.2/24 dev veth-wire
	ip -n wire addr add fd77:a0::2/64 dev veth-wire nodad
	ethtool -K veth-br tx off sg off tso off gso off gro off
	ip netns exec wire ethtool -K veth-wire rx off tx off sg off tso off gso off gro off
}

# capture_start FILE COMMAND...: tcpdump in the background, listening when this returns.
capture_start() {
	local file=$1
	shift
	"$@" > "$file" 2> "$file.err" &
	capture=$!
	wait_for 10 "tcpdump to listen" grep -q 'listening on' "$file.err"
}
capture_stop() {
	sleep 0.5
	kill -INT "$capture" 2> /dev/null || true
	wait "$capture" || true
}

# big_frames FILE SOURCE: how many TCP frames of that address carry more than the MTU.
big_frames() { awk -v from="$2" '{ for (i = 1; i < NF; i++) if ($i == "length" && $(i + 1) + 0 > 1500 && index($0, from)) { n++; break } } END { print n + 0 }' "$1"; }

sums() { # of a netns' TCP: segments thrown away for a wrong checksum
	ip netns exec "$1" nstat -az TcpInCsumErrors TcpInErrs | awk '/^Tcp/ { n += $2 } END { print n + 0 }'
}

start_backend
bridge_up
guest_create g vcpus=2
wire_up

for v in 4 6; do
	if [ $v = 4 ]; then
		ip=$(guest_ip g)
	else
		ip=$(guest_ip6 g)
	fi
	! ours || before=$(vif_json g)

	# On the tap, between dom0's stack and the guest's.
	capture_start "$OUT/tap$v.txt" tcpdump -n -l -c 4000 -s 128 -i "$(guest_vif g)" "tcp or ip6 proto 6"
	iperf "$ip" -t 1 > /dev/null
	iperf "$ip" -t 1 -R > /dev/null
	capture_stop
	to=$(big_frames "$OUT/tap$v.txt" "> $ip.")
	from=$(big_frames "$OUT/tap$v.txt" "$ip.")
	from=$((from - to))
	figure "IPv$v: $to frames above the MTU to the guest, $from from it, of $(wc -l < "$OUT/tap$v.txt") seen on the tap"
	expect_ge "IPv$v: frames above the MTU to the guest" "$to" 10
	expect_ge "IPv$v: frames above the MTU from the guest" "$from" 10
	if ours; then
		after=$(vif_json g)
		for way in from_guest to_guest; do
			gso=$(jq -n --argjson a "$before" --argjson b "$after" "[\$b.queues[].$way.gso_packets] - [] | add - ([\$a.queues[].$way.gso_packets] | add)")
			expect_ge "IPv$v: gso_packets $way" "$gso" 10
		done
	fi

	# On the wire: nothing above the MTU, and every checksum right.
	capture_start "$OUT/wire$v.txt" ip netns exec wire tcpdump -n -l -vv -c 4000 -s 0 -i veth-wire "tcp or ip6 proto 6"
	ip netns exec wire timeout 30 iperf3 -c "$ip" -t 1 > /dev/null
	ip netns exec wire timeout 30 iperf3 -c "$ip" -t 1 -R > /dev/null
	capture_stop
	wrong=$(grep -c 'cksum.*incorrect' "$OUT/wire$v.txt" || true)
	right=$(grep -c 'cksum.*(correct)' "$OUT/wire$v.txt" || true)
	figure "IPv$v: $right TCP checksums right on the wire, $wrong wrong"
	expect_eq "IPv$v: wrong checksums on the wire" "$wrong" 0
	expect_ge "IPv$v: checksums looked at" "$right" 100
	rm "$OUT/wire$v.txt"
done
expect_eq "segments with a wrong checksum in the wire's stack" "$(sums wire)" 0
expect_eq "segments with a wrong checksum in the guest's stack" \
	"$(guest_run g "nstat -az TcpInCsumErrors TcpInErrs | awk '/^Tcp/ { n += \$2 } END { print n + 0 }'")" 0
