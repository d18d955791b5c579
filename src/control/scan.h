/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend tree: which vifs there are, and which of them an event is about. */
#ifndef XENVIFD_CONTROL_SCAN_H
#define XENVIFD_CONTROL_SCAN_H

#include "control/control.h"

#define SCAN_ROOT "backend/vif"

/* Takes in every vif below backend/vif and marks it, and marks every vif known. */
void scan_all(struct control *control);

/* Takes in and marks what a watch event is about: one vif, one domain's, or all. */
void scan_event(struct control *control, const struct store_event *event);

/* Removes taps of ours that belong to no vif in the registry. */
void scan_remove_stray_taps(struct control *control);

#endif
