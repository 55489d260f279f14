"""The exact pin to write in the place of a requirement, in the form that its file has."""

import json

from pytest_tfdocker.locks.declared import Requirement
from pytest_tfdocker.text import printable


def pin_of(one: Requirement, version: str) -> str:
    """Of a version; as TOML where it is an entry of a table."""
    if not one.entry:
        return printable(f"{one.name}=={version}")
    equals = "==" if one.entry == "pipfile" else ""  # Poetry takes a bare one for exactly that
    text = json.dumps(f"{equals}{version}")
    if one.extras:
        text = f"{{version = {text}, extras = {json.dumps(list(one.extras))}}}"
    return printable(f"{one.name} = {text}")
