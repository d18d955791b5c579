#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A running guest's vif goes from the kernel's xen-netback to xenvifd and back,
# under TCP streams both ways on two queues; SIGKILL while xenvifd has it; what is
# refused; and xen-netback is unloaded under the guest.
# lab: needs xenvifd
# lab: timeout 600
. /mnt/tests/lib.sh

port() { basename "$(readlink "/sys/class/net/$(guest_vif k)/master")"; }

# refused STATUS REGEX WORD...: vifctl ends with that status and says that.
refused() {
	local status=0 wanted=$1 text=$2 said
	shift 2
	said=$(vifctl "$@" 2>&1) || status=$?
	expect_eq "status of vifctl $*" "$status" "$wanted"
	expect_match "vifctl $*" "$said" "$text"
}

# moved VERB OWNER DRIVER: the vif changes hands under the streams, which go on.
moved() {
	local verb=$1 begin rx tx
	kill -0 $to 2> /dev/null || fail "the stream to the guest ended before $verb: $(tail -1 "$OUT/to-guest.txt")"
	ping -D -i 0.1 "$(guest_ip k)" > "$OUT/ping.$verb" 2>&1 &
	local ping=$!
	sleep 1
	begin=$(date +%s%N)
	vifctl "$verb" "$vif" >> "$OUT/moves.txt" 2>&1 || fail "vifctl $verb: status $?, $(tail -1 "$OUT/moves.txt")"
	step "$(tail -1 "$OUT/moves.txt")"
	expect_eq "who has it after $verb" "$(owner k) $(driver k)" "$2 $3"
	expect_eq "its bridge" "$(port)" xenbr0
	expect_eq "states" "$(xenstore-read "$(guest_backend k)/state" "$(guest_frontend k)/state" | paste -sd' ')" "4 4"
	rx=$(carried k rx_bytes) tx=$(carried k tx_bytes)
	wait_for 90 "both streams to go on after $verb" carries_more k 200000 "$rx" "$tx"
	begin=$((($(date +%s%N) - begin) / 1000000))
	kill -INT $ping
	wait $ping 2> /dev/null || true
	figure "$verb: $(sed -n '$s/.*took //p' "$OUT/moves.txt") for vifctl, $(silence "$OUT/ping.$verb") ms of silence, $begin ms until both streams carry again"
}

kernel_netback
bridge_up
guest_create k vcpus=2
wait_for 30 "the kernel's vif" vif_connected k
vif=$(guest_vif k)
BESIDE_NETBACK=1 start_daemon
expect_eq "queues" "$(vif_queues k)" 2
guest_mark k

refused 1 'there is no vif77.0' takeover vif77.0
refused 1 'xen-netback serves it already' giveback "$vif"
refused 2 'wants vifs' takeover
said=$(setpriv --reuid=65534 --clear-groups vifctl takeover "$vif" 2>&1) && fail "a user may take vifs over"
expect_match "vifctl takeover as a user" "$said" "only root"

iperf3 -s -D -I "$STATE/iperf.pid"
timeout 590 iperf3 -c "$(guest_ip k)" -t 560 -b 2M -l 1400 -i 1 --forceflush > "$OUT/to-guest.txt" 2>&1 &
to=$!
guest_start k stream "iperf3 -c 10.77.0.1 -t 560 -b 2M -l 1400 > /tmp/stream.txt 2>&1"
wait_for 20 "traffic" carries_more k 200000 0 0
moved takeover xenvifd none
expect_eq "queues here" "$(vif_json k | jq '.queues | length')" 2
expect_eq "reason" "$(vif_json k | jq -r .reason)" null
refused 1 'xenvifd serves it already' takeover "$vif"

# Nobody keeps a list: the next daemon knows that the vif is its own.
kill_daemon
rx=$(carried k rx_bytes) tx=$(carried k tx_bytes)
BESIDE_NETBACK=1 start_daemon
wait_for 90 "both streams to go on after SIGKILL" carries_more k 200000 "$rx" "$tx"
expect_eq "who has it after SIGKILL" "$(owner k) $(driver k)" "xenvifd none"
expect_eq "its bridge after SIGKILL" "$(port)" xenbr0

moved giveback xen-netback vif
kill -0 $to || fail "the stream to the guest ended: $(tail -1 "$OUT/to-guest.txt")"
expect_eq "iperf3 in the guest, and its errors" "$(guest_run k 'pidof iperf3 | wc -w; grep -c error /tmp/stream.txt || true' | paste -sd' ')" "2 0"
guest_quiet k
kill $to
wait $to 2> /dev/null || true
kill "$(cat "$STATE/iperf.pid")"
ping_clean "$(guest_ip k)" 1472 3

# Once all of them are here, the module can go.
vifctl takeover --all >> "$OUT/moves.txt" 2>&1 || fail "vifctl takeover --all: $(tail -1 "$OUT/moves.txt")"
rmmod xen-netback || fail "xen-netback can't be unloaded"
ping_clean "$(guest_ip k)" 1472 3
refused 1 'not loaded' giveback "$vif"
guest_destroy k
