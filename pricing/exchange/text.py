"""JSON and YAML to plain values and back, with every number as exactly the text that was written."""

import json
from collections.abc import Hashable
from typing import Any, Literal, get_args

import yaml

Format = Literal["json", "yaml"]
FORMATS: tuple[str, ...] = get_args(Format)


class TextError(ValueError):
    """A text that is no JSON or YAML; the message says where and what to do."""


def read_text(text: str) -> Any:
    """The values of a JSON or YAML text: objects, lists, texts, true, false and null. Numbers stay text.

    Raises TextError for what can't be read, for a key that is there twice, and for YAML's aliases and tags.
    """
    if text.lstrip().startswith("{"):
        return _read_json(text)
    try:
        # A subclass of SafeLoader, which makes nothing but plain values.
        return yaml.load(text, Loader=_ExactLoader)  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise TextError(f"The file is no valid YAML{where}: {problem}.") from None
    except RecursionError:
        raise TextError("The file is nested too deeply; a plan needs five levels.") from None


def write_text(document: Any, form: Format) -> str:
    """The text of plain values, keys in their order; texts that look like numbers are quoted in both forms."""
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _read_json(text: str) -> Any:
    try:
        return json.loads(
            text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object_without_repetition
        )
    except json.JSONDecodeError as error:
        raise TextError(f"The file is no valid JSON in line {error.lineno}: {error.msg}.") from None
    except RecursionError:
        raise TextError("The file is nested too deeply; a plan needs five levels.") from None


def _object_without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        key = next(key for n, (key, _) in enumerate(pairs) if key in dict(pairs[:n]))
        raise TextError(f"The key {key!r} is there twice in one object; remove one.")
    return found


class _ExactLoader(yaml.SafeLoader):
    """Only null, true and false are more than text: 1.10 stays 1.10, and 2026-01-01 a text."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.constructor.ConstructorError(
                None, None, "aliases (*name) are not read; write the values out", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for n, key in enumerate(keys):
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is no text; quote it", node.value[n][0].start_mark
                )
            if key in keys[:n]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is there twice; remove one", node.value[n][0].start_mark
                )
        return super().construct_mapping(node, deep)


_PLAIN_TAGS = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:bool")
_READ_TAGS = (*_PLAIN_TAGS, "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map", None)
_ExactLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _PLAIN_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# A tag like !!float would make something else of a number after all.
_ExactLoader.yaml_constructors = {tag: yaml.SafeLoader.yaml_constructors[tag] for tag in _READ_TAGS}


class _Dumper(yaml.SafeDumper):
    """Lists are indented under their key, and nothing is written as an alias."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_str(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Line ends that only Unicode knows would be written, and read back as blanks, unless they are escaped."""
    style = None if text.replace("\n", "").isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_str)
