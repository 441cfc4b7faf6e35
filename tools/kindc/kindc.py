#!/usr/bin/env python3
"""kindc: makes C++ of the declarations in sdk/kinds.

  kindc.py tables  KINDS_DIR OUT.cc     the tables of core/kinds
  kindc.py structs KINDS_DIR OUT_DIR    the structs and codec tables of the SDK
  kindc.py crd     CRD.yaml OUT.hpp     the structs of one CustomResourceDefinition, for plugin authors
"""
import sys

from cpp import write_if_changed
from model import Model
from reader import ReadError


def main(arguments):
    if len(arguments) != 4 or arguments[1] not in ('tables', 'structs', 'crd'):
        print(__doc__, file=sys.stderr)
        return 2
    _, what, source, out = arguments
    try:
        if what == 'crd':
            import crd
            crd.write(source, out)
            return 0
        model = Model(source)
    except ReadError as error:
        print(f'kindc: {error}', file=sys.stderr)
        return 1
    if what == 'tables':
        import tables
        write_if_changed(out, tables.render(model))
    else:
        import structs
        structs.write(model, out)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
