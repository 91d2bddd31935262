"""Becomes another program that the kernel refuses a call on descriptors from a number on.

refuse_calls.py epoll_ctl|recvfrom ERRNO DESCRIPTOR COMMAND [ARGUMENT…]

It is how a kernel that runs short, or is broken, looks to a program, without taking anything from
anybody else: a seccomp filter answers the call with ERRNO, on descriptors of that number or above.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

# By machine, the number of the call; and which of its arguments is the descriptor.
CALLS = {
    "epoll_ctl": ({"x86_64": 233, "aarch64": 21}, 2),
    "recvfrom": ({"x86_64": 45, "aarch64": 207}, 0),
}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000

# Classic BPF, linux/bpf_common.h: load a word, jump if equal, jump if greater or equal, return.
LOAD, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
# Where struct seccomp_data has the number of the call and the low word of its first argument.
CALL, ARGUMENTS, ARGUMENT_SIZE = 0, 16, 8


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def refuse(call: str, error: int, descriptor: int) -> None:
    numbers, argument = CALLS[call]
    instructions = [
        (LOAD, 0, 0, CALL),
        (IF_EQUAL, 0, 3, numbers[platform.machine()]),
        (LOAD, 0, 0, ARGUMENTS + argument * ARGUMENT_SIZE),
        (IF_AT_LEAST, 0, 1, descriptor),
        (RETURN, 0, 0, REFUSE | error),
        (RETURN, 0, 0, ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    program = Program(len(instructions), code)
    libc = ctypes.CDLL(None, use_errno=True)
    for control in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*control) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse(sys.argv[1], getattr(errno, sys.argv[2]), int(sys.argv[3]))
    os.execv(sys.argv[4], sys.argv[4:])
