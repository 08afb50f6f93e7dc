"""Where lists come from: one file a kind of place, loaded when a source of that kind is used.

To add a kind of place `vault`:

1. `vault.py` in this folder, with `SOURCE = SourceKind(schemes=("vault",), ...)` (`source.py` explains each field;
   `s3.py` is an example) and the place that its `open` returns (the protocol `Source`). Heavy libraries are imported
   inside functions; an extra in `pyproject.toml` installs them.
2. A row for each scheme in `SOURCES` of `registry.py`, and one in `SCHEMES` of `rules/locations.py`, which says how its
   address is typed.
3. A row in the table of sources for users, and one for each of its settings.
4. A test for each of its settings in `tests/cli/test_settings.py`; the kind in the fixture `place` of
   `tests/importing/conftest.py`, whose tests hold for every place that can be listed.

`tests/test_kinds.py` says which of these is missing. `registry` checks and opens a source, `selection` picks files.
"""
