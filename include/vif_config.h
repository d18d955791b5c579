/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a frontend has asked for, whole and checked.
 *
 * proto/keys.h makes a vif_config from the frontend's xenstore keys, or gives
 * the reason why it can't; only a whole one is ever acted upon. Immutable
 * afterwards: the control room keeps it, datapath and tap read it.
 */
#ifndef XENVIFD_INCLUDE_VIF_CONFIG_H
#define XENVIFD_INCLUDE_VIF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The most queues of one vif that this backend ever offers (a limit of ours, not of the protocol).
 */
#define VIF_QUEUES_MAX 64

/* Enough for the name of any queue. Threads have room for 16 bytes, in which long ones are cut. */
#define VIF_QUEUE_NAME_SIZE 32

/* Writes what queue Q of vifD.N is called, wherever it has a name: "vifD.N-qQ". Returns name. */
static inline const char *vif_queue_name(char *name, size_t size, const char *vif, unsigned queue)
{
	snprintf(name, size, "%s-q%u", vif, queue);
	return name;
}

/* What the frontend is able to receive, and how it behaves. */
struct vif_features {
	bool sg;	   /* frames of several RX slots */
	bool gso_tcpv4;	   /* TCP/IPv4 frames larger than the MTU */
	bool gso_tcpv6;	   /* the same over IPv6 */
	bool csum_ipv4;	   /* IPv4 frames whose TCP/UDP checksum is blank */
	bool csum_ipv6;	   /* the same over IPv6 */
	bool rx_notify;	   /* it kicks when it has posted RX requests */
	bool split_evtchn; /* TX and RX have an event channel each (in queue 0) */
};

struct vif_queue_config {
	uint32_t tx_ring_ref; /* grant reference of the TX ring page */
	uint32_t rx_ring_ref; /* grant reference of the RX ring page */
	uint32_t evtchn_tx;   /* the frontend's port; never 0 */
	uint32_t evtchn_rx;   /* equal to evtchn_tx when the channel is combined */
};

struct vif_config {
	unsigned n_queues; /* 1 .. VIF_QUEUES_MAX */
	struct vif_features features;
	struct vif_queue_config queue[VIF_QUEUES_MAX];
};

#endif
