# SPDX-License-Identifier: Apache-2.0
"""The rows of a run: printed as they come, kept as Markdown and JSON."""
import json

DIRECTIONS = {"≥": lambda value, goal: value >= goal, "≤": lambda value, goal: value <= goal}


def number(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")


class Report:
    """One row per figure: what, the figure with its unit, the raw limit, the ratio of both, the goal.

    A goal is ("≥", 0.5), and is compared with the ratio when there is a raw limit, else with the figure.
    """

    COLUMNS = ("what", "figure", "unit", "raw limit", "ratio", "goal", "met", "note")

    def __init__(self, description):
        self.description = description
        self.rows = []
        self.problems = []

    def add(self, what, figure, unit, raw=None, goal=None, note=""):
        ratio = figure / raw if raw else None
        compared = ratio if raw else figure
        met = DIRECTIONS[goal[0]](compared, goal[1]) if goal else None
        row = {"what": what, "figure": figure, "unit": unit, "raw limit": raw, "ratio": ratio,
               "goal": goal and f"{goal[0]} {number(goal[1])}", "met": met, "note": note}
        self.rows.append(row)
        print(f"  {what}: {number(figure)} {unit}" + (f", {number(ratio)} of {number(raw)}" if raw else "") +
              (f" (goal {row['goal']}: {'yes' if met else 'NO'})" if goal else "") + (f"; {note}" if note else ""), flush=True)

    def fail(self, what, why):
        self.problems.append(f"{what}: {why}")
        print(f"  {what}: NOT MEASURED: {why}", flush=True)

    def cells(self, row):
        met = {None: "", True: "yes", False: "**no**"}[row["met"]]
        return [row["what"], number(row["figure"]), row["unit"], number(row["raw limit"]), number(row["ratio"]),
                row["goal"] or "", met, row["note"]]

    def markdown(self):
        said = "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in self.description.items())
        table = [self.COLUMNS] + [tuple("-" for _ in self.COLUMNS)] + [self.cells(r) for r in self.rows]
        lines = "\n".join("| " + " | ".join(cell for cell in row) + " |" for row in table)
        problems = "".join(f"- not measured: {p}\n" for p in self.problems)
        return (f"# Bench of {self.description['date']}\n\n{said}\n\nA raw limit is what the servers give on the same "
                "machine in the same run without us; a goal stands beside the ratio where there is a raw limit, else "
                f"beside the figure.\n\n{lines}\n" + (f"\n{problems}" if problems else ""))

    def json(self):
        return json.dumps({"machine": self.description, "rows": self.rows, "problems": self.problems}, indent=1,
                          ensure_ascii=False) + "\n"

    def missed(self):
        return [r for r in self.rows if r["met"] is False]
