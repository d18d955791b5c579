/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The xensim command's parts. All print their own errors and return an exit status. */
#ifndef XENSIM_TOOL_H
#define XENSIM_TOOL_H

#include <stdbool.h>
#include <stdint.h>

struct xs_handle;

int tool_fail(const char *what, int err);
bool tool_number(const char *text, uint32_t max, uint32_t *value);
struct xs_handle *tool_store(void);

/* tool_counts.c: what the host holds at this moment, the dead cleared away first */
int tool_counts(bool json);

/* tool_vif.c: the toolstack's part in a vif's life */
int tool_vif_add(uint32_t domid, uint32_t devid, int nkeys, char **keys);
int tool_vif_script(uint32_t domid, uint32_t devid, const char *action);
int tool_vif_remove(uint32_t domid, uint32_t devid);

#endif
