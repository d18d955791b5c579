#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# xl migrate of a PVH guest to this same host, as it is pinged: it is another domain then,
# with another vif, connected, and reached at the old address. (A PV guest can't be
# migrated here: Debian's Xen has no shadow paging, and ends with "Failed to enable
# logdirty" before any backend has a part in it.)
# lab: hvm
# lab: by name
# lab: timeout 600
. /mnt/tests/lib.sh

start_backend
bridge_up
guest_create m type=pvh vcpus=1 queues=2 memory=128 initrd=/lab/small
wait_for 20 "the vif to connect" vif_connected m
ping_clean "$(guest_ip m)" 1472 3
old=$(guest_id m) queues=$(vif_queues m)
ping -D -i 0.5 "$(guest_ip m)" > "$OUT/ping" 2>&1 &
ping=$!
begin=$(date +%s)
# Without ssh: the other end is a command of its own.
timeout 400 xl migrate -s '' m 'xl migrate-receive' > "$OUT/migrate.txt" 2>&1 || fail "xl migrate: status $?, $(tail -1 "$OUT/migrate.txt")"
step "migrated"
wait_for 20 "the old backend to go" not xenstore-exists "/local/domain/0/backend/vif/$old"
wait_for 5 "the old netdev to go" not test -e "/sys/class/net/vif$old.0"
wait_for 30 "the new console" guest_find m
expect_ge "the new domid" "$(guest_id m)" $((old + 1))
wait_for 60 "the new vif to connect" vif_connected m
expect_eq "queues" "$(vif_queues m)" "$queues"
ping_clean "$(guest_ip m)" 1472 3
guest_run m true || fail "the guest takes no commands"
kill -INT $ping
wait $ping 2> /dev/null || true
figure "xl migrate: $(($(date +%s) - begin)) s, $(silence "$OUT/ping") ms without an answer"
guest_destroy m
