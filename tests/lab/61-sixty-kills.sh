#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same as 60-restart, with SIGKILL sixty times, some five minutes long.
# lab: needs xenvifd
# lab: by name
# lab: timeout 900
LENGTH=480 KILLS=60 . /mnt/tests/60-restart.sh
