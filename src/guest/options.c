/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line. Each option is one row of getopt's table and one case;
 * numbers are read whole and within their bounds, and what can't go together
 * is said at the end.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "options.h"
#include "packet.h"
#include "say.h"

static const char *const options_help =
	"Usage: xenvif-guest --domid N [--devid M] [OPTION...]\n"
	"A Xen network frontend in user space: a guest to try a backend with, a load\n"
	"generator, a hostile guest. It runs until SIGTERM, then closes like a guest that\n"
	"shuts down; SIGUSR1 makes it close and connect anew, as kexec and iPXE do.\n"
	"At the end it prints one line of JSON with what was counted.\n"
	"\n"
	"The vif (made by the toolstack before):\n"
	"  --domid N            the domain to be the frontend of; default: this domain\n"
	"  --devid M            its vif; default 0\n"
	"  --xenstore-dir DIR   its directory, when not /local/domain/N/device/vif/M\n"
	"  --wait SECONDS       how long each step of connecting and closing may take (30)\n"
	"  --seconds N          end after N seconds\n"
	"Features:\n"
	"  --queues Q           queues, if the backend allows as many (1)\n"
	"  --combined           one event channel for both directions of a queue\n"
	"  --no-sg --no-gso4 --no-gso6 --no-csum4 --no-csum6\n"
	"                       do without scatter-gather, TCP segmentation or checksum\n"
	"                       offload of IPv4 or IPv6, in both directions\n"
	"  --no-rx-notify       don't announce, and never give, kicks for new RX buffers\n"
	"  --odd-ids            request ids that are not slot numbers\n"
	"The guest's interface:\n"
	"  --netns NAME         make it in this network namespace (ip netns add NAME)\n"
	"  --ifname IF          its name (eth0, when --netns is given)\n"
	"  --mtu N              bytes; default: the vif's, or 1500\n"
	"Load, instead of an interface:\n"
	"  --generate SIZE[:COUNT|:SECONDSs]\n"
	"                       send IPv4 UDP frames of SIZE bytes (42..65535) as fast as the\n"
	"                       backend takes them: COUNT of them, or for SECONDS; \"64:10s\"\n"
	"                       (default 5s)\n"
	"  --gso MSS            make them TCP frames to be segmented into MSS bytes\n"
	"  --to-mac MAC --to-ip IP --from-ip IP\n"
	"                       addresses (fe:ff:ff:ff:ff:ff, 192.0.2.2, 192.0.2.1)\n"
	"  --sink               only receive, and count\n"
	"Malice:\n"
	"  --hostile NAME[:N]   connect, do one misdeed on queue 0, say what came back\n"
	"  --hostile list       the misdeeds\n"
	"\n"
	"Exit status: 0 done; 1 wrong use or failure here; 2 no connection; 3 the backend\n"
	"broke the protocol or closed the vif on an error.\n"
	"Example, with a vif 1.0 made by the toolstack:\n"
	"  ip netns add guest1; xenvif-guest --domid 1 --queues 2 --netns guest1\n";

enum {
	OPT_DOMID = 256,
	OPT_DEVID,
	OPT_DIR,
	OPT_WAIT,
	OPT_SECONDS,
	OPT_QUEUES,
	OPT_COMBINED,
	OPT_NO_SG,
	OPT_NO_GSO4,
	OPT_NO_GSO6,
	OPT_NO_CSUM4,
	OPT_NO_CSUM6,
	OPT_NO_RX_NOTIFY,
	OPT_ODD_IDS,
	OPT_NETNS,
	OPT_IFNAME,
	OPT_MTU,
	OPT_GENERATE,
	OPT_GSO,
	OPT_TO_MAC,
	OPT_TO_IP,
	OPT_FROM_IP,
	OPT_SINK,
	OPT_HOSTILE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options_table[] = {
	{ "domid", required_argument, NULL, OPT_DOMID },
	{ "devid", required_argument, NULL, OPT_DEVID },
	{ "xenstore-dir", required_argument, NULL, OPT_DIR },
	{ "wait", required_argument, NULL, OPT_WAIT },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "combined", no_argument, NULL, OPT_COMBINED },
	{ "no-sg", no_argument, NULL, OPT_NO_SG },
	{ "no-gso4", no_argument, NULL, OPT_NO_GSO4 },
	{ "no-gso6", no_argument, NULL, OPT_NO_GSO6 },
	{ "no-csum4", no_argument, NULL, OPT_NO_CSUM4 },
	{ "no-csum6", no_argument, NULL, OPT_NO_CSUM6 },
	{ "no-rx-notify", no_argument, NULL, OPT_NO_RX_NOTIFY },
	{ "odd-ids", no_argument, NULL, OPT_ODD_IDS },
	{ "netns", required_argument, NULL, OPT_NETNS },
	{ "ifname", required_argument, NULL, OPT_IFNAME },
	{ "mtu", required_argument, NULL, OPT_MTU },
	{ "generate", required_argument, NULL, OPT_GENERATE },
	{ "gso", required_argument, NULL, OPT_GSO },
	{ "to-mac", required_argument, NULL, OPT_TO_MAC },
	{ "to-ip", required_argument, NULL, OPT_TO_IP },
	{ "from-ip", required_argument, NULL, OPT_FROM_IP },
	{ "sink", no_argument, NULL, OPT_SINK },
	{ "hostile", required_argument, NULL, OPT_HOSTILE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* A whole number within min..max. */
static int options_number(const char *name, const char *text, unsigned min, unsigned max,
			  unsigned *value)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || number < min || number > max) {
		say("--%s %s: give a number from %u to %u", name, text, min, max);
		return -EINVAL;
	}
	*value = (unsigned)number;
	return 0;
}

static int options_domid(struct options *options, const char *text)
{
	unsigned domid;
	int rc = options_number("domid", text, 0, 0x7fef, &domid);

	options->domid = rc ? -1 : (int)domid;
	return rc;
}

static int options_mac(uint8_t mac[6], const char *text)
{
	char rest;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &rest) == 6)
		return 0;
	say("--to-mac %s: give a MAC address such as 00:16:3e:00:00:01", text);
	return -EINVAL;
}

static int options_ip(const char *name, struct in_addr *ip, const char *text)
{
	if (inet_aton(text, ip))
		return 0;
	say("--%s %s: give an IPv4 address such as 192.0.2.2", name, text);
	return -EINVAL;
}

/* SIZE, SIZE:COUNT or SIZE:SECONDSs */
static int options_generate(struct options *options, char *text)
{
	char *limit = strchr(text, ':');
	size_t len;
	unsigned count = 0;
	int rc;

	if (limit)
		*limit++ = '\0';
	rc = options_number("generate", text, PACKET_UDP_MIN, FRONT_FRAME_MAX, &options->size);
	options->mode = OPTIONS_GENERATE;
	if (!limit && !options->run_s)
		options->run_s = 5;
	if (rc || !limit)
		return rc;
	len = strlen(limit);
	if (len && limit[len - 1] == 's') {
		limit[len - 1] = '\0';
		return options_number("generate SIZE:", limit, 1, 86400, &options->run_s);
	}
	rc = options_number("generate SIZE:", limit, 1, UINT32_MAX, &count);
	options->count = count;
	return rc;
}

static int options_hostile(struct options *options, const char *text)
{
	options->mode = OPTIONS_HOSTILE;
	options->hostile = text;
	if (strcmp(text, "list") == 0) {
		hostile_list();
		options->mode = OPTIONS_DONE;
		return 0;
	}
	return hostile_check(text);
}

static int options_set_vif(struct options *options, int which, char *value)
{
	switch (which) {
	case OPT_DOMID:
		return options_domid(options, value);
	case OPT_DEVID:
		return options_number("devid", value, 0, 0xffff, &options->devid);
	case OPT_DIR:
		options->store_dir = value;
		return 0;
	case OPT_WAIT:
		return options_number("wait", value, 1, 3600, &options->wait_s);
	case OPT_SECONDS:
		return options_number("seconds", value, 1, 86400, &options->run_s);
	case OPT_NETNS:
		options->netns = value;
		return 0;
	case OPT_IFNAME:
		options->ifname = value;
		return 0;
	case OPT_MTU:
		return options_number("mtu", value, 68, 65521, &options->mtu);
	default:
		return -EINVAL;
	}
}

static int options_set_wish(struct front_wishes *wishes, int which, char *value)
{
	switch (which) {
	case OPT_QUEUES:
		return options_number("queues", value, 1, FRONT_QUEUES_MAX, &wishes->queues);
	case OPT_COMBINED:
		wishes->split = false;
		break;
	case OPT_NO_SG:
		wishes->sg = false;
		break;
	case OPT_NO_GSO4:
		wishes->gso4 = false;
		break;
	case OPT_NO_GSO6:
		wishes->gso6 = false;
		break;
	case OPT_NO_CSUM4:
		wishes->csum4 = false;
		break;
	case OPT_NO_CSUM6:
		wishes->csum6 = false;
		break;
	case OPT_NO_RX_NOTIFY:
		wishes->rx_notify = false;
		break;
	case OPT_ODD_IDS:
		wishes->odd_ids = true;
		break;
	}
	return 0;
}

static int options_set_mode(struct options *options, int which, char *value)
{
	switch (which) {
	case OPT_GENERATE:
		return options_generate(options, value);
	case OPT_GSO:
		return options_number("gso", value, 1, FRONT_FRAME_MAX, &options->gso);
	case OPT_TO_MAC:
		return options_mac(options->to_mac, value);
	case OPT_TO_IP:
		return options_ip("to-ip", &options->to_ip, value);
	case OPT_FROM_IP:
		return options_ip("from-ip", &options->from_ip, value);
	case OPT_SINK:
		options->mode = OPTIONS_SINK;
		return 0;
	case OPT_HOSTILE:
		return options_hostile(options, value);
	case OPT_HELP:
		fputs(options_help, stdout);
		break;
	case OPT_VERSION:
		puts("xenvif-guest " XENVIFD_VERSION);
		break;
	}
	options->mode = OPTIONS_DONE;
	return 0;
}

static int options_check(struct options *options)
{
	if (options->mode == OPTIONS_TAP && !options->netns && !options->ifname) {
		say("give the guest a network namespace with --netns NAME, or name its interface "
		    "in this one with --ifname");
		return -EINVAL;
	}
	if (options->ifname && (!*options->ifname || strlen(options->ifname) > 15)) {
		say("--ifname %s: an interface name has 1 to 15 characters", options->ifname);
		return -EINVAL;
	}
	if (options->gso && (options->mode != OPTIONS_GENERATE || options->size < PACKET_TCP_MIN ||
			     options->size - PACKET_TCP_MIN <= options->gso)) {
		say("--gso %u: goes with --generate SIZE, SIZE being more than %u", options->gso,
		    options->gso + PACKET_TCP_MIN);
		return -EINVAL;
	}
	if (!options->ifname)
		options->ifname = "eth0";
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int which, rc = 0;

	*options = (struct options){
		.domid = -1,
		.wishes = { .queues = 1,
			    .split = true,
			    .sg = true,
			    .gso4 = true,
			    .gso6 = true,
			    .csum4 = true,
			    .csum6 = true,
			    .rx_notify = true },
		.wait_s = 30,
		.to_mac = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff },
	};
	inet_aton("192.0.2.2", &options->to_ip);
	inet_aton("192.0.2.1", &options->from_ip);
	while (!rc && options->mode != OPTIONS_DONE &&
	       (which = getopt_long(argc, argv, "", options_table, NULL)) != -1) {
		if (which == OPT_NETNS || which == OPT_IFNAME || which == OPT_MTU ||
		    (which >= OPT_DOMID && which <= OPT_SECONDS))
			rc = options_set_vif(options, which, optarg);
		else if (which >= OPT_QUEUES && which <= OPT_ODD_IDS)
			rc = options_set_wish(&options->wishes, which, optarg);
		else if (which >= OPT_GENERATE)
			rc = options_set_mode(options, which, optarg);
		else
			rc = -EINVAL;
	}
	if (!rc && options->mode != OPTIONS_DONE && optind < argc) {
		say("%s: unexpected; all arguments are options", argv[optind]);
		rc = -EINVAL;
	}
	if (!rc && options->mode != OPTIONS_DONE)
		rc = options_check(options);
	if (rc)
		fputs("Try: xenvif-guest --help\n", stderr);
	return rc;
}
