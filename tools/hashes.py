#!/usr/bin/env python3
"""Lets the server know the plugins that came with it by their content: hashes.py OUT.cc PLUGIN.so..."""
import hashlib
import pathlib
import sys


def main():
    out, *files = map(pathlib.Path, sys.argv[1:])
    rows = [f'      "{hashlib.sha256(f.read_bytes()).hexdigest()}",  // {f.name}' for f in sorted(files)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text('\n'.join(['// Made by tools/hashes.py.', '#include "core/main/plugin_wiring.hpp"', '', 'namespace keelson::server {',
                              'std::set<std::string> bundled_plugins() {', '  return {', *rows, '  };', '}', '}  // namespace keelson::server', '']))


main()
