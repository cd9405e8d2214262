"""The rules of the house. Each check is also shown a house that breaks its rule, so that none of them is deaf."""

import ast
import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from listeners.base import find_listeners
from routing.channels.base import find_channels
from routing.desks.base import find_desks
from scripts import settings_page

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

# A domain module that needs one of these is no domain module: it does I/O, reads a clock, or throws dice.
NOT_PURE = frozenset(
    """asyncio glob http io logging multiprocessing os pathlib pickle queue random secrets select selectors shelve
    shutil signal smtplib socket socketserver sqlite3 ssl subprocess sys tempfile threading time urllib""".split()
)
CLOCKS = frozenset({"now", "utcnow", "today", "open", "print", "input"})

# Written in pieces, so that this file does not find itself.
MACHINE_PATHS = ["/" + name + "/" for name in ("work", "tmp", "root", "home", "farm", "opt", "Users")]
INDEX_WORDS = ["pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "index" + "-url", "find" + "-links"]
FORBIDDEN = re.compile(
    "|".join([rf"(?<![\w.:/-]){path}\w" for path in MACHINE_PATHS] + [re.escape(word) for word in INDEX_WORDS])
)
SWITCHES = re.compile(r"--no-emit-(index|find)-\w+")  # the options of `make lock` that keep such addresses out
UNTRACKED = frozenset(
    """.git .venv .vigie __pycache__ .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
    node_modules vigie.toml""".split()
)


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(cwd), "NO_COLOR": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def ruff(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "ruff", *arguments, "--no-cache", cwd=cwd)


def lint_imports(cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).parent / "lint-imports"
    return run(sys.executable, str(linter), "--no-logo", "--no-cache", cwd=cwd)


@pytest.fixture(scope="module")
def copied_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code alone, sound, to be spoiled."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=_all_but_code)
    return copy


def _all_but_code(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if Path(name).suffix not in ("", ".py") or name == "__pycache__"}


def spoil(path: Path, line: str) -> Iterator[None]:
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    yield
    path.write_text(text, encoding="utf-8")


class TestImports:
    def test_they_go_in_one_direction(self) -> None:
        found = lint_imports()
        assert found.returncode == 0, found.stdout

    @pytest.mark.parametrize(
        ("importer", "imported"),
        [
            ("routing", "prefect"),
            ("routing", "insights"),
            ("storage", "routing"),
            ("models", "storage"),
            ("domain", "storage"),
            ("config", "flows"),
            ("flows", "console"),
            ("console", "cli"),
        ],
    )
    def test_another_direction_is_found(self, copied_house: Path, importer: str, imported: str) -> None:
        for _ in spoil(copied_house / importer / "__init__.py", f"import {imported}"):
            assert f"{importer} is not allowed to import {imported}" in lint_imports(copied_house).stdout

    def test_the_rules_name_every_package_of_code(self) -> None:
        assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)

    def test_every_package_is_loaded_from_this_repository(self) -> None:
        for name in PACKAGES:
            loaded = importlib.import_module(name).__file__
            assert loaded == str(ROOT / name / "__init__.py")

    def test_no_installed_distribution_has_a_package_of_the_same_name(self) -> None:
        others = importlib.metadata.packages_distributions()
        clashes = {name: others[name] for name in PACKAGES if set(others.get(name, [])) - {"vigie"}}
        assert clashes == {}

    def test_no_command_loads_what_only_a_letter_or_a_notice_needs(self) -> None:
        asked = (
            "import sys, cli.main; print([name for name in ('fpdf', 'fontTools', 'apprise') if name in sys.modules])"
        )
        assert run(sys.executable, "-c", asked).stdout.strip() == "[]"


class TestDomain:
    @pytest.mark.parametrize("path", sorted((ROOT / "domain").glob("*.py")), ids=lambda path: path.name)
    def test_it_is_pure(self, path: Path) -> None:
        assert list(impurities(path.read_text(encoding="utf-8"))) == []

    @pytest.mark.parametrize(
        "line", ["import pydantic", "from pathlib import Path", "import time", "at = datetime.now()", "open('x')"]
    )
    def test_what_is_not_pure_is_found(self, line: str) -> None:
        assert len(list(impurities(line))) == 1


def impurities(source: str) -> Iterator[str]:
    """Imports from outside the standard library and the domain, I/O, and readings of a clock."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            if name in CLOCKS:
                yield f"line {node.lineno}: {name}()"
        for name in imported(node):
            top = name.partition(".")[0]
            if top in NOT_PURE or (top != "domain" and top not in sys.stdlib_module_names):
                yield f"import of {name}"


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or "domain"] if isinstance(node, ast.ImportFrom) else []


class TestStyle:
    def test_ruff_finds_nothing(self) -> None:
        found = ruff("check", "--output-format", "concise")
        assert found.returncode == 0, found.stdout

    def test_every_file_is_formatted(self) -> None:
        found = ruff("format", "--check")
        assert found.returncode == 0, found.stdout

    def test_ruff_would_find_a_fault(self, copied_house: Path) -> None:
        for _ in spoil(copied_house / "domain" / "__init__.py", "import os"):
            assert "domain/__init__.py" in ruff("check", "--output-format", "concise", cwd=copied_house).stdout


class TestTexts:
    def test_no_file_names_a_machine_or_an_index(self) -> None:
        found = [f"{path.relative_to(ROOT)}: {line}" for path in own_files() for line in forbidden(path.read_bytes())]
        assert found == []

    @pytest.mark.parametrize("line", [*(f"in {path}x" for path in MACHINE_PATHS), *INDEX_WORDS])
    def test_such_a_name_would_be_found(self, line: str) -> None:
        assert forbidden(line.encode())

    def test_the_changelog_speaks_of_this_version(self) -> None:
        version = PROJECT["project"]["version"]
        assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    def test_links_between_the_pages_lead_somewhere(self) -> None:
        assert [f"{path.relative_to(ROOT)}: {link}" for path in pages() for link in dead_links(path)] == []

    def test_a_dead_link_would_be_found(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text("[here](there.md) and [this](page.md#top)", encoding="utf-8")
        assert dead_links(page) == ["there.md"]


def own_files() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in UNTRACKED]
        yield from (Path(folder, name) for name in files if name not in UNTRACKED)


def forbidden(data: bytes) -> list[str]:
    text = SWITCHES.sub("", data.decode("utf-8", "replace"))
    return [match.group() for match in FORBIDDEN.finditer(text)]


def pages() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def dead_links(page: Path) -> list[str]:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    return [link for link in links if "://" not in link and not (page.parent / link).exists()]


class TestDocumentation:
    def test_the_page_of_settings_is_the_settings(self) -> None:
        text = settings_page.PAGE.read_text(encoding="utf-8")
        assert text == settings_page.page(text), "run `make docs`"

    def test_every_setting_has_a_meaning(self) -> None:
        text = settings_page.PAGE.read_text(encoding="utf-8")
        assert [key for key, meaning in settings_page.meanings(text).items() if not meaning.strip()] == []

    def test_a_changed_default_would_be_found(self) -> None:
        text = settings_page.PAGE.read_text(encoding="utf-8").replace("| `8000` |", "| `8001` |")
        assert text != settings_page.page(text)

    def test_every_listener_is_documented(self) -> None:
        assert missing("docs/listeners.md", find_listeners()) == []

    def test_every_channel_is_documented(self) -> None:
        assert missing("docs/channels.md", find_channels()) == []

    def test_every_desk_is_documented(self) -> None:
        assert missing("docs/desks.md", find_desks()) == []

    def test_an_undocumented_one_would_be_found(self) -> None:
        assert missing("docs/listeners.md", ["nosuchnetwork"]) == ["nosuchnetwork"]


def missing(page: str, names: Iterable[str]) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [name for name in names if not re.search(rf"`{name}`|^#+ .*\b{name}\b|\| {name} \|", text, re.MULTILINE)]


class TestPins:
    def test_every_direct_dependency_is_pinned_within_its_range(self) -> None:
        assert unpinned(pins()) == []

    def test_a_missing_pin_would_be_found(self) -> None:
        assert unpinned({**pins(), "prefect": ["3.0.0"]}) == ["prefect"]

    def test_what_is_installed_is_what_is_pinned(self) -> None:
        wrong = []
        for name, versions in pins().items():
            try:
                installed = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue  # for another platform or Python
            if installed not in versions:
                wrong.append(f"{name}: {installed} is installed, {' or '.join(versions)} is pinned")
        assert wrong == []


def pins() -> dict[str, list[str]]:
    """The pinned versions by name; a name has several where they differ by Python."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        pin = Requirement(line)
        found.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    return found


def unpinned(pinned: dict[str, list[str]]) -> list[str]:
    project = PROJECT["project"]
    wanted = [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["test"]]
    return [need.name for need in wanted if not any(map(need.specifier.contains, pinned.get(need.name, [])))]
