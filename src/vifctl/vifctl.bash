# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion of vifctl(8) for bash: verbs, as vifctl itself lists them, vifs, as the daemon does
# (through the socket that --control names, if it does), and what else a verb wants.
# tests/sim/verbs.py compares it with vifctl --help.

_vifctl() {
	local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local i verb='' vif='' n=0 choices='' control=()

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--control) control=(--control "${COMP_WORDS[++i]}") ;;
		-[twsc] | --timeout | --watch | --write | --queue | --direction | --snaplen | --count | \
			--seconds) ((i++)) ;;
		-*) ;;
		*)
			if [ -z "$verb" ]; then verb=${COMP_WORDS[i]}; else ((n++)) || vif=${COMP_WORDS[i]}; fi
			;;
		esac
	done
	case $before in
	-w)
		[ "$verb" = capture ] || return
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--control | --write)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--direction)
		mapfile -t COMPREPLY < <(compgen -W "from-guest to-guest both" -- "$word")
		return
		;;
	-[tsc] | --timeout | --watch | --queue | --snaplen | --count | --seconds) return ;;
	esac
	case $word in
	-*)
		choices='--json --watch --timeout --all --claimed --control --version --help'
		[ "$verb" != capture ] || choices+=' --write --queue --direction --snaplen --count --seconds'
		;;
	*)
		case $verb:$n in
		:0) choices=$("$program" list-commands 2>/dev/null | cut -d ' ' -f 1) ;;
		carrier:1) choices='on off auto' ;;
		rate:1) choices=off ;;
		kick:1)
			choices=$("$program" -t 2 "${control[@]}" dump 2>/dev/null |
				awk -F '\t' -v vif="$vif" '$1 == vif { for (i = 0; i < $11; i++) print i }')
			;;
		metrics:0)
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
			;;
		log:0) choices='error warning info debug' ;;
		kick:0 | carrier:0 | drain:0 | rate:0 | capture:0 | explain:0 | rings:0 | owners:0 | takeover:* | giveback:* | show:* | stats:* | queues:*)
			choices=$("$program" -t 2 "${control[@]}" dump 2>/dev/null | cut -f 1)
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -F _vifctl vifctl
