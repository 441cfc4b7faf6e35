"""Pieces of C++ text that the generators share."""
import json
import os


def text(value):
    """A string literal."""
    return json.dumps(value, ensure_ascii=True)


def boolean(value):
    return 'true' if value else 'false'


def write_if_changed(path, content):
    """Leaves a file alone whose content is the same, so that nothing is compiled again for it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        with open(path, encoding='utf-8') as file:
            if file.read() == content:
                return
    except FileNotFoundError:
        pass
    with open(path, 'w', encoding='utf-8') as file:
        file.write(content)


def perfect_hash(names, limit=255):
    """(multiplier, shift, slots) such that every name has a slot of its own; the C++ side is kinds/name_hash.hpp.

    Slots hold positions in `names`; `limit` marks an empty one.
    """
    if len(names) > limit:
        raise ValueError('too many fields for one type')
    bits = max(1, (len(names) - 1).bit_length())
    while bits <= 10:
        multiplier = 0x9E3779B97F4A7C15
        for _ in range(4000):
            slots = [limit] * (1 << bits)
            for position, name in enumerate(names):
                slot = (_mix(name.encode()) * multiplier & _MASK) >> (64 - bits)
                if slots[slot] != limit:
                    break
                slots[slot] = position
            else:
                return multiplier, 64 - bits, slots
            multiplier = (multiplier * 6364136223846793005 + 1442695040888963407) & _MASK | 1
        bits += 1
    raise ValueError(f'no hash without collisions for {names}')


_MASK = (1 << 64) - 1


def _mix(name):
    """First and last eight bytes (or fewer) and the length, in one number."""
    head = int.from_bytes(name[:8], 'little')
    tail = int.from_bytes(name[-8:], 'little')
    return (head ^ (tail * 0xC2B2AE3D27D4EB4F & _MASK) ^ (len(name) << 56) & _MASK) & _MASK
