"""Is there one order of all operations on an object, each at a moment between its start and its end, in which every answer is
right? Objects don't touch, so each is checked by itself; lists are the business of order.py."""
from history import FOREVER, WRITES, Wrong

ABSENT = None          # the state of an object that is not there; else (value, revision), the revision None while nobody was told it
UNSEEN = "?"           # the value of a write that nobody saw
STEPS_MAX = 5_000_000  # a history whose search is longer is called undecided, never right


def step(state, op):
    """The states after `op` if its answer is right in `state`; none if it is wrong."""
    if op.outcome == "unknown":
        after = effect(state, op)
        return [] if after == state else [after]   # without an effect it may as well come last
    if op.kind == "get":
        return read(state, op)
    if op.outcome == "missing":
        return [state] if state is ABSENT else []
    if op.outcome == "exists":
        return [state] if state is not ABSENT and op.kind == "create" else []
    if op.outcome == "conflict":
        return [state] if state is not ABSENT and state[1] != op.expected else []
    if applies(state, op) and newer(state, op):
        return [ABSENT if op.kind == "delete" else (op.value, op.revision)]
    return []


def read(state, op):
    if op.outcome == "missing":
        return [state] if state is ABSENT else []
    if state is ABSENT or state[0] != op.value or state[1] not in (None, op.revision):
        return []
    return [(op.value, op.revision)]


def applies(state, op):
    if op.kind == "create":
        return state is ABSENT
    if state is ABSENT:
        return False
    return op.expected is None or state[1] in (None, op.expected)   # None: a list may have told the client


def newer(state, op):
    return op.revision is None or state is ABSENT or state[1] is None or op.revision > state[1]


def effect(state, op):
    """What a write that nobody answered does: its effect where it can have one. That it never had one is the same as having it last."""
    if op.kind not in WRITES or not applies(state, op):
        return state
    return ABSENT if op.kind == "delete" else (op.value, None)


class Search:
    """Operations of one object in the order of their starts, linked, so that those not yet placed are walked."""

    def __init__(self, operations):
        self.ops = sorted(operations, key=lambda op: op.start)
        shown = {op.value for op in self.ops if op.kind == "get" and op.outcome == "ok"}
        # Unanswered writes that nobody saw are alike: of those that have begun any may be the one that took effect.
        self.alike = [(op.kind, op.expected) if op.outcome == "unknown" and op.value not in shown else None for op in self.ops]
        count = len(self.ops)
        self.next = list(range(1, count + 2))    # index count is the end; the head is at count + 1
        self.head = count + 1
        self.next[self.head:] = [0] if count else [count]
        self.before = [self.head] + list(range(count))
        self.before.append(count - 1 if count else self.head)

    def unlink(self, i):
        self.next[self.before[i]] = self.next[i]
        self.before[self.next[i]] = self.before[i]

    def relink(self, i):
        self.next[self.before[i]] = i
        self.before[self.next[i]] = i

    def candidates(self):
        """Those that nothing unplaced ended before."""
        first_end = FOREVER
        at = self.next[self.head]
        out = []
        while at < len(self.ops) and self.ops[at].start <= first_end:
            out.append(at)
            first_end = min(first_end, self.ops[at].end)
            at = self.next[at]
        return out

    def done(self):
        """Nothing is left but what may never have happened."""
        at = self.next[self.head]
        while at < len(self.ops):
            if self.ops[at].end != FOREVER:
                return False
            at = self.next[at]
        return True

    def run(self):
        """None: there is an order. Else the longest beginning of one that was found."""
        placed, state, trail, longest, steps = 0, ABSENT, [], [], 0
        tried = {(placed, state)}
        choices = [self.moves(state)]
        while True:
            if self.done():
                return None
            steps += 1
            if steps > STEPS_MAX:
                raise Wrong(f"undecided after {STEPS_MAX} steps: {self.ops[0].key}")
            if choices[-1]:
                i, after = choices[-1].pop()
                key = (placed | 1 << i, after)
                if key in tried:
                    continue
                tried.add(key)
                trail.append((i, state))
                placed, state = key
                self.unlink(i)
                if len(trail) > len(longest):
                    longest = [self.ops[j] for j, _ in trail]
                choices.append(self.moves(state))
                continue
            choices.pop()
            if not trail:
                return longest
            i, state = trail.pop()
            placed &= ~(1 << i)
            self.relink(i)

    def moves(self, state):
        out, had = [], set()
        for i in self.candidates():
            alike = self.alike[i]
            if alike and alike in had:
                continue
            had.add(alike)
            for after in step(state, self.ops[i]):
                after = (UNSEEN, None) if alike and after is not ABSENT else after
                if after != state or not alike:
                    out.append((i, after))
        out.reverse()
        return out


def check(history):
    """Raises Wrong with the operations around the first place where no order goes on."""
    by_key = {}
    for op in history:
        if op.kind != "list":
            by_key.setdefault(op.key, []).append(op)
    for key, operations in by_key.items():
        longest = Search(operations).run()
        if longest is None:
            continue
        left = sorted((op for op in operations if op not in longest), key=lambda op: op.start)
        raise Wrong(f"no order explains {key}; after\n  " + "\n  ".join(map(str, longest[-6:])) + "\nnone of these fits\n  " + "\n  ".join(map(str, left[:6])))
