# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the scenario scripts share. They run in dom0 of the lab, as root, one
# after another, each with this file sourced first.
#
# A test is a bash script under set -e: it passes when it comes to its end. Its
# header may carry
#     # lab: timeout SECONDS     how long it may take (300)
#     # lab: needs xenvifd       not run with --kernel
#     # lab: icount              in a boot of its own, on the instruction-counted clock
#     # lab: by name             not one of "all": takes too long for every day
#     # lab: systemd             runs in a boot of its own, under systemd
#     # lab: hvm                 PVH or HVM guests: in a boot of its own, with one CPU
#     # lab: package             the Debian package is in /mnt/deb, a later version in /mnt/deb/newer
# At the end, however it comes, the guests are destroyed, the backend is
# stopped, and nothing of either may be left: that is part of every test. What
# else a test has started it ends in a function test_end, which runs before that.
#
# Network: xenbr<i> has 10.77.<i>.1/24 and fd77:a<i>::1/64; vif <i> of a guest
# has .N and ::N there, N counting from 10 in the order of creation.

set -eE -o pipefail
shopt -s inherit_errexit

. /mnt/settings # BACKEND=xenvifd|kernel, ICOUNT=0|1 BRIEF=0|1: a run of "all"
TEST=${TEST:-interactive}
OUT=${OUT:-/mnt/out/$TEST}
STATE=/run/lab
MAX_QUEUES=${MAX_QUEUES:-4}
mkdir -p "$OUT" "$STATE"

# ---------------------------------------------------------------- saying how it goes

say() { echo "$*" >> /mnt/out/results; }
step() {
	local up
	read -r up _ < /proc/uptime
	printf '%7.1f  %s\n' "$up" "$*"
}

# figure TEXT: a measurement that people see even when all is well.
figure() {
	step "figure: $*"
	say "figure $*"
}

# fail REASON: ends the test; the first reason is the one that is reported.
fail() {
	step "FAILED: $*"
	[ -s "$OUT/reason" ] || echo "$*" > "$OUT/reason"
	exit 1
}

skip() {
	echo "$*" > "$OUT/reason"
	exit 77
}

lab_err() {
	local status=$? line=$1 command=$2
	[ -s "$OUT/reason" ] || echo "${0##*/} line $line: status $status from: $command" > "$OUT/reason"
}

expect_eq() { [ "$2" = "$3" ] || fail "$1: $2, expected $3"; }
expect_ge() { [ "$2" -ge "$3" ] || fail "$1: $2, expected at least $3"; }
# expect_match WHAT TEXT EXTENDED-REGEX
expect_match() { grep -Eq -- "$3" <<< "$2" || fail "$1: \"$2\" does not match $3"; }

# nap SECONDS: sleep without a process, which costs an emulated dom0 60 ms (and a fork 26).
exec {NAP}<> <(:)
nap() { read -rt "$1" -u "$NAP" || true; }

# wait_for SECONDS WHAT COMMAND...: until it succeeds, or the test fails.
wait_for() {
	local end what=$2
	end=$((EPOCHSECONDS + $1))
	shift 2
	until "$@" > /dev/null 2>&1; do
		[ "$EPOCHSECONDS" -lt "$end" ] || fail "waited in vain for $what"
		nap 0.1
	done
}

not() { ! "$@"; }

# median: of the whole numbers on its input, a line each.
median() { sort -n | awk '{ v[NR] = $1 } END { print int((v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2) }'; }

# ---------------------------------------------------------------- the backend

# kernel_netback: the kernel's own backend, with as many queues.
kernel_netback() { modprobe xen-netback max_queues="$MAX_QUEUES"; }

kernel_netback_stop() {
	[ ! -d /sys/module/xen_netback ] || rmmod xen-netback
}

vifctl_answers() { timeout 2 vifctl show; }

# start_daemon [OPTION...]: xenvifd in the background, ready when this returns.
# BESIDE_NETBACK=1: though the kernel's xen-netback is loaded.
start_daemon() {
	mkdir -p /run/xenvifd
	[ ! -d /sys/module/xen_netback ] || [ -n "${BESIDE_NETBACK:-}" ] || fail "the kernel's xen-netback is loaded"
	xenvifd --max-queues "$MAX_QUEUES" "$@" >> "$OUT/daemon.log" 2>&1 &
	echo $! > "$STATE/daemon.pid"
	local end=$((EPOCHSECONDS + 15))
	until vifctl_answers > /dev/null 2>&1; do
		daemon_runs || fail "xenvifd did not start: $(tail -1 "$OUT/daemon.log")"
		[ "$EPOCHSECONDS" -lt "$end" ] || fail "xenvifd runs, but vifctl show does not answer"
		nap 0.05
	done
}

# line_of FILE: its first line, without a process.
line_of() { local line; read -r line < "$1" && echo "$line"; }

daemon_pid() { line_of "$STATE/daemon.pid"; }
daemon_runs() { [ -s "$STATE/daemon.pid" ] && [ -d "/proc/$(daemon_pid)" ]; }

# kill_daemon: SIGKILL, and it is gone when this returns.
kill_daemon() {
	local pid
	pid=$(daemon_pid)
	kill -KILL "$pid"
	wait "$pid" 2> /dev/null || true
	rm "$STATE/daemon.pid"
}

# stop_daemon: SIGTERM; it must end by itself within five seconds, with status 0.
stop_daemon() {
	local pid status=0
	[ -s "$STATE/daemon.pid" ] || return 0
	pid=$(daemon_pid)
	rm "$STATE/daemon.pid"
	if [ ! -d "/proc/$pid" ]; then
		wait "$pid" 2> /dev/null || status=$?
		fail "xenvifd had died by itself (status $status): $(tail -1 "$OUT/daemon.log")"
	fi
	kill -TERM "$pid"
	(sleep 5 && kill -KILL "$pid") 2> /dev/null &
	local watchdog=$!
	wait "$pid" 2> /dev/null || status=$?
	if [ $status = 127 ]; then # started by another shell, as at the end of a test that failed
		status=0
		while [ -d "/proc/$pid" ]; do sleep 0.1; done
	fi
	kill "$watchdog" 2> /dev/null || true
	[ $status = 0 ] || fail "xenvifd ended with status $status on SIGTERM"
}

# start_backend, stop_backend: whichever backend this run is about.
start_backend() {
	case $BACKEND in
	kernel) kernel_netback ;;
	*) start_daemon "$@" ;;
	esac
}
stop_backend() {
	stop_daemon
	kernel_netback_stop
}

ours() { [ "$BACKEND" = xenvifd ]; }

# ---------------------------------------------------------------- bridges

# bridge_up [I] [MTU]
bridge_up() {
	local i=${1:-0} br=xenbr${1:-0}
	ip link add "$br" type bridge forward_delay 0
	ip link set "$br" mtu "${2:-1500}"
	echo 0 > "/proc/sys/net/ipv6/conf/$br/accept_dad"
	ip link set "$br" up
	ip addr add "10.77.$i.1/24" dev "$br"
	ip addr add "fd77:a$i::1/64" dev "$br" nodad
}

# switch_up: an Open vSwitch bridge ovs0, and dom0's end dom0 in its VLAN 7, with the
# addresses of xenbr0. switch_down destroys the guests first.
switch_up() {
	local run=/run/openvswitch
	modprobe openvswitch
	mkdir -p $run
	ovsdb-tool create $run/conf.db
	ovsdb-server $run/conf.db --remote=punix:$run/db.sock --pidfile --detach --log-file="$OUT/ovsdb-server.log"
	ovs-vsctl --timeout=10 --no-wait init
	ovs-vswitchd --pidfile --detach --log-file="$OUT/ovs-vswitchd.log"
	ovs-vsctl --timeout=20 add-br ovs0 -- add-port ovs0 dom0 tag=7 -- set interface dom0 type=internal
	ip link set dom0 up
	ip addr add 10.77.0.1/24 dev dom0
}
switch_down() {
	local name
	for name in $(guests); do
		guest_destroy "$name"
	done
	ovs-appctl --timeout=10 exit --cleanup
	ovs-appctl --timeout=10 -t ovsdb-server exit
	wait_for 10 "the kernel's openvswitch to be let go" rmmod openvswitch
}

# ---------------------------------------------------------------- guests

# guest_create NAME [type=pv|pvh|hvm] [vcpus=N] [queues=N] [memory=MIB] [mtu=N] [vif=SPEC|none]...
#              [kernel=PATH] [initrd=PATH] [config=LINE]...
# queues is what the guest's driver is limited to (its default: as many as vcpus).
# Without vif=, one vif on xenbr0. config is a line of its own in what xl reads.
# Waits until the guest takes commands.
guest_create() {
	guest_config "$@"
	# While dom0 waits for the host's disk, the instruction-counted clock runs on:
	# the first time, the toolstack's deadlines may pass before its programs are read.
	for ((i = ICOUNT; ; i--)); do
		xl create "$STATE/$1.cfg" 2>&1 && break
		[ "$i" -gt 0 ] || fail "xl create $1: it failed"
		step "xl create $1 once more"
	done
	guest_wait "$1"
}

# guest_config NAME ...: the same words; only writes the guest's configuration.
guest_config() {
	local name=$1 type=pv vcpus=1 queues='' memory=192 mtu='' vifs=() vif word number i=0 list=''
	local kernel=/lab/vmlinux initrd=/lab/initrd lines=()
	shift
	for word; do
		case $word in
		type=*) type=${word#*=} ;;
		vcpus=*) vcpus=${word#*=} ;;
		queues=*) queues=${word#*=} ;;
		memory=*) memory=${word#*=} ;;
		mtu=*) mtu=${word#*=} ;;
		kernel=*) kernel=${word#*=} ;;
		initrd=*) initrd=${word#*=} ;;
		config=*) lines+=("${word#*=}") ;;
		vif=*) vifs+=("${word#*=}") ;;
		*) fail "guest_create: what is $word?" ;;
		esac
	done
	[ ${#vifs[@]} -gt 0 ] || vifs=(bridge=xenbr0)
	[ "${vifs[0]}" != none ] || vifs=()
	number=$(($(cat "$STATE/guests" 2> /dev/null || echo 9) + 1))
	echo "$number" > "$STATE/guests"
	for vif in "${vifs[@]}"; do
		list+="'mac=00:16:3e:77:$(printf '%02x:%02x' "$number" "$i"),$vif',"
		i=$((i + 1))
	done
	echo "$number" > "$STATE/$name.number"
	cat > "$STATE/$name.cfg" <<-END
		name="$name"
		type="$type"
		kernel="$kernel"
		ramdisk="$initrd"
		extra="console=hvc0 loglevel=5 lab.name=$name lab.addr=$number lab.queues=$queues lab.mtu=$mtu"
		memory=$memory
		vcpus=$vcpus
		on_crash="preserve"
		vif=[$list]
		$(printf '%s\n' "${lines[@]}")
	END
	step "guest $name: $type, $vcpus vcpus${queues:+, $queues queues}, vif ${list:-none}"
}

# guest_wait NAME: until the (re)booted guest takes commands.
guest_wait() {
	local name=$1 line='' end
	end=$((EPOCHSECONDS + 240))
	wait_for 20 "the console of $name" guest_find "$name"
	exec 5<> "$(cat "$STATE/$name.tty")"
	stty raw -echo <&5
	while [[ $line != *LABUP* ]]; do
		[ "$EPOCHSECONDS" -lt "$end" ] || fail "guest $name did not boot: ${line:-no word from it}"
		IFS= read -r -t 5 line <&5 2> /dev/null || true
	done
	exec 5<&-
	step "guest $name is up, domain $(guest_id "$name")"
}

# guest_find NAME: notes its domain and console, as they are now.
guest_find() {
	local id tty
	id=$(xl domid "$1" 2> /dev/null) && tty=$(xenstore-read "/local/domain/$id/console/tty") &&
		[ -c "$tty" ] && echo "$id" > "$STATE/$1.id" && echo "$tty" > "$STATE/$1.tty"
}

guest_id() { line_of "$STATE/$1.id"; }
# guest_number NAME: the N of its addresses; may also be asked of one that is not yet created by xl.
guest_number() { line_of "$STATE/$1.number"; }
# guest_ip NAME [I], guest_ip6 NAME [I]: the address of its vif I.
guest_ip() { echo "10.77.${2:-0}.$(guest_number "$1")"; }
guest_ip6() { echo "fd77:a${2:-0}::$(guest_number "$1")"; }
# guest_vif NAME [I]: the backend's netdev. guest_backend, guest_frontend: its store folders.
# The backend is in dom0, or where BACKEND_DOMID says.
guest_vif() { echo "vif$(guest_id "$1").${2:-0}"; }
guest_backend() { echo "/local/domain/${BACKEND_DOMID:-0}/backend/vif/$(guest_id "$1")/${2:-0}"; }
guest_frontend() { echo "/local/domain/$(guest_id "$1")/device/vif/${2:-0}"; }

# guest_run [-t SECONDS] NAME SCRIPT: runs a bash script in the guest; its output
# (both streams) and its exit status are this function's. The other end, and the
# protocol, are in scripts/lab.d/guest-init.
guest_run() {
	local seconds=60 name number tag got status bytes status_in=1
	if [ "$1" = -t ]; then
		seconds=$2
		shift 2
	fi
	name=$1 number=$SRANDOM
	shift
	(
		set +eE
		trap - ERR EXIT
		flock -w "$seconds" 7 || { echo "guest $name is busy with another command"; exit 98; }
		exec 6<> "$(cat "$STATE/$name.tty")" || exit 98
		stty raw -echo <&6
		printf '\nLABCMD %s %s %s\n' "$number" "$seconds" "$(base64 -w0 <<< "$*")" >&6
		while :; do
			if ! IFS=' ' read -r -t $((seconds + 10)) tag got status bytes <&6; then
				echo "guest $name does not answer"
				exit 98
			fi
			[ "$tag" = LABRSP ] || continue
			if [ "$got" = "$number" ]; then
				break
			fi
			timeout 30 head -c "$bytes" <&6 > /dev/null
		done
		timeout 60 head -c "$bytes" <&6 | base64 -d | gunzip || { echo "guest $name: damaged answer"; exit 98; }
		exit "$status"
	) 7> "$STATE/$name.lock" && status_in=0 || status_in=$?
	return $status_in
}

# guest_start NAME TAG SCRIPT: the same in the guest's background; guest_finish
# NAME TAG SECONDS waits for its end and gives its output and status.
guest_start() {
	guest_run "$1" "rm -f /tmp/$2.status; echo $(base64 -w0 <<< "$3") | base64 -d > /tmp/$2.sh
		(bash /tmp/$2.sh > /tmp/$2.out 2>&1 < /dev/null; echo \$? > /tmp/$2.status) &"
}
guest_finish() {
	guest_run -t "$3" "$1" "i=0; while [ ! -s /tmp/$2.status ]; do sleep 0.1; i=\$((i+1)); [ \$i -lt ${3}0 ] || exit 97; done
		cat /tmp/$2.out; s=\$(cat /tmp/$2.status); rm /tmp/$2.status; exit \$s"
}

# guest_mark NAME: what its kernel has said until now. guest_quiet NAME: it has said no more.
# That an emulated machine is now and then late is nobody's doing.
guest_mark() { guest_run "$1" dmesg > "$STATE/$1.dmesg"; }
guest_quiet() {
	local now said
	now=$(guest_run "$1" dmesg) || fail "the kernel log of guest $1: $now"
	said=$(diff "$STATE/$1.dmesg" - <<< "$now" | sed -n 's/^> //p' |
		grep -v 'hrtimer: interrupt took\|clocksource: .*read-back delay' | paste -sd'|') || true
	expect_eq "new lines in the kernel log of guest $1" "$said" ''
}

# guest_destroy NAME: xl destroy, and its vifs' backend folders are gone when this returns.
guest_destroy() {
	local id
	id=$(guest_id "$1")
	guest_keep_log "$1"
	xl destroy "$1" 2>&1 || return 1
	rm -f "$STATE/$1.id" "$STATE/$1.tty"
	wait_for 20 "the backend of domain $id to go" not xenstore-exists "/local/domain/${BACKEND_DOMID:-0}/backend/vif/$id"
}

guest_keep_log() { cp "/var/log/xen/console/guest-$1.log" "$OUT/guest-$1.log" 2> /dev/null || true; }

guests() { (cd "$STATE" && for f in *.id; do [ ! -e "$f" ] || echo "${f%.id}"; done); }

# vif_connected NAME [I]: both sides say so.
vif_connected() {
	[ "$(xenstore-read "$(guest_backend "$@")/state" "$(guest_frontend "$@")/state" 2> /dev/null)" = $'4\n4' ]
}

# vif_queues NAME [I]: how many the guest negotiated.
vif_queues() { xenstore-read "$(guest_frontend "$@")/multi-queue-num-queues" 2> /dev/null || echo 1; }

# vif_json NAME [I]: what the daemon says of a vif.
vif_json() {
	vifctl show --json | jq -e --argjson domid "$(guest_id "$1")" --argjson devid "${2:-0}" \
		'.vifs[] | select(.domid == $domid and .devid == $devid)'
}

# owner NAME [I]: who serves a vif, as vifctl owners has it; driver: the kernel's driver of it, or none.
owner() { vifctl owners --json "$(guest_vif "$@")" | jq -r '.vifs[0].owner'; }
driver() { basename "$(readlink "/sys/bus/xen-backend/devices/vif-$(guest_id "$1")-${2:-0}/driver" || echo none)"; }

# ---------------------------------------------------------------- traffic

# ping(8) gives the last answers two round trips of time and no more, whatever -W
# says: where a vCPU may be away for longer, it calls a late answer a lost one.
# So what is not clean in quick succession must be so at leisure.
pinged='out=; for i in 0.02 0.5; do
	out=$(ping -q -n -c $count -i $i -W 5 -s $size $target 2>&1) || true
	case $out in *duplicates*) break ;; *" $count received, 0% packet loss"*) exit 0 ;; esac
done; echo "$out" | grep -E "received|ping:"; exit 1'

# ping_clean TARGET SIZE [COUNT]: from dom0, without a single loss. IPv6 by its colon.
ping_clean() {
	local out
	out=$(target=$1 size=$2 count=${3:-10} bash -c "$pinged") || fail "ping $1, $2 bytes: $out"
}

# guest_ping_clean NAME TARGET SIZE [COUNT]: the same out of a guest.
guest_ping_clean() {
	local out
	out=$(guest_run "$1" "target=$2 size=$3 count=${4:-10}; $pinged") ||
		fail "ping $2 from guest $1, $3 bytes: $out"
}

# silence FILE: the longest time, in ms, between two answers of a ping -D.
silence() { tr -d '[]' < "$1" | awk '/ bytes from / { if (last && $1 - last > most) most = $1 - last; last = $1 } END { print int(most * 1000) }'; }

# iperf TARGET OPTION...: one iperf3 client run in dom0 against a server (in each
# guest, one runs from its boot); prints received Mbit/s. Between two clients the
# server opens its port anew, which takes a slow guest a while: who comes then is refused,
# or reset before anything of the test has begun.
iperf() {
	local out error i
	for i in 1 2 3 4 5; do
		# Its status is 0 also where it ended early and says so in "error".
		out=$(timeout 150 iperf3 -J --connect-timeout 5000 -c "$@") || true
		error=$(jq -r '.error // empty' <<< "$out" 2> /dev/null) || true
		[ -n "$error" ] || break
		[[ $error == *"Connection refused"* || $error == *"control message: Connection reset"* ]] &&
			[ "$(jq '.intervals | length' <<< "$out")" = 0 ] && [ $i -lt 5 ] || fail "iperf3 $*: $error"
		sleep 2
	done
	jq -er '.end.sum_received.bits_per_second / 1e6 | floor' <<< "$out" || fail "iperf3 $*: it gave no result"
}

# carried NAME COUNTER: of the backend's netdev, as the host counts them (rx_bytes is from the guest).
carried() { cat "/sys/class/net/$(guest_vif "$1")/statistics/$2" 2> /dev/null || echo 0; }
# carries_more NAME BYTES RX TX: so many bytes more than these, both ways.
carries_more() { [ "$(carried "$1" rx_bytes)" -gt $(($3 + $2)) ] && [ "$(carried "$1" tx_bytes)" -gt $(($4 + $2)) ]; }

# route_to ADDRESS: dom0's route, without the blanks that ip(8) ends it with.
route_to() { ip -o route show "$1" | sed 's/ *$//'; }

# ---------------------------------------------------------------- what may be left

# grants_mapped DOMID: entries of a domain's grant table that somebody holds now.
grants_mapped() { grant_table | awk -v id="$1" '$1 == id { n = $2 } END { print n + 0 }'; }

# grant_table: "domid entries" for each domain, as the hypervisor counts them.
grant_table() {
	xl dmesg -c > /dev/null
	xl debug-keys g
	xl dmesg -c | awk '
		/grant-table for remote d/ { match($0, /remote d[0-9]+/); id = substr($0, RSTART + 8, RLENGTH - 8); seen[id] += 0 }
		/^\(XEN\) \[ *0x[0-9a-f]+\]/ { seen[id]++ }
		END { for (id in seen) print id, seen[id] }'
}

# leftovers: one line "what count" for each thing that a vif may leave behind.
leftovers() {
	echo "netdevs $(find /sys/class/net/ -name 'vif*' | wc -l)"
	echo "taps $(find /sys/class/net/*/ -maxdepth 1 -name tun_flags | wc -l)"
	echo "backend-nodes $({ xenstore-ls -f /local/domain/0/backend/vif 2> /dev/null || true; } | wc -l)"
	echo "dom0-ports $(lsevtchn 0 | wc -l)"
	echo "zombie-domains $(xl list | awk 'NR > 1 && $1 == "(null)"' | wc -l)"
	echo "foreign-grants $(grant_table | awk '$1 != 0 { n += $2 } END { print n + 0 }')"
}

# ---------------------------------------------------------------- the end of a test

lab_end() {
	local status=$? name left
	trap - EXIT ERR
	set +eE
	! declare -F test_end > /dev/null || (test_end) > "$OUT/test-end.log" 2>&1 || status=1
	dmesg > "$OUT/dom0-dmesg.log"
	xenstore-ls -fp > "$OUT/xenstore.txt" 2> /dev/null
	vifctl_answers > "$OUT/vifctl-show.txt" 2>&1
	xl vcpu-list > "$OUT/vcpus.txt" 2>&1
	if [ -d /run/systemd/system ]; then
		systemctl status --no-pager -l xenvifd > "$OUT/systemctl-status.txt" 2>&1
		journalctl -b --no-pager > "$OUT/journal.txt" 2>&1
	fi
	for name in $(guests); do
		(guest_destroy "$name") || status=1
	done
	(stop_backend) || status=1
	for name in /sys/class/net/xenbr*; do
		[ ! -e "$name" ] || ip link del "${name##*/}"
	done
	ip -all netns delete
	if [ -s "$STATE/before" ]; then
		# Closed ports and the last references to a dead domain go a moment later.
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			left=$(diff "$STATE/before" <(leftovers)) && break
			sleep 0.3
		done
		if [ -n "$left" ] && [ $status = 0 ]; then
			echo "left behind: $(sed -n 's/^> //p' <<< "$left" | paste -sd,) ($(sed -n 's/^< //p' <<< "$left" | paste -sd,) before)" > "$OUT/reason"
			status=1
		fi
	fi
	# A fail inside "$(...)" of another command's words ended that only.
	[ ! -s "$OUT/reason" ] || [ $status != 0 ] || status=1
	exit $status
}

if [ -z "${LAB_INTERACTIVE:-}" ]; then
	trap 'lab_err $LINENO "$BASH_COMMAND"' ERR
	trap lab_end EXIT
	trap 'exit 124' TERM
	leftovers > "$STATE/before"
else
	set +eE
fi
