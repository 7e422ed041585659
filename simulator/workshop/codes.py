"""Everything secret about a workshop: passwords, join codes, return codes, browser keys, and how they are kept.

Join codes are read off a wall and typed by thirty people, so they use letters only that neither look alike nor spell words.
Passwords are kept as argon2 hashes. Return codes and browser keys are drawn at random (at least 50 bits), so their SHA-256
is kept: whoever reads the database can use none of them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import lru_cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from simulator.errors import FormatError

LETTERS = "BCDFGHJKMNPQRTVWXY"
"""No vowels (no words), nothing that looks like a digit or another letter (I, L, O, S, U, Z)."""
JOIN, RETURN = 8, 12
"""Letters in a join code (18^8 = 11,000,000,000 of them) and in a trainee's own return code (18^12)."""
SHORTEST, LONGEST = 10, 200
"""Characters that a password may have."""
_HASHER = PasswordHasher()
_AT_ONCE = BoundedSemaphore(2)
"""Passwords checked at the same time: each takes 64 MiB."""


def new_code(length: int) -> str:
    """A random code of so many letters."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def tidy(typed: str, length: int) -> str:
    """A code as it is kept, from how somebody typed it (`ktrw mphx`, `KTRW-MPHX`); '' if it cannot be one."""
    code = "".join(c for c in typed[:100].upper() if c not in " -–_.\t")
    return code if len(code) == length and set(code) <= set(LETTERS) else ""


def shown(code: str) -> str:
    """A code as people read it: `KTRW-MPHX`."""
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))


def new_key() -> str:
    """What a browser keeps in a cookie: 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a browser key or return code."""
    return hashlib.sha256(secret.encode()).hexdigest()


def form_token(key: str) -> str:
    """What every form of the browser with that key sends along: other sites can make it post, but cannot know this."""
    return hashlib.sha256(f"form:{key}".encode()).hexdigest()[:40]


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def hash_password(password: str) -> str:
    """What is kept of a password. Raises FormatError for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise FormatError(f"a password has {SHORTEST} to {LONGEST} characters: three or four words do well")
    with _AT_ONCE:
        return _HASHER.hash(password)


def right_password(kept: str | None, password: str) -> bool:
    """Whether that is the password. Without a kept one it is not, after as long a time: nobody learns which names exist."""
    try:
        with _AT_ONCE:
            return _HASHER.verify(kept or _nobodys(), password[: LONGEST + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _HASHER.hash(secrets.token_hex(16))
