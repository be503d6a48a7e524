"""Options that describe themselves: forms, the command line and the documentation are made from them.

A run or a method declares its options as a frozen dataclass whose fields are made by :func:`option`. :func:`options_of`
reads them back, :func:`check_options` checks their values. Neither torch nor Qt is needed.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from deepvis.near_names import near_names

_METADATA_KEY = "deepvis.option"
_PLAIN = {int: "int", float: "float", str: "str", bool: "bool"}

Kind = Literal["int", "float", "str", "bool", "tuple"]

Role = Literal["class", "layer", "layers", "unit", "picture", "folder"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option as a form or a command line needs to know it.

    Attributes
    ----------
    name : the field's name.
    default : its value if nothing is said; meaningless where ``required``.
    kinds : the types of value that it takes: ``int``, ``float``, ``str``, ``bool``, ``tuple`` (``Any``: none given).
    optional : whether None is a value.
    required : whether it has no default.
    help : one line for a person, without a full stop.
    minimum, maximum : inclusive range of numbers (of each entry, for a tuple), or None.
    unit : what numbers are counted in, such as ``px``.
    choices : the texts that are allowed, or None. A number is allowed beside them if ``kinds`` says so.
    label : what a form writes before it.
    role : what it names in the network or on disk, for a chooser in its place: a ``class``, a ``layer``, several
        ``layers``, a ``unit`` of the option ``layer``, a ``picture`` file, a ``folder``; None: nothing.
    advanced : whether a form may hide it at first.
    when : (name of another option, its values) for which this one matters, or None: always.
    """

    name: str
    default: Any
    kinds: tuple[Kind, ...]
    optional: bool
    required: bool
    help: str
    minimum: float | None
    maximum: float | None
    unit: str
    choices: tuple[Any, ...] | None
    label: str
    role: Role | None = None
    advanced: bool = False
    when: tuple[str, tuple[Any, ...]] | None = None

    @property
    def range_text(self) -> str:
        """What is allowed, such as ``1 to 512 px``, ``black, grey or blur``, or an empty text."""
        parts = []
        if self.choices is not None:
            names = [str(choice) for choice in self.choices]
            parts.append(", ".join(names[:-1]) + (" or " if len(names) > 1 else "") + names[-1])
        # Nobody reads the largest number that 64 bits hold.
        bounded = self.maximum is not None and self.maximum < 2**53
        if self.minimum is not None and self.maximum is not None and bounded:
            parts.append(f"{_figure(self.minimum)} to {_figure(self.maximum)}")
        elif self.minimum is not None:
            parts.append(f"at least {_figure(self.minimum)}")
        elif self.maximum is not None and bounded:
            parts.append(f"at most {_figure(self.maximum)}")
        if self.unit and parts and self.choices is None:
            parts[-1] += f" {self.unit}"
        return " or ".join(parts)


def option(
    default: Any = dataclasses.MISSING,
    *,
    help: str,
    minimum: float | None = None,
    maximum: float | None = None,
    unit: str = "",
    choices: Sequence[Any] | None = None,
    label: str | None = None,
    role: Role | None = None,
    advanced: bool = False,
    when: tuple[str, Sequence[Any]] | None = None,
) -> Any:
    """A dataclass field that says what it is for and which values it takes (see :class:`Option`)."""
    metadata = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "unit": unit,
        "choices": None if choices is None else tuple(choices),
        "label": label,
        "role": role,
        "advanced": advanced,
        "when": None if when is None else (when[0], tuple(when[1])),
    }
    return dataclasses.field(default=default, metadata={_METADATA_KEY: metadata})


def _kinds(hint: Any) -> tuple[tuple[Kind, ...], bool, tuple[Any, ...] | None]:
    """Kinds, whether None is allowed, and the choices of a Literal, of a type annotation."""
    if get_origin(hint) in (Union, types.UnionType):
        kinds: list[Kind] = []
        optional = False
        choices: tuple[Any, ...] | None = None
        for part in get_args(hint):
            if part is type(None):
                optional = True
                continue
            inner, _, listed = _kinds(part)
            kinds += [kind for kind in inner if kind not in kinds]
            choices = listed or choices
        return tuple(kinds), optional, choices
    if get_origin(hint) is Literal:
        listed = get_args(hint)
        return tuple(dict.fromkeys(_PLAIN[type(value)] for value in listed)), False, listed  # type: ignore[misc]
    if get_origin(hint) is tuple or hint is tuple:
        return ("tuple",), False, None
    if hint in _PLAIN:
        return (_PLAIN[hint],), False, None  # type: ignore[return-value]
    return (), False, None


def options_of(cls: type) -> tuple[Option, ...]:
    """The options of a dataclass, in the order in which they were declared; fields made without ``option`` are none.

    Raises ValueError if ``cls`` is no dataclass.
    """
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise ValueError(f"options are declared in a dataclass, {cls!r} is none")
    hints = get_type_hints(cls)
    found = []
    for item in dataclasses.fields(cls):
        metadata = item.metadata.get(_METADATA_KEY)
        if metadata is None:
            continue
        kinds, optional, listed = _kinds(hints[item.name])
        required = item.default is dataclasses.MISSING
        label = metadata["label"] or item.name.replace("_", " ").capitalize()
        found.append(
            Option(
                name=item.name,
                default=None if required else item.default,
                kinds=kinds,
                optional=optional,
                required=required,
                help=metadata["help"],
                minimum=metadata["minimum"],
                maximum=metadata["maximum"],
                unit=metadata["unit"],
                choices=metadata["choices"] or listed,
                label=label,
                role=metadata["role"],
                advanced=metadata["advanced"],
                when=metadata["when"],
            )
        )
    return tuple(found)


def option_values(instance: Any) -> dict[str, Any]:
    """Every option of a dataclass instance by name, in the types of JSON: what is needed to make it again."""
    return {item.name: _plain(getattr(instance, item.name)) for item in options_of(type(instance))}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    return value


def check_options(instance: Any) -> None:
    """Check every option of a dataclass instance; call it from ``__post_init__``.

    Raises ValueError that names the option, its value and what is allowed.
    """
    for item in options_of(type(instance)):
        check_value(item, getattr(instance, item.name))


def check_value(item: Option, value: Any) -> None:
    """Check one value before there is an instance, as a form does.

    Raises ValueError that names the option, its value and what is allowed.
    """
    if value is None:
        if not item.optional:
            raise ValueError(f"{item.name} must not be None{_allowed(item)}")
        return
    if isinstance(value, str):
        _check_text(item, value)
    elif isinstance(value, bool):
        if item.kinds and "bool" not in item.kinds:
            raise ValueError(f"{item.name} is {_kind_text(item)}, got {value}{_allowed(item)}")
    elif isinstance(value, numbers.Real):
        _check_number(item, value)
    elif isinstance(value, tuple | list):
        if item.kinds and "tuple" not in item.kinds:
            raise ValueError(f"{item.name} is {_kind_text(item)}, got {value!r}{_allowed(item)}")
        for entry in value:
            if isinstance(entry, numbers.Real) and not isinstance(entry, bool):
                _check_range(item, entry)
    elif item.kinds:
        raise ValueError(f"{item.name} is {_kind_text(item)}, got {type(value).__name__}{_allowed(item)}")


def _check_text(item: Option, value: str) -> None:
    if item.kinds and "str" not in item.kinds:
        raise ValueError(f"{item.name} is {_kind_text(item)}, got {value!r}{_allowed(item)}")
    if item.choices is not None and value not in item.choices:
        near = near_names(value, map(str, item.choices), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{item.name} {value!r} is unknown{_allowed(item)}{hint}")


def _check_number(item: Option, value: numbers.Real) -> None:
    if item.kinds and "int" not in item.kinds and "float" not in item.kinds:
        raise ValueError(f"{item.name} is {_kind_text(item)}, got {value}{_allowed(item)}")
    if "float" not in item.kinds and "int" in item.kinds and not isinstance(value, numbers.Integral):
        raise ValueError(f"{item.name} is a whole number, got {value}{_allowed(item)}")
    if not math.isfinite(float(value)):
        raise ValueError(f"{item.name} must be finite, got {value}{_allowed(item)}")
    texts_only = item.choices is not None and not any(isinstance(choice, numbers.Real) for choice in item.choices)
    if item.choices is not None and not texts_only and value not in item.choices:
        raise ValueError(f"{item.name} {value} is unknown{_allowed(item)}")
    _check_range(item, value)


def _check_range(item: Option, value: numbers.Real) -> None:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{item.name} must be finite, got {value}{_allowed(item)}")
    if (item.minimum is not None and number < item.minimum) or (item.maximum is not None and number > item.maximum):
        raise ValueError(f"{item.name} {value} is out of range{_allowed(item)}")


def _allowed(item: Option) -> str:
    text = item.range_text
    return f": it is {text}" if text else ""


def _figure(value: float) -> str:
    """A number as a person writes it, ``2,000,000`` and not ``2e+06``."""
    counted = float(value).is_integer() and 100_000 <= abs(value) < 2**53
    return f"{int(value):,}" if counted else f"{value:g}"


def _kind_text(item: Option) -> str:
    names = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "True or False", "tuple": "a tuple"}
    return " or ".join(names[kind] for kind in item.kinds)
