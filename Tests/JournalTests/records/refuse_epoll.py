"""Becomes another program that cannot watch descriptors from a number on: the kernel refuses.

refuse_epoll.py ERRNO DESCRIPTOR COMMAND [ARGUMENT…]

It is how a kernel that runs short looks to a program, without taking memory from anybody else: a
seccomp filter answers epoll_ctl(2), asked to add a descriptor of that number or above, with ERRNO.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

EPOLL_CTL = {"x86_64": 233, "aarch64": 21}
EPOLL_CTL_ADD = 1
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000

# Classic BPF, linux/bpf_common.h: load a word, jump if equal, jump if greater or equal, return.
LOAD, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
# Where struct seccomp_data has the number of the call and the low words of its arguments.
CALL, OPERATION, DESCRIPTOR = 0, 16 + 8, 16 + 16


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def refuse(error: int, descriptor: int) -> None:
    instructions = [
        (LOAD, 0, 0, CALL),
        (IF_EQUAL, 0, 5, EPOLL_CTL[platform.machine()]),
        (LOAD, 0, 0, OPERATION),
        (IF_EQUAL, 0, 3, EPOLL_CTL_ADD),
        (LOAD, 0, 0, DESCRIPTOR),
        (IF_AT_LEAST, 0, 1, descriptor),
        (RETURN, 0, 0, REFUSE | error),
        (RETURN, 0, 0, ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    program = Program(len(instructions), code)
    libc = ctypes.CDLL(None, use_errno=True)
    for call in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse(getattr(errno, sys.argv[1]), int(sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])
