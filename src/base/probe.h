/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes at each step of a packet's way and of a vif's: for bpftrace, SystemTap
 * and perf, on a daemon as it runs. xenvifd(8), PROBES, tells what each says.
 *
 * All are in the one list below, X(name, parameters, the same as arguments).
 * Each becomes a function probe_NAME: a nop in the code, and a note (USDT) that
 * tells where it is and in which registers its arguments lie. So arguments must
 * be at hand, or cost nothing; one that has to be worked out, such as a time,
 * is only when probe_NAME_wanted: somebody listens, and the kernel has raised
 * the probe's semaphore. Built without sys/sdt.h (-Dusdt), all of it is nothing.
 *
 * A queue is named as its thread is, vif1.0-q0. Any thread.
 */
#ifndef XENVIFD_BASE_PROBE_H
#define XENVIFD_BASE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define PROBES(X)                                                                                 \
	X(sleep, (const char *queue, int timeout), (queue, timeout))                              \
	X(wake, (const char *queue, unsigned what), (queue, what))                                \
	X(from_guest_gathered, (const char *queue, int frames, unsigned slots, unsigned pending), \
	  (queue, frames, slots, pending))                                                        \
	X(from_guest_copied, (const char *queue, int frames, unsigned segments),                  \
	  (queue, frames, segments))                                                              \
	X(from_guest_written, (const char *queue, uint32_t bytes, uint8_t gso),                   \
	  (queue, bytes, gso))                                                                    \
	X(from_guest_dropped, (const char *queue, const char *reason, uint32_t bytes),            \
	  (queue, reason, bytes))                                                                 \
	X(from_guest_responded, (const char *queue, int frames, unsigned slots),                  \
	  (queue, frames, slots))                                                                 \
	X(from_guest_notified, (const char *queue, unsigned batches), (queue, batches))           \
	X(rate_waits, (const char *queue), (queue))                                               \
	X(to_guest_gathered, (const char *queue, int frames, unsigned slots, unsigned pending),   \
	  (queue, frames, slots, pending))                                                        \
	X(to_guest_copied, (const char *queue, int frames, unsigned segments),                    \
	  (queue, frames, segments))                                                              \
	X(to_guest_delivered, (const char *queue, uint32_t bytes, uint8_t gso),                   \
	  (queue, bytes, gso))                                                                    \
	X(to_guest_dropped, (const char *queue, const char *reason, uint32_t bytes),              \
	  (queue, reason, bytes))                                                                 \
	X(to_guest_responded, (const char *queue, int frames, unsigned slots),                    \
	  (queue, frames, slots))                                                                 \
	X(to_guest_notified, (const char *queue), (queue))                                        \
	X(stall_begun, (const char *queue, unsigned pending, unsigned wanted),                    \
	  (queue, pending, wanted))                                                               \
	X(stall_dropping, (const char *queue, uint64_t waited), (queue, waited))                  \
	X(stall_ended, (const char *queue, uint64_t waited, unsigned pending),                    \
	  (queue, waited, pending))                                                               \
	X(vif_state, (const char *vif, int before, int now), (vif, before, now))                  \
	X(vif_frontend_state, (const char *vif, int before, int now), (vif, before, now))         \
	X(vif_attached, (const char *vif, unsigned queues, unsigned again), (vif, queues, again)) \
	X(vif_connected, (const char *vif), (vif))                                                \
	X(vif_detached, (const char *vif), (vif))                                                 \
	X(vif_refused, (const char *vif, const char *reason), (vif, reason))                      \
	X(vif_rogue, (const char *vif, unsigned queue, const char *reason), (vif, queue, reason)) \
	X(vif_gone, (const char *vif), (vif))

#ifdef HAVE_USDT

#define SDT_USE_VARIADIC
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

#define PROBE_ARGUMENTS(...) __VA_ARGS__
#define PROBE_FUNCTION(name, parameters, arguments)                                             \
	extern __attribute__((visibility("hidden"))) unsigned short xenvifd_##name##_semaphore; \
	static inline bool probe_##name##_wanted(void)                                          \
	{                                                                                       \
		return __builtin_expect(                                                        \
			__atomic_load_n(&xenvifd_##name##_semaphore, __ATOMIC_RELAXED) > 0,     \
			false);                                                                 \
	}                                                                                       \
	static inline void probe_##name parameters                                              \
	{                                                                                       \
		STAP_PROBEV(xenvifd, name, PROBE_ARGUMENTS arguments);                          \
	}

#else

#define PROBE_FUNCTION(name, parameters, arguments)    \
	static inline bool probe_##name##_wanted(void) \
	{                                              \
		return false;                          \
	}                                              \
	static inline void probe_##name parameters     \
	{                                              \
	}

#endif

PROBES(PROBE_FUNCTION)

#endif
