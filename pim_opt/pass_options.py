"""What passes are called, what options they take, and passes made from what was written.

Names, options and texts come from the passes' sources, read and not imported, so that help is
instant and says what the code says.
"""

import ast
import dataclasses
import difflib
import importlib.util
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from pim_opt.pipeline_spec import OptionSpec, PassSpec, PipelineError
from pim_opt.pipelines import PIPELINES
from pim_opt.registry import PASSES, UPSTREAM_PASSES, resolve

if TYPE_CHECKING:
    from xdsl.passes import ModulePass


@dataclass(frozen=True)
class OptionHelp:
    """An option as help shows it."""

    name: str
    type: str
    default: str
    text: str


@dataclass(frozen=True)
class PassHelp:
    """A pass as help shows it."""

    name: str
    text: str
    options: tuple[OptionHelp, ...]


@lru_cache
def pass_help(name: str) -> PassHelp:
    """Help for one of our passes, from its source."""
    module, _, class_name = PASSES[name].partition(":")
    package, _, stem = module.rpartition(".")
    parent = importlib.util.find_spec(package)
    assert parent is not None
    assert parent.submodule_search_locations is not None
    path = Path(parent.submodule_search_locations[0]) / f"{stem}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == class_name)
    text = (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")
    return PassHelp(name, text, tuple(_options(node.body)))


def _options(body: Sequence[ast.stmt]) -> Iterable[OptionHelp]:
    for number, field in enumerate(body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        following = body[number + 1] if number + 1 < len(body) else None
        text = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = " ".join(str(following.value.value).split())
        default = "" if field.value is None else ast.unparse(field.value)
        name = field.target.id.replace("_", "-")
        yield OptionHelp(name, ast.unparse(field.annotation), default, text)


def known_names() -> list[str]:
    """Everything that may stand in a pipeline."""
    return sorted({*PASSES, *UPSTREAM_PASSES, *PIPELINES})


def closest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'x'?" for a name that is nearly one of `known`, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def expand(specs: Sequence[PassSpec], text: str) -> list[PassSpec]:
    """The passes of a pipeline, named pipelines replaced by what they stand for.

    Raises:
        PipelineError: an unknown name, or an unknown option of a named pipeline or a wrong value.
    """
    result: list[PassSpec] = []
    for spec in specs:
        if spec.name in PIPELINES:
            make, options = PIPELINES[spec.name]
            _check_options(spec, options, text)
            try:
                inside = make(spec.options)
            except ValueError as error:
                raise PipelineError(
                    f"pipeline '{spec.name}': {error}", text, spec.offset
                ) from error
            result += [PassSpec(inner.name, inner.options, spec.offset) for inner in inside]
        elif spec.name in PASSES or spec.name in UPSTREAM_PASSES:
            result.append(spec)
        else:
            message = f"unknown pass '{spec.name}'{closest(spec.name, known_names())}"
            raise PipelineError(message, text, spec.offset)
    return result


def _check_options(spec: PassSpec, known: Iterable[str], text: str) -> None:
    names = [name.replace("_", "-") for name in known]
    for key, option in spec.options.items():
        name = key.replace("_", "-")
        if name not in names:
            takes = f" (it takes {', '.join(names)})" if names else " (it takes none)"
            message = f"pass '{spec.name}' has no option '{name}'{closest(name, names)}{takes}"
            raise PipelineError(message, text, option.offset)


def make_pass(spec: PassSpec, text: str) -> "ModulePass":
    """The pass that was written.

    Raises:
        PipelineError: an unknown option, or a value of the wrong type.
    """
    kind: Any = resolve(PASSES.get(spec.name) or UPSTREAM_PASSES[spec.name])
    hints = get_type_hints(kind)
    fields: Mapping[str, Any] = {
        field.name: hints[field.name] for field in dataclasses.fields(kind)
    }
    _check_options(spec, fields, text)
    values = {
        key: _value(spec, key, option, fields[key], text) for key, option in spec.options.items()
    }
    return kind(**values)


def _value(spec: PassSpec, key: str, option: OptionSpec, type_: Any, text: str) -> Any:
    for alternative in _alternatives(type_):
        try:
            return _convert(option, alternative)
        except ValueError:
            continue
    found = "no value" if option.value is None else f"'{option.value}'"
    name = key.replace("_", "-")
    message = f"option '{name}' of pass '{spec.name}' is {found}; expected {_type_text(type_)}"
    raise PipelineError(message, text, option.offset)


def _alternatives(type_: Any) -> tuple[Any, ...]:
    return get_args(type_) if get_origin(type_) in (Union, types.UnionType) else (type_,)


def _convert(option: OptionSpec, type_: Any) -> Any:
    """The value as `type_`; ValueError if it is none."""
    if option.value is None:
        if type_ is bool:
            return True
        raise ValueError("no value")
    if get_origin(type_) is Literal:
        if option.value in get_args(type_):
            return option.value
        raise ValueError("not one of the choices")
    if get_origin(type_) is tuple:
        element = get_args(type_)[0]
        return tuple(_convert(OptionSpec(v, 0), element) for v in option.value.split(","))
    if type_ is bool:
        if option.value not in ("true", "false"):
            raise ValueError("not a truth value")
        return option.value == "true"
    if type_ in (int, float, str):
        return type_(option.value)
    raise ValueError("no such type")


def _type_text(type_: Any) -> str:
    choices = [
        choice for a in _alternatives(type_) if get_origin(a) is Literal for choice in get_args(a)
    ]
    if choices:
        return "one of " + ", ".join(choices)
    names = [getattr(a, "__name__", str(a)) for a in _alternatives(type_) if a is not type(None)]
    return " or ".join(names)


def format_pipeline(specs: Sequence[PassSpec]) -> str:
    """A pipeline as mlir-opt writes it."""

    def option(key: str, value: OptionSpec) -> str:
        name = key.replace("_", "-")
        if value.value is None:
            return name
        plain = not value.quoted and not set(value.value) & set(' ;"')
        return f"{name}={value.value}" if plain else f'{name}="{value.value}"'

    texts: list[str] = []
    for spec in specs:
        options = " ".join(option(key, value) for key, value in spec.options.items())
        texts.append(f"{spec.name}{{{options}}}" if options else spec.name)
    return f"builtin.module({','.join(texts)})"
