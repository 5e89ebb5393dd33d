"""The names of the page's state that its templates and scripts use."""

from __future__ import annotations

import re
from html.parser import HTMLParser

OF_JAVASCRIPT = {"true", "false", "null", "undefined", "Math", "Number", "String", "window", "navigator"}
OF_VUE = {"$event", "trigger"}
VOID = {"input", "br", "hr", "img"}
STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
INSERTED = re.compile(r"\$\{([^}]*)\}")
TEXT_WITH_INSERTED = re.compile(r"`[^`]*`")
KEY_OF_OBJECT = re.compile(r"([{,]\s*)[\w$]+\s*:")
FUNCTION = re.compile(r"\(([^()]*)\)\s*=>")
NAME = re.compile(r"(?<![\w$.])[A-Za-z_$][\w$]*")
LOOP = re.compile(r"^\s*(.+?)\s+in\s+(.+)$", re.DOTALL)


def names_in(expression: str) -> set[str]:
    """Give the variables of a JavaScript expression; not its strings, members, or what its functions take."""
    code = TEXT_WITH_INSERTED.sub(lambda text: f"({','.join(INSERTED.findall(text[0]))})", expression)
    code = KEY_OF_OBJECT.sub(r"\1", STRING.sub("''", code))
    taken = {name for function in FUNCTION.findall(code) for name in NAME.findall(function)}
    return set(NAME.findall(code)) - taken - OF_JAVASCRIPT - OF_VUE


class Template(HTMLParser):
    """Collects the variables of a Vue template that nothing in it defines.

    Attributes
    ----------
    used : set of str
    """

    def __init__(self, template: str) -> None:
        super().__init__()
        self.used: set[str] = set()
        self._open: list[tuple[str, set[str]]] = []
        self.feed(template)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element's expressions; what it defines is known in it and in what it holds."""
        own: set[str] = set()
        expressions = []
        for name, value in attrs:
            if name == "v-for" and value and (loop := LOOP.match(value)):
                own |= names_in(loop[1])
                expressions.append(loop[2])
            elif name.startswith(("v-slot", "#")):
                own |= names_in(value or "")
            elif name.startswith((":", "@", "v-")):
                expressions.append(value or "")
        self._open.append((tag, own))
        for expression in expressions:
            self._use(expression)
        if tag in VOID:
            self._open.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that holds nothing."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """Take what text shows."""
        for expression in re.findall(r"\{\{(.*?)\}\}", data, re.DOTALL):
            self._use(expression)

    def _use(self, expression: str) -> None:
        self.used |= names_in(expression) - {name for _, own in self._open for name in own}


def names_in_script(script: str) -> set[str]:
    """Give the names that a script of ours sets (``set({ … })``) and gets from the state."""
    sets = (STRING.sub("''", one) for one in re.findall(r"\bset\(\{(.*?)\}\)", script, re.DOTALL))
    written = {name for one in sets for name in re.findall(r"(?:^|,)\s*(\w+)\s*(?=[:,]|$)", one)}
    return written | set(re.findall(r"state\??\.get\(\"(\w+)\"\)", script))
