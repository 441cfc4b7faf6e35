"""Reads the small part of YAML that sdk/kinds is written in (see sdk/kinds/README.md).

Own reader, because a build should need no Python package and because a wrong file is to be named with its line.
"""
import json
import re

_SPECIAL = re.compile(r'[,\[\]{}]')
_CONSTANTS = {'true': True, 'false': False, 'null': None}


class ReadError(Exception):
    """A file is not in the expected form; the text names file and line."""


def _scalar(text):
    text = text.strip()
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if re.fullmatch(r'-?\d+', text):
        return int(text)
    return text


class _Flow:
    """One line's value: a scalar, "text", [list] or {map}."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def peek(self):
        while self.at < len(self.text) and self.text[self.at] == ' ':
            self.at += 1
        return self.text[self.at] if self.at < len(self.text) else ''

    def expect(self, char):
        if self.peek() != char:
            raise ValueError(f'expected {char!r} at column {self.at} of {self.text!r}')
        self.at += 1

    def quoted(self):
        value, end = json.JSONDecoder().raw_decode(self.text, self.at)
        self.at = end
        return value

    def plain(self, stop):
        start = self.at
        while self.at < len(self.text):
            char = self.text[self.at]
            if _SPECIAL.match(char) or (stop and self.text.startswith(stop, self.at)):
                break
            self.at += 1
        return self.text[start:self.at].strip()

    def key(self):
        text = self.quoted() if self.peek() == '"' else self.plain(': ')
        self.expect(':')
        return text

    def value(self):
        char = self.peek()
        if char == '"':
            return self.quoted()
        if char == '[':
            return self.sequence()
        if char == '{':
            return self.mapping()
        return _scalar(self.plain(None))

    def items(self, close, one):
        self.at += 1
        while self.peek() != close:
            one()
            if self.peek() != close:
                self.expect(',')
        self.at += 1

    def sequence(self):
        found = []
        self.items(']', lambda: found.append(self.value()))
        return found

    def mapping(self):
        found = {}

        def one():
            key = self.key()
            if key in found:
                raise ValueError(f'{key!r} is given twice')
            found[key] = self.value()
        self.items('}', one)
        return found


def _inline(text):
    if text[:1] in ('"', '[', '{'):
        flow = _Flow(text)
        value = flow.value()
        if flow.peek():
            raise ValueError(f'text after the value: {text[flow.at:]!r}')
        return value
    return _scalar(text)


class _Block:
    def __init__(self, lines):
        self.lines, self.at = lines, 0

    def node(self, indent):
        _, text = self.lines[self.at][1:]
        return self.sequence(indent) if text.startswith('- ') else self.mapping(indent)

    def here(self, indent):
        if self.at >= len(self.lines) or self.lines[self.at][1] < indent:
            return False
        if self.lines[self.at][1] > indent:
            raise ValueError('unexpected indentation')
        return True

    def sequence(self, indent):
        found = []
        while self.here(indent):
            text = self.lines[self.at][2]
            if not text.startswith('- '):
                raise ValueError('expected an item')
            found.append(_inline(text[2:].strip()))
            self.at += 1
        return found

    def mapping(self, indent):
        found = {}
        while self.here(indent):
            key, separator, rest = self.lines[self.at][2].partition(':')
            if not separator or key in found:
                raise ValueError(f'expected a new key, found {key!r}')
            self.at += 1
            if rest.strip():
                found[key] = _inline(rest.strip())
            elif self.at < len(self.lines) and self.lines[self.at][1] > indent:
                found[key] = self.node(self.lines[self.at][1])
            else:
                found[key] = None
        return found


def read(path):
    """The file's content as dicts, lists and scalars."""
    lines = []
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            text = line.rstrip()
            if text.strip() and not text.lstrip().startswith('#'):
                lines.append((number, len(text) - len(text.lstrip()), text.lstrip()))
    block = _Block(lines)
    try:
        return block.node(0) if lines else {}
    except ValueError as error:
        number = lines[min(block.at, len(lines) - 1)][0]
        raise ReadError(f'{path}:{number}: {error}') from error
