"""The door: an idle tick is answered before anything heavy is loaded; all else goes to the command line."""

import os
import sys


def main() -> int:
    """Run the program on the process's arguments; returns its exit code."""
    arguments = sys.argv[1:]
    if arguments[-1:] == ["tick"] and "XPIMPORT_NOW" not in os.environ:
        from xpimport.store import idle, location

        path = None
        if len(arguments) == 3 and arguments[0] == "--db":
            path = arguments[1]
        elif len(arguments) == 1:
            path = location.default_path()
        if path is not None and idle.nothing_due(path):
            try:
                idle.note_tick(path)
            except OSError:
                pass
            else:
                return 0
    from xpimport.cli import main as command_line

    return command_line(arguments)


if __name__ == "__main__":
    sys.exit(main())
