/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes both readers of a rate: the input is the text. The models read it with
 * libc's means instead: a pattern to say what is well-formed, then long
 * arithmetic to say what it means.
 */
#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/rate.h"

#define TEXT_MAX 100

static bool matches(regex_t *regex, const char *pattern, const char *text, regmatch_t *part)
{
	if (regex->re_nsub == 0) /* not compiled yet: each pattern has parts */
		FUZZ_CHECK(regcomp(regex, pattern, REG_EXTENDED) == 0);
	return regexec(regex, text, 6, part, 0) == 0;
}

/* The number that begins at text; false when it is larger than max. */
static bool number(const char *text, uint64_t max, uint64_t *value)
{
	errno = 0;
	*value = strtoull(text, NULL, 10);
	return errno == 0 && *value <= max;
}

static void check_node(const char *text)
{
	static regex_t regex;
	struct rate rate = { 1, 1 };
	regmatch_t part[6];
	uint64_t bytes = 0, usec = 0;
	bool good = matches(&regex, "^[0-9]+,([0-9]+)$", text, part) &&
		    number(text, UINT64_MAX, &bytes) &&
		    number(text + part[1].rm_so, UINT32_MAX, &usec);
	bool limit = good && bytes > 0 && usec > 0;

	FUZZ_CHECK(rate_parse(text, &rate) == (good ? 0 : -EINVAL));
	FUZZ_CHECK(rate.bytes == (limit ? bytes : 0) && rate.usec == (limit ? usec : 0));
}

/* 0 and what it means, -EINVAL or -ERANGE. */
static int model_words(const char *text, struct rate *rate)
{
	static regex_t regex;
	regmatch_t part[6];
	uint64_t speed, usec = 50;
	unsigned __int128 bytes;
	char unit = 'm';

	if (!matches(&regex, "^[0-9]+([GMK]?)([Bb])/s(@([0-9]+)([mu]?)s?)?$", text, part) ||
	    !number(text, UINT32_MAX, &speed))
		return -EINVAL;
	if (part[3].rm_so >= 0) {
		if (!number(text + part[4].rm_so, UINT32_MAX, &usec))
			return -EINVAL;
		unit = part[5].rm_eo > part[5].rm_so ? text[part[5].rm_so] : 's';
	}
	usec *= unit == 'u' ? 1 : unit == 'm' ? 1000 : 1000000;
	if (usec > UINT32_MAX)
		return -ERANGE;
	if (part[1].rm_eo > part[1].rm_so)
		speed *= text[part[1].rm_so] == 'K'   ? 1000
			 : text[part[1].rm_so] == 'M' ? 1000000
						      : 1000000000;
	bytes = (unsigned __int128)(text[part[2].rm_so] == 'b' ? speed / 8 : speed) * usec;
	if (bytes > UINT64_MAX || bytes < 1000000)
		return -ERANGE;
	*rate = (struct rate){ .bytes = (uint64_t)(bytes / 1000000), .usec = (uint32_t)usec };
	return 0;
}

static void check_words(const char *text)
{
	struct rate rate = { 1, 1 }, expected = { 0 };

	FUZZ_CHECK(rate_parse_words(text, &rate) == model_words(text, &expected));
	FUZZ_CHECK(rate.bytes == expected.bytes && rate.usec == expected.usec);
	rate = rate_unpack(rate_pack(&rate));
	FUZZ_CHECK(rate.bytes <= UINT32_MAX && (rate.bytes == 0) == (rate.usec == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char text[TEXT_MAX + 1];

	if (size > TEXT_MAX)
		return 0;
	memcpy(text, bytes, size);
	text[size] = '\0';
	check_node(text);
	check_words(text);
	return 0;
}

size_t fuzz_seed(unsigned n, uint8_t *bytes)
{
	static const char *const seeds[] = {
		"62500,50000",	"18446744073709551615,4294967295",
		"0,0",		"10Mb/s",
		"1MB/s@20ms",	"250KB/s",
		"1GB/s@4294s",	"4294967295b/s@4294967295us",
		"1000000B/s@1", "1b/s@8000u",
	};
	size_t len;

	if (n >= sizeof(seeds) / sizeof(seeds[0]))
		return 0;
	len = strlen(seeds[n]);
	memcpy(bytes, seeds[n], len);
	return len;
}
