#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same as 10-matrix on a PVH guest with 2 queues.
# lab: timeout 900
# lab: hvm
GUESTS="pvh 2" . /mnt/tests/10-matrix.sh
