"""The root of every error Muhurat raises on purpose.

An error carries the decision with it: whether trying again can help (`permanent`), when (`retry_after_s`), and what a
person should do about it (`hint`). Code raises to its caller; whoever decides what happens next logs it, once.
"""

from __future__ import annotations


class MuhuratError(Exception):
    """Something went wrong that a caller or an operator can act on."""

    permanent: bool = True
    retry_after_s: float | None = None
    hint: str = ""

    def __init__(
        self,
        message: str,
        *,
        permanent: bool | None = None,
        retry_after_s: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        if permanent is not None:
            self.permanent = permanent
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s
        if hint is not None:
            self.hint = hint


class UsageError(MuhuratError):
    """The command line asks for something that cannot be done; exit code 2."""


class ConfigError(MuhuratError):
    """The desk file is wrong; carries every problem found, not only the first. Exit code 2."""

    def __init__(self, problems: list[ConfigProblem], *, source: str = "desk file") -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        count = f"{len(problems)} problem" + ("" if len(problems) == 1 else "s")
        super().__init__(f"{source}: {count}\n{lines}", hint="correct the keys named above, then run `muhurat check`")


class ConfigProblem:
    """One mistake in the desk file: where (`path`, dotted), what, and what to do."""

    __slots__ = ("hint", "message", "path")

    def __init__(self, path: str, message: str, hint: str = "") -> None:
        self.path = path
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")

    def __repr__(self) -> str:
        return f"ConfigProblem({self.path!r}, {self.message!r})"


class MissingDriver(MuhuratError):
    """An optional library is not installed; names the command that adds it."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"the library {library!r} is not installed",
            hint=f"add it with: pip install 'muhurat[{extra}]', in a checkout: pip install -e '.[{extra}]'",
        )


class VenueError(MuhuratError):
    """A venue refused, failed or could not be reached."""

    permanent = False


class SessionExpired(VenueError):
    """The venue no longer accepts our session; only a new login helps."""

    permanent = True
    hint = "log in again: `muhurat login`"


class RateLimited(VenueError):
    """The venue asked us to slow down; `retry_after_s` says for how long."""


class StoreError(MuhuratError):
    """A store could not keep or find something."""


class JournalError(StoreError):
    """A journal file is locked, damaged or not what its name says."""


class NotifyError(MuhuratError):
    """A message could not be handed over to a channel."""

    permanent = False


class CalendarError(MuhuratError):
    """A date lies outside the calendar's data, or its data contradict themselves."""
