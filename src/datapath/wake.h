/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can end a worker's sleep: one epoll set of the control thread's word, the
 * tap, the event channels, and a timer for what is held back (tell.c).
 *
 * The worker's own but for wake_tell, and wake_open and wake_close, which are
 * called while there is no thread. Inside the datapath room only.
 */
#ifndef XENVIFD_DATAPATH_WAKE_H
#define XENVIFD_DATAPATH_WAKE_H

#include <stdbool.h>

/* What has something; sets of them are of 1 << enum wake. */
enum wake {
	WAKE_STOP, /* the control thread has something to say */
	WAKE_TAP,
	WAKE_EVTCHN,
	WAKE_HOLD, /* the timer */
	WAKE_COUNT,
};

struct wake_set {
	/* Immutable after connect */
	int epoll_fd;
	int stop_fd;
	int hold_fd;
	int tap_fd; /* the queue's */

	/* Owner: worker */
	bool tap_watched; /* frames in the tap end the sleep */
	bool hold_timed;  /* hold_fd will fire */
};

/* Before wake_open, so that wake_close is fine. */
void wake_init(struct wake_set *set);

/* Watches all of them. 0, or -errno; wake_close either way. */
int wake_open(struct wake_set *set, int tap_fd, int evtchn_fd);
void wake_close(struct wake_set *set);

/* Sleeps for timeout ms at most; 0: not at all; -1: for ever. The set of what has something. */
unsigned wake_wait(struct wake_set *set, int timeout);

/* The inside of wake_watch_tap. */
void wake_change_tap(struct wake_set *set, bool watch);

/* Says whether frames in the tap are to end the sleep. */
static inline void wake_watch_tap(struct wake_set *set, bool watch)
{
	if (watch != set->tap_watched)
		wake_change_tap(set, watch);
}

/* Has the timer fire, if it isn't to already. False: it can't. */
bool wake_time_hold(struct wake_set *set);

/* After WAKE_HOLD: whether the timer has fired. */
bool wake_take_hold(struct wake_set *set);

/* Control thread: makes the worker look at what it was told. */
void wake_tell(struct wake_set *set);

/* After WAKE_STOP: whether it was told something. */
bool wake_take_word(struct wake_set *set);

#endif
