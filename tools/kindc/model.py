"""The declarations of sdk/kinds as objects, checked for what every generator relies on."""
import os
import re

from reader import ReadError, read

SCALARS = ('string', 'bool', 'int32', 'int64', 'float64', 'bytes', 'quantity', 'intOrString', 'time', 'microTime',
           'duration', 'raw', 'json', 'any')
OMIT = {None: 'never', 'empty': 'empty', 'zero': 'zero', 'empty-or-zero': 'empty_or_zero'}
FIELD_KEYS = {'type', 'pb', 'inline', 'required', 'omit', 'patch', 'mergeKey', 'list', 'listKeys', 'map', 'enum', 'known',
              'default', 'schemaDefault', 'rules', 'gate', 'deprecated', 'doc', 'go'}


class TypeExpr:
    """A parsed field type: form is a scalar's name, 'list', 'map' or 'ref'."""

    def __init__(self, text):
        self.nullable = text.endswith('?')
        text = text.rstrip('?')
        self.element, self.ref = None, None
        if text in SCALARS:
            self.form = text
        elif text.startswith('list<'):
            self.form, self.element = 'list', TypeExpr(text[5:-1])
        elif text.startswith('map<string,'):
            self.form, self.element = 'map', TypeExpr(text[11:-1].strip())
        else:
            self.form, self.ref = 'ref', text

    def refs(self):
        if self.ref:
            yield self.ref
        if self.element:
            yield from self.element.refs()


class Field:
    def __init__(self, name, data):
        unknown = set(data) - FIELD_KEYS
        if unknown:
            raise ValueError(f'field {name}: unknown keys {sorted(unknown)}')
        self.name, self.data = name, data
        self.type = TypeExpr(data['type'])
        self.doc = data.get('doc')
        self.omit = OMIT[data.get('omit')]
        self.protobuf = data.get('pb', 0)
        self.protobuf_inline = ()     # numbers of the messages around an inlined field, outermost first
        self.embedded = ()            # names of the structs around it

    def texts(self, key):
        value = self.data.get(key, [])
        return [str(v) for v in (value if isinstance(value, list) else [value])]

    def inlined(self, by):
        copy = Field(self.name, self.data)
        copy.protobuf_inline = (by.protobuf, *self.protobuf_inline) if by.protobuf else self.protobuf_inline
        copy.embedded = (by.name, *self.embedded)
        if not by.protobuf:
            copy.protobuf = 0          # TypeMeta travels in the envelope
        return copy


class Type:
    def __init__(self, package, short, data):
        self.package, self.short, self.name = package, short, f'{package}.{short}'
        self.doc = data.get('doc')
        self.atomic = data.get('atomic', False)
        self.any = data.get('any', False)
        self.members = data.get('cpp', [])
        self.declared = [Field(n, d) for n, d in (data.get('fields') or {}).items()]
        self.fields = []
        self.has_type_meta = any(f.name == 'TypeMeta' and f.data.get('inline') for f in self.declared)


class Model:
    """All types by name, all kinds in file order, the groups in discovery order."""

    def __init__(self, folder):
        self.types, self.kinds, self.files = {}, [], []
        for root, folders, names in sorted(os.walk(folder)):
            folders.sort()
            for name in sorted(n for n in names if n.endswith('.yaml')):
                self._load(os.path.join(root, name))
        for type_ in self.types.values():
            self._check_refs(type_)
            type_.fields = self._flatten(type_)

    def _load(self, path):
        self.files.append(path)
        data = read(path)
        if os.path.basename(path) == 'groups.yaml':
            self.groups = [g or '' for g in data['groups']]
            return
        for short, body in (data.get('types') or {}).items():
            try:
                type_ = Type(data['package'], short, body)
            except (ValueError, KeyError) as error:
                raise ReadError(f'{path}: type {short}: {error}') from error
            type_.group, type_.version = data['group'], data['version']
            if type_.name in self.types:
                raise ReadError(f'{path}: {type_.name} is declared twice')
            self.types[type_.name] = type_
        if 'resource' in data:
            self.kinds.append(data)

    def _check_refs(self, type_):
        for field in type_.declared:
            for ref in field.type.refs():
                if ref not in self.types:
                    raise ReadError(f'{type_.name}.{field.name}: no type {ref}')

    def _flatten(self, type_):
        fields = []
        for field in type_.declared:
            if not field.data.get('inline'):
                fields.append(field)
                continue
            fields += [f.inlined(field) for f in self._flatten(self.types[field.type.ref])]
        names = [f.name for f in fields]
        if len(set(names)) != len(names):
            raise ReadError(f'{type_.name}: a field is declared twice')
        return fields


def fallback_doc(name):
    """A sentence out of a name, for what carries no description of its own."""
    words = re.sub(r'([a-z0-9])([A-Z])', r'\1 \2', name).replace('_', ' ')
    words = ' '.join(w if w.isupper() and len(w) > 1 else w.lower() for w in words.split())
    return words[:1].upper() + words[1:] + '.'
