/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lock of who moves a vif: what a daemon sees of it, in the files of a directory of its own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/moving.h"

static int setup(void **state)
{
	static char path[MOVING_PATH_SIZE];
	char directory[] = "/tmp/test-moving-XXXXXX";
	char control[64];

	assert_non_null(mkdtemp(directory));
	snprintf(control, sizeof(control), "%s/control.sock", directory);
	moving_path(control, path);
	*state = path;
	return 0;
}

static int teardown(void **state)
{
	char *path = *state;

	assert_int_equal(unlink(path), 0);
	path[strlen(path) - strlen("/moving.lock")] = '\0';
	return rmdir(path);
}

static void test_what_is_said_counts_while_it_is_held(void **state)
{
	const char *path = *state;
	int lock = moving_lock(path);

	assert_true(lock >= 0);
	assert_int_equal(moving_lock(path), -EAGAIN);
	assert_false(moving_is_moved(path, "vif1.0"));
	assert_int_equal(moving_say(lock, "vif1.0"), 0);
	assert_true(moving_is_moved(path, "vif1.0"));
	assert_false(moving_is_moved(path, "vif1.01"));
	assert_int_equal(moving_say(lock, "vif2.0"), 0);
	assert_false(moving_is_moved(path, "vif1.0"));
	assert_true(moving_is_moved(path, "vif2.0"));
	assert_int_equal(moving_say(lock, ""), 0);
	assert_false(moving_is_moved(path, "vif2.0"));
	close(lock);
	assert_false(moving_is_moved(path, "vif2.0"));
}

/* Who takes it has not said yet which vif it is about: not the one of the last who had it. */
static void test_a_new_holder_moves_nothing_yet(void **state)
{
	const char *path = *state;
	int lock = moving_lock(path);

	assert_int_equal(moving_say(lock, "vif1.0"), 0);
	close(lock);
	lock = moving_lock(path);
	assert_true(lock >= 0);
	assert_false(moving_is_moved(path, "vif1.0"));
	close(lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(test_what_is_said_counts_while_it_is_held),
		CASE(test_a_new_holder_moves_nothing_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
