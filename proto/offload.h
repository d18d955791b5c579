/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netif flags <-> virtio_net_hdr.
 *
 * Both sides say "the checksum is blank" and "segment this later", in other
 * words: netif names the protocol and leaves the headers to be found, virtio
 * wants the offsets. So this room finds the headers: Ethernet, up to two VLAN
 * tags, IPv4 with options or IPv6 with extension headers, TCP or UDP, each
 * length checked against the frame. All of it is hostile input on both sides.
 *
 * Frames are contiguous and private (already copied); pure.
 */
#ifndef XENVIFD_PROTO_OFFLOAD_H
#define XENVIFD_PROTO_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include "proto/from_guest.h"
#include "proto/to_guest.h"
#include "vif_config.h"

/*
 * A frame from the guest: fills *vnet (10 bytes, host byte order) for the tap.
 *
 * plan: flags, GSO type and size, and len; frame: its plan->len bytes.
 * A blank checksum needs an unfragmented TCP or UDP packet; the pseudo-header sum that
 * the guest put there is trusted (a wrong one makes a wrong packet, no more).
 * A GSO frame must be TCP over the IP version that it says, with headers whole
 * within the frame. GSO without csum_blank is mended, as Linux's netback does:
 * the pseudo-header sum is written into the frame and *fixed is set.
 * hdr_len is the true length of all headers (XSA-423).
 * Returns 0, or -EINVAL when flags and packet do not fit: drop the frame.
 */
int offload_from_guest(const struct from_guest_plan *plan, uint8_t *frame,
		       struct virtio_net_hdr *vnet, bool *fixed);

enum offload_verdict {
	OFFLOAD_OK,
	OFFLOAD_SEGMENT,     /* TCP GSO that this guest can't take whole: segment.h can cut it */
	OFFLOAD_BAD_VNET,    /* the header does not fit the frame */
	OFFLOAD_UNSUPPORTED, /* GSO that no guest has negotiated, and that can't be cut */
};

/*
 * A frame for the guest: fills plan's flags and GSO fields from *vnet.
 *
 * features: what this frontend can receive. A blank checksum that it can't
 * take is computed here, into the frame, and *computed is set (for a plain
 * frame; a TCP GSO frame that it can't take is SEGMENT, and left as it is).
 * VIRTIO_NET_HDR_GSO_ECN is masked; UDP and unknown GSO types are UNSUPPORTED.
 * plan->len must be set (14 .. TO_GUEST_FRAME_MAX); plan->slots is set here.
 */
enum offload_verdict offload_to_guest(const struct vif_features *features,
				      const struct virtio_net_hdr *vnet, uint8_t *frame,
				      struct to_guest_plan *plan, bool *computed);

/* The TUN_F_* flags that a tap of a frontend with these features may have. */
unsigned offload_tap_flags(const struct vif_features *features);

#endif
