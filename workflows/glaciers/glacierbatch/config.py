"""Messages for wrong configs: which key, what was given, what is allowed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from glacierbatch.errors import ConfigError


def check_config(config: dict[str, Any], schema_file: Path) -> None:
    """Hold a config against its schema (JSON Schema, draft 2020-12, as YAML).

    Texts that stand for numbers or truth values are replaced by these, in place.
    Raises ConfigError with one line for each wrong key. Defaults are not filled in: that is
    the work of `snakemake.utils.validate`, which stops at the first error and names no remedy.
    """
    schema = yaml.safe_load(schema_file.read_text())
    read_texts(config, schema)
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(config), key=lambda e: list(map(str, e.absolute_path)))
    lines = [line for error in errors for line in _explain(error)]
    if lines:
        raise ConfigError("the configuration cannot be used:\n" + "\n".join(f"  - {line}" for line in lines))


def read_texts(config: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Turn texts into numbers and truth values, in place, where the schema asks for these.

    Snakemake leaves texts as they are in `--config 'idealised={count: 3}'` and `--config key=true`.
    """
    for key, part in schema.get("properties", {}).items():
        value = config.get(key)
        if part.get("type") == "object" and isinstance(value, dict):
            read_texts(value, part)
        elif isinstance(value, str) and part.get("type") in ("integer", "boolean"):
            read = yaml.safe_load(value)
            if isinstance(read, int):
                config[key] = read


def _explain(error: Any) -> list[str]:
    where = [str(part) for part in error.absolute_path]
    if error.validator == "additionalProperties":
        known = ", ".join(f"`{_key([*where, name])}`" for name in sorted(error.schema["properties"]))
        unknown = sorted(set(error.instance) - set(error.schema["properties"]))
        return [f"config key `{_key([*where, name])}` is unknown; known keys: {known}" for name in unknown]
    return [f"config key `{_key(where)}`: given {error.instance!r}; allowed: {_allowed(error.schema)}"]


def _key(parts: list[str]) -> str:
    return ".".join(parts) or "(the whole config)"


def _allowed(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", "value")
    text = " or ".join([kinds] if isinstance(kinds, str) else kinds).replace("null", "empty")
    if "minimum" in schema:
        text += f" of at least {schema['minimum']}"
    if "maximum" in schema:
        text += f" and at most {schema['maximum']}"
    if "pattern" in schema:
        text += f" of the form {schema.get('examples', [schema['pattern']])[0]!r}"
    if schema.get("uniqueItems"):
        text += " without repetition"
    if schema.get("minLength"):
        text += ", not the empty text"
    return f"{text} ({schema['description']})" if "description" in schema else text
