"""The state of random generators, as short hashes: enough to tell whether two runs had the same."""

from __future__ import annotations

import hashlib
import os
import sys


def states() -> dict[str, str]:
    """Return a hash of the state of each global generator whose library is imported already.

    `random` is Python's, `numpy` NumPy's legacy global one, `torch` PyTorch's on the CPU.

    Examples
    --------
    >>> import random
    >>> random.seed(7)
    >>> first = states()["random"]
    >>> random.seed(7)
    >>> states()["random"] == first
    True
    """
    found: dict[str, str] = {}
    python = sys.modules.get("random")
    if python is not None:
        found["random"] = _short(repr(python.getstate()).encode())
    numpy = sys.modules.get("numpy.random")
    if numpy is not None and hasattr(numpy, "get_state"):
        name, keys, *rest = numpy.get_state()
        found["numpy"] = _short(keys.tobytes() + repr((name, *rest)).encode())
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        found["torch"] = _short(bytes(torch.get_rng_state().tolist()))
    return found


def hash_seed() -> str:
    """Return ``PYTHONHASHSEED`` as this process was started with it; "" where it was not."""
    return os.environ.get("PYTHONHASHSEED", "")


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
