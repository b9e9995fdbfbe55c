"""Secrets in text that is about to be kept: found by their form, and taken out."""

from __future__ import annotations

import re

MARK = b"[redacted]"

_NAMES = rb"pass(?:word|wd|phrase)?|secret|token|api_?key|access_?key|private_?key|credentials?"
# Every repetition before a sign is bounded: one long word must not take the square of its length.
# An assignment of a literal, in code, JSON (where quotes are escaped), TOML, YAML or a shell.
_QUOTED = rb"""\\?["']"""
_PATTERNS = (
    re.compile(
        rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}|glpat-[\w-]{20,})"),
    re.compile(rb"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    re.compile(rb"\bsk-[A-Za-z0-9_-]{20,}"),
    re.compile(rb"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    # The password of an address.
    re.compile(rb"(?<=://)[^\s/:@\"']*:[^\s/@\"'{}$]+(?=@)"),
    re.compile(
        rb"(?i)(?P<before>(?:" + _NAMES + rb")\w{0,40}(?:" + _QUOTED + rb")?\s*[:=]\s*(?:"
        rb"[bru]{0,2}" + _QUOTED + rb"))(?P<value>[^\s\"'\\{}$]{4,}[^\"'\\\n]*)"
    ),
    # Without quotes, as in an .env file: the whole line is the assignment.
    re.compile(
        rb"(?im)^(?P<before>[+\- ]?(?:export )?[A-Z0-9_]*"
        rb"(?:PASSWORD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY)[A-Z0-9_]*=)"
        rb"(?P<value>[^\s\"'$(){}\[\].,]{6,})[ \t]*$"
    ),
)


def redact(data: bytes) -> bytes:
    """Return the data with what looks like a secret replaced by a mark; the same where none does.

    Looked for are private keys, keys of AWS, tokens of GitHub, GitLab, Slack, OpenAI and JWTs,
    passwords in addresses, and literals assigned to names such as `password` or `api_key`.

    Examples
    --------
    >>> redact(b'password = "hunter22"')
    b'password = "[redacted]"'
    >>> redact(b"postgresql://ada:hunter22@db/credit")
    b'postgresql://[redacted]@db/credit'
    >>> redact(b'token = os.environ["TOKEN"]')
    b'token = os.environ["TOKEN"]'
    """
    for pattern in _PATTERNS:
        data = pattern.sub(_mark, data)
    return data


def _mark(found: re.Match[bytes]) -> bytes:
    before = found.groupdict().get("before") or b""
    # Lines are kept, so that a diff stays one.
    inside = found.group()[len(before) :]
    return before + MARK + b"\n" * inside.count(b"\n")
