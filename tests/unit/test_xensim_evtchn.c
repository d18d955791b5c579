/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels of the simulated host behave as Xen's behind /dev/xen/evtchn. */
#include "test_xensim.h"

#include <xenctrl.h>
#include <xenevtchn.h>

static xenevtchn_handle *open_handle(void)
{
	xenevtchn_handle *h = xenevtchn_open(NULL, 0);

	assert_non_null(h);
	return h;
}

static bool due(xenevtchn_handle *h)
{
	return readable(xenevtchn_fd(h), 0);
}

static int port_status(uint32_t domid, uint32_t port, uint32_t *peer)
{
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	xc_evtchn_status_t s = { .dom = domid, .port = port };

	assert_non_null(xch);
	assert_int_equal(xc_evtchn_status(xch, &s), 0);
	xc_interface_close(xch);
	if (peer)
		*peer = s.u.interdomain.port;
	return s.status;
}

/* A guest with one handle: 0 = new port for domain 0, 1000 = take an event, 2000 = wait for none,
 * 3000+p = notify, 4000+p = unmask, 5000+p = unbind, 6000 = close the handle */
static uint32_t guest(uint32_t n)
{
	static xenevtchn_handle *h;

	if (!h)
		h = open_handle();
	switch (n / 1000) {
	case 0:
		return xenevtchn_bind_unbound_port(h, 0);
	case 1:
		return readable(xenevtchn_fd(h), 5000) ? xenevtchn_pending(h) : -1;
	case 2:
		return !due(h);
	case 3:
		return xenevtchn_notify(h, n % 1000);
	case 4:
		return xenevtchn_unmask(h, n % 1000);
	case 5:
		return xenevtchn_unbind(h, n % 1000);
	default:
		xenevtchn_close(h);
		h = NULL;
		return 0;
	}
}

static void bind_marks_the_local_port_pending(void **state)
{
	struct child g = child_start(1, guest);
	xenevtchn_handle *h = open_handle();
	uint32_t remote = child_ask(&g, 0), peer;
	int port = xenevtchn_bind_interdomain(h, 1, remote);

	assert_true(port > 0);
	assert_true(due(h));
	assert_int_equal(xenevtchn_pending(h), port);
	assert_false(due(h));
	assert_true(child_ask(&g, 2000));
	assert_int_equal(port_status(1, remote, &peer), EVTCHNSTAT_interdomain);
	assert_int_equal(peer, port);
	xenevtchn_close(h);
	child_kill(&g);
}

static void events_wait_while_masked(void **state)
{
	struct child g = child_start(1, guest);
	xenevtchn_handle *h = open_handle();
	uint32_t remote = child_ask(&g, 0);
	int port = xenevtchn_bind_interdomain(h, 1, remote);

	assert_int_equal(xenevtchn_pending(h), port);
	assert_int_equal(child_ask(&g, 3000 + remote), 0);
	assert_false(due(h)); /* masked since it was taken */
	assert_int_equal(xenevtchn_unmask(h, port), 0);
	assert_true(due(h)); /* but remembered */
	assert_int_equal(xenevtchn_pending(h), port);
	assert_int_equal(xenevtchn_unmask(h, port), 0);
	assert_false(due(h));
	assert_int_equal(xenevtchn_unmask(h, port), 0); /* twice is harmless */
	assert_false(due(h));
	xenevtchn_close(h);
	child_kill(&g);
}

static void many_notifies_are_one_event(void **state)
{
	struct child g = child_start(1, guest);
	xenevtchn_handle *h = open_handle();
	uint32_t remote = child_ask(&g, 0);
	int port = xenevtchn_bind_interdomain(h, 1, remote), i;

	for (i = 0; i < 100; i++)
		assert_int_equal(xenevtchn_notify(h, port), 0);
	assert_int_equal(child_ask(&g, 1000), remote);
	assert_true(child_ask(&g, 2000));
	assert_int_equal(child_ask(&g, 4000 + remote), 0);
	assert_true(child_ask(&g, 2000));
	xenevtchn_close(h);
	child_kill(&g);
}

static void wrong_binds_are_refused(void **state)
{
	struct child g = child_start(1, guest);
	xenevtchn_handle *h = open_handle();
	uint32_t remote = child_ask(&g, 0);
	uint32_t mine = xenevtchn_bind_unbound_port(h, 2);

	assert_int_equal(xenevtchn_bind_interdomain(h, 1, remote + 1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(xenevtchn_bind_interdomain(h, 1, 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(xenevtchn_bind_interdomain(h, 1, 1u << 30), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(xenevtchn_bind_interdomain(h, 77, remote), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(xenevtchn_bind_interdomain(h, 0, mine), -1); /* it waits for domain 2 */
	assert_int_equal(errno, EINVAL);
	assert_true(xenevtchn_bind_interdomain(h, 1, remote) > 0);
	assert_int_equal(xenevtchn_bind_interdomain(h, 1, remote), -1); /* taken now */
	assert_int_equal(errno, EINVAL);
	xenevtchn_close(h);
	child_kill(&g);
}

static void a_handle_owns_its_ports(void **state)
{
	xenevtchn_handle *one = open_handle(), *two = open_handle();
	int port = xenevtchn_bind_unbound_port(one, 1);

	assert_int_equal(xenevtchn_notify(two, port), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(xenevtchn_unbind(two, port), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(xenevtchn_notify(one, port), 0); /* nobody there: nothing happens */
	assert_int_equal(xenevtchn_unbind(one, port), 0);
	assert_int_equal(xenevtchn_bind_unbound_port(two, 1), port); /* the lowest free number */
	xenevtchn_close(one);
	xenevtchn_close(two);
}

static void a_closed_end_leaves_the_peer_waiting(void **state)
{
	struct child g = child_start(1, guest);
	xenevtchn_handle *h = open_handle();
	uint32_t remote = child_ask(&g, 0);
	int port = xenevtchn_bind_interdomain(h, 1, remote);

	assert_int_equal(xenevtchn_unbind(h, port), 0);
	assert_int_equal(port_status(1, remote, NULL), EVTCHNSTAT_unbound);
	assert_int_equal(child_ask(&g, 3000 + remote), 0);
	assert_true(child_ask(&g, 2000)); /* it noticed nothing */
	port = xenevtchn_bind_interdomain(h, 1, remote);
	assert_true(port > 0);
	assert_int_equal(xenevtchn_pending(h), port);
	assert_int_equal(xenevtchn_unmask(h, port), 0);
	assert_int_equal(child_ask(&g, 3000 + remote), 0);
	assert_true(readable(xenevtchn_fd(h), 5000));
	child_ask(&g, 6000);
	assert_int_equal(port_status(0, port, NULL), EVTCHNSTAT_unbound);
	xenevtchn_close(h);
	child_kill(&g);
}

/* A backend: n = bind that port of domain 1; 1000000+p = notify */
static uint32_t backend(uint32_t n)
{
	static xenevtchn_handle *h;

	if (!h)
		h = open_handle();
	return n >= 1000000 ? (uint32_t)xenevtchn_notify(h, n - 1000000)
			    : (uint32_t)xenevtchn_bind_interdomain(h, 1, n);
}

static void a_killed_backend_is_followed_by_another(void **state)
{
	struct child g = child_start(1, guest);
	uint32_t remote = child_ask(&g, 0), port;
	int i;

	for (i = 0; i < 20; i++) {
		struct child b = child_start(0, backend);

		port = child_ask(&b, remote);
		assert_true((int)port > 0);
		assert_int_equal(child_ask(&b, 1000000 + port), 0);
		assert_int_equal(child_ask(&g, 1000), remote);
		assert_int_equal(child_ask(&g, 4000 + remote), 0);
		child_kill(&b);
		assert_int_equal(child_ask(&g, 3000 + remote), 0); /* nobody hears it */
		assert_true(child_ask(&g, 2000));
	}
	child_kill(&g);
}

static void a_killed_guest_takes_its_ports_along(void **state)
{
	struct child g = child_start(1, guest), again;
	xenevtchn_handle *h = open_handle();
	uint32_t remote = child_ask(&g, 0);
	int port = xenevtchn_bind_interdomain(h, 1, remote);

	child_kill(&g);
	assert_int_equal(xenevtchn_notify(h, port), 0);
	assert_int_equal(xenevtchn_bind_interdomain(h, 1, remote), -1);
	assert_int_equal(errno, EINVAL);
	again = child_start(1, guest);
	assert_int_equal(child_ask(&again, 0), remote);
	xenevtchn_close(h);
	child_kill(&again);
}

/* Notifies without end; killed anywhere in it, it must not leave the peer deaf */
static uint32_t storm(uint32_t n)
{
	xenevtchn_handle *h = open_handle();
	int port = xenevtchn_bind_interdomain(h, 1, n);
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	child_begin(parent);
	while (port > 0)
		xenevtchn_notify(h, port);
	_exit(0);
}

static void a_kill_amid_notifies_loses_none(void **state)
{
	struct child g = child_start(1, guest);
	uint32_t remote = child_ask(&g, 0);
	int i;

	for (i = 0; i < 200; i++) {
		struct child b = child_start(0, storm);
		xenevtchn_handle *h;
		int port;

		child_ask(&b, remote);
		assert_int_equal(child_ask(&g, 1000), remote);
		assert_int_equal(child_ask(&g, 4000 + remote), 0);
		usleep(i * 7 % 500);
		child_kill(&b); /* and by PDEATHSIG the child that notifies */
		h = open_handle();
		do {
			port = xenevtchn_bind_interdomain(h, 1, remote);
		} while (port < 0 && errno == EINVAL);
		assert_true(port > 0);
		while (!child_ask(&g, 2000)) {
			assert_int_equal(child_ask(&g, 1000), remote);
			assert_int_equal(child_ask(&g, 4000 + remote), 0);
		}
		assert_int_equal(xenevtchn_notify(h, port), 0);
		assert_int_equal(child_ask(&g, 1000), remote);
		assert_int_equal(child_ask(&g, 4000 + remote), 0);
		xenevtchn_close(h);
	}
	child_kill(&g);
}

static void a_handle_survives_in_its_descriptor(void **state)
{
	struct child g = child_start(1, guest);
	xenevtchn_handle *h = xenevtchn_open(NULL, XENEVTCHN_NO_CLOEXEC);
	uint32_t remote = child_ask(&g, 0);
	int port = xenevtchn_bind_interdomain(h, 1, remote);
	int kept = dup(xenevtchn_fd(h));

	xenevtchn_close(h);
	assert_int_equal(port_status(1, remote, NULL), EVTCHNSTAT_interdomain);
	h = xenevtchn_fdopen(NULL, kept, 0);
	assert_non_null(h);
	assert_int_equal(xenevtchn_pending(h), port);
	assert_int_equal(xenevtchn_unmask(h, port), 0);
	assert_int_equal(child_ask(&g, 3000 + remote), 0);
	assert_int_equal(xenevtchn_pending(h), port);
	xenevtchn_close(h);
	assert_int_equal(port_status(1, remote, NULL), EVTCHNSTAT_unbound);
	child_kill(&g);
}

static void a_destroyed_domain_is_announced(void **state)
{
	struct child g = child_start(2, guest);
	xenevtchn_handle *h = open_handle();
	int virq = xenevtchn_bind_virq(h, VIRQ_DOM_EXC);
	uint32_t remote = child_ask(&g, 0);
	int port = xenevtchn_bind_interdomain(h, 2, remote);
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	xc_dominfo_t info;

	assert_true(virq > 0);
	assert_int_equal(xenevtchn_bind_virq(h, VIRQ_DOM_EXC), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(xenevtchn_pending(h), port);
	assert_int_equal(xc_domain_getinfo(xch, 2, 1, &info), 1);
	assert_int_equal(info.domid, 2);
	child_kill(&g);
	assert_int_equal(sim_dom_destroy(2), 0);
	assert_int_equal(xenevtchn_pending(h), virq);
	assert_int_equal(xc_domain_getinfo(xch, 2, 1, &info), 0);
	assert_int_equal(port_status(0, port, NULL), EVTCHNSTAT_unbound);
	assert_int_equal(xenevtchn_bind_interdomain(h, 2, remote), -1);
	assert_int_equal(errno, ESRCH);
	assert_true(sim_dom_make(2) > 0);
	xc_interface_close(xch);
	xenevtchn_close(h);
}

static void faults_come_on_order(void **state)
{
	struct child g = child_start(1, guest);
	xenevtchn_handle *h = open_handle();
	uint32_t remote = child_ask(&g, 0);

	assert_int_equal(sim_fault_arm(SIM_CALL_BIND_INTERDOMAIN, 0, 1, 2, ENOMEM), 0);
	assert_int_equal(xenevtchn_bind_interdomain(h, 1, 999), -1);
	assert_int_equal(errno, EINVAL); /* the first is let through */
	assert_int_equal(xenevtchn_bind_interdomain(h, 1, remote), -1);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(xenevtchn_bind_interdomain(h, 1, remote), -1);
	assert_int_equal(errno, ENOMEM);
	assert_true(xenevtchn_bind_interdomain(h, 1, remote) > 0);
	assert_int_equal(sim.host->faults_armed, 0);
	xenevtchn_close(h);
	child_kill(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bind_marks_the_local_port_pending),
		cmocka_unit_test(events_wait_while_masked),
		cmocka_unit_test(many_notifies_are_one_event),
		cmocka_unit_test(wrong_binds_are_refused),
		cmocka_unit_test(a_handle_owns_its_ports),
		cmocka_unit_test(a_closed_end_leaves_the_peer_waiting),
		cmocka_unit_test(a_killed_backend_is_followed_by_another),
		cmocka_unit_test(a_killed_guest_takes_its_ports_along),
		cmocka_unit_test(a_kill_amid_notifies_loses_none),
		cmocka_unit_test(a_handle_survives_in_its_descriptor),
		cmocka_unit_test(a_destroyed_domain_is_announced),
		cmocka_unit_test(faults_come_on_order),
	};

	return cmocka_run_group_tests_name("xensim event channels", tests, host_begin, host_end);
}
