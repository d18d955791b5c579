/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all that is printed for people has in common. */
#ifndef XENVIFD_VIFCTL_TEXT_H
#define XENVIFD_VIFCTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* Colours, of a terminal only and not when NO_COLOR is set: "" otherwise. */
enum text_colour { TEXT_PLAIN, TEXT_BOLD, TEXT_GOOD, TEXT_WARN, TEXT_BAD };

/* The sequence that begins a colour; TEXT_PLAIN ends it. */
const char *text_colour(enum text_colour colour);

/* The colour of a vif's state. */
enum text_colour text_state_colour(const char *state);

/* A member that is text, "?" without it; and a number, 0 without it. */
const char *text_of(const json_t *object, const char *key);
json_int_t count_of(const json_t *object, const char *key);

/* A number with three digits or more and a unit: of bytes (binary), of things, of time (decimal).
 */
void text_bytes(double bytes, char *text, size_t size);
void text_number(double number, char *text, size_t size);
void text_time(double ns, char *text, size_t size);

/* Of a direction: the sum of its counters of lost frames. */
bool counts_loss(const char *name);
json_int_t lost_of(const json_t *direction);

/* The vif of this name in an array of them, or NULL. */
json_t *vif_named(const json_t *vifs, const char *name);

/* {"schema", "vifs"}, with what `of` makes of each vif of the answer. A new reference. */
json_t *vifs_document(const json_t *answer, json_t *(*of)(const json_t *vif));

/*
 * The sum over a vif's queues (an array of "show") of one direction: an object
 * with every counter. A new reference.
 */
json_t *direction_sum(const json_t *queues, const char *direction);

#endif
