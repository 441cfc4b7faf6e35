"""The cheap check: the server itself gives the order, as resourceVersions. Time linear in the history, apart from sorting.

Every revision is given once; who starts after another's end gets a higher one; a read shows what was written at its revision, and
nothing older than a write that was answered before the read began; a list shows one moment."""
from bisect import bisect_left, bisect_right

from history import FOREVER, Wrong


def check(history):
    writes = [op for op in history if op.outcome == "ok" and op.revision and op.kind not in ("get", "list")]
    once(writes)
    rising(writes)
    timelines = known_states(history)
    for op in history:
        if op.kind == "get" and op.outcome == "ok":
            shows(timelines, op, op.key, op.value, op.revision)
        elif op.kind == "list" and op.outcome == "ok":
            shows_one_moment(timelines, op)


def once(writes):
    given = {}
    for op in writes:
        if op.revision in given:
            raise Wrong(f"revision {op.revision} was given twice:\n  {given[op.revision]}\n  {op}")
        given[op.revision] = op


def rising(writes):
    """A write that starts after another has ended has the higher revision."""
    ended = sorted(writes, key=lambda op: op.end)
    at, highest = 0, None
    for op in sorted(writes, key=lambda op: op.start):
        while at < len(ended) and ended[at].end < op.start:
            if highest is None or ended[at].revision > highest.revision:
                highest = ended[at]
            at += 1
        if highest is not None and op.revision < highest.revision:
            raise Wrong(f"revision {op.revision} after {highest.revision} was answered:\n  {highest}\n  {op}")


class Timeline:
    """What is known of one object: its values by revision, and when each was certain."""

    def __init__(self):
        self.values = {}      # revision -> (value or None when deleted, operation)
        self.maybe = {}       # value -> operation without an answer
        self.deletes = []     # deletes of which nobody was told the revision
        self.ends = []        # (end, revision) of each write
        self.highest = []     # (end, highest revision of a write answered by then), rising

    def close(self):
        self.revisions = sorted(self.values)
        highest = 0
        for end, revision in sorted(self.ends):
            highest = max(highest, revision)
            self.highest.append((end, highest))

    def certain_before(self, moment):
        at = bisect_left(self.highest, (moment, 0))
        return self.highest[at - 1][1] if at else 0


def known_states(history):
    timelines = {}
    for op in history:
        if op.kind in ("get", "list"):
            continue
        line = timelines.setdefault(op.key, Timeline())
        if op.outcome == "unknown":
            if op.kind == "delete":
                line.deletes.append(op)
            else:
                line.maybe[op.value] = op
        elif op.outcome == "ok" and op.revision:
            line.values[op.revision] = (None if op.kind == "delete" else op.value, op)
            line.ends.append((op.end, op.revision))
        elif op.outcome == "ok":
            line.deletes.append(op)
    for line in timelines.values():
        line.close()
    return timelines


def shows(timelines, op, key, value, revision):
    """The read `op` saw `value` of `key` at `revision`."""
    line = timelines.get(key)
    written = line and line.values.get(revision)
    if not written:
        source = line and line.maybe.get(value)
        if not source or source.start > op.end:
            raise Wrong(f"nobody wrote {value}@{revision} of {key}:\n  {op}")
    elif written[0] != value or written[1].start > op.end:
        raise Wrong(f"{key} was not {value} at {revision}:\n  {written[1]}\n  {op}")
    if revision < line.certain_before(op.start):
        raise Wrong(f"{key} at {revision}, though {line.certain_before(op.start)} was answered before the read began:\n  {op}")


def shows_one_moment(timelines, op):
    """Everything in the list is at most as new as the list, and what is certain by its revision is in it."""
    for key, (value, revision) in op.seen.items():
        shows(timelines, op, key, value, revision)
        if revision > op.revision:
            raise Wrong(f"{key}@{revision} in a list of {op.revision}:\n  {op}")
    for key, line in timelines.items():
        at = bisect_right(line.revisions, op.revision)
        newest = line.revisions[at - 1] if at else 0
        if newest and op.seen.get(key, (None, 0))[1] < newest and not gone(line, op, newest):
            raise Wrong(f"{key} at {op.seen.get(key, (None, 'none'))[1]} in a list of {op.revision}, by which it was at {newest}:\n  {line.values[newest][1]}\n  {op}")
    if op.revision < max((line.certain_before(op.start) for line in timelines.values()), default=0):
        raise Wrong(f"a list of {op.revision} older than what was answered before it began:\n  {op}")


def gone(line, op, newest):
    """Whether the object may have been deleted after `newest` and by the end of the list."""
    if line.values[newest][0] is None:
        return op.end != FOREVER
    return any(delete.end > line.values[newest][1].start and delete.start < op.end for delete in line.deletes)
