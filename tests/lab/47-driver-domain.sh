#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A driver domain: a PV guest in which the backend and xl devd run, with the
# bridge. Another guest's vif names it (backend=), and dom0 has no part in its
# traffic. The vif goes and comes again, and so does the driver domain itself; the second
# one has the kernel's backend, too, and the running guest's vif moves from it to ours and back.
# lab: by name
# lab: timeout 600
. /mnt/tests/lib.sh

# netdom_image: the guests' initrd, what a driver domain needs beside it, and the
# programs of this build; dom0 has their libraries.
netdom_image() {
	local work=/tmp/netdom program file
	for program in xenvifd vifctl; do
		ours || continue
		mkdir -p $work/usr/bin
		cp /usr/local/bin/$program $work/usr/bin/
		for file in $(ldd /usr/local/bin/$program | grep -o '/[^ ]*'); do
			mkdir -p "$work${file%/*}"
			cp -L "$file" "$work$file"
		done
	done
	cat /lab/initrd /mnt/netdom.cpio
	! ours || (cd $work && find . | busybox cpio -o -H newc)
	rm -rf $work
}

# netdom_up [MODULE]: a new driver domain, at work when this returns, with this backend in its kernel.
netdom_up() {
	guest_create netdom vcpus=2 memory=512 initrd=/tmp/netdom.initrd vif=none config=driver_domain=1
	BACKEND_DOMID=$(guest_id netdom)
	guest_run netdom "set -e
		mkdir -p /var/log/xen /var/lock /run/xen /run/xenvifd
		for m in xenfs xen-evtchn xen-gntdev xen-gntalloc xen-privcmd tun bridge; do modprobe \$m; done
		mount -t xenfs xenfs /proc/xen
		ip link add xenbr0 type bridge forward_delay 0
		ip link set xenbr0 up
		ip addr add 10.77.0.1/24 dev xenbr0
		(xl devd -F > /var/log/xen/xldevd.log 2>&1 < /dev/null &)" || fail "the driver domain's own set-up failed"
	[ $# = 0 ] || guest_run netdom "modprobe $1 max_queues=$MAX_QUEUES"
	if ours; then
		guest_run netdom "(xenvifd --max-queues $MAX_QUEUES > /tmp/xenvifd.log 2>&1 < /dev/null &)"
		wait_for 15 "xenvifd in the driver domain" guest_run netdom "vifctl show"
	else
		guest_run netdom "modprobe xen-netback max_queues=$MAX_QUEUES"
	fi
}

# logs: the driver domain's own, for whoever looks for what went wrong.
logs() { guest_run netdom 'cd /var/log/xen; head -n 200 * /tmp/xenvifd.log; vifctl show; dmesg | tail -n 30' > "$OUT/netdom.txt" 2>&1 || true; }
test_end() {
	[ ! -e "$STATE/netdom.tty" ] || logs
	rm -f /tmp/netdom.initrd
}

# serves: the vif is the driver domain's, in its bridge, and frames pass both ways.
serves() {
	wait_for 60 "the vif to connect" vif_connected g
	expect_eq "the frontend's backend-id" "$(xenstore-read "$(guest_frontend g)/backend-id")" "$BACKEND_DOMID"
	expect_eq "the driver domain's bridge" "$(guest_run netdom 'ls /sys/class/net/xenbr0/brif')" "$(guest_vif g)"
	guest_ping_clean netdom "$(guest_ip g)" 1472
	guest_ping_clean g 10.77.0.1 60000
}
attach() {
	xl network-attach g mac=00:16:3e:77:0a:01 bridge=xenbr0 backend=netdom || fail "network-attach: status $?"
	wait_for 60 "the attached vif" vif_connected g
	wait_for 20 "the attached vif in the guest" guest_run g "net-up; ip addr show eth0 | grep -q 'inet '"
}
between() { guest_run netdom "iperf3 -J -c $(guest_ip g) -t 2 $1" | jq -r '.end.sum_received.bits_per_second / 1e6 | floor'; }

netdom_image > /tmp/netdom.initrd
netdom_up
guest_create g vcpus=2 vif=bridge=xenbr0,backend=netdom
serves
expect_eq "netdevs of vifs in dom0" "$(find /sys/class/net/ -name 'vif*' | wc -l)" 0
! ours || expect_eq "the vif's state in vifctl, there" \
	"$(guest_run netdom 'vifctl show --json' | jq -r '.vifs[] | "\(.domid) \(.devid) \(.state)"')" "$(guest_id g) 0 Connected"
expect_eq "queues" "$(vif_queues g)" 2
figure "driver domain: TCP $(between '') Mbit/s to the guest, $(between -R) from it"

xl network-detach g 0 || fail "network-detach: status $?"
wait_for 20 "the detached vif to go" not xenstore-exists "$(guest_backend g)"
expect_eq "vifs left in the driver domain" "$(guest_run netdom 'ls /sys/class/net | grep vif || true')" ''
attach
serves
step "detached and attached"

# moves VERB OWNER DRIVER: the vif changes hands in the driver domain, as vifctl and the kernel there have it.
moves() {
	local vif driver
	vif=$(guest_vif g)
	driver=/sys/bus/xen-backend/devices/vif-$(guest_id g)-0/driver
	guest_run -t 120 netdom "vifctl $1 $vif" || fail "vifctl $1 in the driver domain: status $?"
	expect_eq "who has it after $1" \
		"$(guest_run netdom "vifctl owners --json $vif" | jq -r '.vifs[0].owner') $(guest_run netdom "readlink $driver || echo none" | sed 's|.*/||')" "$2 $3"
	serves
	step "$1 in the driver domain"
}

# The driver domain dies under the guest, and another takes its place.
logs
guest_destroy netdom
xl network-detach g 0 || fail "network-detach after the driver domain's death: status $?"
if ours; then
	netdom_up xen-netback
	attach
	serves
	moves takeover xenvifd none
	moves giveback xen-netback vif
else
	netdom_up
	attach
	serves
fi
guest_destroy g
logs
expect_eq "vifs left in the driver domain" "$(guest_run netdom 'ls /sys/class/net | grep vif || true')" ''
guest_destroy netdom
