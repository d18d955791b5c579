#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Though xen-netback is loaded and takes each new vif, one with the hotplug script
# vif-bridge-xenvifd is on xenvifd from its first day; on the kernel's backend when
# xenvifd is dead, until "vifctl takeover --claimed".
# lab: needs xenvifd
# lab: timeout 400
. /mnt/tests/lib.sh

kernel_netback
bridge_up
guest_create k
wait_for 30 "the kernel's vif" vif_connected k
BESIDE_NETBACK=1 start_daemon

# attach: a second vif of the guest's, with the script that claims.
attach() {
	xl network-attach k bridge=xenbr1 script=vif-bridge-xenvifd || fail "xl network-attach"
	wait_for 30 "the vif to connect" vif_connected k 1
	guest_run k net-up
	ping_clean "$(guest_ip k 1)" 1472 3
}
detach() {
	xl network-detach k 1 || fail "xl network-detach"
	wait_for 20 "the vif to go" not xenstore-exists "$(guest_backend k 1)"
}

cp /mnt/vif-xenvifd /etc/xen/scripts/vif-bridge-xenvifd
bridge_up 1
attach
expect_eq "who has the claimed vif" "$(owner k 1) $(driver k 1)" "xenvifd none"
detach
kill_daemon
attach
expect_eq "who has it without a daemon" "$(driver k 1)" vif
BESIDE_NETBACK=1 start_daemon
vifctl takeover --claimed > "$OUT/claimed.txt" 2>&1 || fail "vifctl takeover --claimed: $(tail -1 "$OUT/claimed.txt")"
expect_eq "who has it in the end" "$(owner k 1) $(driver k 1)" "xenvifd none"
expect_eq "who has the other" "$(owner k) $(driver k)" "xen-netback vif"
ping_clean "$(guest_ip k 1)" 1472 3
detach
guest_destroy k
rm /etc/xen/scripts/vif-bridge-xenvifd
