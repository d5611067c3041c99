"""Settings, each defined once: a frozen dataclass whose fields hold their help, group and bounds.

    rate: float = setting(1e-3, "learning rate of AdamW", "optimisation", gt=0)

The command line, the environment and the form of the Training tab are made of these fields, and pydantic converts and
checks each value, wherever the value came from. Importing pydantic takes longer than a whole `--help`, so that it is
imported with the first value that is no default.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import GenericAlias, NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

from sec2sec.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
METAVARS: Mapping[Any, str] = {str: "TEXT", int: "N", float: "X", bool: "yes|no", Path: "DIR"}
NOUNS: Mapping[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "yes or no", Path: "a path"}
ITEMS: Mapping[Any, str] = {str: "names", int: "whole numbers", float: "numbers"}
BOUNDS = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}  # pydantic's names, in words


def setting(default: T, help: str = "", group: str = "", metavar: str = "", **bounds: float) -> T:
    """The default of a dataclass field, with what command line and form say of the field.

    help: a sentence that stands alone. group: of the command line's help. metavar: by type, if empty. bounds: gt, ge,
    lt and le as in pydantic; those of a list hold for each of its items.
    """
    metadata = {"help": help, "group": group, "metavar": metavar, "bounds": bounds}
    field: T = dataclasses.field(default=default, metadata=metadata)
    return field


@dataclass(frozen=True)
class Field:
    """One setting of a class."""

    name: str
    type: Any  # of its values, without None
    may_be_none: bool
    default: Any
    help: str = ""
    group: str = ""
    metavar: str = ""
    bounds: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def choices(self) -> tuple[str, ...]:
        """The only values that a Literal takes."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def is_list(self) -> bool:
        """Whether the value is a tuple; as text, its items are separated by commas."""
        return get_origin(self.type) is tuple

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def requirement(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            words = [choice or "empty" for choice in self.choices]
            return " or ".join(words) if len(words) < 4 else f"one of {', '.join(words)}"
        if self.is_list:
            item, *others = get_args(self.type)
            count = "" if others == [...] else f"{1 + len(others)} "
            noun = f"a list of {count}{ITEMS[item]}"
        else:
            noun = NOUNS.get(self.type) or f"of the kind {self.type.__name__}"
        if {"ge", "le"} <= self.bounds.keys():
            return f"{noun} from {self.bounds['ge']:g} to {self.bounds['le']:g}"
        limits = " and ".join(f"{BOUNDS[name]} {bound:g}" for name, bound in self.bounds.items())
        return f"{noun} {limits}".strip()

    @property
    def default_text(self) -> str:
        """The default as a help shows it; empty where there is nothing to show."""
        if isinstance(self.default, bool):
            return "yes" if self.default else "no"
        if isinstance(self.default, float):
            return "no limit" if self.default == math.inf else f"{self.default:g}"
        if isinstance(self.default, tuple):
            return ",".join(map(str, self.default))
        return "" if self.default is None else str(self.default)

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """What converts and checks a value."""
        from pydantic import BeforeValidator, TypeAdapter
        from pydantic import Field as Bounds

        def bounded(kind: Any) -> Any:
            if kind not in (int, float):
                return kind
            return Annotated[kind, Bounds(**self.bounds), BeforeValidator(refuse_bool)]

        if self.is_list:
            kind: Any = GenericAlias(tuple, tuple(bounded(item) for item in get_args(self.type)))
        else:
            kind = bounded(self.type)
        return TypeAdapter(kind | None if self.may_be_none else kind)

    def validate(self, value: Any, name: str = "") -> Any:
        """The value as the class holds it: of text, a number; of a list, a tuple. Raises SettingsError.

        name: of the setting where the value came from, such as an option or a variable.
        """
        if isinstance(value, Mapping) and isinstance(self.type, type) and issubclass(self.type, Validated):
            return self.type.from_mapping(value, name or self.name)
        from pydantic import ValidationError

        try:
            return self.adapter.validate_python(value)
        except ValidationError:
            shown = "nothing" if value is None or value == "" else repr(value)
            raise SettingsError(f"{name or self.name} must be {self.requirement}, not {shown}") from None

    def split(self, text: str) -> str | list[str]:
        """The text of an option or of a widget: a list where the setting is one."""
        return [item.strip() for item in text.split(",") if item.strip()] if self.is_list else text


_fields: dict[type[Any], Mapping[str, Field]] = {}  # by class


def refuse_bool(value: Any) -> Any:
    """True is a number for pydantic, and for Python; for people it is none."""
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


class Validated:
    """Base of the dataclasses of settings: what is no default is converted and checked. Raises SettingsError."""

    def __post_init__(self) -> None:
        for field in fields_of(type(self)).values():
            value = getattr(self, field.name)
            if value is not field.default:
                object.__setattr__(self, field.name, field.validate(value))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], source: str = "") -> Self:
        """Of a file's or a form's values. Raises SettingsError that names `source` and the setting."""
        where, names = f"{source}: " if source else "", sorted(fields_of(cls))
        if unknown := sorted(set(values) - set(names)):
            raise SettingsError(f"{where}there is no setting {', '.join(unknown)}; the settings are {', '.join(names)}")
        try:
            return cls(**values)
        except SettingsError as error:
            raise SettingsError(f"{where}{error}") from None


def fields_of(settings: type[Any]) -> Mapping[str, Field]:
    """The fields of a class of settings, by name, in their order."""
    if settings not in _fields:
        _fields[settings] = {field.name: field for field in _read_fields(settings)}
    return _fields[settings]


def _read_fields(settings: type[Any]) -> Iterator[Field]:
    hints = get_type_hints(settings)
    for field in dataclasses.fields(settings):
        kinds = get_args(hints[field.name])
        may_be_none = NoneType in kinds
        yield Field(
            field.name, kinds[0] if may_be_none else hints[field.name], may_be_none, field.default, **field.metadata
        )


def add_flags(
    parser: argparse.ArgumentParser, settings: type[Any], names: Iterable[str] = (), variables: str = ""
) -> dict[str, argparse._ArgumentGroup]:
    """One option for each setting, in the groups that are returned; an option that is left out sets no attribute.

    names: the settings that get an option; all if empty. variables: what begins the names of environment variables
    that set the same.
    """
    groups: dict[str, argparse._ArgumentGroup] = {}
    by_name = fields_of(settings)
    for name in names or by_name:
        field = by_name[name]
        title = field.group
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        default = f"default: {field.default_text}" if field.default_text else ""
        variable = f"or {variables}{name.upper()}" if variables else ""
        notes = "; ".join(note for note in (default, variable) if note)
        groups[title].add_argument(
            field.flag,
            dest=name,
            default=argparse.SUPPRESS,
            type=field.split,
            choices=field.choices or None,
            metavar=None if field.choices else field.metavar or METAVARS.get(field.type, "A,B"),
            help=f"{field.help} ({notes})".removesuffix(" ()").replace("%", "%%"),
        )
    return groups


def flag_values(options: argparse.Namespace, settings: type[Any]) -> dict[str, Any]:
    """The settings among a command's options. Raises SettingsError that names the option."""
    return {
        name: field.validate(getattr(options, name), field.flag)
        for name, field in fields_of(settings).items()
        if hasattr(options, name)
    }
