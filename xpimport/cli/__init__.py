"""TALKS: the command line. A file for each noun; `screen` alone knows rich; exit codes come from the error family."""

import sys
from collections.abc import Sequence
from contextlib import suppress

from xpimport import signals
from xpimport.clock import frozen
from xpimport.errors import Cancelled, XpimportError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code and never raises for what an operator can do wrong."""
    try:
        code = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return 0
    except OSError as problem:
        return _unwritten(problem)
    return code


def _run(argv: Sequence[str] | None) -> int:
    from xpimport.cli import program, screen
    from xpimport.cli.app import app

    program.named_store.set(None)
    try:
        at = frozen()
        if at is not None:
            screen.say(f"The clock stands at {at:%Y-%m-%dT%H:%M:%SZ} (XPIMPORT_NOW).")
        with signals.handled():
            app(args=list(sys.argv[1:] if argv is None else argv), prog_name=program.as_called())
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except Cancelled as problem:
        # A terminal that was closed cannot be written to.
        with suppress(OSError):
            screen.say(problem.message)
        return problem.exit_code
    except XpimportError as problem:
        screen.complain(problem.message)
        return problem.exit_code
    return 0


def _unwritten(problem: OSError) -> int:
    """A disk or device refused: say so, and what it means for work that was under way."""
    from xpimport.cli import screen

    # Else Python tries to write what is left at its end, and says so in its own words.
    with suppress(OSError):
        sys.stdout.close()
    where = f" ({problem.filename})" if problem.filename else ""
    screen.complain(
        f"A file or the output could not be read or written: {problem.strerror or problem}{where}. What was done before stands."
    )
    screen.say("See how far it came: xpimport task list")
    return 1
