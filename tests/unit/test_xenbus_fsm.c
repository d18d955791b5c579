/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenbus table (VIF.md, section 3): every combination of facts, and the
 * stories that guests and toolstacks are known to tell.
 *
 * A small model carries out what the table answers, as the control room does,
 * so that a whole story becomes one line of actions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/xenbus_fsm.h"

/* More steps than any run may take: PREPARE, DETACH, ACCEPT, CLOSING, CLOSED, INIT_WAIT, ... */
#define STEPS_MAX 10

/* What can't be done. */
enum failing {
	NOTHING_FAILS,
	ATTACH_FAILS,
	PREPARE_FAILS,
	N_FAILING,
};

/* Carries an action out. False: the vif is gone, or nothing is done until it is looked at again. */
static bool apply(struct xenbus_facts *facts, enum xenbus_action action, enum failing failing)
{
	switch (action) {
	case XENBUS_ACT_PREPARE:
		facts->ready = failing != PREPARE_FAILS;
		return facts->ready;
	case XENBUS_ACT_INIT_WAIT:
		facts->own_state = XENBUS_INIT_WAIT;
		facts->refused = false;
		break;
	case XENBUS_ACT_ATTACH:
		facts->attached = failing != ATTACH_FAILS;
		facts->refused = failing == ATTACH_FAILS;
		break;
	case XENBUS_ACT_CONNECTED:
		facts->own_state = XENBUS_CONNECTED;
		break;
	case XENBUS_ACT_DETACH:
		facts->attached = false;
		break;
	case XENBUS_ACT_CLOSING:
		facts->own_state = XENBUS_CLOSING;
		break;
	case XENBUS_ACT_CLOSED:
		facts->own_state = XENBUS_CLOSED;
		break;
	case XENBUS_ACT_ACCEPT:
		facts->refused = false;
		break;
	case XENBUS_ACT_FORGET:
		return false;
	case XENBUS_ACT_NONE:
		break;
	}
	return true;
}

static struct xenbus_facts facts_of(unsigned n)
{
	return (struct xenbus_facts){
		.own_state = (int)(n / 64 % 9),
		.peer_state = (int)(n / 64 / 9),
		.online = n & 1,
		.exists = n & 2,
		.ready = n & 4,
		.attached = n & 8,
		.hotplug_done = n & 16,
		.refused = n & 32,
	};
}

#define N_FACTS (9 * 9 * 64)

static bool is_open(int state)
{
	return state == 2 || state == 3 || state == 4 || state == 7 || state == 8;
}

/* What must hold of any single answer, whatever the facts. */
static void check_answer(const struct xenbus_facts *f, enum xenbus_action action)
{
	switch (action) {
	case XENBUS_ACT_PREPARE:
		assert_false(f->ready);
		break;
	case XENBUS_ACT_INIT_WAIT:
		/* Offered to a new peer, or again to one that closed; never while something runs.
		 */
		assert_true(f->own_state == 1 || (f->own_state == 6 && f->online));
		assert_true(f->ready && !f->attached);
		/* Nor to a peer whose connection was refused, before it let go of it. */
		assert_false(f->own_state == 6 && f->peer_state == 4 && f->refused);
		break;
	case XENBUS_ACT_ATTACH:
		assert_true(f->peer_state == 4 && is_open(f->own_state));
		assert_true(f->ready && !f->attached && !f->refused);
		break;
	case XENBUS_ACT_CONNECTED:
		assert_true(f->attached && f->hotplug_done && f->peer_state == 4 && !f->refused);
		assert_true(is_open(f->own_state) && f->own_state != 4);
		break;
	case XENBUS_ACT_DETACH:
		assert_true(f->attached);
		break;
	case XENBUS_ACT_CLOSING:
		assert_true(is_open(f->own_state) && !f->attached);
		break;
	case XENBUS_ACT_CLOSED:
		/* Never 4 -> 6; never while the peer is connected or still closing. */
		assert_true(f->own_state == 5 && !f->attached);
		assert_true(f->peer_state != 4 && f->peer_state != 5);
		break;
	case XENBUS_ACT_FORGET:
		assert_false(f->exists || f->attached);
		break;
	case XENBUS_ACT_ACCEPT:
		assert_true(f->refused && f->peer_state != 4);
		break;
	case XENBUS_ACT_NONE:
		assert_true(f->exists);
		break;
	}
	if (!f->exists)
		assert_true(action == XENBUS_ACT_DETACH || action == XENBUS_ACT_FORGET);
	/* Without a tap there is nothing but to let go, and to answer who closes. */
	if (action != XENBUS_ACT_PREPARE && !f->ready && f->own_state != 0)
		assert_true(action == XENBUS_ACT_DETACH || action == XENBUS_ACT_FORGET ||
			    action == XENBUS_ACT_ACCEPT || action == XENBUS_ACT_CLOSING ||
			    action == XENBUS_ACT_CLOSED);
}

/* What must hold when there is nothing left to do. */
static void check_rest(const struct xenbus_facts *f)
{
	bool peer_serves = f->peer_state == 4 || f->peer_state == 7 || f->peer_state == 8;

	if (f->own_state == 0)
		return;
	assert_true(f->ready);
	if (f->attached)
		assert_true(peer_serves && !f->refused && f->own_state != 6 && f->own_state != 1);
	/* A peer that waits for a connection gets it, or a state that tells it why not. */
	if (f->peer_state == 4 && is_open(f->own_state))
		assert_true(f->attached && (f->own_state == 4 || !f->hotplug_done));
	/* A peer that starts finds InitWait, as long as the vif is to stay. */
	if (f->peer_state == 1 && f->online)
		assert_int_equal(f->own_state, 2);
	if (f->peer_state == 1 && !f->online)
		assert_true(f->own_state == 2 || f->own_state == 6);
	/* A peer that closes is followed: 5 by 5, 6 by 6. */
	if (f->peer_state == 5)
		assert_true(f->own_state == 5 || f->own_state == 6);
	if (f->peer_state == 6)
		assert_int_equal(f->own_state, 6);
	/* A dead peer leaves nothing open. */
	if (f->peer_state == 0)
		assert_true(f->own_state == 6 || f->own_state == 1);
	/* Nobody waits in Closing but for an active peer: unplug of an idle vif is at once. */
	if (f->own_state == 5)
		assert_true(f->peer_state != 0 && f->peer_state != 1 && f->peer_state != 6);
	if (f->refused)
		assert_true(peer_serves && (f->own_state == 5 || f->own_state == 6));
}

/* What must hold while there is no tap. */
static void check_without_tap(const struct xenbus_facts *f)
{
	/* A peer that closes is followed all the same, and one that starts again is let go of. */
	if (f->own_state == 1)
		return;
	if (f->peer_state == 5)
		assert_true(f->own_state == 5 || f->own_state == 6);
	if (f->peer_state == 6 || f->peer_state == 0)
		assert_int_equal(f->own_state, 6);
	if (f->peer_state == 1)
		assert_true(f->own_state == 2 || f->own_state == 6);
}

static void every_combination_comes_to_rest(void **state)
{
	unsigned longest = 0;

	for (unsigned n = 0; n < N_FACTS; n++) {
		for (enum failing failing = 0; failing < N_FAILING; failing++) {
			struct xenbus_facts facts = facts_of(n);
			enum xenbus_action action;
			unsigned steps = 0;

			for (;; steps++) {
				action = xenbus_fsm_next(&facts);
				check_answer(&facts, action);
				if (action == XENBUS_ACT_NONE || !apply(&facts, action, failing))
					break;
				if (steps == STEPS_MAX)
					fail_msg("facts %u do not come to rest: own %d, peer %d", n,
						 facts.own_state, facts.peer_state);
			}
			if (action == XENBUS_ACT_NONE)
				check_rest(&facts);
			else if (action == XENBUS_ACT_PREPARE)
				check_without_tap(&facts);
			longest = steps > longest ? steps : longest;
		}
	}
	assert_in_range(longest, 5, STEPS_MAX - 1);
}

/* States that no store should hold are taken for "unknown". */
static void states_out_of_range_are_unknown(void **state)
{
	static const int odd[] = { -1, 9, 255, 0x7fffffff, -0x7fffffff - 1 };

	for (unsigned n = 0; n < N_FACTS; n++) {
		struct xenbus_facts facts = facts_of(n), own, peer;

		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
			own = peer = facts;
			own.own_state = odd[i];
			peer.peer_state = odd[i];
			if (facts.own_state == 0)
				assert_int_equal(xenbus_fsm_next(&own), xenbus_fsm_next(&facts));
			if (facts.peer_state == 0)
				assert_int_equal(xenbus_fsm_next(&peer), xenbus_fsm_next(&facts));
		}
	}
}

/*
 * A story: lines of "what happens" and "what is done then". What happens is a
 * list of words: peer=N own=N online=N hotplug=N exists=N ready=N rogue fail no-tap restart.
 */
struct line {
	const char *event;
	const char *actions;
};

static void happen(struct xenbus_facts *facts, const char *event, enum failing *failing)
{
	char words[128], *word, *save;

	snprintf(words, sizeof(words), "%s", event);
	*failing = NOTHING_FAILS;
	for (word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		int value = strchr(word, '=') ? atoi(strchr(word, '=') + 1) : 0;

		if (strncmp(word, "peer=", 5) == 0)
			facts->peer_state = value;
		else if (strncmp(word, "own=", 4) == 0)
			facts->own_state = value;
		else if (strncmp(word, "online=", 7) == 0)
			facts->online = value;
		else if (strncmp(word, "hotplug=", 8) == 0)
			facts->hotplug_done = value;
		else if (strncmp(word, "exists=", 7) == 0)
			facts->exists = value;
		else if (strcmp(word, "rogue") == 0)
			facts->refused = true;
		else if (strcmp(word, "fail") == 0)
			*failing = ATTACH_FAILS;
		else if (strcmp(word, "no-tap") == 0)
			*failing = PREPARE_FAILS;
		else if (strcmp(word, "restart") == 0)
			facts->ready = facts->attached = facts->refused = false;
		else
			fail_msg("no such word: %s", word);
	}
}

static void tell(const char *name, const struct line *lines)
{
	struct xenbus_facts facts = { .exists = true };

	for (; lines->event; lines++) {
		char done[256] = "";
		enum failing failing;
		bool there = true;

		happen(&facts, lines->event, &failing);
		while (there && strlen(done) < 200) {
			enum xenbus_action action = xenbus_fsm_next(&facts);

			if (action == XENBUS_ACT_NONE)
				break;
			snprintf(done + strlen(done), sizeof(done) - strlen(done), "%s%s",
				 *done ? " " : "", xenbus_action_name(action));
			there = apply(&facts, action, failing);
		}
		if (strcmp(done, lines->actions) != 0)
			fail_msg("%s: at \"%s\" does \"%s\", should \"%s\"", name, lines->event,
				 done, lines->actions);
	}
}

#define NEW_VIF                                              \
	{                                                    \
		"own=1 peer=1 online=1", "prepare init-wait" \
	}
#define CONNECTED                            \
	{ "hotplug=1", "" },                 \
	{                                    \
		"peer=4", "attach connected" \
	}
#define END                \
	{                  \
		NULL, NULL \
	}

static const struct line first_connect[] = {
	NEW_VIF,
	{ "peer=4", "attach" },
	{ "hotplug=1", "connected" },
	END,
};
static const struct line hotplug_first[] = { NEW_VIF, CONNECTED, END };
static const struct line mini_os_does_not_wait[] = {
	{ "own=1 peer=4 online=1", "prepare init-wait attach" },
	{ "hotplug=1", "connected" },
	END,
};
static const struct line toolstack_is_slow[] = {
	{ "peer=0", "" },
	{ "own=1 online=1", "prepare" },
	{ "peer=1", "init-wait" },
	END,
};
static const struct line guest_closes[] = {
	NEW_VIF,
	CONNECTED,
	{ "peer=5", "detach closing" },
	{ "peer=6", "closed" },
	{ "peer=1", "init-wait" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line kexec[] = {
	NEW_VIF,
	CONNECTED,
	{ "peer=5", "detach closing" },
	{ "peer=6", "closed" },
	{ "peer=1", "init-wait" },
	{ "peer=2", "" },
	{ "peer=3", "" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line ipxe_jumps_to_closed[] = {
	NEW_VIF,
	CONNECTED,
	{ "peer=6", "detach closing closed" },
	{ "peer=1", "init-wait" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line new_kernel_without_closing[] = {
	NEW_VIF,
	CONNECTED,
	{ "peer=1", "detach closing closed init-wait" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line new_kernel_seen_late[] = {
	NEW_VIF,
	CONNECTED,
	{ "peer=3", "detach closing closed init-wait" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line windows_closes_before_first_connect[] = {
	NEW_VIF,
	{ "hotplug=1", "" },
	{ "peer=5", "closing" },
	{ "peer=6", "closed" },
	{ "peer=1", "init-wait" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line windows_with_its_first_step_unseen[] = {
	NEW_VIF,
	{ "hotplug=1", "" },
	{ "peer=6", "closing closed" },
	{ "peer=1", "init-wait" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line unplug_connected[] = {
	NEW_VIF,
	CONNECTED,
	{ "own=5 online=0", "" },
	{ "peer=5", "detach" },
	{ "peer=6", "closed" },
	{ "exists=0", "forget" },
	END,
};
static const struct line unplug_never_connected[] = {
	NEW_VIF,
	{ "own=5 online=0", "closed" },
	{ "exists=0", "forget" },
	END,
};
static const struct line unplug_closed[] = {
	NEW_VIF,
	{ "peer=6", "closing closed" },
	{ "own=5 online=0", "closed" },
	{ "exists=0", "forget" },
	END,
};
static const struct line unplug_a_peer_on_its_way[] = {
	NEW_VIF,
	{ "peer=3 own=5 online=0", "" },
	{ "peer=6", "closed" },
	END,
};
static const struct line unplug_and_the_peer_starts_again[] = {
	NEW_VIF,	  CONNECTED, { "own=5 online=0", "" }, { "peer=1", "detach closed" },
	{ "peer=4", "" }, END,
};
static const struct line domain_is_destroyed[] = {
	NEW_VIF, CONNECTED, { "peer=0", "detach closing closed" }, { "exists=0", "forget" }, END,
};
static const struct line both_directories_vanish[] = {
	NEW_VIF,
	CONNECTED,
	{ "exists=0 own=0 peer=0", "detach forget" },
	END,
};
static const struct line bad_keys[] = {
	NEW_VIF,
	{ "peer=4 fail", "attach closing" },
	{ "hotplug=1", "" },
	{ "peer=5", "accept" },
	{ "peer=6", "closed" },
	{ "peer=1", "init-wait" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line bad_keys_and_a_peer_that_jumps[] = {
	NEW_VIF,
	{ "peer=4 fail", "attach closing" },
	{ "peer=1", "accept closed init-wait" },
	{ "hotplug=1 peer=4", "attach connected" },
	END,
};
static const struct line rogue[] = {
	NEW_VIF,
	CONNECTED,
	{ "rogue", "detach closing" },
	{ "", "" },
	{ "peer=7", "" },
	{ "peer=6", "accept closed" },
	{ "peer=1", "init-wait" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line rogue_and_unplugged[] = {
	NEW_VIF,
	CONNECTED,
	{ "rogue", "detach closing" },
	{ "own=5 online=0", "" },
	{ "peer=0", "accept closed" },
	{ "exists=0", "forget" },
	END,
};
static const struct line daemon_restarts_connected[] = {
	NEW_VIF,
	CONNECTED,
	{ "restart", "prepare attach" },
	END,
};
static const struct line daemon_restarts_waiting[] = {
	NEW_VIF,
	{ "peer=4", "attach" },
	{ "restart hotplug=1", "prepare attach connected" },
	END,
};
static const struct line daemon_restarts_and_cannot_attach[] = {
	NEW_VIF,
	CONNECTED,
	{ "restart fail", "prepare attach closing" },
	{ "peer=6", "accept closed" },
	END,
};
static const struct line daemon_restarts_during_unplug[] = {
	NEW_VIF,
	CONNECTED,
	{ "restart own=5 online=0", "prepare" },
	{ "peer=5", "" },
	{ "peer=6", "closed" },
	END,
};
static const struct line daemon_was_away_while_the_guest_closed[] = {
	NEW_VIF,
	CONNECTED,
	{ "restart peer=6", "closing closed prepare" },
	{ "peer=1", "init-wait" },
	END,
};
static const struct line daemon_was_away_while_the_guest_rebooted[] = {
	NEW_VIF,
	CONNECTED,
	{ "restart peer=1", "closing closed prepare init-wait" },
	END,
};
static const struct line guest_closes_while_there_is_no_tap[] = {
	NEW_VIF,
	CONNECTED,
	{ "restart no-tap", "prepare" },
	{ "peer=5 no-tap", "closing prepare" },
	{ "peer=6 no-tap", "closed prepare" },
	{ "peer=1 no-tap", "prepare" },
	{ "", "prepare init-wait" },
	{ "peer=4", "attach connected" },
	END,
};
static const struct line domain_dies_while_there_is_no_tap[] = {
	NEW_VIF,
	{ "restart no-tap", "prepare" },
	{ "peer=0 online=0 no-tap", "closing closed prepare" },
	{ "exists=0", "forget" },
	END,
};
static const struct line leftover_closed_vif[] = {
	{ "own=6 peer=6 online=0", "prepare" },
	{ "exists=0", "forget" },
	END,
};
static const struct line another_backend_left_it_reconfigured[] = {
	{ "own=8 peer=4 online=1 hotplug=1", "prepare attach connected" },
	END,
};
static const struct line closed_by_somebody_while_connected[] = {
	NEW_VIF,
	CONNECTED,
	{ "own=6", "detach init-wait attach connected" },
	END,
};
static const struct line reconfiguring_is_ignored[] = {
	NEW_VIF, CONNECTED, { "peer=7", "" }, { "peer=8", "" }, { "peer=4", "" }, END,
};
static const struct line state_node_is_lost[] = {
	NEW_VIF, CONNECTED, { "own=0", "" }, { "peer=0", "detach" }, { "exists=0", "forget" }, END,
};
static const struct line made_anew_at_once[] = {
	NEW_VIF,
	CONNECTED,
	{ "own=1 peer=1 hotplug=0", "detach init-wait" },
	END,
};

static void stories_end_as_they_should(void **state)
{
#define STORY(name)         \
	{                   \
#name, name \
	}
	static const struct {
		const char *name;
		const struct line *lines;
	} stories[] = {
		STORY(first_connect),
		STORY(hotplug_first),
		STORY(mini_os_does_not_wait),
		STORY(toolstack_is_slow),
		STORY(guest_closes),
		STORY(kexec),
		STORY(ipxe_jumps_to_closed),
		STORY(new_kernel_without_closing),
		STORY(new_kernel_seen_late),
		STORY(windows_closes_before_first_connect),
		STORY(windows_with_its_first_step_unseen),
		STORY(unplug_connected),
		STORY(unplug_never_connected),
		STORY(unplug_closed),
		STORY(unplug_a_peer_on_its_way),
		STORY(unplug_and_the_peer_starts_again),
		STORY(domain_is_destroyed),
		STORY(both_directories_vanish),
		STORY(bad_keys),
		STORY(bad_keys_and_a_peer_that_jumps),
		STORY(rogue),
		STORY(rogue_and_unplugged),
		STORY(daemon_restarts_connected),
		STORY(daemon_restarts_waiting),
		STORY(daemon_restarts_and_cannot_attach),
		STORY(daemon_restarts_during_unplug),
		STORY(daemon_was_away_while_the_guest_closed),
		STORY(daemon_was_away_while_the_guest_rebooted),
		STORY(guest_closes_while_there_is_no_tap),
		STORY(domain_dies_while_there_is_no_tap),
		STORY(leftover_closed_vif),
		STORY(another_backend_left_it_reconfigured),
		STORY(closed_by_somebody_while_connected),
		STORY(reconfiguring_is_ignored),
		STORY(state_node_is_lost),
		STORY(made_anew_at_once),
	};

	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		tell(stories[i].name, stories[i].lines);
}

static void names_are_there(void **state)
{
	assert_string_equal(xenbus_state_name(XENBUS_CONNECTED), "Connected");
	assert_string_equal(xenbus_state_name(XENBUS_RECONFIGURED), "Reconfigured");
	assert_string_equal(xenbus_state_name(0), "Unknown");
	assert_string_equal(xenbus_state_name(-1), "Unknown");
	assert_string_equal(xenbus_state_name(9), "Unknown");
	assert_string_equal(xenbus_action_name(XENBUS_ACT_ACCEPT), "accept");
	assert_string_equal(xenbus_action_name((enum xenbus_action)99), "unknown");
	for (int i = XENBUS_ACT_NONE; i <= XENBUS_ACT_ACCEPT; i++)
		assert_string_not_equal(xenbus_action_name((enum xenbus_action)i), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_comes_to_rest),
		cmocka_unit_test(states_out_of_range_are_unknown),
		cmocka_unit_test(stories_end_as_they_should),
		cmocka_unit_test(names_are_there),
	};

	return cmocka_run_group_tests_name("xenbus_fsm", tests, NULL, NULL);
}
