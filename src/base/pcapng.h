/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks of a pcapng file, as Wireshark and tcpdump read it: one section, an
 * interface block for each queue, a block for each frame, and at the end of
 * each interface its statistics. Pure functions, any thread.
 *
 * The writers append one whole block, in this machine's byte order, which the
 * format allows. They return its bytes, a multiple of 4; or 0, with nothing to
 * be used, when it does not fit within `room`. Texts longer than PCAPNG_TEXT_MAX
 * bytes are cut.
 */
#ifndef XENVIFD_BASE_PCAPNG_H
#define XENVIFD_BASE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#define PCAPNG_TEXT_MAX 255
/* What a frame's block takes besides its bytes, at most: comment and options included. */
#define PCAPNG_PACKET_OVERHEAD 352

#define PCAPNG_INBOUND	1u /* of epb_flags */
#define PCAPNG_OUTBOUND 2u

struct pcapng_packet {
	uint32_t interface; /* number of its interface block, from 0 */
	uint64_t time;	    /* ns since 1970 */
	uint32_t captured;  /* bytes of data */
	uint32_t len;	    /* bytes that the frame has */
	uint32_t flags;	    /* PCAPNG_INBOUND or _OUTBOUND */
	uint64_t missed;    /* frames of the interface lost since the one before; 0: not said */
	const char *comment;
	const uint8_t *data;
};

struct pcapng_statistics {
	uint32_t interface;
	uint64_t begin, end;	     /* ns since 1970 */
	uint64_t delivered, dropped; /* frames in the file, and frames that it had no room for */
	const char *comment;
};

/* The file's first block; application is the program and its version. */
size_t pcapng_write_section(uint8_t *to, size_t room, const char *application);

/* An Ethernet interface whose times are in ns. snaplen: bytes of a frame that are kept. */
size_t pcapng_write_interface(uint8_t *to, size_t room, const char *name, uint32_t snaplen);

size_t pcapng_write_packet(uint8_t *to, size_t room, const struct pcapng_packet *packet);
size_t pcapng_write_statistics(uint8_t *to, size_t room,
			       const struct pcapng_statistics *statistics);

/* What went by of a file that pcapng_write_* made on a machine of the same byte order. */
struct pcapng_tally {
	uint64_t frames;
	uint64_t dropped;		   /* as the statistics say */
	uint64_t statistics;		   /* blocks of them */
	char comment[PCAPNG_TEXT_MAX + 1]; /* of the last of them */
};

/*
 * Counts the whole blocks at the beginning of data. Returns their bytes, 0 when
 * there is none yet; or (size_t)-1: this is no such file.
 */
size_t pcapng_count(struct pcapng_tally *tally, const uint8_t *data, size_t size);

#endif
