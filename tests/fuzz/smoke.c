/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plain driver for fuzz targets, for any compiler: the seeds of the target as
 * they are, then mutations of them for some seconds.
 *
 *   target [--seconds N] [--seed N]   seeds and mutations (default: 2 s, seed 1)
 *   target --write DIRECTORY          writes the seeds, as a corpus for libFuzzer
 *   target FILE...                    runs these inputs
 *
 * There is no feedback, so the mutations lean on what is known to matter: few
 * changes at a time, numbers at their limits, pieces of other seeds. When an
 * input kills the target it is printed in hex, and the seed makes it again.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

static uint8_t input[FUZZ_INPUT_MAX], other[FUZZ_INPUT_MAX];
static size_t input_size;
static uint64_t random_state;

/* Given by the sanitizers, where there are any. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void smoke_print_input(void)
{
	static const char digits[] = "0123456789abcdef";
	static char text[2 * FUZZ_INPUT_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < input_size; i++) {
		text[n++] = digits[input[i] >> 4];
		text[n++] = digits[input[i] & 15];
	}
	text[n++] = '\n';
	if (write(STDERR_FILENO, text, n) < 0)
		_exit(1);
}

static void smoke_die(int number)
{
	smoke_print_input();
	signal(number, SIG_DFL);
	raise(number);
}

/* xorshift64: any sequence will do, as long as a seed repeats it. */
static uint32_t smoke_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

static uint32_t smoke_below(size_t limit)
{
	return limit ? (uint32_t)(smoke_random() % limit) : 0;
}

static void smoke_mutate_number(void)
{
	static const uint16_t limits[] = { 0,	 1,    2,      4,      8,      13,
					   14,	 20,   0x7f,   0xff,   0x100,  4095,
					   4096, 4097, 0x7fff, 0x8000, 0xfffe, 0xffff };
	uint16_t value = limits[smoke_below(sizeof(limits) / sizeof(limits[0]))];

	if (input_size < 2)
		return;
	memcpy(input + smoke_below(input_size - 1), &value, sizeof(value));
}

static void smoke_mutate_length(void)
{
	size_t at = smoke_below(input_size), n = 1 + smoke_below(24);

	if (smoke_random() & 1) {
		input_size = at + 1;
		return;
	}
	if (input_size + n > sizeof(input))
		return;
	memmove(input + at + n, input + at, input_size - at);
	input_size += n;
}

static void smoke_mutate_splice(unsigned n_seeds)
{
	size_t size = fuzz_seed(smoke_below(n_seeds), other);
	size_t from = smoke_below(size), at = smoke_below(input_size);
	size_t n = 1 + smoke_below(size - from);

	if (at + n > sizeof(input))
		n = sizeof(input) - at;
	memcpy(input + at, other + from, n);
	if (at + n > input_size)
		input_size = at + n;
}

static void smoke_mutate(unsigned n_seeds)
{
	input_size = fuzz_seed(smoke_below(n_seeds), input);
	for (uint32_t n = smoke_below(6); n; n--) {
		switch (smoke_below(6)) {
		case 0:
			input[smoke_below(input_size)] ^= (uint8_t)(1u << smoke_below(8));
			break;
		case 1:
			input[smoke_below(input_size)] = (uint8_t)smoke_random();
			break;
		case 2:
		case 3:
			smoke_mutate_number();
			break;
		case 4:
			smoke_mutate_length();
			break;
		default:
			smoke_mutate_splice(n_seeds);
			break;
		}
	}
}

static double smoke_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int smoke_run(double seconds, uint64_t seed)
{
	double end = smoke_now() + seconds;
	unsigned n_seeds = 0;
	unsigned long runs = 0;

	for (; (input_size = fuzz_seed(n_seeds, input)) != 0; n_seeds++)
		LLVMFuzzerTestOneInput(input, input_size);
	random_state = seed ? seed : 1;
	/* The clock is asked rarely: a run takes less than a microsecond. */
	while (runs % 256 || smoke_now() < end) {
		smoke_mutate(n_seeds);
		LLVMFuzzerTestOneInput(input, input_size);
		runs++;
	}
	printf("%u seeds and %lu mutations, seed %llu\n", n_seeds, runs, (unsigned long long)seed);
	return n_seeds == 0;
}

static int smoke_write(const char *directory)
{
	for (unsigned n = 0; (input_size = fuzz_seed(n, input)) != 0; n++) {
		char path[4096];
		FILE *file;

		snprintf(path, sizeof(path), "%s/seed-%03u", directory, n);
		file = fopen(path, "wb");
		if (!file || fwrite(input, 1, input_size, file) != input_size || fclose(file)) {
			fprintf(stderr, "%s: %s\n", path, strerror(errno));
			return 1;
		}
	}
	return 0;
}

static int smoke_replay(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	input_size = fread(input, 1, sizeof(input), file);
	fclose(file);
	return LLVMFuzzerTestOneInput(input, input_size);
}

int main(int argc, char **argv)
{
	double seconds = 2;
	uint64_t seed = 1;
	int ret = 0;

	signal(SIGABRT, smoke_die);
	signal(SIGSEGV, smoke_die);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(smoke_print_input);

	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return smoke_write(argv[2]);
	if (argc > 1 && strncmp(argv[1], "--", 2) != 0) {
		for (int i = 1; i < argc && !ret; i++)
			ret = smoke_replay(argv[i]);
		return ret;
	}
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seconds") == 0)
			seconds = atof(argv[i + 1]);
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
	}
	return smoke_run(seconds, seed);
}
