/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame for the guest -> RX slots and extras.
 *
 * The frame is cut into pages: each data slot carries 4096 bytes from offset
 * 0, the last one the rest. The first slot carries the frame's flags; a GSO
 * extra takes the slot after it, over the request that lies there.
 *
 * Rules: VIF.md, section 7.
 */
#include "proto/to_guest.h"

#include <string.h>

uint32_t to_guest_slots(uint32_t len, bool gso)
{
	return (len + TO_GUEST_PAGE - 1) / TO_GUEST_PAGE + (gso ? 1 : 0);
}

size_t to_guest_place(size_t used, uint32_t len)
{
	size_t in_page = used & (TO_GUEST_PAGE - 1);

	return in_page == 0 || in_page + len <= TO_GUEST_PAGE ? used
							      : used + TO_GUEST_PAGE - in_page;
}

uint32_t to_guest_room(const struct vif_features *features)
{
	if (!features->sg)
		return 1;
	return to_guest_slots(TO_GUEST_FRAME_MAX, features->gso_tcpv4 || features->gso_tcpv6);
}

/* The extra lies over the response: 8 bytes, no id. */
static void to_guest_gso_extra(const struct to_guest_plan *plan, netif_rx_response_t *response)
{
	netif_extra_info_t extra = { .type = XEN_NETIF_EXTRA_TYPE_GSO };

	extra.u.gso.type = plan->gso_type;
	extra.u.gso.size = plan->gso_size;
	_Static_assert(sizeof(extra) == sizeof(*response), "an extra takes one RX slot");
	memcpy(response, &extra, sizeof(*response));
}

static uint16_t to_guest_first_flags(const struct to_guest_plan *plan)
{
	uint16_t flags = 0;

	if (plan->csum_blank)
		flags |= NETRXF_csum_blank;
	if (plan->data_validated)
		flags |= NETRXF_data_validated;
	if (plan->gso_type != XEN_NETIF_GSO_TYPE_NONE)
		flags |= NETRXF_extra_info;
	return flags;
}

void to_guest_response(const struct to_guest_plan *plan, uint32_t n,
		       const netif_rx_request_t *request, bool failed,
		       netif_rx_response_t *response)
{
	bool gso = plan->gso_type != XEN_NETIF_GSO_TYPE_NONE;
	uint32_t page = gso && n > 0 ? n - 1 : n;
	uint32_t left = plan->len - page * TO_GUEST_PAGE;

	if (gso && n == 1) {
		to_guest_gso_extra(plan, response);
		return;
	}
	response->id = request->id;
	response->offset = 0;
	response->flags = n == 0 ? to_guest_first_flags(plan) : 0;
	if (left > TO_GUEST_PAGE)
		response->flags |= NETRXF_more_data;
	response->status = (int16_t)(left > TO_GUEST_PAGE ? TO_GUEST_PAGE : left);
	if (failed)
		response->status = NETIF_RSP_ERROR;
}
