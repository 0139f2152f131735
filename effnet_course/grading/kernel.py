"""What the kernel refuses to student code: ways to hold memory that no process is seen to hold, and to speak to others.

A seccomp filter, as a program for the kernel's packet filter (seccomp(2), bpf(4)); the worker puts it on before any
student code runs, and nothing takes it off again. A limit on memory counts what processes have mapped. A segment of
System V memory, a file without a name, a shared mapping that is let go of in a fork, a tmpfs in a user namespace of
one's own: none of them is counted. Keyrings belong to a user id, and would carry a note to the next submission.
"""

import ctypes
import platform
import struct

REFUSED = {  # by machine: its number in the kernel, system calls that fail, clone3, clone, mmap
    # memfd_create memfd_secret shmget msgget unshare setns add_key request_key keyctl io_uring_setup userfaultfd
    "x86_64": (0xC000003E, (319, 447, 29, 68, 272, 308, 248, 249, 250, 425, 323), 435, 56, 9),
    "aarch64": (0xC00000B7, (279, 447, 194, 186, 97, 268, 217, 218, 219, 425, 282), 435, 220, 222),
}
KNOWN = platform.machine() in REFUSED
LOAD, AND, JUMP_EQUAL, JUMP_FROM, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS = 1, 38
NEW_USER, SHARED_ANONYMOUS = 0x10000000, 0x21  # flags of clone and mmap


def refuse() -> None:
    """Put the filter on this process and all it starts. Raises OSError where the kernel will not have it."""
    machine, calls, clone3, clone, mmap = REFUSED[platform.machine()]
    refused = (RETURN, 0, 0, FAIL | EPERM)
    program = [
        (LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, machine), (RETURN, 0, 0, KILL),  # the calls of another machine
        (LOAD, 0, 0, 0), (JUMP_FROM, 0, 1, 0x40000000), refused,  # x32
        (JUMP_EQUAL, 0, 1, clone3), (RETURN, 0, 0, FAIL | ENOSYS),  # its flags are out of reach: clone is tried next
    ]  # fmt: skip
    for call in calls:
        program += [(JUMP_EQUAL, 0, 1, call), refused]
    for call, argument, flags in ((clone, 0, NEW_USER), (mmap, 3, SHARED_ANONYMOUS)):
        program += [(JUMP_EQUAL, 0, 4, call), (LOAD, 0, 0, 16 + 8 * argument), (AND, 0, 0, flags)]
        program += [(JUMP_EQUAL, 0, 1, flags), refused, (LOAD, 0, 0, 0)]
    code = b"".join(struct.pack("HBBI", *step) for step in [*program, (RETURN, 0, 0, ALLOW)])
    held = ctypes.create_string_buffer(code)
    whole = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((38, 1, 0, 0, 0), (22, 2, ctypes.c_char_p(whole), 0, 0)):  # no new privileges; a filter
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")
