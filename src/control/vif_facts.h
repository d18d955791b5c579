/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xenstore says of a vif, and the state that we write there. Control thread. */
#ifndef XENVIFD_CONTROL_VIF_FACTS_H
#define XENVIFD_CONTROL_VIF_FACTS_H

#include "control/vif.h"

/*
 * Reads the facts anew, and has the frontend's state watched. 0; or -errno when
 * xenstore did not answer: nothing may be concluded.
 */
int vif_read_facts(struct vif *vif);

/* How many queues the frontend was offered before, which it relies on; 0: it was offered none. */
unsigned vif_read_offered_queues(struct vif *vif);

/* Writes our state, and with InitWait our features, all or nothing. 0, or -errno. */
int vif_write_state(struct vif *vif, int state);

/* The frontend's state is watched no more. Fine when it is not. */
void vif_unwatch_frontend(struct vif *vif);

#endif
