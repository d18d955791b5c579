#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two guests talk to each other through the bridge; one of them has a second
# vif on another bridge and uses both, at the same time too.
# lab: timeout 300
. /mnt/tests/lib.sh

between() {
	guest_run a "iperf3 -J -c $1 -t 2 $2" | jq -r '.end.sum_received.bits_per_second / 1e6 | floor'
}

start_backend
bridge_up 0
bridge_up 1
guest_create a vcpus=2
guest_create b vcpus=2 vif=bridge=xenbr0 vif=bridge=xenbr1

for ip in "$(guest_ip b)" "$(guest_ip6 b)"; do
	for size in 56 1472 8000 60000; do
		guest_ping_clean a "$ip" $size
	done
done
guest_ping_clean b "$(guest_ip a)" 1472
rate4=$(between "$(guest_ip b)")
back4=$(between "$(guest_ip b)" -R)
rate6=$(between "$(guest_ip6 b)")
figure "guest to guest: $rate4 Mbit/s, $back4 back, $rate6 over IPv6"
for rate in "$rate4" "$back4" "$rate6"; do
	expect_ge "guest to guest, Mbit/s" "$rate" 1 # 3 to 170, as the emulation has CPUs
done

wait_for 10 "the second vif" vif_connected b 1
ping_clean "$(guest_ip b 1)" 1472
guest_ping_clean b 10.77.1.1 60000
guest_run b "iperf3 -s -D -p 5202"
count() { cat "/sys/class/net/$(guest_vif b "$1")/statistics/$2"; }
rx0=$(count 0 rx_bytes) tx0=$(count 0 tx_bytes) rx1=$(count 1 rx_bytes) tx1=$(count 1 tx_bytes)
iperf "$(guest_ip b 0)" -t 3 > "$STATE/first" &
first=$!
second=$(iperf "$(guest_ip b 1)" -p 5202 -t 3 -R)
wait $first
figure "two vifs of one guest at once: $(cat "$STATE/first") Mbit/s to it on the first, $second from it on the second"
expect_ge "bytes to the guest on its first vif" $(($(count 0 tx_bytes) - tx0)) 1000000
expect_ge "bytes from the guest on its second vif" $(($(count 1 rx_bytes) - rx1)) 1000000
expect_ge "acknowledgements from the guest on its first vif" $(($(count 0 rx_bytes) - rx0)) 1000
expect_ge "acknowledgements to the guest on its second vif" $(($(count 1 tx_bytes) - tx1)) 1000
if ours; then
	for i in 0 1; do
		expect_eq "state of b's vif $i" "$(vif_json b $i | jq -r .state)" Connected
	done
fi
