#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same as 60-restart, with SIGKILL sixty times: every five seconds on a real machine, twice that under emulation.
# lab: needs xenvifd
# lab: by name
# lab: timeout 1600
RATE="-b 8M --pacing-timer 10000" LENGTH=1000 KILLS=60 . /mnt/tests/60-restart.sh
