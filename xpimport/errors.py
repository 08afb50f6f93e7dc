"""The error family: what went wrong, where, and the next step, each kind with its exit code."""


class XpimportError(Exception):
    """Anything that is told to the operator in plain words instead of a traceback.

    Attributes:
        exit_code: what the process ends with (xpimport/help/exit-codes.md).
        code: a short machine-readable word, kept as the `error.code` of a failed task.
    """

    exit_code = 1
    code = "failed"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        """Keep `message` (what, where, next step) and, where given, a more exact `code`."""
        super().__init__(message)
        if code is not None:
            self.code = code

    @property
    def message(self) -> str:
        """The text for the operator."""
        return str(self.args[0])


class Failed(XpimportError):
    """A file, a guard or the store said no: exit 1."""


class FileRefused(Failed):
    """A list that cannot be imported as a whole; `code` says why (`no_file`, `truncated`, ...)."""

    code = "file_refused"


class StoreRefused(Failed):
    """A store that is not ours, newer than this program, read-only or damaged."""

    code = "store_refused"


class Invalid(XpimportError):
    """A bad value in an argument, an option or a definition: exit 2."""

    exit_code = 2
    code = "invalid"


class NotFound(XpimportError):
    """An unknown name or number, or no store at all: exit 4."""

    exit_code = 4
    code = "not_found"


class Refused(XpimportError):
    """The present state does not allow it (already sent, switched off, name taken): exit 5."""

    exit_code = 5
    code = "refused"


class Unreachable(XpimportError):
    """A source or a sending server that could not be reached: exit 6."""

    exit_code = 6
    code = "unreachable"


class Busy(XpimportError):
    """The store stayed locked by another process for longer than we wait: exit 75."""

    exit_code = 75
    code = "busy"


def reason_of(problem: Exception) -> str:
    """Why something broke, in a line for whoever looks at it later: our own words, else the kind and its words."""
    if isinstance(problem, XpimportError):
        return problem.message
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror + (f": {problem.filename}" if problem.filename else "")
    return f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__


class Cancelled(XpimportError):
    """Ctrl-C or SIGTERM: exit 130 or 143."""

    exit_code = 130
    code = "cancelled"
