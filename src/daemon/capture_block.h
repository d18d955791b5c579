/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A captured frame as a block of a pcapng file, with what the ring said of it as its comment. */
#ifndef XENVIFD_DAEMON_CAPTURE_BLOCK_H
#define XENVIFD_DAEMON_CAPTURE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/pcapng.h"
#include "control/capture.h"
#include "proto/to_guest.h"

/* Bytes of the largest block. */
#define CAPTURE_BLOCK_MAX (TO_GUEST_FRAME_MAX + PCAPNG_PACKET_OVERHEAD)

/*
 * Words for people and programs, such as
 *   from-guest index=4711 slots=3 extras=1 gso=tcpv4:1448 csum_blank response=okay
 *   to-guest slots=0 lost=drop_stalled
 */
void capture_block_comment(const struct capture_record *record, char *text, size_t size);

/* Writes the frame of interface `place`. Its bytes, or 0: no room. See pcapng_write_packet. */
size_t capture_block_write(uint8_t *to, size_t room, unsigned place,
			   const struct capture_record *record);

#endif
