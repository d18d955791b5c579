/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupts of event channels in a folder that looks like /proc/irq: no
 * machine without Xen has such ones. On Xen they are part of the lab's tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "xen/irq.h"

static char root[] = "/tmp/test_irq.XXXXXX";

static void file_make(const char *number, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, number);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/%s/evtchn:%s", root, number, name);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s/smp_affinity_list", root, number);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "0-1\n", 4), 4);
	close(fd);
}

static void assert_cpus(const char *number, const char *expected)
{
	char path[128], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/%s/smp_affinity_list", root, number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_memory_equal(text, expected, strlen(expected));
}

static int setup(void **state)
{
	if (!mkdtemp(root))
		return -1;
	file_make("31", "xenstored");
	file_make("48", "vif1.0-q0");
	file_make("49", "vif1.0-q0");
	file_make("50", "vif1.0-q1");
	file_make("51", "vif11.0-q0");
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void both_of_a_queue_move_and_no_other(void **state)
{
	struct irq_set set = { 0 };

	assert_int_equal(irq_find(&set, root, "vif1.0-q0"), 0);
	assert_int_equal(set.count, 2);
	assert_int_equal(irq_move(&set, root, 13), 0);
	assert_cpus("48", "13\n");
	assert_cpus("49", "13\n");
	assert_cpus("31", "0-1\n");
	assert_cpus("50", "0-1\n");
	assert_cpus("51", "0-1\n");
}

static void moving_again_says_the_new_cpu(void **state)
{
	struct irq_set set = { 0 };

	assert_int_equal(irq_find(&set, root, "vif1.0-q1"), 0);
	assert_int_equal(set.count, 1); /* combined event channels */
	assert_int_equal(irq_move(&set, root, 2), 0);
	assert_int_equal(irq_move(&set, root, 3), 0);
	assert_cpus("50", "3\n");
}

static void what_is_not_there_is_said(void **state)
{
	struct irq_set set = { 0 };

	assert_int_equal(irq_find(&set, root, "vif2.0-q0"), -ENOENT);
	assert_int_equal(irq_find(&set, "/nonexistent", "vif1.0-q0"), -ENOENT);
	assert_int_equal(set.count, 0);
	assert_int_equal(irq_move(&set, root, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_of_a_queue_move_and_no_other),
		cmocka_unit_test(moving_again_says_the_new_cpu),
		cmocka_unit_test(what_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
