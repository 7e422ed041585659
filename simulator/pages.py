"""The Jinja set-up that pages kept as files share: everything is escaped, and a name that is not there is an error.

Templates, and what all of them include (`page_head.html`, the style `page.css`), lie beside this module.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template


def template(name: str) -> Template:
    """The template in the file `name`."""
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _text(name: str) -> str:
    return (files("simulator") / name).read_text(encoding="utf-8")


__all__ = ["template"]
