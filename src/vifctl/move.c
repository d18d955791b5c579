/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeover and giveback: a vif changes hands while its guest runs.
 *
 * Both are the same with sides exchanged. The hotplug script says goodbye
 * (offline); the side that has the vif lets go of it; the other side takes it;
 * the script makes it known to bridge or routes (online). If that fails, it goes
 * the same way back. All that can be looked at before is looked at before: what
 * is refused has changed nothing.
 *
 * The script takes the most time by far. Its goodbye comes first because most of
 * that is spent before it touches the interface, while frames still pass.
 * Signals wait: a move is not to end half-way.
 */
#include "vifctl/verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/moving.h"
#include "vifctl/netback.h"
#include "vifctl/text.h"

#define EXIT_UNDONE 3 /* it failed, and all is as it was before */
#define EXIT_LOST   4 /* it failed, and the guest has no backend */

#define MOVE_LOOK_MS   20
#define MOVE_SETTLE_MS 20000

enum side { HERE, THERE };

static const char *const side_names[] = { [HERE] = "xenvifd", [THERE] = "xen-netback" };

struct move {
	const struct call *call;
	enum side to;
	int lock;
	json_t *done; /* an array: what was moved */
	/* The vif that it is about now. */
	json_t *owner; /* of the answer to "owners" */
	struct netback_vif vif;
};

static json_t *request_about(const char *verb, const char *vif)
{
	return vif ? json_pack("{ss ss}", "verb", verb, "vif", vif)
		   : json_pack("{ss}", "verb", verb);
}

static void move_about(struct move *move, json_t *owner)
{
	move->owner = owner;
	move->vif = (struct netback_vif){
		.name = text_of(owner, "name"),
		.domid = count_of(owner, "domid"),
		.devid = count_of(owner, "devid"),
		.path = text_of(owner, "path"),
		.script = text_of(owner, "script"),
		.gateway = text_of(owner, "gatewaydev"),
		.vifname = text_of(owner, "vifname"),
		.ioemu = json_is_true(json_object_get(owner, "ioemu")),
	};
}

/* One side takes the vif, or lets go of it. 0; or -1, and it was said why. */

static int daemon_step(const struct move *move, const char *verb)
{
	json_t *answer = client_insist(&move->call->client, request_about(verb, move->vif.name));

	json_decref(answer);
	return answer ? 0 : -1;
}

static int side_take(const struct move *move, enum side side)
{
	return side == HERE ? daemon_step(move, "adopt") : netback_bind(&move->vif);
}

static int side_leave(const struct move *move, enum side side)
{
	return side == HERE ? daemon_step(move, "release") : netback_unbind(&move->vif);
}

/* Whether the side serves the vif as it ought to; *over: it never will. */
static bool side_serves(const struct move *move, enum side side, bool *over)
{
	json_t *answer =
		client_insist(&move->call->client, request_about("owners", move->vif.name));
	json_t *vif = json_array_get(json_object_get(answer, "vifs"), 0);
	const char *state = text_of(vif, "state");
	bool was_connected = strcmp(text_of(move->owner, "state"), "Connected") == 0;
	bool serves = strcmp(text_of(vif, "owner"), side_names[side]) == 0 &&
		      strcmp(text_of(vif, "hotplug"), "connected") == 0 &&
		      (strcmp(state, "Connected") == 0 ||
		       (!was_connected && strcmp(state, "InitWait") == 0));

	*over = !answer || strcmp(state, "Closing") == 0 || strcmp(state, "Closed") == 0;
	json_decref(answer);
	return serves;
}

static int side_settle(const struct move *move, enum side side)
{
	static const struct timespec pause = { .tv_nsec = MOVE_LOOK_MS * CLOCK_MS_IN_NS };
	uint64_t end = clock_now_ns() + MOVE_SETTLE_MS * CLOCK_MS_IN_NS;
	bool over;

	if (script_run(&move->vif, "online") < 0)
		return -1;
	while (!side_serves(move, side, &over)) {
		if (over || clock_now_ns() > end) {
			fprintf(stderr, "vifctl: %s: %s does not serve it, though it has it\n",
				move->vif.name, side_names[side]);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* What is to be done now by hand. */
static int move_lost(const struct move *move)
{
	const struct netback_vif *vif = &move->vif;

	fprintf(stderr,
		"vifctl: %s: ITS GUEST HAS NO NETWORK. Who has it now, vifctl owners says; xenvifd "
		"takes what nobody has, in a few seconds, and its log says why if it can't. The "
		"hotplug script may have to be run: env vif=%s XENBUS_PATH=%s XENBUS_TYPE=vif "
		"type_if=vif script=%s XENVIFD_MOVE=1 %s online. If all that does not help, detach "
		"it and attach it again: xl network-detach %u %u\n",
		vif->name, vif->name, vif->path, vif->script, vif->script, vif->domid, vif->devid);
	return EXIT_LOST;
}

/* The way back, from where the side that had the vif has let go of it. */
static int move_undo(const struct move *move, bool taken)
{
	const char *name = move->vif.name;
	enum side from = !move->to;

	fprintf(stderr, "vifctl: %s: back to %s\n", name, side_names[from]);
	if (taken)
		script_run(&move->vif, "offline");
	if ((!taken || side_leave(move, move->to) == 0) && side_take(move, from) == 0 &&
	    side_settle(move, from) == 0) {
		fprintf(stderr, "vifctl: %s: %s serves it as before\n", name, side_names[from]);
		return EXIT_UNDONE;
	}
	return move_lost(move);
}

/* The side that has the vif can't let go of it: back to its bridge. */
static int move_stay(const struct move *move, bool was_online)
{
	if (was_online && (script_undo_name(&move->vif) < 0 || side_settle(move, !move->to) < 0))
		return move_lost(move);
	fprintf(stderr, "vifctl: %s: left where it is\n", move->vif.name);
	return EXIT_UNDONE;
}

static int move_go(struct move *move)
{
	bool deserted = strcmp(text_of(move->owner, "owner"), "nobody") == 0;
	bool was_online = strcmp(text_of(move->owner, "hotplug"), "connected") == 0;
	uint64_t begin = clock_now_ns();
	bool taken;
	double ms;

	if (was_online)
		script_run(&move->vif, "offline"); /* what fails here, was said */
	if (!deserted && side_leave(move, !move->to) < 0)
		return move_stay(move, was_online);
	taken = side_take(move, move->to) == 0;
	if (!taken || side_settle(move, move->to) < 0)
		return move_undo(move, taken);
	ms = (clock_now_ns() - begin) / (double)CLOCK_MS_IN_NS;
	json_array_append_new(move->done, json_pack("{ss ss sf}", "name", move->vif.name, "owner",
						    side_names[move->to], "moved_in_ms", ms));
	if (!move->call->json)
		printf("%s: served by %s; it took %.0f ms\n", move->vif.name, side_names[move->to],
		       ms);
	return EXIT_SUCCESS;
}

/* Looks at all that can be looked at before. */
static int move_one(struct move *move, json_t *owner)
{
	const char *obstacle = json_string_value(
		json_object_get(owner, move->to == HERE ? "takeover" : "giveback"));
	int error, status;

	move_about(move, owner);
	if (obstacle) {
		fprintf(stderr, "vifctl: %s: %s\n", move->vif.name, obstacle);
		return EXIT_FAILURE;
	}
	if (move->call->claimed && !json_string_value(json_object_get(owner, "claimed"))) {
		fprintf(stderr, "vifctl: %s: no [claim] rule names it\n", move->vif.name);
		return EXIT_FAILURE;
	}
	if (!script_is_there(&move->vif))
		return EXIT_FAILURE;
	error = moving_say(move->lock, move->vif.name);
	if (error < 0) {
		fprintf(stderr, "vifctl: can't write to the lock: %s\n", strerror(-error));
		return EXIT_FAILURE;
	}
	status = move_go(move);
	moving_say(move->lock, ""); /* if not, the daemon leaves it alone until we end */
	return status;
}

/* Whether somebody wants us to end. */
static bool is_interrupted(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM));
}

/*
 * One of many, of which each takes a second or more: as it is now. One that has gone meanwhile must
 * not be touched: its script would make its directory in xenstore anew. All are asked about, as
 * that it is gone is then no error. *over: the daemon can't be asked.
 */
static int move_if_there(struct move *move, const char *name, bool *over)
{
	json_t *answer = client_insist(&move->call->client, request_about("owners", NULL));
	json_t *owner = vif_named(json_object_get(answer, "vifs"), name);
	int status = answer ? EXIT_SUCCESS : EXIT_FAILURE;

	*over = !answer;
	if (owner && strcmp(text_of(owner, "owner"), side_names[!move->to]) == 0)
		status = move_one(move, owner);
	else if (owner)
		fprintf(stderr, "vifctl: %s: passed over, as %s serves it by now\n", name,
			text_of(owner, "owner"));
	else if (answer)
		fprintf(stderr, "vifctl: %s: passed over, as it is gone by now\n", name);
	json_decref(answer);
	return status;
}

/* Every vif of the other side's; with --claimed, those that are claimed. The worst exit status. */
static int move_many(struct move *move)
{
	json_t *answer = client_ask(&move->call->client, request_about("owners", NULL)), *owner;
	int worst = answer ? EXIT_SUCCESS : EXIT_FAILURE;
	bool over = false;
	size_t index;

	json_array_foreach(json_object_get(answer, "vifs"), index, owner) {
		int status;

		if (strcmp(text_of(owner, "owner"), side_names[!move->to]) != 0 ||
		    (move->call->claimed && !json_string_value(json_object_get(owner, "claimed"))))
			continue;
		if (over || is_interrupted())
			break;
		status = move_if_there(move, text_of(owner, "name"), &over);
		if (status > worst)
			worst = status;
	}
	json_decref(answer);
	return worst;
}

static int move_named(struct move *move)
{
	int worst = EXIT_SUCCESS;

	for (int i = 0; i < move->call->n_words && !is_interrupted(); i++) {
		json_t *answer = client_ask(&move->call->client,
					    request_about("owners", move->call->words[i]));
		json_t *owner = json_array_get(json_object_get(answer, "vifs"), 0);
		int status = owner ? move_one(move, owner) : EXIT_FAILURE;

		json_decref(answer);
		if (status > worst)
			worst = status;
	}
	return worst;
}

/* The lock, once nobody else has it; or -1, and it was said why. */
static int lock_get(const struct client *client)
{
	static const struct timespec pause = { .tv_nsec = MOVE_LOOK_MS * CLOCK_MS_IN_NS };
	uint64_t end = clock_now_ns() + (uint64_t)(client->timeout * 1e9);
	char path[MOVING_PATH_SIZE];
	int fd;

	if (strlen(client->path) >= MOVING_PATH_SIZE - 16) {
		fprintf(stderr, "vifctl: %s: longer than a socket's path may be\n", client->path);
		return -1;
	}
	moving_path(client->path, path);
	while ((fd = moving_lock(path)) == -EAGAIN && clock_now_ns() < end)
		nanosleep(&pause, NULL);
	if (fd == -ENOENT)
		fprintf(stderr, "vifctl: %s: %s; is xenvifd running? (systemctl status xenvifd)\n",
			client->path, strerror(ENOENT));
	else if (fd < 0)
		fprintf(stderr, "vifctl: %s: %s\n", path,
			fd == -EAGAIN ? "another vifctl moves a vif just now; try again later"
				      : strerror(-fd));
	return fd < 0 ? -1 : fd;
}

static void signals_wait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* where it is ignored, nobody is told how a script ended */
}

static int move_run(const struct call *call, const char *verb, enum side to)
{
	struct move move = { .call = call, .to = to };
	bool many = call->all || (call->claimed && call->n_words == 0);
	int status;

	if (many == (call->n_words > 0)) {
		fprintf(stderr,
			"vifctl: %s wants vifs, such as vif1.0, or else --all%s. Try \"vifctl "
			"--help\".\n",
			verb, to == HERE ? " or --claimed" : "");
		return EXIT_USAGE;
	}
	if (geteuid() != 0) {
		fprintf(stderr, "vifctl: only root may do this (%s); you are user %u: try sudo\n",
			verb, (unsigned)geteuid());
		return EXIT_FAILURE;
	}
	signals_wait();
	move.lock = lock_get(&call->client);
	if (move.lock < 0)
		return EXIT_FAILURE;
	move.done = json_array();
	status = many ? move_many(&move) : move_named(&move);
	if (call->json) {
		json_t *document = json_pack("{si sO}", "schema", CLIENT_SCHEMA, "vifs", move.done);

		json_dumpf(document, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(document);
	}
	json_decref(move.done);
	close(move.lock);
	return status;
}

int run_takeover(const struct call *call)
{
	return move_run(call, "takeover", HERE);
}

int run_giveback(const struct call *call)
{
	return move_run(call, "giveback", THERE);
}
