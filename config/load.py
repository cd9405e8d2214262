"""Reading `vigie.toml` and the environment into `Settings`, with clear words for every mistake."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from config.settings import Settings
from domain.errors import Misconfigured

PREFIX = "VIGIE_"
CONFIG_VARIABLE = "VIGIE_CONFIG"
DATABASE_VARIABLE = "VIGIE_DATABASE_URL"
SHORT_NAMES = {DATABASE_VARIABLE: ("database", "url")}
OUTSIDE = (CONFIG_VARIABLE, "VIGIE_TEST_", "VIGIE_WORK_POOL", "VIGIE_NOTIFY_")  # ours, but no settings

SecretBlock = Callable[[str], str]


def load_settings(
    file: Path | None = None, environ: Mapping[str, str] | None = None, secret_block: SecretBlock | None = None
) -> Settings:
    """The settings in force. `file` beats `VIGIE_CONFIG` beats `./vigie.toml`.

    Raises Misconfigured with one line that names the key and the nearest known one.
    """
    environ = environ or {}
    path, required = _where(file, environ)
    tables = _read(path) if required or path.is_file() else {}
    _refuse_secrets(tables, Settings, "", path)
    variables = _overlay(tables, environ, secret_block)
    root = path.parent if path.is_file() else Path.cwd()
    try:
        settings = Settings.model_validate({**tables, "root": root.absolute()})
    except ValidationError as error:
        raise Misconfigured(_explain(error, path, variables)) from error
    ids = [brand.id for brand in settings.brands]
    for twice in (id_ for id_ in ids if ids.count(id_) > 1):
        raise Misconfigured(f"{path}: brands: two have the id {twice!r}")
    return settings


def _where(file: Path | None, environ: Mapping[str, str]) -> tuple[Path, bool]:
    if file is not None:
        return file, True
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE]), True
    return Path("vigie.toml"), False


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise Misconfigured(f"{path}: no such settings file (make one with `vigie init`)") from error
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path}: is no TOML: {error}") from error
    except RecursionError as error:
        raise Misconfigured(f"{path}: is no TOML: nested too deeply") from error


def _overlay(tables: dict[str, Any], environ: Mapping[str, str], secret_block: SecretBlock | None) -> dict[str, str]:
    """Put the environment's values over those of the file; returns which variable set which key."""
    variables = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable.startswith(OUTSIDE):
            continue
        keys = SHORT_NAMES.get(variable) or tuple(variable[len(PREFIX) :].lower().split("__"))
        from_file = (
            len(keys) > 1 and keys[-1].endswith("_file") and _annotation((*keys[:-1], keys[-1][:-5])) is SecretStr
        )
        if from_file:
            keys = (*keys[:-1], keys[-1][:-5])
        value = _secret_file(variable, environ[variable]) if from_file else environ[variable]
        if value.startswith("prefect:") and secret_block is not None:
            value = secret_block(value.removeprefix("prefect:"))
        _put(tables, keys, _parse(keys, value), variable)
        variables[".".join(keys)] = variable
    return variables


def _put(tables: dict[str, Any], keys: tuple[str, ...], value: Any, variable: str) -> None:
    if _annotation(keys) is None:
        near = difflib.get_close_matches(".".join(keys), list(_known_keys(Settings)), n=1, cutoff=0.4)
        hint = f", did you mean {PREFIX}{near[0].replace('.', '__').upper()}?" if near else ""
        raise Misconfigured(f"environment: {variable} is no setting{hint}")
    table: Any = tables
    for key in keys[:-1]:
        # A name that is the operator's own (a brand's) may have a hyphen, which no variable has.
        known = next((known for known in table if known.replace("-", "_") == key), key)
        table = table.setdefault(known, {})
        if not isinstance(table, dict):
            return  # the file has no table there, which is told when the whole is checked
    table[keys[-1]] = value


def _parse(keys: tuple[str, ...], value: str) -> Any:
    """Lists and tables are written as in TOML; everything else is taken as text and converted by its type."""
    if _annotation(keys) in (str, SecretStr):
        return value
    if value.lstrip().startswith(("[", "{")):
        try:
            return tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            return value
    annotation = str(_annotation(keys))
    if annotation.startswith("tuple["):
        items: list[Any] = [part.strip() for part in value.split(",") if part.strip()]
        return [int(item) if "int" in annotation and item.isdigit() else item for item in items]
    return value


def _secret_file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"environment: {variable} names a file that cannot be read") from error


def _annotation(keys: tuple[str, ...]) -> Any:
    """The type of a setting, None where there is no such key."""
    model: Any = Settings
    for key in keys:
        if (named := _named_table(model)) is not None:
            model = named
            continue
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return None
        field = model.model_fields.get(key)
        if field is None or field.exclude:
            return None
        model = field.annotation
    return model


def _named_table(annotation: Any) -> type[BaseModel] | None:
    """The model of the tables that an operator names, such as those of `[channels.email.brands]`; None for others."""
    inner = get_args(annotation)[1] if get_origin(annotation) is dict else None
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _known_keys(model: type[BaseModel], prefix: str = "", item: str | None = None) -> list[str]:
    """Every key; those of the tables in a list too, where `item` is the number to write for them."""
    keys = []
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        keys.append(prefix + name)
        inner, place = field.annotation, f"{prefix}{name}."
        if item is not None and get_origin(inner) is tuple:
            inner, place = get_args(inner)[0], f"{place}{item}."
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += _known_keys(inner, place, item)
    return keys


def _refuse_secrets(table: Mapping[str, Any], model: type[BaseModel], prefix: str, path: Path) -> None:
    for name, value in table.items():
        field = model.model_fields.get(name)
        if field is None:
            continue
        if field.exclude:
            raise Misconfigured(f"{path}: unknown key {prefix}{name}")
        if field.annotation is SecretStr:
            variable = (PREFIX + (prefix + name).replace(".", "__").replace("-", "_")).upper()
            raise Misconfigured(f"{path}: {prefix}{name} is a secret: set {variable} or {variable}_FILE instead")
        if isinstance(value, dict) and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            _refuse_secrets(value, field.annotation, f"{prefix}{name}.", path)
        if isinstance(value, dict) and (named := _named_table(field.annotation)) is not None:
            for key, inner in value.items():
                _refuse_secrets(inner if isinstance(inner, dict) else {}, named, f"{prefix}{name}.{key}.", path)


def _explain(error: ValidationError, path: Path, variables: Mapping[str, str]) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        item = next((str(part) for part in first["loc"] if isinstance(part, int)), None)
        near = difflib.get_close_matches(where, _known_keys(Settings, item=item), n=1, cutoff=0.4)
        return f"{path}: unknown key {where}" + (f", did you mean {near[0]}?" if near else "")
    for key, variable in variables.items():
        if f"{where}.".startswith(f"{key}."):
            return f"environment: {variable}: {first['msg']}"
    return f"{path}: {where}: {first['msg']}"
