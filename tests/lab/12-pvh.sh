#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same as 10-matrix on a PVH guest with 2 queues. It has one vCPU: with two, of which
# one spins until the other answers, the emulated machine now and then loses the timer
# that would let the other run, and stands still. Each of its interrupts costs the
# emulation a walk through all page tables anew: a stream has 7 Mbit/s at the very best,
# so each of the 16 asks for 150 kbit/s, a frame a second, and looks ten times a second (not
# a thousand) whether it may send.
# lab: timeout 900
# lab: hvm
# lab: by name
GUESTS="pvh 1 2 1 -b 150K -l 16K --pacing-timer 100000 -t 10" . /mnt/tests/10-matrix.sh
