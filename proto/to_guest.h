/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame for the guest -> RX slots and extras. Pure.
 */
#ifndef XENVIFD_PROTO_TO_GUEST_H
#define XENVIFD_PROTO_TO_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ring.h"
#include "vif_config.h"

#define TO_GUEST_PAGE 4096u /* bytes a slot takes */
/* The largest frame a tap can hand over: 65535 bytes of IP, an Ethernet header, two VLAN tags. */
#define TO_GUEST_FRAME_MAX (65535u + 14u + 8u)
/* Slots of the largest frame: 17 of data, one for the GSO extra. */
#define TO_GUEST_SLOTS_MAX 18u

struct to_guest_plan {
	uint32_t len;	     /* bytes of the frame, 14 .. TO_GUEST_FRAME_MAX */
	uint32_t slots;	     /* RX requests that it takes, the extra included */
	bool csum_blank;     /* its checksum is the guest's to fill in */
	bool data_validated; /* its checksum need not be checked */
	uint8_t gso_type;    /* XEN_NETIF_GSO_TYPE_* */
	uint16_t gso_size;   /* bytes of payload a segment; 0 without GSO */
};

/*
 * The RX requests that must be there before a frame is taken from the tap: as
 * many as the largest frame that this frontend may be sent needs, and no more
 * (1 .. TO_GUEST_SLOTS_MAX).
 */
uint32_t to_guest_room(const struct vif_features *features);

/* The RX requests that a frame of len bytes takes, with or without a GSO extra. */
uint32_t to_guest_slots(uint32_t len, bool gso);

/*
 * Where a frame of len bytes (1 or more) goes in a page-aligned buffer of which the first `used`
 * bytes are in use: within the page that is in use if it can be, else from the next page's
 * beginning. So it crosses no more pages than it takes slots, and however many frames are put
 * there, they end within as many pages as they take slots.
 */
size_t to_guest_place(size_t used, uint32_t len);

/*
 * The response for slot n (0 .. plan->slots - 1) of a frame. `request` is the
 * request that the slot takes: its id is echoed. With a GSO extra, slot 1 is
 * the extra and data goes on in slot 2. Data slots carry 4096 bytes but the
 * last; offset is 0. `failed`: the copy into this slot's page failed, its
 * status is NETIF_RSP_ERROR.
 */
void to_guest_response(const struct to_guest_plan *plan, uint32_t n,
		       const netif_rx_request_t *request, bool failed,
		       netif_rx_response_t *response);

#endif
