"""Takes this process, and all that it starts, off the network: a Linux network namespace of its own."""

import ctypes
import fcntl
import os
import socket
import struct
import sys

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
SET_FLAGS, UP = 0x8914, 0x1


def enter() -> str:
    """Move this process into a network namespace that has 127.0.0.1 and nothing else, where that can be done.

    Returns a sentence that says what happened. Processes started from now on are in the namespace as well.
    """
    if sys.platform != "linux":
        return "network: EFFNET_OFFLINE=1 only; network namespaces are Linux's"
    for flags in (NEW_NETWORK, NEW_NETWORK | NEW_USER):
        # A child tries first: there is no way back out of a namespace without a working 127.0.0.1.
        child = os.fork()
        if child == 0:
            try:
                _enter(flags)
            except BaseException:
                os._exit(1)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            _enter(flags)
            return "network: none, a network namespace with 127.0.0.1 only"
    return "network: EFFNET_OFFLINE=1 only; this system lets us make no network namespace"


def is_off() -> bool:
    """Whether this process sees no network interface but the loopback."""
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def _enter(flags: int) -> None:
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if flags & NEW_USER:
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
