"""The shape of a row, and the alternation of two sides that several rows share."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from harness.bench import Bench
from harness.errors import BenchError
from harness.outcome import AllOf, Goal, Outcome


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    goal: Goal | AllOf | None
    measure: Callable[[Bench], Outcome]


def alternate(bench, outcome, sides, measure):
    """Starts both sides, then measures them in turn, the first one changing from round to round.

    `sides`: "peer" and "virga" -> function that makes a context manager of a `Target`. `measure(target, warm_up)` returns
    a figure. A side that fails is left out from then on and its reason kept; the other goes on.
    Returns one dict of figures for each round.
    """
    rounds, started = [], []
    with contextlib.ExitStack() as stack:
        targets = {}

        def attempt(side, action):
            try:
                return action()
            except BenchError as error:
                outcome.problems[side] = str(error)
                targets.pop(side, None)
                return None

        for side, start in sides.items():
            if target := attempt(side, lambda start=start: stack.enter_context(start())):
                targets[side] = target
                started.append(target.server)
                attempt(side, lambda target=target: measure(target, True))
        for number in range(bench.rounds):
            order = list(targets) if number % 2 == 0 else list(targets)[::-1]
            figures = {}
            for side in order:
                figure = attempt(side, lambda side=side: measure(targets[side], False))
                if figure is not None:
                    figures[side] = figure
            if figures:
                rounds.append(figures)
    for server in started:  # stopped by now, and that may have been a note's reason
        outcome.note(*server.notes)
    return rounds
