/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Over a libxenstore of plain memory: a transaction that others may disturb (store_transact), and
 * whom store_open asks.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <xenstore.h>

#include "xen/store.h"

static struct store *store;
static xs_transaction_t open_now; /* the transaction under way; 0: none */
static unsigned begun, committed, aborted;
static unsigned disturbed; /* so many commits find that somebody else wrote */
static int begin_errno, commit_errno;
static unsigned opened;

/* What test and library share of a handle is its address. */
struct xs_handle *xs_open(unsigned long flags)
{
	opened++;
	return (struct xs_handle *)&store;
}

void xs_close(struct xs_handle *handle)
{
}

static char socket_path[64] = "/nowhere/socket";

const char *xs_daemon_socket(void)
{
	return socket_path;
}

xs_transaction_t xs_transaction_start(struct xs_handle *handle)
{
	assert_int_equal(open_now, 0);
	errno = begin_errno;
	if (begin_errno)
		return 0;
	open_now = 100 + ++begun;
	return open_now;
}

bool xs_transaction_end(struct xs_handle *handle, xs_transaction_t transaction, bool abort)
{
	assert_int_equal(transaction, open_now);
	open_now = 0;
	errno = abort ? EIO : disturbed > 0 ? EAGAIN : commit_errno;
	if (abort)
		aborted++;
	else if (disturbed > 0)
		disturbed--;
	else if (!commit_errno)
		committed++;
	return errno == 0;
}

static int setup(void **state)
{
	begun = committed = aborted = disturbed = 0;
	begin_errno = commit_errno = 0;
	open_now = 0;
	return store_open(&store, false);
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

/* What the change is told of, and what it answers from its first call on. */
struct tried {
	unsigned calls;
	int answer[3];
};

static int change(void *ctx, uint32_t transaction)
{
	struct tried *tried = ctx;

	assert_int_equal(transaction, open_now);
	return tried->answer[tried->calls++];
}

static void expect(int result, unsigned calls, int answer, int answer2)
{
	struct tried tried = { .answer = { answer, answer2, answer2 } };

	assert_int_equal(store_transact(store, change, &tried), result);
	assert_int_equal(tried.calls, calls);
	assert_int_equal(open_now, 0);
}

static void a_change_is_committed_once(void **state)
{
	expect(0, 1, 0, 0);
	assert_int_equal(begun, 1);
	assert_int_equal(committed, 1);
	assert_int_equal(aborted, 0);
}

static void a_disturbed_one_is_made_anew(void **state)
{
	disturbed = 2;
	expect(0, 3, 0, 0);
	assert_int_equal(begun, 3);
	assert_int_equal(committed, 1);
	assert_int_equal(aborted, 0);
}

static void one_that_fails_is_aborted(void **state)
{
	expect(-ENOENT, 1, -ENOENT, 0);
	assert_int_equal(aborted, 1);
	assert_int_equal(committed, 0);
	disturbed = 1; /* nor is one committed that fails when it is made anew */
	expect(-ECANCELED, 2, 0, -ECANCELED);
	assert_int_equal(aborted, 2);
	assert_int_equal(committed, 0);
}

static void a_store_that_fails_is_not_asked_again(void **state)
{
	commit_errno = ENOSPC;
	expect(-ENOSPC, 1, 0, 0);
	assert_int_equal(committed, 0);
	begin_errno = EPIPE;
	expect(-EPIPE, 0, 0, 0);
	assert_int_equal(begun, 1);
}

/* libxenstore is not to turn to /dev/xen/xenbus while xenstored's socket is, or was, there. */
static void a_socket_without_xenstored_is_an_error(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct store *other;

	snprintf(socket_path, sizeof(socket_path), "/tmp/test_store.%d", (int)getpid());
	strcpy(address.sun_path, socket_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	opened = 0;
	assert_int_equal(store_open(&other, false), -ECONNREFUSED);
	assert_int_equal(store_open(&other, true), -ECONNREFUSED);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(store_open(&other, true), 0);
	store_close(other);
	assert_int_equal(opened, 1);
	close(fd);
	assert_int_equal(unlink(socket_path), 0);
	assert_int_equal(store_open(&other, true), -ENOENT);
	assert_int_equal(opened, 1);
	assert_int_equal(store_open(&other, false), 0);
	store_close(other);
	assert_int_equal(opened, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_change_is_committed_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disturbed_one_is_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_fails_is_aborted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_that_fails_is_not_asked_again, setup,
						teardown),
		cmocka_unit_test(a_socket_without_xenstored_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
