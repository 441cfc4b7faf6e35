"""Writes the tables of core/kinds: every type, field and kind as constants that need no code to run at start."""
import json

from cpp import boolean, perfect_hash, text
from model import fallback_doc

_SHAPES = {'bool': 'boolean', 'intOrString': 'int_or_string', 'microTime': 'micro_time', 'json': 'any'}
_HEAD = '''// Made by tools/kindc from sdk/kinds.
#include <array>

#include "core/kinds/builtin.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {
using Text = std::string_view;
'''


class _Tables:
    def __init__(self, model):
        self.model = model
        self.nodes, self.node_of = [], {}         # C++ initialisers; key -> position
        self.fields, self.indexes, self.lists = [], [], {}
        self.orders = []                          # of fields in protobuf messages
        self.go_names = {'': 0}                   # text -> position

    # --- shared lists of texts -----------------------------------------------------------------------------------
    def list_of(self, texts):
        """An expression for a span over these texts."""
        if not texts:
            return '{}'
        key = tuple(texts)
        if key not in self.lists:
            self.lists[key] = f'list_{len(self.lists)}'
        return self.lists[key]

    def go_name(self, name):
        """Its position: few names serve many fields, and a number in a field costs nothing."""
        return self.go_names.setdefault(name, len(self.go_names))

    def list_definitions(self):
        for key, name in self.lists.items():
            yield f'constexpr Text {name}[] = {{{", ".join(text(t) for t in key)}}};'

    # --- nodes ---------------------------------------------------------------------------------------------------
    def node(self, key, initialiser):
        if key not in self.node_of:
            self.node_of[key] = len(self.nodes)
            self.nodes.append(initialiser)
        return self.node_of[key]

    def place_types(self):
        """Named types first, so that references to them are known before their fields are written."""
        for name in sorted(self.model.types):
            self.node(name, None)

    def expression(self, expr, field=None):
        """Position of the node for a type expression; list and map attributes are the field's."""
        if expr.form == 'ref':
            granular = field and field.data.get('map') == 'granular' and self.model.types[expr.ref].atomic
            return self.node(('granular', expr.ref), None) if granular else self.node_of[expr.ref]
        if expr.form == 'list':
            kind = field.data.get('list', 'unset') if field else 'unset'
            keys = field.texts('listKeys') if field else []
            element = self.expression(expr.element)
            return self.node(('list', element, kind, tuple(keys)),
                             f'.shape = Shape::list, .element = &nodes[{element}], .list_type = ListType::{kind}, '
                             f'.list_map_keys = {self.list_of(keys)}')
        if expr.form == 'map':
            atomic = boolean(field and field.data.get('map') == 'atomic')
            element = self.expression(expr.element)
            return self.node(('map', element, atomic),
                             f'.shape = Shape::map, .element = &nodes[{element}], .map_atomic = {atomic}')
        shape = _SHAPES.get(expr.form, expr.form)
        return self.node(('scalar', shape), f'.shape = Shape::{shape}')

    def type(self, type_):
        doc = text(type_.doc or fallback_doc(type_.short))
        parts = [f'.shape = Shape::{"any" if type_.any else "object"}', f'.name = {text(type_.name)}', f'.description = {doc}']
        if type_.fields and not type_.any:
            first, count = len(self.fields), len(type_.fields)
            self.fields += [self.field(f) for f in type_.fields]
            parts.append(f'.fields = std::span<const Field>(&fields[{first}], {count})')
        if type_.atomic:
            parts.append('.map_atomic = true')
        wire = self.wire_order(type_)
        if wire:
            parts.append(f'.wire_order = {wire}')
        if type_.fields and not type_.any:
            parts.append(f'.index = &indexes[{self.index(type_)}]')
        self.nodes[self.node_of[type_.name]] = ', '.join(parts)

    def place_granular(self):
        """What is atomic elsewhere, at fields where each of its members has managers of its own."""
        for key, at in self.node_of.items():
            if isinstance(key, tuple) and key[0] == 'granular':
                self.nodes[at] = self.nodes[self.node_of[key[1]]].replace(', .map_atomic = true', '')

    def wire_order(self, type_):
        """An expression for the positions of the fields as their numbers order them on the wire; None: no message."""
        fields = [] if type_.any else type_.fields
        numbered = [(tuple([*f.protobuf_inline, f.protobuf]), i) for i, f in enumerate(fields) if f.protobuf]
        if not numbered:
            return None
        self.orders.append([i for _, i in sorted(numbered)])
        return f'order_{len(self.orders) - 1}'

    def index(self, type_):
        multiplier, shift, slots = perfect_hash([f.name for f in type_.fields])
        self.indexes.append((multiplier, shift, slots))
        return len(self.indexes) - 1

    def field(self, field):
        data = field.data
        parts = [f'.name = {text(field.name)}', f'.type = &nodes[{self.expression(field.type, field)}]',
                 f'.description = {text(field.doc or fallback_doc(field.name))}']

        def flag(name, value):
            if value:
                parts.append(f'.{name} = true')

        def put(name, value):
            parts.append(f'.{name} = {value}')
        flag('required', data.get('required'))
        flag('nullable', field.type.nullable)
        flag('deprecated', data.get('deprecated'))
        put('omit', f'Omit::{field.omit}')
        put('protobuf', field.protobuf)
        if data.get('go'):
            put('go_type', self.go_name(data['go']))
        if data.get('patch'):
            put('patch_strategy', text(','.join(field.texts('patch'))))
        if data.get('mergeKey'):
            put('patch_merge_key', text(data['mergeKey']))
        values = field.texts('enum') or field.texts('known')
        if values:
            put('enum_values', self.list_of(values))
        flag('enum_closed', data.get('enum'))
        if 'default' in data:
            put('default_json', text(json.dumps(data['default'], separators=(',', ':'))))
        if 'schemaDefault' in data:
            put('schema_default_json', text(json.dumps(data['schemaDefault'], separators=(',', ':'))))
        if field.protobuf_inline:
            put('protobuf_inline', '{' + ', '.join(map(str, field.protobuf_inline)) + '}')
        if field.embedded:
            put('go_embedded', self.go_name('.'.join(field.embedded)))
        if data.get('rules'):
            put('rules', self.list_of(field.texts('rules')))
        if data.get('gate'):
            put('gate', text(','.join(field.texts('gate'))))
        return '{' + ', '.join(parts) + '}'

    # --- kinds ---------------------------------------------------------------------------------------------------
    def kind(self, kind):
        strategy = kind.get('strategy') or {}
        position = len(self.kind_parts)
        self.kind_parts.append((list(self.columns(kind)), list(self.subresources(kind))))
        columns, subresources = self.kind_parts[position]
        aliases = [f'{a}={b}' for a, b in (kind.get('aliases') or {}).items()]
        name = f'{kind["package"]}.{kind["kind"]}'
        parts = [
            f'.group = {text(kind["group"])}', f'.version = {text(kind["version"])}', f'.resource = {text(kind["resource"])}',
            f'.kind = {text(kind["kind"])}', f'.singular = {text(kind["singular"])}',
            f'.namespaced = {boolean(kind["scope"] == "Namespaced")}', f'.served = {boolean(kind.get("served", True))}',
            f'.verbs = {self.list_of(kind["verbs"])}', f'.short_names = {self.list_of(kind.get("shortNames"))}',
            f'.categories = {self.list_of(kind.get("categories"))}',
            f'.storage_version_hash = {text(kind.get("storageVersionHash", ""))}',
            f'.deprecation = {text(kind.get("deprecation", ""))}',
            f'.selectable = {self.list_of(kind.get("selectable"))}', f'.aliases = {self.list_of(aliases)}',
            f'.subresources = {"subresources_" + str(position) if subresources else "{}"}',
            f'.columns = {"columns_" + str(position) if columns else "{}"}', f'.type = &nodes[{self.node_of[name]}]',
            f'.create_on_update = {boolean(strategy.get("createOnUpdate"))}',
            f'.unconditional_update = {boolean(strategy.get("unconditionalUpdate", True))}',
            f'.generation = {boolean(strategy.get("generation"))}',
            f'.generation_bump = {self.list_of(strategy.get("generationBump"))}',
            f'.status_reset_on_create = {boolean(strategy.get("statusResetOnCreate"))}',
            f'.propagation = Strategy::Propagation::{strategy.get("propagation", "Background").lower()}']
        return '{' + ', '.join(parts) + '}'

    def columns(self, kind):
        for column in kind.get('columns', []):
            yield (f'{{{text(column["name"])}, {text(column["type"])}, {text(column.get("format", ""))}, '
                   f'{text(column.get("doc") or fallback_doc(column["name"]))}, {text(column["value"])}, '
                   f'{column.get("priority", 0)}}}')

    def subresources(self, kind):
        for name, body in (kind.get('subresources') or {}).items():
            yield (f'{{{text(name)}, {text(body["kind"])}, {text(body.get("group", ""))}, {text(body.get("version", ""))}, '
                   f'{self.list_of(body["verbs"])}}}')

    def render(self):
        self.place_types()
        for name in sorted(self.model.types):
            self.type(self.model.types[name])
        self.place_granular()
        self.kind_parts = []
        kinds = [self.kind(k) for k in self.model.kinds]
        groups = self.list_of(self.model.groups)
        out = [_HEAD, *self.list_definitions(), f'extern const Type nodes[{len(self.nodes)}];',
               f'extern const Field fields[{len(self.fields)}];', f'extern const FieldIndex indexes[{len(self.indexes)}];']
        for position, (_, _, slots) in enumerate(self.indexes):
            out.append(f'constexpr std::uint8_t slots_{position}[] = {{{", ".join(map(str, slots))}}};')
        out.append(f'constinit const FieldIndex indexes[{len(self.indexes)}] = {{')
        out += [f'  {{{m}u, {s}, slots_{i}}},' for i, (m, s, _) in enumerate(self.indexes)]
        out.append('};')
        for position, order in enumerate(self.orders):
            out.append(f'constexpr std::uint8_t order_{position}[] = {{{", ".join(map(str, order))}}};')
        out += [f'constinit const Field fields[{len(self.fields)}] = {{', *(f'  {f},' for f in self.fields), '};']
        out += [f'constinit const Type nodes[{len(self.nodes)}] = {{', *(f'  {{{n}}},' for n in self.nodes), '};']
        out.append(f'constexpr Text go_names[] = {{{", ".join(text(n) for n in self.go_names)}}};')
        for position, (columns, subresources) in enumerate(self.kind_parts):
            if columns:
                out += [f'constexpr BuiltinColumn columns_{position}[] = {{', *(f'  {c},' for c in columns), '};']
            if subresources:
                out += [f'constexpr BuiltinSubresource subresources_{position}[] = {{', *(f'  {s},' for s in subresources), '};']
        out += [f'constinit const BuiltinKind kinds[{len(kinds)}] = {{', *(f'  {k},' for k in kinds), '};']
        out += ['}  // namespace', 'std::span<const BuiltinKind> builtin_kinds() { return kinds; }',
                f'std::span<const std::string_view> builtin_groups() {{ return {groups}; }}',
                'std::string_view builtin_go_name(std::uint16_t position) { return go_names[position]; }',
                f'std::span<const Type> builtin_types() {{ return {{nodes, {len(self.model.types)}}}; }}',
                '}  // namespace keelson::kinds', '']
        return '\n'.join(out)


def render(model):
    """The source text of the tables."""
    return _Tables(model).render()
