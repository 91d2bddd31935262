"""The command lines in their four forms: what is parsed, the help, the manual, the completions."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

import pytest
from support.daemon import BINARY, ROOT

COMPLETIONS = ROOT / "completions"
MANUALS = ROOT / "docs" / "man"
COMMON = {"--help", "--version"}


@dataclass(frozen=True)
class Program:
    """A program, its commands, and the manual page of each."""

    name: str
    commands: dict[str, str]

    def __str__(self) -> str:
        return self.name


RELAY = Program(
    "wsrelay",
    {
        "serve": "wsrelay.8",
        "check": "wsrelay.8",
        "closes": "wsrelay-closes.1",
        "kick": "wsrelay.8",
        "explain": "wsrelay.8",
    },
)
BENCH = Program(
    "wsrelay-bench",
    dict.fromkeys(["echo", "broadcast", "latency", "idle", "churn"], "wsrelay-bench.1"),
)
PROGRAMS = [RELAY, BENCH]
EACH_COMMAND = [(program, command) for program in PROGRAMS for command in program.commands]

# Each prints what the completion of a program has for the words in its arguments, the last of which
# is being typed. zsh's own functions work on its line editor only; these stand in for them and
# print the specifications that they are given.
BASH = """
folder=$0 function=_${1//-/_}
source "$folder/$1.bash"
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"$function"
printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """
_arguments() { print -l -- "$@" "${topics[@]}" }
_describe() { print -l -- "${(P@)2}" }
_call_program() { shift; eval "$@" }
words=("$@") CURRENT=$#
source "$0/_$1"
"""
FISH = 'source $argv[1]/$argv[2].fish; complete -C "$argv[2..]"'
SHELLS = {
    "bash": ["bash", "--norc", "-c", BASH],
    "zsh": ["zsh", "--no-rcs", "-c", ZSH],
    "fish": ["fish", "--no-config", "-c", FISH],
}


def run(*command: str) -> str:
    environment = {**os.environ, "PATH": f"{BINARY.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=20, check=True, env=environment
    )
    assert not done.stderr, done.stderr
    return done.stdout


def offered(shell: str, program: Program, *words: str) -> str:
    return run(*SHELLS[shell], str(COMPLETIONS), program.name, *words)


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def options_of(program: Program, command: str) -> set[str]:
    """As its help lists them, each at the beginning of a line."""
    lines = run(program.name, command, "--help").splitlines()
    return set().union(*(options(line[:22]) for line in lines if line.startswith("  "))) | COMMON


@pytest.mark.parametrize(("program", "command"), EACH_COMMAND)
def test_help_lists_what_is_parsed(program: Program, command: str) -> None:
    for option in sorted(options_of(program, command)):
        # Where the option takes a value, the first --help is it.
        run(program.name, command, option, "--help", "--help")
    with pytest.raises(subprocess.CalledProcessError):
        run(program.name, command, "--nonsense", "--help")


@pytest.mark.parametrize(("program", "command"), EACH_COMMAND)
def test_manual(program: Program, command: str) -> None:
    page = MANUALS / program.commands[command]
    text = re.sub(r"Fl Fl ([a-z-]+)", r"--\1", page.read_text())
    assert options_of(program, command) - COMMON <= options(text)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("program", "command"), EACH_COMMAND)
def test_options(shell: str, program: Program, command: str) -> None:
    assert options(offered(shell, program, command, "--")) == options_of(program, command)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_commands(shell: str, program: Program) -> None:
    words = set(re.findall(r"^(\w+)", offered(shell, program, ""), re.MULTILINE))
    assert words == {*program.commands, "help"}
    listed = re.findall(r"^  (\w+) ", run(program.name, "--help"), re.MULTILINE)
    assert set(listed) == set(program.commands)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_standard_command_and_the_alias(shell: str) -> None:
    found = options(offered(shell, RELAY, "--log-level", "info", "--"))
    assert found >= options_of(RELAY, "serve") - {"--log-level"}
    assert "--print-effective" in offered(shell, RELAY, "-t", "--p")


@pytest.mark.parametrize("shell", SHELLS)
def test_values(shell: str) -> None:
    for words in (("--log-level", ""), ("check", "--log-level", "")):
        found = offered(shell, RELAY, *words)
        assert "info" in found and "debug" in found
    found = offered(shell, RELAY, "closes", "--by", "")
    assert all(word in found for word in ("cause", "code", "route", "peer", "minute"))


@pytest.mark.parametrize("shell", SHELLS)
def test_topics(shell: str) -> None:
    found = offered(shell, RELAY, "explain", "")
    for topic in ("peer-reset", "1006", "gap"):
        assert re.search(rf"^{topic}\b", found, re.MULTILINE), found
