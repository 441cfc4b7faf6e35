#!/usr/bin/env python3
"""The border is C: a plugin made by clang, with GCC's standard library or with its own, works in a host made by GCC.

usage: other_compiler.py SOURCE_DIR BUILD_DIR
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE, BUILD = map(pathlib.Path, sys.argv[1:3])
GENERATED = BUILD / 'generated/sdk'
NEW = 'green-house'
NEEDED = '#include <concepts>\n'
LIBRARY_SOURCES = [*(SOURCE / 'sdk/keelson').glob('*.cc'), *(SOURCE / 'sdk/keelson/codec').glob('*.cc'), *GENERATED.glob('kinds_*.cc')]


def skip(why):
    print(f'skipped: {why}')
    sys.exit(77)


def run(*command, cwd=None, env=None):
    done = subprocess.run([str(c) for c in command], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f'{" ".join(map(str, command))}: status {done.returncode}\n{done.stdout}\n{done.stderr}')
    return done.stdout


def expect(holds, what):
    print(('ok      ' if holds else 'FAILED  ') + what, flush=True)
    if not holds:
        sys.exit(1)


def flags(project):
    return ['-std=c++20', '-O0', '-fPIC', '-fvisibility=hidden', '-fvisibility-inlines-hidden', '-w', f'-I{SOURCE}/sdk', f'-I{GENERATED}', f'-I{project}']


def link(compiler, objects, out, *libraries):
    run(*compiler, '-shared', '-o', out, *objects, f'-Wl,--version-script={SOURCE}/cmake/plugin.version', '-Wl,-z,defs', '-Wl,-z,now', *libraries)


def compile_all(compiler, sources, into, more):
    into.mkdir(parents=True, exist_ok=True)
    launcher = [shutil.which('ccache')] if shutil.which('ccache') else []
    objects = [into / (source.stem + f'-{i}.o') for i, source in enumerate(sources)]
    waiting = list(zip(sources, objects))
    running = []
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 2):
            source, out = waiting.pop(0)
            running.append((source, subprocess.Popen([*launcher, *map(str, compiler), *more, '-c', str(source), '-o', str(out)], stderr=subprocess.PIPE, text=True)))
        source, process = running.pop(0)
        error = process.communicate()[1]
        if process.returncode != 0:
            sys.exit(f'{source}: {error}')
    return objects


def host_test(project, scratch):
    """The project's own test, made by GCC like the core that it links."""
    out = scratch / 'host_test'
    kit = next(BUILD.rglob('libkeelson_testing.so'))
    launcher = [shutil.which('ccache')] if shutil.which('ccache') else []
    run(*launcher, 'g++', *flags(project), f'-DPROJECT_DIR="{project}"', '-c', project / f'{NEW}_test.cc', '-o', scratch / 'test.o')
    run('g++', '-o', out, scratch / 'test.o', kit, BUILD / 'sdk/libkeelson_sdk.a', BUILD / 'sdk/libkeelson_sdk_kinds.a', '-lboost_json', f'-Wl,-rpath,{kit.parent}')
    return out


def main():
    clang = shutil.which('clang++')
    if not clang:
        skip('clang++ is not installed')
    with tempfile.TemporaryDirectory(prefix='keelson-clang-') as name:
        scratch = pathlib.Path(name)
        project = scratch / NEW
        run(BUILD / 'bin/keelson', 'plugin', 'new', NEW, cwd=scratch)
        test = host_test(project, scratch)

        def passes(plugin, what):
            out = run(test, env={'KEELSON_PLUGIN_DIR': str(plugin.parent)})
            expect('what others do to the ConfigMap is undone' in out, what)
            note = run(BUILD / 'bin/keelson', 'plugin', 'verify', '--plugin-dir', '/nowhere', plugin)
            expect('lang' in next(line for line in note.splitlines() if line.startswith('compiler')), 'and says who compiled it')

        (scratch / 'a').mkdir()
        objects = compile_all([clang], [project / f'{NEW}.cc'], scratch / 'a-objects', flags(project))
        link([clang], [*objects, BUILD / 'sdk/libkeelson_sdk.a', BUILD / 'sdk/libkeelson_sdk_kinds.a'], scratch / f'a/{NEW}.so', '-lboost_json')
        passes(scratch / f'a/{NEW}.so', "a plugin made by clang on GCC's SDK library works")

        probe = subprocess.run([clang, '-stdlib=libc++', '-x', 'c++', '-fsyntax-only', '-'], input=NEEDED, capture_output=True, text=True, check=False)
        if probe.returncode != 0:
            print('skipped libc++: it is not installed')
            return
        (scratch / 'b').mkdir()
        own_json = scratch / 'boost_json.cc'   # the packaged one is for GCC's standard library
        own_json.write_text('#include <boost/json/src.hpp>\n')
        compiler = [clang, '-stdlib=libc++']
        objects = compile_all(compiler, [project / f'{NEW}.cc', own_json, *LIBRARY_SOURCES], scratch / 'b-objects', flags(project))
        link([*compiler, '-static-libstdc++'], objects, scratch / f'b/{NEW}.so', '-lc++abi', '-lpthread')
        libraries = run('ldd', scratch / f'b/{NEW}.so')
        expect('libstdc++' not in libraries, "a plugin made with clang's standard library takes nothing of GCC's")
        passes(scratch / f'b/{NEW}.so', 'and works in the same host')


main()
