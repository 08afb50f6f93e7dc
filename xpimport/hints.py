"""Commands of this program as an operator can paste them into a shell.

They begin with `xpimport`, stand after a colon and a blank (or begin a line) and end the line: so the screen finds
them, and puts in how this operator calls the program and which store was named.
"""

import shlex


def command(*words: object) -> str:
    """The command `xpimport WORDS`, each word quoted where a shell needs it; the words in capitals are to be filled in."""
    return " ".join(["xpimport", *(shlex.quote(str(word)) for word in words)])
