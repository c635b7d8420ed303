"""The page: sections in one HTML file that loads nothing from the network and runs no script but ours.

Everything that comes from data goes through `text` or through JSON without "<". The content security policy allows
data: images, this file's own style and its own script by their hashes, and nothing else: were a label ever to slip
through, the browser would not run it.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ...store.shown import shown
from .drawing import Drawing

_FILES = resources.files(__package__)
STYLE = (_FILES / "page.css").read_text(encoding="utf-8")
SCRIPT = (_FILES / "page.js").read_text(encoding="utf-8")


class LeftOut(Exception):
    """A section cannot be drawn for this collection; the message says why."""


@dataclass(frozen=True)
class Section:
    """A part of the page: its name (the id), its title (text), its body (HTML whose texts are escaped)."""

    name: str
    title: str
    body: str


def text(value: object) -> str:
    """Any text as HTML: control characters shown, markup escaped."""
    return html.escape(shown(str(value)))


def paragraph(words: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f"<p{_class(kind)}>{text(words)}</p>\n"


def picture(drawing: Drawing, alt: str, identity: str = "") -> str:
    """A drawn figure as an image, inside which no script runs; `alt` says in words what it shows."""
    name = f' id="{identity}"' if identity else ""
    source = data_uri("image/svg+xml", drawing.svg)
    return f'<img{name} src="{source}" width="{drawing.width}" height="{drawing.height}" alt="{text(alt)}">\n'


def figure(drawing: Drawing, caption: str) -> str:
    """A drawn figure with its caption, which is its description too."""
    return f"<figure>{picture(drawing, caption)}<figcaption>{text(caption)}</figcaption></figure>\n"


def facts(rows: Iterable[tuple[str, object]], kind: str = "facts") -> str:
    """A table of names and values; kind "facts numbers" leaves more room to the names."""
    cells = "".join(f"<tr><th>{text(name)}</th><td>{text(value)}</td></tr>\n" for name, value in rows)
    return f'<table class="{kind}">\n{cells}</table>\n'


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with a head."""
    titles = "".join(f"<th>{text(title)}</th>" for title in head)
    lines = "".join("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<table class="wide">\n<tr>{titles}</tr>\n{lines}</table>\n'


def data_uri(kind: str, content: bytes) -> str:
    """Bytes as a data: URI of that media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def data_block(identity: str, value: Any) -> str:
    """Data for our script; JSON without "<" cannot end its block."""
    plain = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{identity}">{plain}</script>\n'


def whole_page(title: str, subtitle: str, sections: Sequence[Section], left_out: Sequence[tuple[str, str]]) -> str:
    """The HTML of all sections, with a list of links to them, and what is left out and why."""
    links = "".join(f'<li><a href="#{section.name}">{text(section.title)}</a></li>' for section in sections)
    body = "".join(
        f'<section id="{section.name}">\n<h2>{text(section.title)}</h2>\n{section.body}</section>\n'
        for section in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{text(title)}</h1>\n{paragraph(subtitle, 'note')}<nav><ul>{links}</ul></nav>\n</header>\n"
        f"<main>\n{body}{_missing(left_out)}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _missing(left_out: Sequence[tuple[str, str]]) -> str:
    if not left_out:
        return ""
    return f'<section id="left-out">\n<h2>Left out</h2>\n{facts(left_out)}</section>\n'


def _policy() -> str:
    own = {name: _hash(content) for name, content in (("style", STYLE), ("script", SCRIPT))}
    rules = (f"{name}-src 'sha256-{digest}'" for name, digest in own.items())
    return "; ".join(("default-src 'none'", "img-src data:", *rules, "base-uri 'none'", "form-action 'none'"))


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
