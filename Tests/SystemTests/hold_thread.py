"""Holds one thread of a process, as a debugger does, until that thread ends or this is ended.

python3 hold_thread.py THREAD; says "held" when it does.
"""

from __future__ import annotations

import ctypes
import os
import sys

# Of <sys/ptrace.h> and <linux/wait.h>; __WALL: also for a thread that is no child of ours.
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000


def main() -> None:
    thread = int(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)
    null = ctypes.c_void_p()
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, thread, null, null) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(thread, WALL)
    print("held", flush=True)
    # A traced thread that was killed is there until its tracer has heard of it.
    os.waitpid(thread, WALL)


if __name__ == "__main__":
    main()
