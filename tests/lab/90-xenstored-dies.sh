#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# xenstored dies under a guest, and another comes with an empty tree: the guest's
# traffic goes on, the daemon answers, and a second daemon ends instead of waiting.
# What xl knew of the guest is lost, so that nothing can follow in this boot.
# lab: needs xenvifd
# lab: by name
# lab: timeout 300
. /mnt/tests/lib.sh

# The toolstack has nothing to clear up with: the machine is switched off.
trap - EXIT
trap '[ -s "$OUT/reason" ] || echo "line $LINENO: $BASH_COMMAND" > "$OUT/reason"; cp "/var/log/xen/console/guest-g.log" "$OUT/"' ERR

# served: both ways, and the daemon answers.
served() {
	ping_clean "$(guest_ip g)" 1472
	guest_ping_clean g 10.77.0.1 60000
	vifctl_answers > "$OUT/show.$1"
	expect_eq "queues $1" "$(vif_json g | jq '.queues | length')" 2
	step "$1: served"
}

start_daemon
bridge_up
guest_create g vcpus=2
wait_for 20 "the vif to connect" vif_connected g
served "before"
pid=$(daemon_pid)

kill -KILL "$(cat /run/xen/xenstored.pid)"
sleep 5 # several looks for another one
served "without xenstored"
status=0
timeout 20 xenvifd --control /run/xenvifd/second.sock > "$OUT/second.log" 2>&1 || status=$?
expect_eq "a daemon that is started then" "$status" 1
expect_match "its word" "$(cat "$OUT/second.log")" 'xenstore'

rm -rf /var/lib/xenstored/*
/usr/lib/xen-4.17/bin/xenstored --pid-file=/run/xen/xenstored.pid
/usr/lib/xen-4.17/bin/xen-init-dom0 > /dev/null
wait_for 20 "the daemon to find the new xenstored" grep -q 'is back' "$OUT/daemon.log"
sleep 3
served "with an empty xenstore"
expect_eq "the daemon" "$(daemon_pid) $(daemon_runs && echo runs)" "$pid runs"
