"""docs/features.md is complete, and every test that it names exists."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "features.md"
IDS = [f"F{n:02}" for n in range(1, 112)] + [f"X{n:02}" for n in range(1, 20)]
SOURCES = {"illustrated", "404", "insurance", "219", "manual"}


def rows():
    """Each line of the two tables as (id, feature, source, where, test)."""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"[FX]\d+", cells[0]):
            yield cells


@cache
def rust_files():
    """Rust sources by path, without what a build leaves."""
    folders = [ROOT / "shared", ROOT / "functions", ROOT / "tests"]
    return {path: path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.rs"))}


def missing(reference):
    """Why a reference names no test; None when it names one."""
    *place, name = reference.split("::")
    name = name.split("[")[0]
    if not place:
        return "no place before the test's name"
    if place[0].endswith(".py"):
        file = ROOT / place[0]
        if not file.is_file():
            return f"no file {place[0]}"
        found = re.search(rf"^\s*(async )?def {re.escape(name)}\(", file.read_text(encoding="utf-8"), re.MULTILINE)
        return None if found else f"no test {name} in {place[0]}"
    if place[0].endswith(".rs"):
        files = [path for path in rust_files() if path.as_posix().endswith("/" + place[0])]
    else:
        crate = place[0].replace("_", "-")
        files = [path for path in rust_files() if crate in path.relative_to(ROOT).parts[:2]]
    if not files:
        return f"no {place[0]}"
    found = any(re.search(rf"\bfn {re.escape(name)}\b", rust_files()[path]) for path in files)
    return None if found else f"no test {name} in {place[0]}"


def test_every_feature_and_contradiction_is_there_once():
    assert [cells[0] for cells in rows()] == IDS


def test_every_line_is_whole():
    for cells in rows():
        assert len(cells) == 5 and all(cells), cells
        assert set(cells[2].split(", ")) <= SOURCES, cells


def test_every_named_test_exists():
    problems = []
    for number, _, _, where, test in rows():
        references = re.findall(r"`([^`]+)`", test)
        if not references and test != "not yet":
            problems.append(f"{number}: neither a test nor 'not yet': {test}")
        if references and where == "not yet":
            problems.append(f"{number}: has a test and no place")
        problems += [f"{number}: {why}" for why in map(missing, references) if why]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    "reference, found",
    [
        ("documents::the_same_receipt_gives_the_same_file", True),
        ("tests/receipt.rs::the_same_receipt_gives_the_same_file", True),
        ("tests/test_features.py::test_every_line_is_whole", True),
        ("domain::the_same_receipt_gives_the_same_file", False),
        ("documents::the_same_receipt", False),
        ("tests/test_features.py::test_every", False),
        ("tests/none.py::test_it", False),
        ("test_alone", False),
    ],
)
def test_the_check_itself(reference, found):
    assert (missing(reference) is None) == found


def test_the_core_s_rules_name_tests_and_mutants_that_exist():
    """docs/rig.md: which test fails without which rule."""
    page = (ROOT / "docs" / "rig.md").read_text()
    mutants = set(re.findall(r'^    \w+ "([a-z-]+)"', (ROOT / "shared" / "mutants" / "src" / "lib.rs").read_text(), re.MULTILINE))
    rules = [line for line in page.splitlines() if re.match(r"\| \d\.\d", line)]
    assert len(rules) >= 25
    named = {reference for line in rules for reference in re.findall(r"`([^`]+)`", line.split("|", 3)[3])}
    problems = [why for reference in named if "::" in reference and "[" not in reference and (why := missing(reference))]
    unknown = {reference for reference in named if re.fullmatch(r"[a-z]+(-[a-z]+)+", reference)} - mutants - {"list-and-open", "school-pages"}
    assert not problems and not unknown, f"{problems} {unknown}"
