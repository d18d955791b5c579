/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much a guest may send: numbers out of text, nothing more.
 *
 * Rules: VIF.md, section 2.
 */
#include "proto/rate.h"

#include <errno.h>
#include <string.h>

#define RATE_DEFAULT_USEC 50000 /* what xl takes when no interval is named */
#define RATE_SECOND_USEC  1000000u

/* Takes a decimal number up to max from *text. False: there is none, or it is larger. */
static bool number_take(const char **text, uint64_t max, uint64_t *number)
{
	const char *at = *text;

	for (*number = 0; *at >= '0' && *at <= '9'; at++) {
		unsigned digit = (unsigned)(*at - '0');

		if (*number > (max - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	if (at == *text)
		return false;
	*text = at;
	return true;
}

int rate_parse(const char *text, struct rate *rate)
{
	uint64_t bytes, usec;

	*rate = (struct rate){ 0 };
	if (!number_take(&text, UINT64_MAX, &bytes) || *text++ != ',' ||
	    !number_take(&text, UINT32_MAX, &usec) || *text != '\0')
		return -EINVAL;
	if (bytes > 0 && usec > 0)
		*rate = (struct rate){ .bytes = bytes, .usec = (uint32_t)usec };
	return 0;
}

static uint64_t prefix_factor(char prefix)
{
	switch (prefix) {
	case 'K':
		return 1000;
	case 'M':
		return 1000000;
	case 'G':
		return 1000000000;
	default:
		return 1;
	}
}

/* "10Mb/s" -> bytes a second, which fit in 64 bits: the number itself has 32. */
static int speed_take(const char **text, uint64_t *bytes)
{
	uint64_t number, factor;
	bool bits;

	if (!number_take(text, UINT32_MAX, &number))
		return -EINVAL;
	factor = prefix_factor(**text);
	if (factor > 1)
		(*text)++;
	bits = **text == 'b';
	if (strncmp(*text, bits ? "b/s" : "B/s", 3) != 0)
		return -EINVAL;
	*text += 3;
	*bytes = number * factor / (bits ? 8 : 1);
	return 0;
}

/* "20ms" -> microseconds, which fit in 64 bits. */
static int interval_take(const char **text, uint64_t *usec)
{
	uint64_t factor = RATE_SECOND_USEC;

	if (!number_take(text, UINT32_MAX, usec))
		return -EINVAL;
	if (**text == 'm' || **text == 'u') {
		factor = **text == 'm' ? 1000 : 1;
		(*text)++;
	}
	if (**text == 's')
		(*text)++;
	*usec *= factor;
	return 0;
}

int rate_parse_words(const char *text, struct rate *rate)
{
	uint64_t bytes, usec = RATE_DEFAULT_USEC, product;
	int error;

	*rate = (struct rate){ 0 };
	error = speed_take(&text, &bytes);
	if (error == 0 && *text == '@') {
		text++;
		error = interval_take(&text, &usec);
	}
	if (error < 0 || *text != '\0')
		return -EINVAL;
	if (usec > UINT32_MAX || __builtin_mul_overflow(bytes, usec, &product) ||
	    product < RATE_SECOND_USEC)
		return -ERANGE;
	*rate = (struct rate){ .bytes = product / RATE_SECOND_USEC, .usec = (uint32_t)usec };
	return 0;
}

uint64_t rate_pack(const struct rate *rate)
{
	uint64_t bytes = rate->bytes;
	uint32_t usec = rate->usec;

	for (; bytes > UINT32_MAX; bytes /= 2)
		usec /= 2;
	return usec == 0 ? 0 : bytes << 32 | usec;
}

struct rate rate_unpack(uint64_t word)
{
	return (struct rate){ .bytes = word >> 32, .usec = (uint32_t)word };
}
