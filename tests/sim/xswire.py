# SPDX-License-Identifier: GPL-2.0-or-later
"""A xenstore client: the wire protocol of xenstored's socket, with the standard library alone.

One request goes out and its answer is waited for; watch events that arrive in between are kept
for wait(). A Store is used by one thread.
"""
import contextlib
import os
import select
import socket
import struct
import threading
import time

DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH, TRANSACTION_START, TRANSACTION_END = range(1, 8)
WRITE, MKDIR, RM, SET_PERMS, WATCH_EVENT, ERROR = range(11, 17)
HEADER = struct.Struct("=IIII")  # type, request, transaction, length


class StoreError(OSError):
    """What xenstored answered in place of a result; .name is its errno name, as "EAGAIN"."""

    def __init__(self, name, path):
        super().__init__(f"xenstore: {name}: {path}")
        self.name = name


def request(kind, words, tx, end):
    body = b"\0".join(word.encode() for word in words) + end
    return HEADER.pack(kind, 0, tx, len(body)) + body


class Store:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.events = []
        self.watches = 0

    def close(self):
        self.socket.close()

    def _receive(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise StoreError("EPIPE", "xenstored is gone")
            data += part
        return data

    def _message(self):
        kind, _, _, length = HEADER.unpack(self._receive(HEADER.size))
        return kind, self._receive(length)

    def _ask(self, kind, *words, tx=0, end=b"\0"):
        self.socket.sendall(request(kind, words, tx, end))
        return self._answer(words)

    def _answer(self, words):
        while True:
            answer, data = self._message()
            if answer == WATCH_EVENT:
                self.events.append(data.split(b"\0")[1].decode())
                continue
            if answer == ERROR:
                raise StoreError(data.rstrip(b"\0").decode(), words[0] if words else "")
            return data

    # Reading: what is not there is None, or empty.

    def read(self, path, tx=0):
        try:
            return self._ask(READ, path, tx=tx).decode(errors="replace")
        except StoreError as e:
            if e.name in ("ENOENT", "ENOTDIR"):
                return None
            raise

    def list(self, path):
        try:
            names = self._ask(DIRECTORY, path)
        except StoreError as e:
            if e.name == "ENOENT":
                return []
            raise
        return names.decode().split("\0")[:-1]

    def tree(self, path):
        """All nodes below path as {path relative to it: value}."""
        found = {}
        for name in self.list(path):
            found[name] = self.read(f"{path}/{name}")
            for below, value in self.tree(f"{path}/{name}").items():
                found[f"{name}/{below}"] = value
        return found

    # Writing.

    def write(self, path, value, tx=0):
        self._ask(WRITE, path, str(value), tx=tx, end=b"")

    def write_many(self, values, tx=0):
        """Writes {path: value}. All requests go out together, so it takes one wait, not many."""
        items = [(path, str(value)) for path, value in values.items()]
        for some in (items[i:i + 64] for i in range(0, len(items), 64)):
            self.socket.sendall(b"".join(request(WRITE, words, tx, b"") for words in some))
            answers = []
            for words in some:
                try:
                    self._answer(words)
                except StoreError as e:
                    answers.append(e)
            if answers:
                raise answers[0]

    def remove(self, path, tx=0):
        try:
            self._ask(RM, path, tx=tx)
        except StoreError as e:
            if e.name != "ENOENT":
                raise

    def permit(self, path, owner, reader, tx=0):
        """The path is owner's, and reader may read it; so are nodes made in it later."""
        self._ask(SET_PERMS, path, f"n{owner}", f"r{reader}", tx=tx)

    def mkdir(self, path, owner, reader, tx=0):
        self._ask(MKDIR, path, tx=tx)
        self.permit(path, owner, reader, tx=tx)

    def atomically(self, change):
        """Runs change(tx) in a transaction, again for as long as others were in between."""
        for _ in range(1000):
            tx = int(self._ask(TRANSACTION_START, "").rstrip(b"\0"))
            try:
                change(tx)
            except BaseException:
                self._ask(TRANSACTION_END, "F", tx=tx)
                raise
            try:
                self._ask(TRANSACTION_END, "T", tx=tx)
                return
            except StoreError as e:
                if e.name != "EAGAIN":
                    raise
        raise StoreError("EAGAIN", "a transaction met others a thousand times")

    def write_all(self, path, values):
        """Writes {key: value} under path in one transaction; None removes the key."""

        def change(tx):
            for key, value in values.items():
                if value is None:
                    self.remove(f"{path}/{key}", tx)
                else:
                    self.write(f"{path}/{key}", value, tx)

        self.atomically(change)

    # Waiting.

    def wait(self, path, wanted, timeout=10):
        """Waits until the node's value is wanted, or is one for which wanted(value) is true.

        Returns the value; raises TimeoutError, with what it was last, after timeout seconds.
        """
        fits = wanted if callable(wanted) else lambda value: value == wanted
        self.watches += 1
        token = f"wait{self.watches}"
        until = time.monotonic() + timeout
        self._ask(WATCH, path, token)
        try:
            while True:
                value = self.read(path)
                if fits(value):
                    return value
                left = until - time.monotonic()
                if left <= 0 or not self._event(token, left):
                    raise TimeoutError(f"{path} is {value!r} after {timeout} s")
        finally:
            self._ask(UNWATCH, path, token)
            self.events = [t for t in self.events if t != token]

    def _event(self, token, timeout):
        """Takes one event of that watch; False when the time is over."""
        until = time.monotonic() + timeout
        while token not in self.events:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return False
            kind, data = self._message()
            if kind == WATCH_EVENT:
                self.events.append(data.split(b"\0")[1].decode())
        self.events.remove(token)
        return True


class Relay:
    """A socket beside xenstored's: all goes through to xenstored and back, but what it refuses.

    refuse(kind, path): the errno name to answer a request with, or None to let it through.
    """

    def __init__(self, path, upstream):
        self.upstream, self.refuse = upstream, lambda kind, path: None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            client, server = self.listener.accept()[0], socket.socket(socket.AF_UNIX)
            server.connect(self.upstream)
            lock = threading.Lock()  # of what the client is told
            for way in (self._ask, self._answer):
                threading.Thread(target=way, args=(client, server, lock), daemon=True).start()

    @staticmethod
    def _messages(source):
        with contextlib.suppress(OSError), source.makefile("rb") as stream:
            while len(header := stream.read(HEADER.size)) == HEADER.size:
                kind, number, tx, length = HEADER.unpack(header)
                yield kind, number, tx, stream.read(length)

    def _ask(self, client, server, lock):
        for kind, number, tx, body in self._messages(client):
            error = self.refuse(kind, body.split(b"\0")[0].decode())
            if error:
                with lock:
                    client.sendall(HEADER.pack(ERROR, number, tx, len(error) + 1) +
                                   error.encode() + b"\0")
            else:
                server.sendall(HEADER.pack(kind, number, tx, len(body)) + body)
        server.shutdown(socket.SHUT_RDWR)

    def _answer(self, client, server, lock):
        with contextlib.suppress(OSError):
            for kind, number, tx, body in self._messages(server):
                with lock:
                    client.sendall(HEADER.pack(kind, number, tx, len(body)) + body)


def connect(directory):
    """A Store on the xenstored of the host in that directory."""
    return Store(os.path.join(directory, "xenstored", "socket"))
