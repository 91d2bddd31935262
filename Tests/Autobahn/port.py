#!/usr/bin/env python3
"""Ports the fuzzing client of autobahntestsuite 25.10.1, which is Python 2 source, to Python 3.

    port.py SITE-PACKAGES/autobahntestsuite OUTPUT          (needs lib2to3: Python 3.12 or older)

The one idea: inside the cases a Python 2 "byte string" stays a `str` of latin-1 code points, which
behaves as it did there. Conversion from and to `bytes` happens only where the cases meet the
protocol, in `compat3.Boundary`. lib2to3 does the syntax; the rest are the textual edits below, each
beside its reason. What a case sends and what it expects is not touched.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import tokenize
from lib2to3 import refactor
from pathlib import Path

# Of the top-level modules, what the fuzzing client needs.
KEPT = {
    "__init__.py",
    "_version.py",
    "caseset.py",
    "fuzzing.py",
    "interfaces.py",
    "report.py",
    "rinterfaces.py",
    "spectemplate.py",
}
FIXERS = [
    "dict",
    "except",
    "has_key",
    "idioms",
    "import",
    "ne",
    "numliterals",
    "print",
    "raise",
    "unicode",
    "xrange",
]

# Edits for any file: (old, new).
COMMON_EDITS = [
    # lib2to3 leaves this behind when it removes the old-style base class.
    ("(object, Case, )", "(Case, )"),
    ("binascii.b2a_hex(", "compat3.b2a_hex("),
    ("v.validate(vss[:i])", 'v.validate(vss[:i].encode("latin-1"))'),
    # pickle output may differ for equal values; equality is what was meant.
    ("pickle.dumps(obj1) == pickle.dumps(obj2)", "obj1 == obj2"),
    # pkg_resources is gone from current setuptools.
    (
        "import os, json, binascii, time, textwrap, pkg_resources",
        "import os, json, binascii, time, textwrap",
    ),
    (
        "import copy, os, pkg_resources, hashlib, binascii",
        "import copy, os, hashlib, binascii",
    ),
    # Python 3 has no implements(); only the declaration goes, the methods stay.
    ("from zope.interface import implements\n", ""),
    ("   implements(interfaces.IPushProducer)\n", ""),
    # Division of ints was floored.
    (
        "len(self.payload) / self.p.autoFragmentSize",
        "len(self.payload) // self.p.autoFragmentSize",
    ),
]

# Names that autobahn 24 spells differently.
DEFLATE_EDITS = [
    ("requestNoContextTakeover", "request_no_context_takeover"),
    ("requestMaxWindowBits", "request_max_window_bits"),
    ("acceptNoContextTakeover", "accept_no_context_takeover"),
    ("acceptMaxWindowBits", "accept_max_window_bits"),
]

FUZZING_EDITS = [
    # Payloads shown in reports may be bytes (off the wire) or latin-1 text (from a case).
    (
        "dd = data[:maxlen] + ellipses\n      else:\n         dd = data\n      return dd.decode(",
        "dd = compat3.s(data[:maxlen]) + ellipses\n      else:\n         dd = compat3.s(data)\n"
        "      return dd.encode('latin-1').decode(",
    ),
    (
        "p = ''.join(payload)",
        "p = b''.join(payload) if not isinstance(payload, (bytes, str)) else payload",
    ),
    # autobahn 24 dropped these arguments and the attribute.
    (", debug = debug, debugCodePaths = debug", ""),
    ("if self.debug:", "if False:"),
    # The boundary between the cases' text and the protocol's bytes.
    (
        "class FuzzingServerProtocol(FuzzingProtocol,",
        "class FuzzingServerProtocol(FuzzingProtocol, compat3.Boundary,",
    ),
    (
        "class FuzzingClientProtocol(FuzzingProtocol,",
        "class FuzzingClientProtocol(FuzzingProtocol, compat3.Boundary,",
    ),
    # The deflate cases (those with TESTDATA) compare bytes themselves.
    (
        "self.runCase.onMessage(msg, binary)",
        "self.runCase.onMessage("
        "msg if hasattr(self.runCase, 'TESTDATA') else compat3.s(msg), binary)",
    ),
    ("self.runCase.onPong(payload)", "self.runCase.onPong(compat3.s(payload))"),
    ("ll.encode('utf8')", "ll"),
    ("compat3.b2a_hex(t[6])", "t[6]"),
    ("f.write(json.dumps(", "f.write(compat3.dumps("),
    ("self.sendMessage(json.dumps(", "self.sendMessage(compat3.dumps("),
    (
        "report_filename), 'w')",
        "report_filename), 'w', encoding='utf-8', errors='surrogateescape')",
    ),
    (
        "contextFactory=self.contextFactory",
        "contextFactory=self.contextFactory if self.isSecure else None",
    ),
    (').encode("utf-8"))', "))"),
    # Reports are written once, at the end, whatever happened before.
    ("self.createReports()\n", "compat3.finish(self)\n"),
]

COMPAT3 = """\
import binascii, json, os


def s(x):
    return x.decode("latin-1") if isinstance(x, (bytes, bytearray)) else x


def b(x):
    return x.encode("latin-1") if isinstance(x, str) else x


def b2a_hex(x):
    return binascii.b2a_hex(b(x)).decode("ascii")


def dumps(o, **k):
    plain = lambda v: s(v) if isinstance(v, (bytes, bytearray)) else str(v)
    return json.dumps(o, default=plain, **k)


def resource(p):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), p)


def stop():
    from twisted.internet import reactor

    if reactor.running:
        reactor.callLater(0, lambda: reactor.running and reactor.stop())


def finish(factory):
    import traceback

    try:
        factory.createReports(produceHtml="AB_HTML" in os.environ)
    except Exception:
        traceback.print_exc()
    stop()


class Boundary(object):
    def sendFrame(self, opcode, payload=b"", **k):
        return super().sendFrame(opcode, payload=b(payload), **k)

    def sendMessage(self, payload, isBinary=False, **k):
        return super().sendMessage(b(payload), isBinary, **k)

    def sendMessageFrame(self, payload, **k):
        return super().sendMessageFrame(b(payload), **k)

    def sendMessageFrameData(self, payload, **k):
        return super().sendMessageFrameData(b(payload), **k)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        return super().sendCloseFrame(code=code, reasonUtf8=b(reasonUtf8), isReply=isReply)
"""

CLIENT = """\
import json, sys
from twisted.internet import reactor
from twisted.python import log
from autobahntestsuite import fuzzing

if "-d" in sys.argv:
    log.startLogging(sys.stdout)
fuzzing.startClient(json.load(open(sys.argv[1])))
reactor.run()
"""


def copy_source(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    # Without what pip compiled: Python takes that for the ported file's if both are of one second
    # and of one size.
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in target.glob("*.py"):
        if path.name not in KEPT:
            path.unlink()
    shutil.rmtree(target / "wampcase", ignore_errors=True)


def latin1_literals(source: str) -> str:
    """Makes non-ASCII literals what they were under Python 2: the bytes of their UTF-8."""
    lines = source.splitlines(True)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    literals = [t for t in tokens if t.type == tokenize.STRING and not t.string.isascii()]
    for token in reversed(literals):
        (row, start), (end_row, end) = token.start, token.end
        if row == end_row:
            line = lines[row - 1]
            new = f'{token.string}.encode("utf-8").decode("latin-1")'
            lines[row - 1] = line[:start] + new + line[end:]
    return "".join(lines)


def replace_all(text: str, edits: list[tuple[str, str]]) -> str:
    for old, new in edits:
        text = text.replace(old, new)
    return text


def import_compat3(text: str) -> str:
    """Imports the shim before the first import, but after the licence and the docstring."""
    first = text.index("import " if "import " in text else "\n")
    line_start = text.rfind("\n", 0, first) + 1
    return text[:line_start] + "from autobahntestsuite import compat3\n" + text[line_start:]


def port(path: Path, tool: refactor.RefactoringTool) -> None:
    text = path.read_text(encoding="utf-8")
    text = str(tool.refactor_string(text if text.endswith("\n") else text + "\n", str(path)))
    text = replace_all(text, COMMON_EDITS)
    text = re.sub(
        r'pkg_resources\.resource_filename\("autobahntestsuite",\s*("[^"]*"(?: % [^)\n]*)?)\)',
        r"compat3.resource(\1)",
        text,
    )
    if path.name.startswith("case") and "case12" not in path.name:
        text = latin1_literals(text)
    if "compat3." in text:
        text = import_compat3(text)
    if path.name == "case12_x_x.py":
        text = replace_all(text, DEFLATE_EDITS)
    if path.name == "case6_x_x.py":
        text = text.replace(".tostring()", ".tobytes()")
    if path.name == "fuzzing.py":
        text = replace_all(text, FUZZING_EDITS)
        text = re.sub(r"(?m)^( +)reactor\.stop\(\)", r"\1compat3.stop()", text)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    source, output = Path(sys.argv[1]), Path(sys.argv[2])
    target = output / "autobahntestsuite"
    copy_source(source, target)
    names = [f"lib2to3.fixes.fix_{name}" for name in FIXERS]
    tool = refactor.RefactoringTool(names, {}, explicit=[])
    for path in sorted(target.rglob("*.py")):
        port(path, tool)
    (target / "__init__.py").write_text(
        "from ._version import __version__\nversion = __version__\n"
    )
    (target / "compat3.py").write_text(COMPAT3)
    (output / "client.py").write_text(CLIENT)


if __name__ == "__main__":
    main()
