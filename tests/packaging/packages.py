#!/usr/bin/env python3
"""Packages, unpacked into an empty folder, are enough to write, build, test and judge a plugin outside of the source tree.

usage: packages.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE, BUILD = map(pathlib.Path, sys.argv[1:3])
JOBS = str(os.cpu_count() or 2)


def run(*command, cwd=None, env=None, status=0):
    done = subprocess.run([str(c) for c in command], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if done.returncode != status:
        sys.exit(f'{" ".join(map(str, command))}: status {done.returncode}, expected {status}\n{done.stdout}\n{done.stderr}')
    return done.stdout


def expect(holds, what):
    print(('ok      ' if holds else 'FAILED  ') + what, flush=True)
    if not holds:
        sys.exit(1)


def packages(scratch):
    run('cpack', '-G', 'DEB', '--config', BUILD / 'CPackConfig.cmake', '-D', f'CPACK_OUTPUT_FILE_PREFIX={scratch}/debs', cwd=scratch)
    found = {p.name.split('_')[0]: p for p in (scratch / 'debs').glob('*.deb')}
    expect(set(found) == {'keelson', 'libkeelson-dev'}, f'cpack makes the packages {sorted(found)}')
    return found


def unpack(debs, root):
    for deb in debs.values():
        run('dpkg', '-x', deb, root)
    for file in ('usr/bin/keelson', 'usr/bin/keelson-bench', 'usr/lib/keelson/plugins/namespace.so', 'lib/systemd/system/keelson.service', 'etc/keelson/config.yaml'):
        place = root / file if (root / file).exists() else root / 'usr' / file
        expect(place.exists(), f'{file} is installed')
    expect((root / 'etc/keelson/config.yaml').stat().st_mode & 0o777 == 0o600, 'the configuration is private, as `keelson check` wants it')
    depends = run('dpkg-deb', '-f', debs['keelson'], 'Depends')
    expect('libc6' in depends and 'libssl3' in depends, f'keelson depends on the libraries that it is linked with: {depends.strip()}')
    expect('/etc/keelson/config.yaml' in run('dpkg-deb', '--ctrl-tarfile', debs['keelson']), 'the configuration is a conffile')


def configure(source, build, root, *more):
    launcher = shutil.which('ccache')
    run('cmake', '-S', source, '-B', build, '-G', 'Ninja', f'-DCMAKE_PREFIX_PATH={root}/usr', *([f'-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}'] if launcher else []), *more)
    cache = (build / 'CMakeCache.txt').read_text()
    expect(f'Keelson_DIR:PATH={root}' in cache, f'{source.name} finds the unpacked SDK, not the source tree')
    run('cmake', '--build', build, '-j', JOBS)


def verdict(keelson, file, status, *more):
    return json.loads(run(keelson, 'plugin', 'verify', '-o', 'json', '--plugin-dir', '/nowhere', *more, file, status=status))


def new_project(keelson, scratch, root):
    project = scratch / 'green-house'
    listed = run(keelson, 'plugin', 'new', 'green-house', cwd=scratch)
    expect('cmake -B build' in listed, 'plugin new says what to do next')
    configure(project, project / 'build', root)
    out = run('ctest', '--test-dir', project / 'build', '--verbose', '--no-tests=error')
    expect('100% tests passed' in out and 'what others do to the ConfigMap is undone' in out, 'the new project builds and passes its test')
    report = verdict(keelson, project / 'build/plugins/green-house.so', 0)
    expect(report['kinds'] == ['greenhouses.example.dev (GreenHouse v1, namespaced)'], f'verify names its kind: {report["kinds"]}')
    return project


def odd_names(keelson, scratch, root):
    """Names that are words of the template itself, and those of which nothing can come."""
    path = next((root / 'usr/lib').rglob('keelson-sdk.pc')).parent
    flags = run('pkg-config', '--cflags', 'keelson-sdk', env={'PKG_CONFIG_PATH': str(path)}).split()
    for name in ('status', 'std'):
        run(keelson, 'plugin', 'new', name, cwd=scratch)
        run('g++', '-std=c++20', '-fsyntax-only', *flags, scratch / name / f'{name}.cc')
    for name in ('a' * 63, 'Green', '1st', 'green-', 'a.b', ''):
        run(keelson, 'plugin', 'new', name, scratch / 'none', status=1)
        expect(not (scratch / 'none').exists(), f'"{name}" is refused as a name, and nothing is written')


def examples(keelson, scratch, root):
    build = scratch / 'examples'
    configure(root / 'usr/share/doc/libkeelson-dev/examples', build, root)
    made = sorted((build / 'examples').glob('*.so'))
    expect({'website.so', 'note.so'} <= {p.name for p in made}, f'the examples build: {[p.name for p in made]}')
    for plugin in made:
        expect(verdict(keelson, plugin, 0, '--host', 'Core')['verdict']['loads'], f'{plugin.name} would be loaded')
    website = verdict(keelson, build / 'examples/website.so', 0)
    expect(website['host'] == 'Process' and 'create, delete, get, list, patch, update, watch deployments.apps' in website['rights'], 'website: a process of its own, with rights to Deployments')
    told = verdict(keelson, build / 'examples/hooks-authorization.so', 1)['verdict']
    expect(told['reason'] == 'CapabilityMissing' and 'set spec.host to Core' in told['message'], 'a hook that answers inline would be refused in a process of its own')


def by_pkg_config(keelson, scratch, root):
    path = next((root / 'usr/lib').rglob('keelson-sdk.pc')).parent
    env = {'PKG_CONFIG_PATH': str(path)}
    flags = run('pkg-config', '--cflags', '--libs', 'keelson-sdk', env=env).split()
    script = run('pkg-config', '--variable=versionscript', 'keelson-sdk', env=env).strip()
    source = root / 'usr/share/doc/libkeelson-dev/examples/website/website.cc'
    out = scratch / 'website.so'
    run('g++', '-shared', '-fno-gnu-unique', '-o', out, source, *flags, '-Wl,-z,defs', f'-Wl,--version-script={script}')
    expect(verdict(keelson, out, 0)['name'] == 'website', 'pkg-config is enough to build a plugin')


def judged(keelson, project, scratch, root):
    plugin = project / 'build/plugins/green-house.so'
    copy = scratch / 'copy.so'
    shutil.copy(plugin, copy)
    content = bytearray(plugin.read_bytes())
    content[18] = 183  # e_machine: aarch64
    copy.write_bytes(content)
    expect(verdict(keelson, copy, 1)['verdict']['reason'] == 'WrongArchitecture', 'a plugin for another machine would be refused')
    copy.write_bytes(plugin.read_bytes())
    copy.chmod(0o666)
    report = verdict(keelson, copy, 1)
    expect(report['verdict']['reason'] == 'BadPermissions' and report['kinds'], 'an open file would be refused, and is told all the same')
    copy.chmod(0o644)
    namesake = run(keelson, 'plugin', 'verify', '-o', 'json', '--plugin-dir', plugin.parent, copy, status=1)
    expect(json.loads(namesake)['verdict']['reason'] == 'NameTaken', 'a namesake would be refused')
    key = 'RWTl1QOP/0wE62ZF/gUQO4RZadCBbc9OIWLpfGHB4aoZ6wmNSPuDM8wB'
    expect(verdict(keelson, copy, 1, '--plugin-keys', key)['verdict']['reason'] == 'BadSignature', 'with keys, what is not signed would be refused')
    bundled = root / 'usr/lib/keelson/plugins/namespace.so'
    expect(verdict(keelson, bundled, 0, '--plugin-keys', key)['verdict']['loads'], 'the bundled plugins need no signature')
    second = scratch / 'second.so'
    shutil.copy(bundled, second)
    expect(json.loads(run(keelson, 'plugin', 'verify', '-o', 'json', second, status=1))['verdict']['reason'] == 'NameTaken', 'plugins that were installed with the program are found, wherever that was')
    if not shutil.which('minisign'):
        print('skipped signing: minisign is not installed')
        return
    run('minisign', '-G', '-W', '-p', scratch / 'k.pub', '-s', scratch / 'k.key')
    for form in ([], ['-l']):
        run('minisign', '-S', *form, '-s', scratch / 'k.key', '-m', copy)
        expect(verdict(keelson, copy, 0, '--plugin-keys', scratch / 'k.pub')['verdict']['loads'], 'what minisign signed would be loaded' + (' (legacy)' if form else ''))
    with copy.open('ab') as file:
        file.write(b'x')
    expect(verdict(keelson, copy, 1, '--plugin-keys', scratch / 'k.pub')['verdict']['reason'] == 'BadSignature', 'what was changed after it was signed would be refused')


def main():
    for tool in ('cpack', 'dpkg', 'dpkg-shlibdeps', 'pkg-config', 'ninja'):
        if not shutil.which(tool):
            print(f'skipped: {tool} is not installed')
            sys.exit(77)
    with tempfile.TemporaryDirectory(prefix='keelson-packages-') as name:
        scratch = pathlib.Path(name)
        root = scratch / 'root'
        unpack(packages(scratch), root)
        keelson = root / 'usr/bin/keelson'
        project = new_project(keelson, scratch, root)
        odd_names(keelson, scratch, root)
        examples(keelson, scratch, root)
        by_pkg_config(keelson, scratch, root)
        judged(keelson, project, scratch, root)


main()
