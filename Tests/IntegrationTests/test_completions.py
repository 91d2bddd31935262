"""The command line in its four forms: what is parsed, the help, the manual, the completions."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from support.daemon import BINARY, ROOT

COMPLETIONS = ROOT / "completions"
COMMANDS = {"serve", "check", "closes", "kick", "explain"}
COMMON = {"--help", "--version"}

# Each prints what its completion has for the words in its arguments, the last of which is being
# typed. zsh's own functions work on its line editor only; these stand in for them and print the
# specifications that they are given.
SHELLS = {
    "bash": [
        *("bash", "--norc", "-c"),
        """
        source "$0/wsrelay.bash"
        compopt() { :; }
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _wsrelay
        printf '%s\\n' "${COMPREPLY[@]}"
        """,
    ],
    "zsh": [
        *("zsh", "--no-rcs", "-c"),
        """
        _arguments() { print -l -- "$@" }
        _describe() { print -l -- "${(P@)2}" }
        _call_program() { shift; eval "$@" }
        words=("$@") CURRENT=$#
        source "$0/_wsrelay"
        """,
    ],
    "fish": [
        *("fish", "--no-config", "-c"),
        'source $argv[1]/wsrelay.fish; complete -C "$argv[2..]"',
    ],
}


def run(*command: str) -> str:
    environment = {**os.environ, "PATH": f"{BINARY.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=20, check=True, env=environment
    )
    assert not done.stderr, done.stderr
    return done.stdout


def offered(shell: str, *words: str) -> str:
    return run(*SHELLS[shell], str(COMPLETIONS), "wsrelay", *words)


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def options_of(command: str) -> set[str]:
    """As its help lists them, each at the beginning of a line."""
    lines = run(str(BINARY), command, "--help").splitlines()
    return set().union(*(options(line[:20]) for line in lines if line.startswith("  "))) | COMMON


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_lists_what_is_parsed(command: str) -> None:
    for option in sorted(options_of(command)):
        done = subprocess.run(
            [str(BINARY), command, option, "--help", "--help"], capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command} {option}: {done.stderr}"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_manual(command: str) -> None:
    page = ROOT / "docs/man" / ("wsrelay-closes.1" if command == "closes" else "wsrelay.8")
    text = re.sub(r"Fl Fl ([a-z-]+)", r"--\1", page.read_text())
    assert options_of(command) - COMMON <= options(text)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_options(shell: str, command: str) -> None:
    assert options(offered(shell, command, "--")) == options_of(command)


@pytest.mark.parametrize("shell", SHELLS)
def test_commands(shell: str) -> None:
    words = set(re.findall(r"^(\w+)", offered(shell, ""), re.MULTILINE))
    assert words == COMMANDS | {"help"}
    listed = re.findall(r"^  (\w+) ", run(str(BINARY), "--help"), re.MULTILINE)
    assert set(listed) == COMMANDS


@pytest.mark.parametrize("shell", SHELLS)
def test_the_standard_command_and_the_alias(shell: str) -> None:
    assert options(offered(shell, "--log-level", "info", "--")) >= options_of("serve") - {
        "--log-level"
    }
    assert "--print-effective" in offered(shell, "-t", "--p")


@pytest.mark.parametrize("shell", SHELLS)
def test_values(shell: str) -> None:
    for words in (("--log-level", ""), ("check", "--log-level", "")):
        found = offered(shell, *words)
        assert "info" in found and "debug" in found
    found = offered(shell, "closes", "--by", "")
    assert all(word in found for word in ("cause", "code", "route", "peer", "minute"))


@pytest.mark.parametrize("shell", SHELLS)
def test_topics(shell: str) -> None:
    found = offered(shell, "explain", "")
    if shell == "zsh":  # the topics are in a variable that _arguments would read
        found += run(
            *SHELLS["zsh"][:3],
            SHELLS["zsh"][3].replace(
                "source", '_arguments() { print -l -- "${topics[@]}" }; source'
            ),
            str(COMPLETIONS),
            "wsrelay",
            "explain",
            "",
        )
    for topic in ("peer-reset", "1006", "gap"):
        assert re.search(rf"^{topic}\b", found, re.MULTILINE), found
