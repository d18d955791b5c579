/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a fuzz target and its drivers agree on. A target is one file; linked
 * with libFuzzer it is a fuzzer, linked with smoke.c it is a test.
 */
#ifndef XENVIFD_TESTS_FUZZ_H
#define XENVIFD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The longest input that a target looks at. */
#define FUZZ_INPUT_MAX 70000u

/* Runs one input. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/*
 * Writes seed n (0 ..) into bytes, which has room for FUZZ_INPUT_MAX, and
 * returns its length; 0 when there is no such seed.
 */
size_t fuzz_seed(unsigned n, uint8_t *bytes);

/* Code and model disagree: say where, and die as fuzzers expect it. */
#define FUZZ_CHECK(condition)                                                                   \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

#endif
