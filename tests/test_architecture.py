"""The house holds: imports run one way, and an idle tick loads and writes next to nothing."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "xpimport"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold the package in `folder` against the contracts of its pyproject.toml."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_run_one_way_and_in_no_circle():
    done = lint_imports(REPOSITORY)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("rules/durations.py", "from xpimport.store import claims"),
        ("importing/guards.py", "from xpimport.sending import triggers"),
        ("sending/channels/smtp_connection.py", "from xpimport.sending.channels import smtp_session"),
        ("rules/trigger.py", "if TYPE_CHECKING:\n    from xpimport.flow import tick"),
        ("elsewhere/__init__.py", ""),
    ],
    ids=["rules to store", "stage to stage", "a circle", "for type checking", "a folder without a place"],
)
def test_an_import_that_runs_another_way_is_found(tmp_path, file, line):
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "xpimport", ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / "xpimport" / file
    changed.parent.mkdir(exist_ok=True)
    with changed.open("a", encoding="utf-8") as module:
        module.write(f"\nTYPE_CHECKING = False\n{line}\n")
    done = lint_imports(tmp_path)
    assert (done.returncode, "Broken contracts" in done.stdout) == (1, True), done.stdout


def test_only_screen_knows_rich():
    users = [path.name for path in PACKAGE.rglob("*.py") if "from rich" in path.read_text(encoding="utf-8")]
    assert users == ["screen.py"]


SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|PRAGMA|ATTACH|FROM \w+ (?:WHERE|JOIN))\b")
QUESTIONS = {"execute", "executemany", "scalar", "one", "all"}


def test_the_command_line_holds_no_sql():
    found = []
    for path in sorted((PACKAGE / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if called in QUESTIONS or SQL.search(text):
                found.append(f"{path.name}:{node.lineno}")
    assert found == []


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


def test_no_text_for_an_operator_names_a_class_of_ours():
    own = {
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and re.fullmatch("([A-Z][a-z]+){2,}", node.name)
    }
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docs:
                words = set(re.findall(r"\b([A-Za-z]+) [a-z]", node.value))
                found += [f"{path.name}:{node.lineno} {word}" for word in sorted(words & own)]
    assert found == []
