/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the guest is notified of its answered frames: tell.c on a ring in plain memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "datapath/queue.h"

#define PORT_TX 7

static struct queue *queue;
static netif_tx_sring_t *shared;
static unsigned notified;

int evtchn_notify(struct evtchn *evtchn, uint32_t port)
{
	assert_int_equal(port, PORT_TX);
	notified++;
	return 0;
}

static int setup(void **state)
{
	queue = aligned_alloc(64, sizeof(*queue));
	shared = aligned_alloc(4096, 4096);
	memset(queue, 0, sizeof(*queue));
	memset(shared, 0, 4096);
	queue->port_tx = PORT_TX;
	shared->rsp_event = 1;
	notified = 0;
	return ring_tx_attach(&queue->tx, shared);
}

static int teardown(void **state)
{
	free(queue);
	free(shared);
	return 0;
}

/* A batch of frames with so many slots each is answered. */
static void answered(unsigned frames, unsigned slots)
{
	queue->tx.rsp_prod += frames * slots;
	from_guest_tell_review(queue);
	ring_tx_publish(&queue->tx);
	from_guest_tell(queue, frames, frames * slots);
}

/* The guest takes all responses, and asks for an event at the next. */
static void guest_looks(void)
{
	shared->rsp_event = shared->rsp_prod + 1;
}

static uint64_t left_out(void)
{
	return stats_read(&queue->stats.from_guest.notify_suppressed);
}

/* Notified once since the last time, and of all. */
static void expect_told(void)
{
	assert_int_equal(notified, 1);
	assert_int_equal(queue->hold, 0);
	assert_int_equal(queue->tx.told, shared->rsp_prod);
	notified = 0;
	guest_looks();
}

static void who_does_not_ask_is_not_told(void **state)
{
	shared->rsp_event = 100;
	answered(1, 1);
	answered(20, 2);
	assert_int_equal(notified, 0);
	assert_int_equal(queue->hold, 0);
	assert_int_equal(left_out(), 2);
}

static void more_than_a_lone_small_frame_is_told_at_once(void **state)
{
	answered(2, 1);
	expect_told();
	answered(64, 2);
	expect_told();
	answered(1, 3);
	expect_told();
	assert_int_equal(stats_read(&queue->stats.from_guest.notify_sent), 3);
}

static void a_guest_that_looks_by_itself_is_never_told(void **state)
{
	for (unsigned i = 1; i <= 5000; i++) {
		answered(1, 1 + i % 2);
		assert_int_equal(notified, 0);
		if (i % 7 == 0)
			from_guest_tell_late(queue); /* one turn is not long */
		guest_looks();
		if (i % 3 == 0) /* else the next batch sees that it looked */
			from_guest_tell_late(queue);
		assert_int_equal(left_out(), i % 3 == 0 ? i : i - 1);
		assert_int_equal(notified, 0);
	}
}

static void nobody_waits_for_long(void **state)
{
	answered(1, 1);
	from_guest_tell_late(queue);
	assert_int_equal(notified, 0);
	from_guest_tell_late(queue); /* a whole turn is over */
	expect_told();
	answered(1, 1); /* that was in vain: at once */
	expect_told();
	from_guest_tell_late(queue);
	from_guest_tell_late(queue);
	assert_int_equal(notified, 0);
}

/* Each has a whole turn, whenever in the timer's turn it came. */
static void each_wait_is_of_a_whole_turn(void **state)
{
	answered(1, 1);
	from_guest_tell_late(queue);
	guest_looks();
	answered(1, 1);
	from_guest_tell_late(queue);
	assert_int_equal(notified, 0);
	from_guest_tell_late(queue);
	expect_told();
}

static void what_is_left_is_told_at_the_end(void **state)
{
	from_guest_tell_rest(queue);
	assert_int_equal(notified, 0);
	answered(1, 1);
	from_guest_tell_rest(queue);
	expect_told();
	answered(1, 1); /* nobody waited in vain */
	assert_int_equal(queue->hold, 1);
	guest_looks();
	from_guest_tell_rest(queue);
	assert_int_equal(notified, 0);
}

static void one_event_tells_of_sixteen(void **state)
{
	for (unsigned round = 1; round <= 100; round++) {
		for (unsigned i = 0; i < 15; i++)
			answered(1, 1 + i % 2);
		from_guest_tell_late(queue);
		assert_int_equal(notified, 0);
		answered(1, 1);
		expect_told();
		assert_int_equal(left_out(), 15 * round);
	}
}

/* More than a few came meanwhile: nobody was waiting, so the next wait too. */
static void the_time_may_be_over_before_sixteen(void **state)
{
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 4; i++)
			answered(1, 1);
		from_guest_tell_late(queue);
		assert_int_equal(notified, 0);
		from_guest_tell_late(queue);
		expect_told();
	}
	for (unsigned i = 0; i < 3; i++)
		answered(1, 1);
	from_guest_tell_late(queue);
	from_guest_tell_late(queue);
	expect_told(); /* in vain */
	answered(1, 1);
	expect_told();
}

/* A batch that comes while something is held back is told of, or not, for all. */
static void what_is_held_back_is_not_forgotten(void **state)
{
	answered(1, 1);
	answered(10, 1);
	expect_told();
	assert_int_equal(left_out(), 1);
	answered(1, 1);
	assert_int_equal(queue->hold > 0, 1);
	shared->rsp_event = shared->rsp_prod + 10; /* it looked, and asks for a later one */
	answered(3, 1);
	assert_int_equal(notified, 0);
	assert_int_equal(queue->hold, 0);
	assert_int_equal(left_out(), 3);
}

static void waits_in_vain_become_rare(void **state)
{
	unsigned waits = 0;

	for (unsigned i = 0; i < 20000; i++) {
		answered(1, 1);
		waits += queue->hold > 0;
		from_guest_tell_late(queue);
		from_guest_tell_late(queue);
		expect_told();
	}
	/* 10 with 1, 3, 7 ... 1023 at once after them, and then one in 1024. */
	assert_int_equal(waits, 10 + (20000 - 2046 + 1023) / 1024);
	/* Once it was not in vain, the next may wait again. */
	while (queue->hold == 0) {
		guest_looks();
		answered(1, 1);
	}
	notified = 0;
	guest_looks();
	answered(1, 1);
	assert_true(queue->hold > 0);
	assert_int_equal(notified, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_does_not_ask_is_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_a_lone_small_frame_is_told_at_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_guest_that_looks_by_itself_is_never_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nobody_waits_for_long, setup, teardown),
		cmocka_unit_test_setup_teardown(each_wait_is_of_a_whole_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_left_is_told_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(one_event_tells_of_sixteen, setup, teardown),
		cmocka_unit_test_setup_teardown(the_time_may_be_over_before_sixteen, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_held_back_is_not_forgotten, setup,
						teardown),
		cmocka_unit_test_setup_teardown(waits_in_vain_become_rare, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
