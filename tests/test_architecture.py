"""The house holds: imports run one way, and an idle tick loads and writes next to nothing."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "xpimport"
STAGES = {"defining", "people", "importing", "sending", "reporting"}
LEAVES = {"__init__", "errors", "clock", "processes", "secrets"}
MAY_IMPORT = {
    "cli": {"cli", "flow", *STAGES, "rules", "store"} | LEAVES,
    "flow": {"flow", *STAGES, "rules", "store"} | LEAVES,
    **{stage: {stage, "rules", "store"} | LEAVES for stage in STAGES},
    "rules": {"rules", "errors"},
    "store": {"store", "errors"},
    "clock": {"errors"},
    "secrets": {"errors"},
    "processes": set(),
    "errors": set(),
    "__main__": {"cli", "store"},
    "__init__": set(),
}


def room(module: str) -> str:
    """The part of the house that a dotted name of ours belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported(path: Path) -> set[str]:
    """The rooms that a file imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {room(name.name) for name in node.names if name.name.split(".")[0] == "xpimport"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "xpimport":
            names = (
                [f"{node.module}.{name.name}" for name in node.names] if node.module == "xpimport" else [node.module]
            )
            found |= {room(str(name)) if room(str(name)) in MAY_IMPORT else "__init__" for name in names}
    return found


def test_imports_run_from_cli_over_flow_and_stages_to_rules_and_store():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        wrong += [f"{path.name} in {own} imports {other}" for other in sorted(imported(path) - MAY_IMPORT[own])]
    assert wrong == []


def test_only_screen_knows_rich():
    users = [path.name for path in PACKAGE.rglob("*.py") if "from rich" in path.read_text(encoding="utf-8")]
    assert users == ["screen.py"]


@pytest.fixture
def idle_store(xp, tmp_path):
    assert xp("init").code == 0
    assert xp("import", "add", "list", "--source", tmp_path / "a.csv", "--schedule", "0 3 1 1 *").code == 0
    return tmp_path / "xpimport.db"


def run_tick(db: Path) -> list[str]:
    """The modules that an idle tick of a new process has loaded."""
    code = (
        "import sys; sys.argv = ['xpimport', '--db', sys.argv[1], 'tick']\n"
        "from xpimport.__main__ import main\n"
        "code = main(); print(*sys.modules); sys.exit(code)"
    )
    ran = subprocess.run([sys.executable, "-c", code, db], capture_output=True, text=True, check=True, env=os.environ)
    assert ran.stderr == ""
    return ran.stdout.split()


def test_an_idle_tick_loads_nothing_heavy(idle_store):
    loaded = run_tick(idle_store)
    heavy = {"typer", "rich", "sqlite_utils", "croniter", "dateutil", "jinja2", "email", "smtplib", "json", "zoneinfo"}
    assert sorted(heavy & {name.split(".")[0] for name in loaded}) == []
    assert len(loaded) < 100


def test_an_idle_tick_notes_that_it_ran_and_writes_nothing_to_the_store(idle_store):
    note = Path(f"{idle_store}.files") / "tick"
    before = idle_store.read_bytes()
    run_tick(idle_store)
    assert note.exists()
    os.utime(note, (1, 1))
    run_tick(idle_store)
    assert note.stat().st_mtime > 1
    assert idle_store.read_bytes() == before
    wal = Path(f"{idle_store}-wal")
    assert not wal.exists() or wal.stat().st_size == 0


def test_the_schema_version_counts_the_migrations():
    from xpimport.store.location import SCHEMA_VERSION
    from xpimport.store.migrations import migrations

    assert len(migrations._migrations) == SCHEMA_VERSION
