"""Whether what clients saw of one value could have happened in some order: linearizability, of histories with crashes.

A history is a list of Operations with the times at which they were asked and answered. A model is a function
`step(operation, state)` that gives the states in which the value may be afterwards, and none if the operation could not
have answered so. An operation that a crash cut off has `answer` None: it happened or not, before `ended`.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class Operation:
    kind: str
    began: float
    ended: float
    argument: Any = None
    answer: Any = None
    client: int = 0

    def __str__(self):
        answer = "cut off" if self.answer is None else self.answer
        return f"{self.began:.6f} to {self.ended:.6f}  client {self.client}: {self.kind} {self.argument} -> {answer}"


def find_contradiction(history, step, state):
    """The first Operation that cannot have been answered as it was; None if all of them can.

    Goes through the answers in the order of time and keeps every pair of a state and the operations that have happened
    in it and are not answered yet, so that the cost depends on how many run at once and not on how many there are.
    """
    events = sorted([(operation.began, 0, number) for number, operation in enumerate(history)] +
                    [(operation.ended, 1, number) for number, operation in enumerate(history)])
    running = set()
    places = {(state, frozenset())}
    for _, is_end, number in events:
        if not is_end:
            running.add(number)
            continue
        after, seen, waiting = set(), set(places), list(places)
        while waiting:
            now, happened = waiting.pop()
            if number in happened:
                after.add((now, happened - {number}))
                continue
            for other in running - happened:
                for then in step(history[other], now):
                    place = (then, happened | {other})
                    if place not in seen:
                        seen.add(place)
                        waiting.append(place)
        if not after:
            return history[number]
        running.discard(number)
        places = after
    return None
