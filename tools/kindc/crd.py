"""A C++ header of a CustomResourceDefinition: its storage version as plain structs, for plugin authors.

Needs PyYAML: a CRD may be any YAML.
"""
import json
import os
import re

from reader import ReadError

_KEYWORDS = set('''alignas alignof and asm auto bool break case catch char class const constexpr continue default delete do double else
enum explicit export extern false float for friend goto if inline int long mutable namespace new not nullptr operator or private protected
public register requires return short signed sizeof static struct switch template this throw true try typedef typeid typename union
unsigned using virtual void volatile while xor'''.split())
_INTEGERS = {'int32': 'std::int32_t', 'int64': 'std::int64_t'}


def _camel(name):
    return ''.join(part[:1].upper() + part[1:] for part in re.split(r'[^A-Za-z0-9]+', name))


def _member(name, where):
    if not re.fullmatch(r'[A-Za-z_][A-Za-z0-9_]*', name) or name.endswith('_'):
        raise ReadError(f'{where}.{name} cannot be the name of a member')
    return name + '_' if name in _KEYWORDS else name


def _literal(value):
    if isinstance(value, bool):
        return 'true' if value else 'false'
    return json.dumps(value) if isinstance(value, (str, int, float)) else None


class _Structs:
    def __init__(self):
        self.made = []   # (name, [(type, member, initialiser, comment)]), inner ones first

    def struct(self, name, schema, where):
        required, rows = schema.get('required') or [], []
        for field, inner in (schema.get('properties') or {}).items():
            type_ = self.type(name + _camel(field), inner, f'{where}.{field}')
            initial = _literal(inner.get('default')) if 'default' in inner else None
            container = type_.startswith(('std::vector', 'std::map', 'keelson::RawJson'))
            if initial is None and field not in required and not container:
                type_ = f'std::optional<{type_}>'
            comment = ' '.join(str(inner.get('description', '')).split())
            rows.append((type_, _member(field, where), initial, comment))
        self.made.append((name, rows))
        return name

    def type(self, name, schema, where):
        kind = schema.get('type')
        if schema.get('x-kubernetes-int-or-string'):
            return 'keelson::IntOrString'
        if kind == 'string':
            return 'keelson::Time' if schema.get('format') == 'date-time' else 'std::string'
        if kind == 'integer':
            return _INTEGERS.get(schema.get('format'), 'std::int64_t')
        if kind in ('number', 'boolean'):
            return {'number': 'double', 'boolean': 'bool'}[kind]
        if kind == 'array':
            return f'std::vector<{self.type(name + "Item", schema.get("items") or {}, where + "[]")}>'
        if schema.get('properties'):
            return self.struct(name, schema, where)
        values = schema.get('additionalProperties')
        if isinstance(values, dict):
            return f'std::map<std::string, {self.type(name + "Value", values, where + "{}")}>'
        return 'keelson::RawJson'


def _render(structs):
    out = []
    for name, rows in structs.made:
        out.append(f'struct {name} {{')
        for type_, member, initial, comment in rows:
            value = f' = {initial}' if initial is not None else ' = 0' if type_ in ('double', *_INTEGERS.values()) else ' = false' if type_ == 'bool' else ''
            out.append(f'  {type_} {member}{value};' + (f'   ///< {comment}' if comment else ''))
        out += ['};', f'BOOST_DESCRIBE_STRUCT({name}, (), ({", ".join(row[1] for row in rows)}))', '']
    return out


def _storage(crd, path):
    for version in crd['spec'].get('versions') or []:
        if version.get('storage'):
            return version
    raise ReadError(f'{path}: no version is the storage version')


def render(text, crd, path):
    spec, version = crd['spec'], _storage(crd, path)
    kind, names = spec['names']['kind'], spec['names']
    properties = ((version.get('schema') or {}).get('openAPIV3Schema') or {}).get('properties') or {}
    structs, parts = _Structs(), []
    for part in ('spec', 'status'):
        has = (properties.get(part) or {}).get('properties')
        parts.append(structs.struct(kind + part.capitalize(), properties[part], part) if has else 'keelson::Nothing')
    space = re.sub(r'[^a-z0-9]', '_', f'{spec["group"]}_{version["name"]}')
    gvk = ', '.join(json.dumps(word) for word in (spec['group'], version['name'], kind, names['plural']))
    return '\n'.join([f'// Made by kindc of {os.path.basename(path)}.', '#pragma once', '#include <keelson/sdk.hpp>', '', f'namespace {space} {{', '', *_render(structs),
                      f'struct {kind} : keelson::Object<{", ".join(parts)}> {{', f'  static constexpr keelson::Gvk gvk{{{gvk}}};',
                      '  /// What setup.kind() declares.', f'  static constexpr std::string_view crd = R"crd({text})crd";', '};', '', f'}}  // namespace {space}', ''])


def write(path, out):
    import yaml
    with open(path, encoding='utf-8') as file:
        text = file.read()
    try:
        crd = yaml.safe_load(text)
        if crd.get('kind') != 'CustomResourceDefinition':
            raise ReadError(f'{path}: it is no CustomResourceDefinition')
        header = render(text, crd, path)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ReadError(f'{path}: {error!r}') from error
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    with open(out, 'w', encoding='utf-8') as file:
        file.write(header)
