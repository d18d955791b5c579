/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the control socket is asked for: {"verb": "show"}, with "vif", "queue"
 * and "value" as a verb wants them. Each answer has "schema"; one that is
 * refused, or failed, has "error", a text for people, and changed nothing.
 *
 * Whoever can open the socket may ask for what only reads; to change
 * something, or to see what guests send, one must be root.
 */
#ifndef XENVIFD_DAEMON_CTL_VERBS_H
#define XENVIFD_DAEMON_CTL_VERBS_H

#include <sys/types.h>

#include <jansson.h>

#include "control/control.h"
#include "control/vif.h"

#define CTL_SCHEMA 1

struct capture_stream;

/*
 * Answers one line, from a client of this user. A new reference, or NULL: no
 * memory. *stream: what goes on after the answer, to be begun or given up
 * (capture_stream.h); or NULL.
 */
json_t *ctl_answer(struct control *control, const char *line, uid_t uid,
		   struct capture_stream **stream);

/* A handler of one verb: as ctl_answer, with the request as an object. */
typedef json_t *ctl_handler(struct control *control, const json_t *request);

ctl_handler ctl_show;	 /* all vifs with their queues and counters */
ctl_handler ctl_rings;	 /* the rings of "vif", or of all, and who waits for whom */
ctl_handler ctl_explain; /* why "vif" is not connected, or moves nothing */
ctl_handler ctl_metrics; /* all counters, as OpenMetrics text */
ctl_handler ctl_reload;	 /* reads the settings again */
ctl_handler ctl_log;	 /* the log's level; set to "value" when there is one */
ctl_handler ctl_kick;	 /* "queue" of "vif", or all of its queues */
ctl_handler ctl_carrier; /* of "vif": set to "value", "on", "off" or "auto" */
ctl_handler ctl_drain;	 /* closes "vif" */
ctl_handler ctl_owners;	 /* who serves "vif", or all, and whether it is claimed */
ctl_handler ctl_adopt;	 /* takes "vif", which xen-netback has let go of */
ctl_handler ctl_release; /* lets go of "vif", for xen-netback */
ctl_handler ctl_rate;	 /* what the guest of "vif" may send; set to "value" when there is one */

/*
 * The frames of "vif", or of its "queue", as a file (capture_stream.h); with
 * "direction" ("from-guest", "to-guest" or "both"), "snaplen", bytes of a frame
 * that are kept, and "count", frames after which it ends. *stream is to be
 * begun or given up; left alone with an answer that refuses.
 */
json_t *ctl_capture(struct control *control, const json_t *request, struct capture_stream **stream);

/* What the handlers share. */

/* {"schema": ..., "error": text}. */
json_t *ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Text of any origin as a JSON string; "?" when it is not UTF-8, as xenstore's need not be. */
json_t *ctl_text(const char *text);

/* The vif that the request names. NULL, and *error is the answer: none is named, or there. */
struct vif *ctl_vif(struct control *control, const json_t *request, json_t **error);

/* Whether the request names a vif at all. */
bool ctl_names_vif(const json_t *request);

/* A vif's rate: an object of "bytes" and "usec", or null. A new reference, or NULL. */
json_t *ctl_rate_of(const struct vif *vif);

/* "auto", "on", "off". */
const char *ctl_carrier_name(enum vif_carrier carrier);

/* Buffers that the guest has posted and that are not used yet; as far as it can be believed. */
uint32_t ctl_buffers(const struct worker_rings *rings);

/* Who waits for whom on a ring: of frames from the guest, and of those to the guest. */
void ctl_say_from_guest(const struct worker_rings *rings, char *text, size_t size);
void ctl_say_to_guest(const struct worker_rings *rings, char *text, size_t size);

#endif
