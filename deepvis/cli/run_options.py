"""The options of a run as words of the command line: made from its dataclass, and read back for it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from deepvis.cli.common import UsageError
from deepvis.near_names import near_names
from deepvis.options import Option, check_value, options_of

_PREFIX = "option "
"""Before the names under which a run's options are parsed; the space keeps them apart from the command's own."""

_METAVARS = {
    "class": "CLASS",
    "layer": "LAYER",
    "layers": "LAYER,…",
    "unit": "N",
    "picture": "FILE",
    "folder": "FOLDER",
}


def add_run_options(parser: argparse.ArgumentParser, run: type) -> None:
    """Add every option of a run's dataclass: those that a person needs first, then the others.

    Names are written with dashes, switches as ``--flag`` and ``--no-flag``, tuples with commas between. Nothing has a
    default here: what was not given is left to the dataclass.
    """
    hints = get_type_hints(run)
    groups: dict[bool, Any] = {}
    for item in options_of(run):
        if item.advanced not in groups:
            groups[item.advanced] = parser.add_argument_group("more options" if item.advanced else "options of the run")
        group = groups[item.advanced]
        settings: dict[str, Any] = {"dest": _PREFIX + item.name, "default": argparse.SUPPRESS, "help": _help(item)}
        if item.kinds == ("bool",):
            group.add_argument(flag(item.name), action=argparse.BooleanOptionalAction, **settings)
        else:
            group.add_argument(
                flag(item.name), type=_reader(item, hints[item.name]), metavar=_metavar(item, hints), **settings
            )


def given_options(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of the options that :func:`add_run_options` added, by the dataclass's own names."""
    return {name.removeprefix(_PREFIX): value for name, value in vars(options).items() if name.startswith(_PREFIX)}


def flag(name: str) -> str:
    """``--steps-per-octave`` for ``steps_per_octave``."""
    return "--" + name.replace("_", "-")


def add_presets(parser: argparse.ArgumentParser, presets: Mapping[str, Mapping[str, Any]]) -> None:
    """Add ``--preset``, where there are any."""
    if not presets:
        return
    told = "; ".join(f"{preset_word(name)}: {_settings_text(settings)}" for name, settings in presets.items())
    parser.add_argument(
        "--preset", metavar="NAME", help=f"a named set of options, beside which others may be given: {_plain(told)}"
    )


def preset(presets: Mapping[str, Mapping[str, Any]], wanted: str) -> dict[str, Any]:
    """The options of a preset, by its name or the word for it. Raises UsageError with the names that there are."""
    words = {preset_word(name): name for name in presets}
    if preset_word(wanted) not in words:
        near = near_names(preset_word(wanted), words, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"there is no preset {wanted!r}: there are {', '.join(words) or 'none'}{hint}")
    return dict(presets[words[preset_word(wanted)]])


def preset_word(name: str) -> str:
    """A preset's name as one word: ``fine-windows`` for ``Fine windows``."""
    return re.sub(r"[^\w.]+", "-", name.casefold()).strip("-")


def make_run(run: type, values: Mapping[str, Any]) -> Any:
    """The run with these options. Raises UsageError where they are wrong, or do not go together."""
    known = [item.name for item in options_of(run)]
    unknown = [name for name in values if name not in known]
    if unknown:
        near = near_names(unknown[0], known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"there is no option {unknown[0]!r} here: there are {', '.join(known)}{hint}")
    missing = [item.name for item in options_of(run) if item.required and item.name not in values]
    if missing:
        raise UsageError(f"{flag(missing[0])} must be given")
    try:
        return run(**values)
    except ValueError as error:
        raise UsageError(str(error)) from error


# ------------------------------------------------------------------------------------------------------ words to values


def _reader(item: Option, hint: Any) -> Callable[[str], Any]:
    """A function that turns a word into a checked value of the option, for argparse."""

    def read(text: str) -> Any:
        try:
            value = _value(item, hint, text)
            check_value(item, value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return value

    return read


def _value(item: Option, hint: Any, text: str) -> Any:
    if item.optional and text.casefold() == "none":
        return None
    if item.choices is not None and text in item.choices:
        return text
    if "tuple" in item.kinds and ("," in text or item.kinds == ("tuple",)):
        kinds = _entry_kinds(hint)
        return tuple(_scalar(kinds, part.strip(), item.name) for part in text.split(",") if part.strip())
    kinds = tuple(kind for kind in item.kinds if kind != "tuple")
    return _scalar(kinds or ("int", "float", "str"), text, item.name)


def _scalar(kinds: tuple[str, ...], text: str, name: str) -> Any:
    """The first of the kinds that the text is; numbers before texts, fractions such as 8/255 as numbers."""
    if "int" in kinds and re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    if "float" in kinds:
        over, slash, under = text.partition("/")
        try:
            return float(over) / float(under) if slash else float(text)
        except (ValueError, ZeroDivisionError):
            pass
    if "bool" in kinds and text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    if "str" in kinds:
        return text
    what = "a whole number" if kinds == ("int",) else "true or false" if kinds == ("bool",) else "a number"
    raise ValueError(f"{name} is {what}, got {text!r}")


def _entry_kinds(hint: Any) -> tuple[str, ...]:
    """What the entries of a tuple are, from its annotation; any, where that does not say."""
    plain = {int: "int", float: "float", str: "str", bool: "bool"}
    for part in (hint, *get_args(hint)):
        if get_origin(part) is tuple:
            found = [plain.get(inner) for entry in get_args(part) for inner in (entry, *get_args(entry))]
            kinds = tuple(kind for kind in dict.fromkeys(found) if kind is not None)
            if kinds:
                return kinds
    return ("int", "float", "str")


# ----------------------------------------------------------------------------------------------------------------- help


def _help(item: Option) -> str:
    """The option's line of help, with what is allowed, the default, and when it matters."""
    parts = [item.range_text] if item.range_text else []
    if not item.range_text and item.unit:
        parts.append(item.unit)
    if item.when is not None:
        name, values = item.when
        parts.append(f"where {flag(name)} is {' or '.join(_text(value) for value in values)}")
    if item.required:
        parts.append("must be given")
    elif item.default is not None and item.default != ():
        parts.append(f"default {_text(item.default)}")
    line = item.help[:1].lower() + item.help[1:] if item.help[:2].istitle() else item.help
    return _plain(f"{line} ({'; '.join(parts)})" if parts else line)


def _metavar(item: Option, hints: Mapping[str, Any]) -> str:
    if item.role is not None:
        return _METAVARS[item.role]
    if item.choices is not None and "str" in item.kinds:
        return item.name.rsplit("_", 1)[-1].upper()
    if "tuple" in item.kinds:
        return "TEXT,…" if _entry_kinds(hints[item.name]) == ("str",) else "N,…"
    return "TEXT" if "str" in item.kinds else "N" if "float" not in item.kinds else "X"


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ",".join(_text(entry) for entry in value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _settings_text(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', '-')} {_text(value)}" for name, value in settings.items()) or "the defaults"


def _plain(text: str) -> str:
    """argparse reads a percent sign as a place to fill in."""
    return text.replace("%", "%%")
