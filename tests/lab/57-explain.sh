#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vifctl explain names the true cause of each of eight faults, as JSON and as text,
# and what it says is to be done about it helps. One guest has them all, one after
# another; where its driver must misbehave, a program in the guest is the frontend.
# lab: needs xenvifd
# lab: timeout 500
. /mnt/tests/lib.sh

scripts=/etc/xen/scripts
unbind='echo vif-0 > /sys/bus/xen/drivers/vif/unbind'

# image: the guests' initrd, with what is a frontend in place of netfront.
image() {
	local work=/tmp/front program file
	mkdir -p $work/usr/bin $work/lib
	for program in /usr/local/bin/xenvif-guest /usr/bin/xenstore-write; do
		cp "$program" $work/usr/bin/
		for file in $(ldd "$program" | grep -o '/[^ ]*'); do
			mkdir -p "$work${file%/*}"
			cp -L "$file" "$work$file"
		done
	done
	cp "/lib/modules/$(uname -r)"/kernel/drivers/xen/xen-{evtchn,gntalloc}.ko $work/lib/
	cat /lab/initrd
	(cd $work && find . | busybox cpio -o -H newc)
	rm -rf $work
}
test_end() {
	xl unpause g || true
	rm -rf /tmp/front.initrd /tmp/explain.conf $scripts/vif-fails
}

# found I CAUSE: the first cause of the guest's vif I, in json; text has its words, too.
found() {
	local vif
	vif=$(guest_vif g "$1")
	text=$(vifctl explain "$vif")
	json=$(vifctl explain "$vif" --json | jq -c '.causes[0]')
	[ "$(jq -r .cause <<< "$json")" = "$2" ] &&
		grep -Fq -- "$(jq -r .text <<< "$json")" <<< "$text" &&
		grep -Fq -- "-> $(jq -r .do <<< "$json")" <<< "$text"
}

# explained I CAUSE TEXT DO: so it is found, and says this, and this is to be done; advice has all of that.
explained() {
	local i
	for ((i = 0; i < 20; i++)); do
		! found "$1" "$2" || break
		sleep 0.3
	done
	printf '%s\n' "$text"
	[ "$i" -lt 20 ] || fail "$2: explain finds $json, and as text $(head -2 <<< "$text" | paste -sd' ')"
	expect_match "$2" "$(jq -r .text <<< "$json")" "$3"
	advice=$(jq -r .do <<< "$json")
	expect_match "what to do about $2" "$advice" "$4"
	step "$2"
}
fine() { [ "$(vifctl explain "$(guest_vif g "$1")" --json | jq -c '[.connected, .causes]')" = '[true,[]]' ]; }
again() { wait_for 30 "nothing to be explained of vif $1 after: $2" fine "$1"; }

backend_state() { [ "$(xenstore-read "$(guest_backend g)/state")" = "$1" ]; }

# attach_fails, detach, detach_so (as the advice has it): of a second vif.
attach_fails() { ! xl network-attach g "$@" || fail "xl network-attach g $*: it did not fail"; }
detach() {
	xl network-detach g 1 || fail "xl network-detach g 1: status $?"
	wait_for 20 "the second vif to go" not xenstore-exists "$(guest_backend g 1)"
}
detach_so() {
	expect_match "the advice" "$advice" "xl network-detach $(guest_id g) 1\)"
	detach
}
# bound_anew: as the advice has it.
bound_anew() {
	guest_run g "$(sed -n 's/.*(\(for i in .*done\)).*/\1/p' <<< "$advice")"
	again 0 "$advice"
	guest_run g net-up
	ping_clean "$(guest_ip g)" 1472 3
}

printf '[global]\nstall-timeout-ms = 2000\n' > /tmp/explain.conf
image > /tmp/front.initrd
kernel_netback
bridge_up
guest_create g initrd=/tmp/front.initrd
wait_for 30 "the kernel's vif" vif_connected g
guest_run g 'insmod /lib/xen-evtchn.ko; insmod /lib/xen-gntalloc.ko'

# 1. xen-netback is loaded, and has the vif.
BESIDE_NETBACK=1 start_daemon --config /tmp/explain.conf
explained 0 netback-bound "the kernel's xen-netback has taken" "vifctl takeover $(guest_vif g)\."
expect_match "explain" "$text" "not served by xenvifd, because"
vifctl takeover "$(guest_vif g)" || fail "vifctl takeover: status $?"
rmmod xen-netback
again 0 "vifctl takeover"

# 2. The hotplug script is missing.
attach_fails bridge=xenbr0 script=vif-nowhere
explained 1 hotplug-missing "$scripts/vif-nowhere does not exist" "executable file, or correct script="
detach_so

# 3. The script fails.
printf '%s\n' '#!/bin/bash' ". $scripts/vif-common.sh" 'fatal "VLAN 7 is not to be had"' > $scripts/vif-fails
attach_fails bridge=xenbr0 script=vif-fails
explained 1 hotplug-missing "vif-fails is not executable" "executable file, or correct script="
detach_so
chmod 755 $scripts/vif-fails
attach_fails bridge=xenbr0 script=vif-fails
explained 1 hotplug-failed "VLAN 7 is not to be had" "mend that"
detach_so

# 4. The bridge is missing.
attach_fails bridge=xenbr7
explained 1 bridge-missing "no bridge xenbr7" "ip link add name xenbr7 type bridge"
detach_so
ip link add name xenbr7 type bridge
ip link set dev xenbr7 up
xl network-attach g bridge=xenbr7 || fail "xl network-attach g bridge=xenbr7: status $?"
again 1 "$advice"
detach

# 5. The guest writes a key that is wrong.
guest_run g "$unbind"
explained 0 frontend-closed "the guest has closed its interface" "modprobe xen-netfront"
guest_run g "xenstore-write device/vif/0/state 1; sleep 1
	xenstore-write device/vif/0/tx-ring-ref none device/vif/0/state 4"
explained 0 bad-key "tx-ring-ref" "mend or update it"
guest_run g "xenstore-write device/vif/0/state 6" # a driver follows when it is asked to close
wait_for 10 "the backend to have closed" backend_state 6
found 0 bad-key || fail "once both have closed, explain finds $json"
bound_anew

# 6. It breaks its ring.
guest_run g "$unbind; xenvif-guest --hostile tx-prod-ahead" || true
wait_for 10 "the backend to have closed" backend_state 6
explained 0 rogue "queue 0: TX ring: the request producer" "faulty, or hostile"
bound_anew

# 7. It has no driver.
guest_run g "$unbind; rmmod xen_netfront" # a driver with a device can't be removed
xl network-attach g bridge=xenbr0 || fail "xl network-attach g bridge=xenbr0: status $?"
explained 1 frontend-not-loaded "has not started" "xl console $(guest_id g)\): .*modprobe xen-netfront"
guest_run g "insmod /lib/xen-netfront.ko; net-up"
again 0 "$advice"
again 1 "$advice"
detach

# 8. It takes no packets.
ip neigh replace "$(guest_ip g)" lladdr "$(xenstore-read "$(guest_backend g)/mac")" dev xenbr0 nud permanent
xl pause g
ping -n -q -i 0.005 -c 700 -w 6 "$(guest_ip g)" > /dev/null || true
explained 0 guest-takes-nothing "waits for the guest to post buffers: .*; frames for it are dropped" "xl unpause $(guest_id g)\)"
xl unpause g
again 0 "$advice"
ping_clean "$(guest_ip g)" 1472 3
guest_destroy g
