"""Becomes another program that is handed sockets, as a service manager does it (sd_listen_fds(3)).

activate.py NAME=PORT… -- COMMAND…    each socket listens on 127.0.0.1; port 0: it does not listen
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys

FIRST = 3

end = sys.argv.index("--")
names: list[str] = []
made: list[socket.socket] = []
for name, _, port in (argument.partition("=") for argument in sys.argv[1:end]):
    made.append(socket.socket())
    if port != "0":
        made[-1].bind(("127.0.0.1", int(port)))
        made[-1].listen()
    names.append(name)
# First out of the way of each other, then to where they are looked for.
aside = [fcntl.fcntl(s, fcntl.F_DUPFD_CLOEXEC, FIRST + len(made)) for s in made]
for number, descriptor in enumerate(aside, FIRST):
    os.dup2(descriptor, number, inheritable=True)
os.environ |= {
    "LISTEN_PID": str(os.getpid()),
    "LISTEN_FDS": str(len(made)),
    "LISTEN_FDNAMES": ":".join(names),
}
os.execv(sys.argv[end + 1], sys.argv[end + 1 :])
