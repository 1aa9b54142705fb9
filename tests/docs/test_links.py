"""Links between the documents lead somewhere, and the files that they name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# `metering/queries.py` and the like: a path in backticks, from the root of the repository or beside the page.
NAMED_FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|sql|md|html|css|yaml|toml|json)|(?:[\w-]+/){2,})`")
MADE_LATER = (".amberflow/", "static_root/", ".venv/")


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text()
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors_of(found), f"{page.name} links to {target}"
    for name in NAMED_FILE.findall(text):
        if not name.startswith(MADE_LATER):
            assert (ROOT / name).exists() or (page.parent / name).exists(), f"{page.name} names {name}"


def test_there_are_pages() -> None:
    assert {page.name for page in PAGES} >= {
        "README.md",
        "CHANGELOG.md",
        "glossary.md",
        "architecture.md",
        "operations.md",
    }
