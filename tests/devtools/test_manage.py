"""Several management commands in one process."""

from amberflow.devtools.manage import commands


def test_each_command_keeps_its_words():
    words = ["migrate", "--no-input", "--", "collectstatic", "--", "seed_demo", "--seed", "7"]
    assert list(commands(words)) == [["migrate", "--no-input"], ["collectstatic"], ["seed_demo", "--seed", "7"]]
