#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Twenty guests created at once: all their vifs connect, each is reached, all go
# at once, and nothing is left of them.
# lab: by name
# lab: timeout 900
. /mnt/tests/lib.sh

COUNT=${COUNT:-20}
all=$(seq -f g%g "$COUNT")

# of_all COMMAND...: it, with each guest's name behind it, at once for all.
of_all() {
	local name pids=() pid bad=0
	for name in $all; do
		"$@" "$name" > "$OUT/$1.$name" 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || bad=$((bad + 1))
	done
	[ $bad = 0 ] || fail "$1: $bad of $COUNT guests: $(tail -qn1 "$OUT/$1".* | sort | uniq -c | sort -rn | head -1)"
}
create() { xl create "$STATE/$1.cfg"; }

start_backend
bridge_up
for name in $all; do
	guest_config "$name" memory=96 initrd=/lab/small
done
begin=$(date +%s)
of_all create
step "all created"
for name in $all; do
	guest_wait "$name"
done
booted=$(date +%s)
for name in $all; do
	wait_for 30 "vif of $name to connect" vif_connected "$name"
	ping_clean "$(guest_ip "$name")" 1472 2
done
! ours || expect_eq "vifs that are Connected" "$(vifctl show --json | jq '[.vifs[] | select(.state == "Connected")] | length')" "$COUNT"
figure "$COUNT guests: up in $((booted - begin)) s, each reached in $(($(date +%s) - booted)) s more"
begin=$(date +%s)
of_all guest_destroy
! ours || expect_eq "vifs that the daemon still has" "$(vifctl show --json | jq '.vifs | length')" 0
figure "$COUNT guests: destroyed in $(($(date +%s) - begin)) s"
