"""Values whose own code raises, as a user's class may have it."""

from __future__ import annotations

from typing import Any


class NoText:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class TextIsNumber:
    def __repr__(self) -> str:
        return 3  # type: ignore[return-value]


class NoHash:
    def __hash__(self) -> int:
        raise RuntimeError("no hash")


class NoEquality:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("nothing is equal or different")

    def __hash__(self) -> int:
        return 1


class NoOrder:
    def __lt__(self, other: object) -> bool:
        raise RuntimeError("no order")

    __gt__ = __lt__


class NoTruth:
    def __eq__(self, other: object) -> Any:
        return self

    def __hash__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")


UNRULY = (NoText, TextIsNumber, NoHash, NoEquality, NoOrder, NoTruth)
