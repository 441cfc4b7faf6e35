"""Writes the SDK's structs (one header a package and version) and the tables by which they are decoded and encoded."""
import os
import re

from cpp import text, write_if_changed

# What a plugin is likely to need; the other packages stay data.
PACKAGES = ('meta/v1', 'core/v1', 'apps/v1', 'batch/v1', 'coordination/v1', 'events/v1', 'discovery/v1', 'autoscaling/v1',
            'autoscaling/v2', 'policy/v1', 'rbac/v1', 'storage/v1', 'networking/v1', 'node/v1', 'scheduling/v1',
            'certificates/v1', 'authentication/v1', 'authorization/v1', 'keelson/v1')
# Types that no kind contains, but that requests and answers are made of.
ROOTS = ('meta/v1.Status', 'meta/v1.DeleteOptions', 'meta/v1.PartialObjectMetadata', 'autoscaling/v1.Scale', 'policy/v1.Eviction',
         'authentication/v1.TokenRequest', 'core/v1.PodLogOptions', 'core/v1.PodExecOptions', 'core/v1.PodAttachOptions',
         'core/v1.PodPortForwardOptions', 'core/v1.PersistentVolumeClaim')
_SCALARS = {'string': 'std::string', 'bool': 'bool', 'int32': 'std::int32_t', 'int64': 'std::int64_t', 'float64': 'double',
            'bytes': 'std::string', 'quantity': 'Quantity', 'intOrString': 'IntOrString', 'time': 'Time', 'microTime': 'MicroTime',
            'duration': 'Duration', 'raw': 'RawJson', 'json': 'RawJson', 'any': 'RawJson'}
_ZEROED = {'bool': ' = false', 'int32': ' = 0', 'int64': ' = 0', 'float64': ' = 0'}
_ABSENT_BY_THEMSELVES = ('time', 'microTime', 'raw', 'json', 'any')   # their C++ types know "unset"
_KEYWORDS = set('''alignas alignof and asm auto bool break case catch char class concept const continue decltype default delete
do double else enum explicit export extern false float for friend goto if inline int long module mutable namespace new not
operator or private protected public register requires return short signed sizeof static struct switch template this throw true
try typedef typeid typename union unsigned using virtual void volatile while xor
linux unix'''.split())   # the last two are macros of GCC
# Kinds whose short name in namespace keelson would be taken by something else.
_NO_ALIAS = ('keelson/v1', 'events/v1', 'autoscaling/v1')


def namespace(package):
    return package.replace('/', '_')


def member(name):
    if name == 'metadata':
        return 'meta'
    return name + '_' if name in _KEYWORDS else name


def cpp_type(expr, home=None):
    """The C++ type of a field, as it is spelled in the namespace of package `home`."""
    if expr.form == 'list':
        return f'std::vector<{cpp_type(expr.element, home)}>'
    if expr.form == 'map':
        return f'std::map<std::string, {cpp_type(expr.element, home)}>'
    if expr.form == 'ref':
        package, short = expr.ref.split('.')
        inner = short if package == home else f'{namespace(package)}::{short}'
        return f'Box<{inner}>' if expr.nullable else inner
    inner = _SCALARS[expr.form]
    return f'std::optional<{inner}>' if expr.nullable and expr.form not in _ABSENT_BY_THEMSELVES else inner


def codec(expr):
    """The expression for a field's codec; bytes look like strings in C++ and need to be said."""
    if expr.form == 'bytes':
        return 'CodecFor<Bytes>::value'
    if expr.form == 'map' and expr.element.form == 'bytes':
        return f'MapCodec<{cpp_type(expr)}, Bytes>::value'
    if expr.form == 'list' and expr.element.form == 'bytes':
        return f'ListCodec<{cpp_type(expr)}, Bytes>::value'
    return f'CodecFor<{cpp_type(expr)}>::value'


def _chosen(model):
    """Names of the types to write, those that others contain first."""
    order, seen = [], set()

    def visit(name, inside):
        if name in seen:
            return
        if name in inside:
            raise ValueError(f'{name} contains itself')
        if name.split('.')[0] not in PACKAGES:
            raise ValueError(f'{name} is needed, but its package is not written')
        for field in _fields(model.types[name]):
            for ref in field.type.refs():
                visit(ref, inside | {name})
        seen.add(name)
        order.append(name)
    for kind in model.kinds:
        if kind['package'] in PACKAGES:
            visit(f'{kind["package"]}.{kind["kind"]}', frozenset())
    for name in ROOTS:
        visit(name, frozenset())
    return order


def _fields(type_):
    """Without kind and apiVersion: those are the type's, not the value's."""
    return [f for f in type_.fields if not (type_.has_type_meta and f.name in ('kind', 'apiVersion'))]


def _gvk(type_, resources):
    group = type_.group
    if type_.package == 'meta/v1' and type_.short != 'PartialObjectMetadata':
        group = ''
    return f'{{{text(group)}, {text(type_.version)}, {text(type_.short)}, {text(resources.get(type_.name, ""))}}}'


def _struct(type_, resources):
    out = [f'/// {type_.doc}'] if type_.doc else []
    out.append(f'struct {type_.short} {{')
    if type_.has_type_meta:
        out.append(f'  static constexpr Gvk gvk{_gvk(type_, resources)};')
    for field in _fields(type_):
        doc = f'   ///< {field.doc}' if field.doc else ''
        zero = '' if field.type.nullable else _ZEROED.get(field.type.form, '')
        out.append(f'  {cpp_type(field.type, type_.package)} {member(field.name)}{zero};{doc}')
    out += [f'  {line}' for line in type_.members]
    out += [f'  bool operator==(const {type_.short}&) const;', '};']
    return out


def _qualified(spelled):
    """A C++ type as it is spelled outside of all namespaces."""
    return re.sub(r'(?<![:\w])(\w+)(?=::(?!vector|map|string))', r'keelson::\1', spelled).replace('Box<', 'keelson::Box<')


def _containers(types, home):
    """C++ types of the lists, maps and boxes of structs that the fields of `types` are made of, by the package of the struct."""
    found = set()

    def visit(expr):
        if expr.form in ('list', 'map'):
            visit(expr.element)
        holds = expr.element if expr.form in ('list', 'map') else expr
        boxed = expr.form == 'ref' and expr.nullable
        if (boxed or expr.form in ('list', 'map')) and holds.form == 'ref' and holds.ref.split('.')[0] == home:
            found.add(_qualified(cpp_type(expr)))
    for type_ in types:
        for field in _fields(type_):
            visit(field.type)
    return sorted(found)


def _header(package, types, resources, containers):
    used = sorted({r.split('.')[0] for t in types for f in _fields(t) for r in f.type.refs()} - {package})
    names = [t.short for t in types]
    out = ['// Made by tools/kindc from sdk/kinds.', '#pragma once', '#include <keelson/codec.hpp>']
    out += [f'#include <keelson/kinds/{namespace(p)}.hpp>' for p in used]
    out += ['', f'namespace keelson::{namespace(package)} {{']
    for type_ in types:
        out += ['', *_struct(type_, resources)]
    out += ['', f'}}  // namespace keelson::{namespace(package)}', '', 'namespace keelson::codec {']
    out += [f'template <> struct CodecFor<{namespace(package)}::{n}> {{ static const Codec value; }};' for n in names]
    out.append('}  // namespace keelson::codec')
    # Their members are compiled once, in the library: a plugin that copies a Pod would need ten seconds for it.
    out += ['', *(f'extern template class {c};' for c in containers)] if containers else []
    aliases = [t.short for t in types if t.name in resources and package not in _NO_ALIAS]
    if aliases:
        out += ['', 'namespace keelson {', *(f'using {namespace(package)}::{n};' for n in aliases), '}  // namespace keelson']
    return '\n'.join(out) + '\n'


def _tables(package, types, containers):
    space = namespace(package)
    out = ['// Made by tools/kindc from sdk/kinds.', '#include <cstddef>', '', f'#include <keelson/kinds/{space}.hpp>', '',
           '// The structs have only public members of their own; GCC knows their offsets.',
           '#pragma GCC diagnostic ignored "-Winvalid-offsetof"', '', 'namespace keelson::codec {', 'namespace {']
    for type_ in types:
        rows = []
        for field in _fields(type_):
            omit = 'never' if field.omit == 'never' else 'when_empty'
            rows.append(f'  {{{text(field.name)}, &{codec(field.type)}, Omit::{omit}, '
                        f'offsetof({space}::{type_.short}, {member(field.name)})}},')
        if rows:
            out += [f'constexpr FieldCodec fields_{type_.short}[] = {{', *rows, '};']
    out.append('}  // namespace')
    for type_ in types:
        fields = f'.fields = fields_{type_.short}, .field_count = {len(_fields(type_))}' if _fields(type_) else ''
        gvk = f'.gvk = &{space}::{type_.short}::gvk' if type_.has_type_meta else ''
        body = ', '.join(p for p in ('.form = Form::object', fields, gvk) if p)
        out.append(f'constinit const Codec CodecFor<{space}::{type_.short}>::value{{{body}}};')
    out += ['}  // namespace keelson::codec', '', f'namespace keelson::{space} {{']
    out += [f'bool {t.short}::operator==(const {t.short}&) const = default;' for t in types]
    out += [f'}}  // namespace keelson::{space}', '', *(f'template class {c};' for c in containers), '']
    return '\n'.join(out)


def write(model, folder):
    """Headers to folder/keelson/kinds, tables to folder/kinds_<package>.cc."""
    order = _chosen(model)
    resources = {f'{k["package"]}.{k["kind"]}': k['resource'] for k in model.kinds}
    for package in PACKAGES:
        types = [model.types[n] for n in order if model.types[n].package == package]
        name = namespace(package)
        containers = _containers([model.types[n] for n in order], package)
        write_if_changed(os.path.join(folder, 'keelson', 'kinds', f'{name}.hpp'), _header(package, types, resources, containers))
        write_if_changed(os.path.join(folder, f'kinds_{name}.cc'), _tables(package, types, containers))
