"""Ports for servers that tests start and that must be given a port number. No two test processes get the same one."""

import random
import socket

from kronos.embedded import ports

# Below the ports that `kronos up` and the system choose.
_PORTS = range(12_000, 20_000)


def held_port() -> int:
    """Return a free port of 127.0.0.1 that belongs to this process until it ends, whether it is used or not.

    A process that finds a free port and binds it later can lose it in between. So the number is claimed first, by an
    abstract socket name: only one process can hold it, and it disappears with the process.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        holding = socket.socket(socket.AF_UNIX)
        try:
            holding.bind(f"\0kronos-tests-port-{port}")
        except OSError:
            holding.close()
            continue
        holding.detach()  # stays open until this process ends
        if ports.is_free(port):
            return port
    raise AssertionError("no port is free")
