/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The buffer between a worker and a capture, and the words at a captured frame. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/capture_block.h"
#include "datapath/capture.h"
#include "proto/ring.h"
#include "stats.h"

#define FRAMES 20000u

static uint8_t frame[66000];

/* Byte i of frame n. */
static uint8_t byte_of(uint32_t n, uint32_t i)
{
	return n * 31 + i;
}

static uint32_t len_of(uint32_t n)
{
	return 14 + n * 2654435761u % 9000;
}

static bool frame_put(struct capture_buffer *buffer, uint32_t n, uint32_t len)
{
	struct capture_record *record;

	for (uint32_t i = 0; i < len; i++)
		frame[i] = byte_of(n, i);
	record = capture_begin(buffer, CAPTURE_TO_GUEST, frame, len, len);
	if (!record)
		return false;
	record->index = n;
	capture_end(buffer, record);
	return true;
}

static void assert_frame(const struct capture_record *record, uint32_t n, uint32_t len)
{
	assert_int_equal(record->index, n);
	assert_int_equal(record->len, len);
	assert_int_equal(record->captured, len);
	for (uint32_t i = 0; i < len; i++)
		if (record->data[i] != byte_of(n, i))
			fail_msg("byte %u of frame %u", i, n);
}

static struct capture_buffer *buffer_create(uint32_t snaplen)
{
	struct capture_buffer *buffer =
		capture_buffer_create(CAPTURE_BUFFER_MIN, CAPTURE_TO_GUEST, snaplen);

	assert_non_null(buffer);
	return buffer;
}

static void test_one(void **state)
{
	struct capture_buffer *buffer = buffer_create(100);
	const struct capture_record *record;

	assert_null(capture_first(buffer));
	capture_clock(buffer);
	assert_true(frame_put(buffer, 7, 100));
	record = capture_first(buffer);
	assert_ptr_equal(record, capture_first(buffer)); /* it stays */
	assert_frame(record, 7, 100);
	assert_true(record->time > 1700000000000000000ull);
	assert_int_equal(record->missed, 0);
	capture_take(buffer, record);
	assert_null(capture_first(buffer));
	capture_buffer_destroy(buffer);
}

static void test_snaplen(void **state)
{
	struct capture_buffer *buffer = buffer_create(60);
	const struct capture_record *record;

	assert_true(frame_put(buffer, 7, 1000));
	record = capture_first(buffer);
	assert_int_equal(record->len, 1000);
	assert_int_equal(record->captured, 60);
	assert_int_equal(record->data[59], byte_of(7, 59));
	assert_true(record->size < 60 + 2 * CAPTURE_ALIGN + sizeof(*record));
	capture_buffer_destroy(buffer);
}

/* What finds no room is counted; and the next record says so. */
static void test_full(void **state)
{
	struct capture_buffer *buffer = buffer_create(UINT32_MAX);
	const struct capture_record *record;
	uint32_t put = 0, lost = 0;

	while (frame_put(buffer, put, 65557))
		put++;
	assert_in_range(put, 3, 4);
	for (lost = 1; lost < 5; lost++)
		assert_false(frame_put(buffer, put, 65557));
	assert_int_equal(capture_dropped(buffer), lost);
	for (uint32_t n = 0; n < put; n++) {
		record = capture_first(buffer);
		assert_frame(record, n, 65557);
		capture_take(buffer, record);
	}
	assert_null(capture_first(buffer));
	assert_true(frame_put(buffer, put, 65557));
	record = capture_first(buffer);
	assert_frame(record, put, 65557);
	assert_int_equal(record->missed, lost);
	assert_true(frame_put(buffer, put + 1, 14));
	capture_take(buffer, record);
	assert_int_equal(capture_first(buffer)->missed, 0);
	assert_int_equal(capture_dropped(buffer), lost);
	capture_buffer_destroy(buffer);
}

/* Many times around, with as many in it as there is room for, of all lengths. */
static void test_around(void **state)
{
	struct capture_buffer *buffer = buffer_create(UINT32_MAX);
	uint32_t put = 0, taken = 0;

	while (taken < 2000) {
		while (frame_put(buffer, put, len_of(put)))
			put++;
		for (unsigned i = 0; i <= put % 5 && taken < put; i++) {
			const struct capture_record *record = capture_first(buffer);

			assert_frame(record, taken, len_of(taken));
			capture_take(buffer, record);
			taken++;
		}
	}
	capture_buffer_destroy(buffer);
}

static void *write_all(void *arg)
{
	struct capture_buffer *buffer = arg;

	for (uint32_t n = 0; n < FRAMES; n++)
		if (!frame_put(buffer, n, len_of(n) % 1500 + 14))
			sched_yield();
	capture_release(buffer);
	return NULL;
}

/* A worker and a reader at the same time: what arrives is whole, in order, and all is accounted. */
static void test_threads(void **state)
{
	struct capture_buffer *buffer = buffer_create(UINT32_MAX);
	uint64_t arrived = 0, missed = 0;
	uint32_t last = 0;
	pthread_t writer;
	bool over;

	assert_int_equal(pthread_create(&writer, NULL, write_all, buffer), 0);
	do {
		const struct capture_record *record;

		over = capture_is_released(buffer);
		while ((record = capture_first(buffer))) {
			assert_true(arrived == 0 || record->index > last);
			last = record->index;
			assert_frame(record, last, len_of(last) % 1500 + 14);
			arrived++;
			missed += record->missed;
			assert_int_equal(last + 1, arrived + missed);
			capture_take(buffer, record);
		}
	} while (!over);
	pthread_join(writer, NULL);
	assert_int_equal(arrived + capture_dropped(buffer), FRAMES);
	assert_true(arrived > 0);
	capture_buffer_destroy(buffer);
}

static void assert_comment(const struct capture_record *record, const char *wanted)
{
	char text[256], small[8];

	capture_block_comment(record, text, sizeof(text));
	assert_string_equal(text, wanted);
	capture_block_comment(record, small, sizeof(small)); /* is cut, and no more */
	assert_memory_equal(small, wanted, 7);
}

/* 1 + the place of a counter. */
#define PLACE(counters, counter) (1 + offsetof(struct counters, counter) / sizeof(uint64_t))

static void test_comment(void **state)
{
	struct capture_record record = { .way = CAPTURE_FROM_GUEST,
					 .index = UINT32_MAX,
					 .slots = 3,
					 .extras = 1,
					 .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
					 .gso_size = 1448,
					 .csum_blank = true,
					 .data_validated = true };

	assert_comment(&record, "from-guest index=4294967295 slots=3 extras=1 gso=tcpv4:1448 "
				"csum_blank data_validated response=okay");
	record = (struct capture_record){ .way = CAPTURE_FROM_GUEST,
					  .slots = 1,
					  .status = NETIF_RSP_ERROR,
					  .lost = PLACE(stats_from_guest, error_size) };
	assert_comment(&record,
		       "from-guest index=0 slots=1 extras=0 response=error lost=error_size");
	record = (struct capture_record){ .way = CAPTURE_TO_GUEST,
					  .lost = PLACE(stats_to_guest, drop_stalled) };
	assert_comment(&record, "to-guest slots=0 lost=drop_stalled");
	record = (struct capture_record){ .way = CAPTURE_TO_GUEST,
					  .slots = 2,
					  .index = 5,
					  .gso_type = XEN_NETIF_GSO_TYPE_TCPV6,
					  .gso_size = 1,
					  .lost = UINT8_MAX };
	assert_comment(&record,
		       "to-guest index=5 slots=2 extras=0 gso=tcpv6:1 response=okay lost=?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),	cmocka_unit_test(test_snaplen),
		cmocka_unit_test(test_full),	cmocka_unit_test(test_around),
		cmocka_unit_test(test_threads), cmocka_unit_test(test_comment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
