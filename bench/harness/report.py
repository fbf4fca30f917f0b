"""The table and the JSON file."""

import json
import unicodedata

from harness.errors import BenchError

SCHEMA = 1
REMARK_LETTERS = 400
COLUMNS = ("row", "peer", "peer's figure", "Virga", "ratio", "goal", "")
RIGHT = {2, 3, 4}
MARKS = {True: "hit", False: "MISS", None: "-"}


def machine_line(machine):
    return (
        f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_mib']} MiB, Linux {machine['kernel']}, "
        f"cgroup {machine['cgroup']}, {'root' if machine['root'] else 'not root'}, load {machine['load_average']:.2f}; "
        f"server on core {machine['server_cores'][0]}, load on core {machine['load_cores'][0]}"
    )


def _figure(value, unit):
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value:,.{digits}f} {unit}"


def _cells(row, outcome):
    return (
        row.title,
        outcome.peer_name or "-",
        "failed" if {"peer", "row"} & outcome.problems.keys() else _figure(outcome.peer, outcome.unit),
        "failed" if {"virga", "row"} & outcome.problems.keys() else _figure(outcome.virga, outcome.virga_unit or outcome.unit),
        f"{outcome.ratio:.2f}" if outcome.ratio is not None else "-",
        str(row.goal) if row.goal else "-",
        MARKS[row.goal.met(outcome)] if row.goal else "",
    )


def _width(text):
    return sum(not unicodedata.combining(letter) for letter in text)


def print_table(results):
    lines = [COLUMNS] + [_cells(row, outcome) for row, outcome in results]
    widths = [max(_width(line[index]) for line in lines) for index in range(len(COLUMNS))]
    for number, line in enumerate(lines):
        cells = [
            " " * (width - _width(cell)) + cell if index in RIGHT and number else cell + " " * (width - _width(cell))
            for index, (cell, width) in enumerate(zip(line, widths))
        ]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    # A reason that many rows share is told once.
    remarks = {}
    for row, outcome in results:
        for remark in _remarks(outcome):
            remarks.setdefault(remark, []).append(row.name)
    for remark, names in remarks.items():
        print(f"  {', '.join(names)}: {remark}")


def _remarks(outcome):
    if phases := outcome.details.get("phases"):
        yield "phases, ms p50: " + ", ".join(f"{name} {values['p50']:.2f}" for name, values in phases.items())
    for side, reason in outcome.problems.items():
        yield f"{side} failed: {' '.join(reason.split())[:REMARK_LETTERS]}"
    yield from outcome.notes


def as_json(machine, options, results):
    return {
        "schema": SCHEMA,
        "machine": machine,
        "options": options,
        "rows": [
            {
                "name": row.name,
                "title": row.title,
                "peer": {"name": outcome.peer_name or None, "value": outcome.peer, "unit": outcome.unit},
                "virga": {"value": outcome.virga, "unit": outcome.virga_unit or outcome.unit},
                "ratio": outcome.ratio,
                "goal": str(row.goal) if row.goal else None,
                "met": row.goal.met(outcome) if row.goal else None,
                "rounds": outcome.rounds,
                "details": outcome.details,
                "notes": outcome.notes,
                "problems": outcome.problems,
            }
            for row, outcome in results
        ],
    }


def write_json(path, content):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=vars) + "\n")
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}") from error
