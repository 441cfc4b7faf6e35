"""Operations as clients saw them.

A value is written once in a history, so that a read says which write it saw. An operation without an answer has `end` FOREVER:
whether it took effect, and when, is open."""
import dataclasses
import math
import typing

FOREVER = math.inf
WRITES = ("create", "update", "put", "patch", "delete")


@dataclasses.dataclass
class Operation:
    """`kind`: create, update (with the resourceVersion `expected`), put (whatever is there), patch, delete, get or list.

    `outcome`: ok, exists, conflict, missing, or unknown. `value` is what was written, or read; `revision` the answer's
    resourceVersion. `seen`, of a list: {key: (value, revision)}."""
    client: int
    kind: str
    key: str
    start: float
    end: float
    outcome: str
    value: typing.Optional[str] = None
    revision: typing.Optional[int] = None
    expected: typing.Optional[int] = None
    seen: typing.Optional[dict] = None

    def __str__(self):
        until = "?" if self.end == FOREVER else f"{self.end:.6f}"
        asked = f" at {self.expected}" if self.expected else ""
        got = f" {self.value}@{self.revision}" if self.revision else f" {self.value}" if self.value else ""
        return f"[{self.start:.6f} {until}] client {self.client}: {self.kind} {self.key}{asked}: {self.outcome}{got}"


class Wrong(Exception):
    """What is wrong with a history, with the operations that show it."""
