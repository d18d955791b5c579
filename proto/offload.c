/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netif flags <-> virtio_net_hdr.
 *
 * From the guest the headers must be found, as virtio wants offsets: a frame
 * whose headers can't be found can't have a blank checksum, nor be GSO. To the
 * guest the kernel has named offsets, and netif can only express those that
 * the guest will find again by parsing; for the others the checksum is
 * computed here, which is always possible from the offsets alone.
 *
 * Rules: VIF.md, section 8.
 */
#include "proto/offload.h"

#include <errno.h>
#include <string.h>

#include <linux/if_tun.h>

#include "proto/checksum.h"
#include "proto/headers.h"

/* Writes the pseudo-header's sum into the checksum field: makes it a blank one. */
static void offload_blank_csum(uint8_t *frame, uint32_t len, const struct headers *headers)
{
	uint16_t sum = headers_pseudo_sum(frame, len, headers);

	memcpy(frame + headers->transport + headers->csum_offset, &sum, sizeof(sum));
}

/*
 * Completes a blank checksum. 0 is never written: for UDP it means "none", and
 * 0xffff is the same number in one's complement.
 */
static void offload_complete_csum(uint8_t *frame, uint32_t len, const struct virtio_net_hdr *vnet)
{
	uint16_t sum = (uint16_t)~checksum_fold(
		checksum_add(0, frame + vnet->csum_start, len - vnet->csum_start));

	if (sum == 0)
		sum = 0xffff;
	memcpy(frame + vnet->csum_start + vnet->csum_offset, &sum, sizeof(sum));
}

static bool offload_is_tcp(const struct headers *headers, unsigned ip_version)
{
	return headers->protocol == HEADERS_TCP && headers->ip_version == ip_version;
}

int offload_from_guest(const struct from_guest_plan *plan, uint8_t *frame,
		       struct virtio_net_hdr *vnet, bool *fixed)
{
	bool gso = plan->gso_type != XEN_NETIF_GSO_TYPE_NONE;
	bool ipv4 = plan->gso_type == XEN_NETIF_GSO_TYPE_TCPV4;
	struct headers headers;

	memset(vnet, 0, sizeof(*vnet));
	*fixed = false;
	if (!plan->csum_blank && !gso) {
		if (plan->data_validated)
			vnet->flags = VIRTIO_NET_HDR_F_DATA_VALID;
		return 0;
	}
	if (headers_find(frame, plan->len, &headers))
		return -EINVAL;
	if (gso && !offload_is_tcp(&headers, ipv4 ? 4 : 6))
		return -EINVAL;

	vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vnet->csum_start = (uint16_t)headers.transport;
	vnet->csum_offset = (uint16_t)headers.csum_offset;
	vnet->hdr_len = (uint16_t)headers.end;
	if (!gso)
		return 0;

	vnet->gso_type = ipv4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	vnet->gso_size = plan->gso_size;
	if (!plan->csum_blank) {
		offload_blank_csum(frame, plan->len, &headers);
		*fixed = true;
	}
	return 0;
}

/* The kernel's header, held against the frame that it came with. */
static bool offload_vnet_fits(const struct virtio_net_hdr *vnet, uint32_t len)
{
	if (vnet->hdr_len > len)
		return false;
	if (!(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	return vnet->csum_start >= FROM_GUEST_FRAME_MIN &&
	       (uint32_t)vnet->csum_start + vnet->csum_offset + sizeof(uint16_t) <= len;
}

/* Whether the guest, when it parses the frame, finds the checksum that the kernel means. */
static bool offload_is_found(const struct virtio_net_hdr *vnet, const struct headers *headers)
{
	return vnet->csum_start == headers->transport && vnet->csum_offset == headers->csum_offset;
}

static void offload_mark_blank(struct to_guest_plan *plan)
{
	plan->csum_blank = true;
	plan->data_validated = true;
}

static void offload_plain_to_guest(const struct vif_features *features,
				   const struct virtio_net_hdr *vnet, uint8_t *frame,
				   struct to_guest_plan *plan, bool *computed)
{
	struct headers headers;

	plan->data_validated = vnet->flags & VIRTIO_NET_HDR_F_DATA_VALID;
	if (!(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return;
	plan->data_validated = false;
	/* Linux's netfront drops a tagged frame with a blank checksum (VIF-8.8). */
	if (!headers_find(frame, plan->len, &headers) && headers.vlan_tags == 0 &&
	    offload_is_found(vnet, &headers) &&
	    (headers.ip_version == 4 ? features->csum_ipv4 : features->csum_ipv6)) {
		offload_mark_blank(plan);
		return;
	}
	offload_complete_csum(frame, plan->len, vnet);
	*computed = true;
}

static enum offload_verdict offload_gso_to_guest(const struct vif_features *features,
						 const struct virtio_net_hdr *vnet, bool ipv4,
						 uint8_t *frame, struct to_guest_plan *plan)
{
	bool wanted = ipv4 ? features->gso_tcpv4 && features->csum_ipv4
			   : features->gso_tcpv6 && features->csum_ipv6;
	struct headers headers;

	if (vnet->gso_size == 0 || headers_find(frame, plan->len, &headers) ||
	    !offload_is_tcp(&headers, ipv4 ? 4 : 6))
		return OFFLOAD_BAD_VNET;
	if ((vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && !offload_is_found(vnet, &headers))
		return OFFLOAD_BAD_VNET;
	/* Linux's netfront drops tagged frames with a blank checksum, which GSO frames have. */
	if (!wanted || !features->sg || headers.vlan_tags)
		return OFFLOAD_SEGMENT;

	if (!(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		offload_blank_csum(frame, plan->len, &headers);
	offload_mark_blank(plan);
	plan->gso_type = ipv4 ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6;
	plan->gso_size = vnet->gso_size;
	plan->slots = to_guest_slots(plan->len, true);
	return OFFLOAD_OK;
}

enum offload_verdict offload_to_guest(const struct vif_features *features,
				      const struct virtio_net_hdr *vnet, uint8_t *frame,
				      struct to_guest_plan *plan, bool *computed)
{
	uint8_t gso = vnet->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

	*computed = false;
	plan->csum_blank = false;
	plan->data_validated = false;
	plan->gso_type = XEN_NETIF_GSO_TYPE_NONE;
	plan->gso_size = 0;
	plan->slots = to_guest_slots(plan->len, false);

	if (!offload_vnet_fits(vnet, plan->len))
		return OFFLOAD_BAD_VNET;
	switch (gso) {
	case VIRTIO_NET_HDR_GSO_NONE:
		offload_plain_to_guest(features, vnet, frame, plan, computed);
		return OFFLOAD_OK;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return offload_gso_to_guest(features, vnet, gso == VIRTIO_NET_HDR_GSO_TCPV4, frame,
					    plan);
	default:
		return OFFLOAD_UNSUPPORTED;
	}
}

unsigned offload_tap_flags(const struct vif_features *features)
{
	unsigned flags = 0;

	if (features->csum_ipv4 || features->csum_ipv6)
		flags |= TUN_F_CSUM;
	if (features->sg && features->gso_tcpv4 && features->csum_ipv4)
		flags |= TUN_F_TSO4;
	if (features->sg && features->gso_tcpv6 && features->csum_ipv6)
		flags |= TUN_F_TSO6;
	return flags;
}
