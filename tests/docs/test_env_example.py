"""`.env.example` documents each variable that the program reads, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS = (
    "amberflow/settings.py",
    "amberflow/environment.py",
    "amberflow/devdb.py",
    "amberflow/devtools/places.py",
    "amberflow/devtools/cluster.py",
)
READS = re.compile(
    r"""(?:env\.\w+|environ\.get|integer|flag|names|required)\(\s*"([A-Z][A-Z_]+)"|environ\["([A-Z_]+)"\]"""
)


def variables_read() -> set[str]:
    source = "".join((ROOT / reader).read_text() for reader in READERS)
    return {one or other for one, other in READS.findall(source)}


def variables_documented() -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)


def test_the_example_lists_exactly_what_is_read() -> None:
    assert len(variables_read()) > 20
    assert set(variables_documented()) == variables_read()


def test_no_variable_stands_there_twice() -> None:
    assert len(variables_documented()) == len(set(variables_documented()))


def test_each_variable_has_a_comment_above_it() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#[A-Z_]+=", line):
            above = next(earlier for earlier in reversed(lines[:number]) if not re.match(r"#[A-Z_]+=", earlier))
            assert above.startswith("# "), line


def test_required_variables_are_marked() -> None:
    settings = (ROOT / "amberflow/settings.py").read_text()
    required = set(re.findall(r'required\(\s*"([A-Z_]+)"', settings))
    marked = set(re.findall(r"^# REQUIRED.*\n#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert required == marked
    assert required == {"SECRET_KEY", "PUBLIC_URL", "STRIPE_SECRET_KEY", "SELLER_NAME", "SELLER_ADDRESS"}
