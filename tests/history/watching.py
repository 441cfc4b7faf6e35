"""What watches have to show: each change once, in order, filtered; nothing behind a bookmark.

A `Change` is what happened to an object; the truth is all of them by revision, put together from watches of everything and
from what writers were told. A `Session` is one watch from its revision on, as far as it came: its events have to be the beginning of
what the truth says for its filter."""
import bisect
import dataclasses
import typing

from history import Wrong


class Event(typing.NamedTuple):
    type: str            # ADDED, MODIFIED, DELETED or BOOKMARK
    revision: int
    name: str = ""
    value: str = ""
    color: str = ""


@dataclasses.dataclass
class Session:
    start: int
    matches: typing.Callable   # (name, color) -> bool
    what: str
    events: list = dataclasses.field(default_factory=list)


def truth(unfiltered, acknowledged):
    """Events of watches of everything, by revision; they may not contradict each other, and each acknowledged (revision, name) is there."""
    by_revision = {}
    for session in unfiltered:
        for event in session.events:
            if event.type != "BOOKMARK" and by_revision.setdefault(event.revision, event) != event:
                raise Wrong(f"two watches disagree: {by_revision[event.revision]} and {event}")
    for revision, name in acknowledged:
        if revision not in by_revision or by_revision[revision].name != name:
            raise Wrong(f"{name}@{revision} was acknowledged, watches have there {by_revision.get(revision)}")
    changes = [by_revision[revision] for revision in sorted(by_revision)]
    replay(changes)
    return changes


def replay(changes):
    state = {}
    for change in changes:
        before = state.get(change.name)
        if (change.type == "ADDED") != (before is None):
            raise Wrong(f"{change} after {before}")
        if change.type == "DELETED":
            if (before.value, before.color) != (change.value, change.color):
                raise Wrong(f"{change} does not carry the last state {before}")
            del state[change.name]
        else:
            state[change.name] = change
    return state


class Truth:
    """Answers what a session should have seen; `first`: nothing before it is known."""

    def __init__(self, changes, first):
        self.changes, self.first = changes, first
        self.previous, self.by_filter = {}, {}
        last = {}
        for change in changes:
            self.previous[change.revision] = last.get(change.name)
            last[change.name] = None if change.type == "DELETED" else change

    def expected(self, session):
        """All that its filter shows, and the revisions of that; made once for each filter."""
        if session.what not in self.by_filter:
            events = [seen for change in self.changes if (seen := self.seen(change, session.matches))]
            self.by_filter[session.what] = events, [event.revision for event in events]
        return self.by_filter[session.what]

    def seen(self, change, matches):
        """Objects come into a filter and leave it: ADDED with the new state, DELETED with the last that matched."""
        before = self.previous[change.revision]
        was = before is not None and matches(before.name, before.color)
        now = change.type != "DELETED" and matches(change.name, change.color)
        if now:
            return change._replace(type="MODIFIED" if was else "ADDED")
        if was:
            return Event("DELETED", change.revision, before.name, before.value, before.color)
        return None

    def check(self, session):
        expected, revisions = self.expected(session)
        at = bisect.bisect_right(revisions, session.start)
        for event in session.events:
            following = expected[at] if at < len(expected) else None
            if event.type == "BOOKMARK":
                if following is not None and following.revision <= event.revision:
                    raise Wrong(f"{session.what} from {session.start}: a bookmark of {event.revision} before {following}")
            elif event != following:
                raise Wrong(f"{session.what} from {session.start}: {event} instead of {following}")
            else:
                at += 1
