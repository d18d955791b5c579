/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal's ids of what people look for: MESSAGE_ID= of a line.
 *
 * An id means the same for ever: it is neither changed nor given to something
 * else. xenvifd(8), MESSAGES, names them, and system/xenvifd.catalog says what
 * to do (scripts/check compares all three).
 */
#ifndef XENVIFD_BASE_MESSAGE_IDS_H
#define XENVIFD_BASE_MESSAGE_IDS_H

/* The daemon serves the vifs that it found */
#define MESSAGE_READY "5c50ee4191e2408993be2dd31ae5fa9a"
/* The daemon ends, and guests stay connected */
#define MESSAGE_STOPPING "257ad2ef673a4fc6b04a7537184b5c84"
/* The settings were read again */
#define MESSAGE_RELOADED "53228676fa2744549988ef85dbd83bdc"
/* The settings were to be read again, and are wrong */
#define MESSAGE_RELOAD_REFUSED "53075747ddeb48f6af22b1caaf3d71a2"
/* Xenstored is gone */
#define MESSAGE_STORE_LOST "dad0298e04e14024b740545cc46fdcc1"
/* Xenstored is back */
#define MESSAGE_STORE_BACK "505a71870dcd448c90b177f091648393"
/* The kernel's xen-netback is loaded */
#define MESSAGE_NETBACK_LOADED "9102c6b11dbf46f0857f814a39a46522"
/* The daemon runs without its sandbox, or it only logs */
#define MESSAGE_NO_SANDBOX "e6a5f7a20caa41fcadc900502e6e0751"
/* What an earlier daemon left was no good */
#define MESSAGE_STATE_LOST "896d51c5ed4f4ba2a48b82640195a186"
/* A tap was left over from a vif that went, and was removed */
#define MESSAGE_TAP_REMOVED "ee0977122009491e872ec50a56c97b39"
/* Queues copy through plain memory, at more cost */
#define MESSAGE_NO_SHARED_PAGES "470321b70a5a42b289f5fbbb336c3def"
/* A vif is connected */
#define MESSAGE_VIF_CONNECTED "1965289fbe7040b6a504139bd7f2cfed"
/* A restarted daemon serves a connected vif again */
#define MESSAGE_VIF_RESUMED "0333f926f9be484daa0d40f7eb23c18d"
/* A restarted daemon can't serve a connected vif yet: the host is short of something */
#define MESSAGE_VIF_SHORTAGE "e768355f642a450cb81c3e8dd9d9fa76"
/* A vif is closed */
#define MESSAGE_VIF_CLOSED "83a1ae634869454c8ad9a131cdf62e69"
/* A vif is served that xenstored came back without */
#define MESSAGE_VIF_KEPT "1421df114bb84718a355dcac6c14bf07"
/* A vif was taken away */
#define MESSAGE_VIF_GONE "7f81944572254c6497c52952801bf0bb"
/* A frontend can't be connected */
#define MESSAGE_VIF_REFUSED "4686412b0ead440d82360d4cca456897"
/* A frontend broke the protocol */
#define MESSAGE_VIF_ROGUE "2f94bfe217714f0a9a61383db568c958"
/* A vif is left to the kernel's xen-netback */
#define MESSAGE_VIF_NETBACK "00458b28dc0d47acb2e1d15e991f3aae"
/* An administrator closed a vif */
#define MESSAGE_VIF_DRAINED "2ef37ed0dc7d4d878fb3226320c2d85b"
/* An administrator set a vif's carrier */
#define MESSAGE_VIF_CARRIER "55022c39bcbf413889f9bbb5fbfd838d"
/* A vif changes so often that lines about it are withheld */
#define MESSAGE_VIF_FLAPS "f64310c74e6642e1a2fc093e3fe0f579"
/* A vif's tap can't be made */
#define MESSAGE_TAP_IMPOSSIBLE "22e885b2a0ce48d8982e34740dd2bf0f"
/* Somebody removed a vif's tap */
#define MESSAGE_TAP_GONE "3cd06995126243d6afb88764e09aa0c3"
/* A queue's worker does not come back from a call */
#define MESSAGE_WORKER_STUCK "53657f4f050e46f3aa1db14d93e63803"

#endif
