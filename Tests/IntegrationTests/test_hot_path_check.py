"""The check of the hot path finds what it is there for, in a program made for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.daemon import ROOT

PROGRAM = """
final class Box { var n = 0 }
@inline(never) func clean(_ p: UnsafeMutablePointer<UInt8>, _ n: Int) -> UInt8 {
  var all: UInt8 = 0
  for i in 0..<n { p[i] ^= 0x5a; all |= p[i] }
  if all == 3 { rare(Int(all)) }
  return all
}
@inline(never) func rare(_ n: Int) { print("rare", [n, n].description) }
@inline(never) func retains(_ box: Box, _ into: inout [Box]) { into.append(box) }
@inline(never) func allocates(_ n: Int) -> Box { let box = Box(); box.n = n; return box }
@inline(never) func callsAllocates(_ n: Int) -> Int { allocates(n).n &+ 1 }
protocol Thing { func work(_ n: Int) -> Int }
struct One: Thing { func work(_ n: Int) -> Int { n &* 3 } }
struct Two: Thing { var q = CommandLine.argc; func work(_ n: Int) -> Int { n &* Int(q) } }
@inline(never) func existential(_ thing: any Thing) -> Int { thing.work(3) }
let p = UnsafeMutablePointer<UInt8>.allocate(capacity: 64)
p.initialize(repeating: 1, count: 64)
var boxes: [Box] = []
retains(allocates(2), &boxes)
let thing: any Thing = CommandLine.argc > 1 ? One() : Two()
print(clean(p, 64), boxes.count, callsAllocates(Int(CommandLine.argc)), existential(thing))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hot-path")
    (folder / "main.swift").write_text(PROGRAM)
    compiler = ["swiftc", "-O", "-static-stdlib", "-module-name", "RelayEngine"]
    subprocess.run([*compiler, "main.swift", "-o", "program"], cwd=folder, check=True, timeout=120)
    return folder / "program"


def check(program: Path, listed: str) -> tuple[int, str]:
    functions = program.with_name("list.txt")
    functions.write_text(listed)
    run = subprocess.run(
        [ROOT / "Benchmarks" / "hot-path-check", program, functions],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return run.returncode, run.stdout + run.stderr


def test_clean(program: Path) -> None:
    listed = "hot RelayEngine.clean(\ncold RelayEngine.rare( because it never happens\n"
    status, said = check(program, listed)
    assert status == 0, said


@pytest.mark.parametrize(
    ("listed", "complaint"),
    [
        ("hot RelayEngine.retains(", "calls swift_retain"),
        ("hot RelayEngine.allocates(", "calls swift_allocObject"),
        ("hot RelayEngine.callsAllocates(", "calls swift_release"),
        ("hot RelayEngine.existential(", "through a pointer"),
        ("hot RelayEngine.clean(", "RelayEngine.rare("),
        ("hot RelayEngine.renamed(", "not in the binary"),
        ("# nothing", "nothing would be checked"),
        ("hot RelayEngine.clean(\ncold RelayEngine.rare(", "needs its reason"),
    ],
)
def test_complaints(program: Path, listed: str, complaint: str) -> None:
    status, said = check(program, listed + "\n")
    assert status == 1 and complaint in said, said
