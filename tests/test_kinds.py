"""Channels, sources and settings are declared once: what is missing where one is added is said here, in words."""

import ast
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from xpimport.cli.help import PAGES
from xpimport.cli.markdown import blocks, cells
from xpimport.defining.campaigns import Campaign
from xpimport.flow.settings import every_setting
from xpimport.importing.sources import registry as sources
from xpimport.importing.sources.source import SourceKind
from xpimport.rules.definition import MEDIA
from xpimport.rules.locations import SCHEMES, STDIN
from xpimport.rules.settings import Settings
from xpimport.sending.channels import registry as channels
from xpimport.sending.channels.declaration import ChannelKind, Content
from xpimport.tracking.providers import registry as providers
from xpimport.tracking.providers.declaration import ProviderKind

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "xpimport"
CHANNELS, SOURCES = PACKAGE / "sending" / "channels", PACKAGE / "importing" / "sources"
PROVIDERS = PACKAGE / "tracking" / "providers"


def trees():
    """Every module of the package, parsed: its path there, and its tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text(encoding="utf-8"))


def declaring(folder, constant):
    """The names of the files in a folder that assign this constant."""
    return {
        path.stem
        for path in folder.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == constant
    }


def column(page, title):
    """The cells of the table on a page of help whose first column has this title, row by row."""
    tables = [[cells(line) for line in block.lines] for block in blocks((PAGES / page).read_text())
              if block.kind == "table"]  # fmt: skip
    (rows,) = (rows[2:] for rows in tables if rows[0][0] == title)
    return rows


def declaration(registry, name, kind, find):
    """What a file declares, or in words why it cannot be had."""
    try:
        found = find(name)
    except (ImportError, AttributeError, TypeError) as problem:
        return None, [f"{registry} registers {name!r}, but its file cannot be used: {problem}"]
    return (found, []) if isinstance(found, kind) else (None, [f"{name!r} is declared as a {type(found).__name__}"])


def test_every_channel_has_its_file_and_every_file_is_registered():
    declared, registered = declaring(CHANNELS, "CHANNEL"), set(channels.CHANNELS)
    missing = [f"registry.py: {name!r} is not in CHANNELS" for name in sorted(declared - registered)]
    missing += [f"sending/channels/{name}.py: no CHANNEL" for name in sorted(registered - declared)]
    assert missing == []


@pytest.mark.parametrize("name", channels.CHANNELS)
def test_what_a_channel_declares_is_whole(name):
    kind, wrong = declaration("registry.py", name, ChannelKind, channels.channel_kind)
    assert wrong == []
    assert kind is not None
    checks = {
        f"name: {kind.name!r} is not the name of its file": kind.name == name,
        "help: says nothing": bool(kind.help),
        f"media: {kind.media} are not some of {MEDIA}": bool(kind.media) and set(kind.media) <= set(MEDIA),
        "content: only email takes a mail": kind.content is not Content.MAIL or kind.media == ("email",),
        "people_a_call: one at least": kind.people_a_call >= 1,
        "connections: one at least where nothing is set": kind.connections(Settings({})) >= 1,
        "own_options: not all are options of a campaign": set(kind.own_options) <= {f.name for f in fields(Campaign)},
        f"settings: a name does not begin with {name}.": all(s.name.startswith(f"{name}.") for s in kind.settings),
    }
    assert [f"sending/channels/{name}.py, {problem}" for problem, holds in checks.items() if not holds] == []


def test_every_channel_has_a_row_for_its_users():
    rows = {row[0]: row for row in column("sending.md", "channel")}
    missing = [f"xpimport/help/sending.md: no row for the channel `{name}`" for name in channels.CHANNELS
               if len(list(filter(None, rows.get(f"`{name}`", [])))) < 3]  # fmt: skip
    assert missing == []
    assert list(rows) == [f"`{name}`" for name in channels.CHANNELS], "a row too many, or another order"


def test_nothing_but_its_file_and_the_registration_names_a_channel():
    # What `campaign add` and the demo take where nobody says anything.
    allowed = {("cli/campaign.py", "outbox"), ("cli/demo.py", "outbox")}
    named = {
        (path, node.value)
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in channels.CHANNELS
        if path != "sending/channels/registry.py" and path != f"sending/channels/{node.value}.py"
        # Who sends and reports has one name for both.
        if path not in {"tracking/providers/registry.py", f"tracking/providers/{node.value}.py"}
    }
    assert named == allowed


def test_every_source_has_its_file_and_every_file_is_registered():
    declared, registered = declaring(SOURCES, "SOURCE"), set(sources.SOURCES.values())
    missing = [f"registry.py: no scheme in SOURCES for {name}.py" for name in sorted(declared - registered)]
    missing += [f"importing/sources/{name}.py: no SOURCE" for name in sorted(registered - declared)]
    assert missing == []


@pytest.mark.parametrize("scheme", sources.SOURCES)
def test_what_a_source_declares_is_whole(scheme):
    kind, wrong = declaration("registry.py", scheme, SourceKind, sources.source_kind)
    assert wrong == []
    assert kind is not None
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    file = sources.SOURCES[scheme]
    own = {name for name, declared in sources.SOURCES.items() if declared == file}
    checks = {
        f"importing/sources/{file}.py, schemes: {kind.schemes} are not those registered": set(kind.schemes) == own,
        f"importing/sources/{file}.py, title: says nothing": bool(kind.title),
        f"importing/sources/{file}.py, credentials": set(kind.credentials) <= {"password", "key", "token"},
        f"rules/locations.py: no row in SCHEMES for {scheme!r}": scheme in {"file", STDIN, *SCHEMES},
        f"pyproject.toml: no extra {scheme!r} with {kind.package}": kind.package is None
        or any(line.startswith(str(kind.package)) for line in extras.get(scheme, [])),
    }
    assert [problem for problem, holds in checks.items() if not holds] == []


def test_every_source_has_a_row_for_its_users():
    examples = " ".join(row[1] for row in column("lists.md", "source"))
    begins = {scheme: f"`{scheme}`" if scheme == STDIN else f"`{scheme}:" for scheme in sources.SOURCES}
    begins["http"] = begins["https"]  # one row for both
    missing = [f"xpimport/help/lists.md: no row for a source of the kind {scheme}" for scheme, begin in begins.items()
               if begin not in examples]  # fmt: skip
    assert missing == []


def test_every_provider_has_its_file_and_every_file_is_registered():
    declared, registered = declaring(PROVIDERS, "PROVIDER"), set(providers.PROVIDERS)
    missing = [f"registry.py: {name!r} is not in PROVIDERS" for name in sorted(declared - registered)]
    missing += [f"tracking/providers/{name}.py: no PROVIDER" for name in sorted(registered - declared)]
    assert missing == []


@pytest.mark.parametrize("name", providers.PROVIDERS)
def test_what_a_provider_declares_is_whole(name):
    kind, wrong = declaration("registry.py", name, ProviderKind, providers.provider_kind)
    assert wrong == []
    assert kind is not None
    checks = {
        f"name: {kind.name!r} is not the name of its file": kind.name == name,
        "help: says nothing": bool(kind.help),
        "parse: an empty list is not nothing": list(kind.parse([])) == [],
    }
    assert [f"tracking/providers/{name}.py, {problem}" for problem, holds in checks.items() if not holds] == []


def test_every_setting_that_is_declared_is_known_once_and_has_a_row_for_its_users():
    declared = [
        (path, node.args[0].value)
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Setting" and isinstance(node.args[0], ast.Constant)
    ]
    known = every_setting()
    rows = {row[0]: row for row in column("settings.md", "setting")}
    missing = [f"{path}: the setting {name} is in no declaration of a channel or source, and not in flow/settings.py"
               for path, name in declared if name not in known]  # fmt: skip
    for name, setting in known.items():
        default = f"`{setting.default}`" if setting.default else ""
        if rows.get(f"`{name}`") != [f"`{name}`", default, setting.help]:
            missing.append(f"xpimport/help/settings.md: no row | `{name}` | {default} | {setting.help} |")
    assert missing == []
    assert len(declared) == len(known), "a setting is declared twice"
    assert list(rows) == [f"`{name}`" for name in known], "a row too many, or another order"


def test_the_files_of_channels_sources_and_providers_load_no_heavy_library():
    import subprocess
    import sys

    code = (
        "import sys\nfrom xpimport.flow.settings import every_setting\nevery_setting()\nimport xpimport.tracking.signatures\n"
        "from xpimport.tracking.providers.registry import PROVIDERS, provider_kind\n[provider_kind(p) for p in PROVIDERS]\n"
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    heavy = {"urllib3", "paramiko", "obstore", "distributed", "ssl", "jinja2", "rich", "css_inline", "cryptography"}
    assert heavy & {name.split(".")[0] for name in ran.stdout.split()} == set()
