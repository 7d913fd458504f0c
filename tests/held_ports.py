"""Ports for servers that tests start, which have to be passed a number: no other test's process gets the same one."""

import random
import socket

from kronos.embedded import ports

# Below those that `kronos up` takes, and the system.
_PORTS = range(12_000, 20_000)


def held_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, for this process until it ends, whether it is used or not.

    Who looks for a free port and then uses it can lose it in between. So the number is taken first: by a name in the
    kernel, which one process can have and which goes with it.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        holding = socket.socket(socket.AF_UNIX)
        try:
            holding.bind(f"\0kronos-tests-port-{port}")
        except OSError:
            holding.close()
            continue
        holding.detach()  # open until this process ends
        if ports.is_free(port):
            return port
    raise AssertionError("no port is free")
