#!/usr/bin/env python3
"""Compiles the files of a template into the program: embed.py DIR OUT.cc"""
import pathlib
import sys

CHUNK = 8000  # bytes of one literal: compilers may refuse longer ones


def literal(text):
    chunks = [text[i:i + CHUNK] for i in range(0, len(text), CHUNK)] or ['']
    return '\n'.join(f'R"keelson({c})keelson"' for c in chunks)


def main():
    root, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    rows = []
    for path in sorted(p for p in root.rglob('*') if p.is_file()):
        name = str(path.relative_to(root)).replace('NAME', '@name@').replace('gitignore', '.gitignore')
        rows.append(f'      {{"{name}", {literal(path.read_text())}}},')
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text('\n'.join(['// Made by tools/embed.py.', '#include "core/main/plugin_project.hpp"', '',
                              'namespace keelson::server {', 'std::vector<TemplateFile> plugin_template() {', '  return {', *rows, '  };', '}',
                              '}  // namespace keelson::server', '']))


main()
