/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vifctl can be told to do. A verb that reads asks the daemon, makes its
 * document of the answer, and prints that for people or as JSON.
 */
#include "vifctl/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "vifctl/render.h"
#include "vifctl/text.h"
#include "vifctl/textfile.h"

#define DRAIN_LOOK_SECONDS 0.05

typedef json_t *make_document(const json_t *answer);
typedef void print_document(const json_t *document);

/* Prints a document, whose reference it takes, or nothing if it is NULL. The exit status. */
static int finish(const struct call *call, json_t *document, print_document *print)
{
	if (!document)
		return EXIT_FAILURE;
	if (call->json) {
		json_dumpf(document, stdout, call->watch > 0 ? JSON_COMPACT : JSON_INDENT(2));
		printf("\n");
	} else {
		print(document);
	}
	json_decref(document);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int usage_error(const char *what, const char *word)
{
	fprintf(stderr, "vifctl: %s, and not \"%s\". Try \"vifctl --help\".\n", what, word);
	return EXIT_USAGE;
}

/* Leaves only the vifs that were named, if any was. False: one isn't there. */
static bool answer_select(const struct call *call, json_t *answer)
{
	json_t *all = json_object_get(answer, "vifs");
	json_t *chosen;

	if (call->n_words == 0)
		return true;
	chosen = json_array();
	for (int i = 0; i < call->n_words; i++) {
		json_t *vif = vif_named(all, call->words[i]);

		if (!vif) {
			fprintf(stderr, "vifctl: there is no %s; \"vifctl list\" names all\n",
				call->words[i]);
			json_decref(chosen);
			return false;
		}
		json_array_append(chosen, vif);
	}
	return json_object_set_new(answer, "vifs", chosen) == 0;
}

static json_t *request_of(const char *verb)
{
	return json_pack("{ss}", "verb", verb);
}

/* A request about the vif that the first word names, if there is one. */
static json_t *request_about(const struct call *call, const char *verb)
{
	json_t *request = request_of(verb);

	if (call->n_words > 0)
		json_object_set_new(request, "vif", json_string(call->words[0]));
	return request;
}

/* The daemon's "show", of the vifs that were named, as the document wanted. NULL: said why. */
static json_t *ask_show(const struct call *call, make_document *make)
{
	json_t *answer = client_ask(&call->client, request_of("show"));
	json_t *document = NULL;

	if (answer && answer_select(call, answer))
		document = make ? make(answer) : json_incref(answer);
	json_decref(answer);
	return document;
}

static int run_show(const struct call *call)
{
	print_document *print = call->n_words ? render_show_whole
				: call->bare  ? render_overview
					      : render_show;

	return finish(call, ask_show(call, NULL), print);
}

static int run_list(const struct call *call)
{
	return finish(call, ask_show(call, list_document), render_list);
}

static int run_dump(const struct call *call)
{
	return finish(call, ask_show(call, dump_document), render_dump);
}

static int run_queues(const struct call *call)
{
	return finish(call, ask_show(call, queues_document), render_queues);
}

static void sleep_for(double seconds)
{
	struct timespec left = { .tv_sec = seconds };

	left.tv_nsec = (seconds - left.tv_sec) * 1e9;
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* Until it is interrupted, or nobody reads it, or the daemon goes. */
static int stats_watch(const struct call *call)
{
	json_t *before = ask_show(call, stats_document), *now;
	uint64_t since = clock_now_ns(), at;
	int status = before ? EXIT_SUCCESS : EXIT_FAILURE;

	while (status == EXIT_SUCCESS) {
		sleep_for(call->watch);
		now = ask_show(call, stats_document);
		at = clock_now_ns();
		if (now && !call->json && isatty(STDOUT_FILENO))
			printf("\033[H\033[J");
		status = finish(call, now ? stats_rates(before, now, (at - since) / 1e9) : NULL,
				render_stats);
		json_decref(before);
		before = now;
		since = at;
	}
	json_decref(before);
	return status;
}

static int run_stats(const struct call *call)
{
	if (call->watch > 0)
		return stats_watch(call);
	return finish(call, ask_show(call, stats_document), render_stats);
}

static int run_rings(const struct call *call)
{
	return finish(call, client_ask(&call->client, request_about(call, "rings")), render_rings);
}

static int run_explain(const struct call *call)
{
	return finish(call, client_ask(&call->client, request_about(call, "explain")),
		      render_explain);
}

static int run_owners(const struct call *call)
{
	return finish(call, client_ask(&call->client, request_about(call, "owners")),
		      render_owners);
}

static void print_text(const json_t *answer)
{
	fputs(text_of(answer, "text"), stdout);
}

/* Rather no file than one that says for ever what was so once. */
static int metrics_write(const struct call *call, const char *path)
{
	json_t *answer = client_ask(&call->client, request_of("metrics"));
	int error;

	if (!answer) {
		unlink(path);
		return EXIT_FAILURE;
	}
	error = textfile_write(path, text_of(answer, "text"));
	json_decref(answer);
	return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_metrics(const struct call *call)
{
	if (call->n_words > 0 && call->json)
		return usage_error("a file is given text, without --json", call->words[0]);
	if (call->n_words > 0)
		return metrics_write(call, call->words[0]);
	return finish(call, client_ask(&call->client, request_of("metrics")), print_text);
}

/* Whether a word is one of `allowed`, which ends with NULL. */
static bool is_one_of(const char *word, const char *const *allowed)
{
	while (*allowed && strcmp(*allowed, word) != 0)
		allowed++;
	return *allowed != NULL;
}

static void print_level(const json_t *answer)
{
	printf("%s\n", text_of(answer, "level"));
}

static int run_log(const struct call *call)
{
	static const char *const levels[] = { "error", "warning", "info", "debug", NULL };
	json_t *request = request_of("log");

	if (call->n_words > 0 && !is_one_of(call->words[0], levels)) {
		json_decref(request);
		return usage_error("a log level is error, warning, info or debug", call->words[0]);
	}
	if (call->n_words > 0)
		json_object_set_new(request, "value", json_string(call->words[0]));
	return finish(call, client_ask(&call->client, request), print_level);
}

static void print_reloaded(const json_t *answer)
{
	json_t *changes = json_object_get(answer, "changes"), *change, *warning;
	size_t index;

	json_array_foreach(json_object_get(answer, "warnings"), index, warning)
		printf("%s\n", json_string_value(warning));
	if (json_array_size(changes) == 0)
		printf("settings read again: nothing has changed\n");
	json_array_foreach(changes, index, change)
		printf("%s: %s -> %s%s\n", text_of(change, "setting"), text_of(change, "before"),
		       text_of(change, "after"),
		       json_is_true(json_object_get(change, "applied")) ? "" : ", after a restart");
}

static int run_reload(const struct call *call)
{
	return finish(call, client_ask(&call->client, request_of("reload")), print_reloaded);
}

static void print_kicked(const json_t *answer)
{
	long long n = count_of(answer, "kicked");

	printf("%s: %lld queue%s kicked\n", text_of(answer, "vif"), n, n == 1 ? "" : "s");
}

static int run_kick(const struct call *call)
{
	const char *queue = call->n_words > 1 ? call->words[1] : NULL;
	json_t *request = request_about(call, "kick");

	if (queue && (strspn(queue, "0123456789") != strlen(queue) || strlen(queue) - 1 > 3)) {
		json_decref(request);
		return usage_error("QUEUE is a number", queue);
	}
	if (queue)
		json_object_set_new(request, "queue", json_integer(atoi(queue)));
	return finish(call, client_ask(&call->client, request), print_kicked);
}

static void print_carrier(const json_t *answer)
{
	printf("%s: carrier set to %s, and is %s\n", text_of(answer, "vif"),
	       text_of(answer, "carrier_set"),
	       json_is_true(json_object_get(answer, "carrier")) ? "on" : "off");
}

static int run_carrier(const struct call *call)
{
	static const char *const values[] = { "on", "off", "auto", NULL };
	json_t *request;

	if (!is_one_of(call->words[1], values))
		return usage_error("a carrier is set on, off or auto", call->words[1]);
	request = request_about(call, "carrier");
	json_object_set_new(request, "value", json_string(call->words[1]));
	return finish(call, client_ask(&call->client, request), print_carrier);
}

static int run_rate(const struct call *call)
{
	json_t *request = request_about(call, "rate");

	if (call->n_words > 1)
		json_object_set_new(request, "value", json_string(call->words[1]));
	return finish(call, client_ask(&call->client, request), render_rate);
}

static void print_drained(const json_t *answer)
{
	printf("%s: %s\n", text_of(answer, "name"), text_of(answer, "state"));
}

/* The vif once the guest has closed, as {"schema", "name", "state"}; NULL: said why not. */
static json_t *drain_wait(const struct call *call)
{
	uint64_t begin = clock_now_ns();

	for (;;) {
		json_t *answer = client_ask(&call->client, request_of("show"));
		json_t *vif = vif_named(json_object_get(answer, "vifs"), call->words[0]);
		const char *state = vif ? text_of(vif, "state") : "gone";
		bool open = strcmp(state, "Connected") == 0 || strcmp(state, "Closing") == 0;
		bool late = (clock_now_ns() - begin) / 1e9 > call->client.timeout;
		json_t *end = NULL;

		if (answer && !open)
			end = json_pack("{si ss ss}", "schema", CLIENT_SCHEMA, "name",
					call->words[0], "state", state);
		else if (answer && late)
			fprintf(stderr,
				"vifctl: %s: the guest has not closed yet; its state is %s\n",
				call->words[0], text_of(vif, "peer_state"));
		json_decref(answer);
		if (end || !answer || late)
			return end;
		sleep_for(DRAIN_LOOK_SECONDS);
	}
}

static int run_drain(const struct call *call)
{
	json_t *answer = client_ask(&call->client, request_about(call, "drain"));

	if (!answer)
		return EXIT_FAILURE;
	json_decref(answer);
	return finish(call, drain_wait(call), print_drained);
}

static void print_captured(const json_t *summary)
{
	printf("%s: %lld frames captured, %lld missed; %s\n", text_of(summary, "vif"),
	       (long long)count_of(summary, "frames"), (long long)count_of(summary, "missed"),
	       text_of(summary, "end"));
}

static int run_capture(const struct call *call)
{
	json_t *summary = NULL;
	int status = capture_run(call, &summary);

	return summary ? finish(call, summary, print_captured) : status;
}

static void print_commands(const json_t *document)
{
	json_t *commands = json_object_get(document, "commands"), *command;
	size_t index;

	json_array_foreach(commands, index, command)
		printf("%s\n", text_of(command, "usage"));
}

static int run_list_commands(const struct call *call)
{
	json_t *commands = json_array();

	for (const struct verb *verb = verbs; verb->name; verb++) {
		CLEANUP_FREE char *usage = NULL;

		if (asprintf(&usage, "%s%s%s", verb->name, verb->args[0] ? " " : "", verb->args) <
		    0)
			usage = NULL;
		json_array_append_new(commands,
				      json_pack("{ss ss ss}", "name", verb->name, "usage",
						usage ? usage : verb->name, "help", verb->help));
	}
	return finish(call, json_pack("{si so}", "schema", CLIENT_SCHEMA, "commands", commands),
		      print_commands);
}

const struct verb verbs[] = {
	{ "show", "[VIF]...", "each vif: its state, what is wrong, what it carries", 0, -1,
	  run_show },
	{ "list", "", "one line a vif", 0, 0, run_list },
	{ "stats", "[-w SECONDS] [VIF]...", "counters of each vif; with -w, live and per second", 0,
	  -1, run_stats },
	{ "queues", "[VIF]...", "counters and histograms of each queue", 0, -1, run_queues },
	{ "rings", "[VIF]", "where each ring stands, and who waits for whom", 0, 1, run_rings },
	{ "explain", "VIF", "why it is not connected or moves nothing, and what to do", 1, 1,
	  run_explain },
	{ "kick", "VIF [QUEUE]", "notify the guest and look at its rings (root)", 1, 2, run_kick },
	{ "carrier", "VIF on|off|auto", "the link that its bridge sees (root)", 2, 2, run_carrier },
	{ "drain", "VIF", "close it in good order, until the guest reconnects (root)", 1, 1,
	  run_drain },
	{ "rate", "VIF [RATE|off]", "what its guest may send, such as 10Mb/s; to set it: root", 1,
	  2, run_rate },
	{ "owners", "[VIF]", "which backend serves each vif, and which are claimed", 0, 1,
	  run_owners },
	{ "takeover", "[VIF]...", "move it from xen-netback to xenvifd while its guest runs (root)",
	  0, -1, run_takeover },
	{ "giveback", "[VIF]...", "move it back to xen-netback while its guest runs (root)", 0, -1,
	  run_giveback },
	{ "capture", "VIF [-w FILE|-]", "its frames as the rings carry them, as pcapng (root)", 1,
	  1, run_capture },
	{ "log", "[LEVEL]", "the daemon's log level; to set it: root", 0, 1, run_log },
	{ "reload", "", "read the settings again, as SIGHUP does (root)", 0, 0, run_reload },
	{ "metrics", "[FILE]", "all counters, as OpenMetrics text; FILE: for node_exporter", 0, 1,
	  run_metrics },
	{ "dump", "", "one line a vif, separated by tabs, for scripts", 0, 0, run_dump },
	{ "list-commands", "", "this list, for scripts", 0, 0, run_list_commands },
	{ NULL, NULL, NULL, 0, 0, NULL },
};

const struct verb *verb_named(const char *name)
{
	for (const struct verb *verb = verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}
