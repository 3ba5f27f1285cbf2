# SPDX-License-Identifier: Apache-2.0
"""The rows of a run: printed as they come, kept as Markdown and JSON."""
import json
import os

DIRECTIONS = {"≥": lambda value, goal: value >= goal, "≤": lambda value, goal: value <= goal}


def number(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")


def lined(columns, rows):
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [columns, ["-"] * len(columns), *rows])


class Report:
    """One row per figure: what, the figure with its unit, the raw limit, the ratio of both, the goal.

    A goal is ("≥", 0.5), and is compared with the ratio when there is a raw limit, else with the figure.
    """

    COLUMNS = ("what", "figure", "unit", "raw limit", "ratio", "goal", "met", "note")

    def __init__(self, description, title="Bench"):
        self.description = description
        self.title = title
        self.rows = []
        self.tables = []
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

    def table(self, title, columns, rows):
        """Figures beside those of the first table; the first column names them."""
        self.tables.append({"title": title, "columns": columns, "rows": rows})
        for row in rows:
            print("    " + ", ".join(f"{cell}" if i == 0 else f"{columns[i]} {number(cell)}" for i, cell in enumerate(row) if cell != ""), flush=True)

    def cells(self, row):
        met = {None: "", True: "yes", False: "**no**"}[row["met"]]
        return [row["what"], number(row["figure"]), row["unit"], number(row["raw limit"]), number(row["ratio"]),
                row["goal"] or "", met, row["note"]]

    def markdown(self):
        said = "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in self.description.items())
        lines = lined(self.COLUMNS, [self.cells(r) for r in self.rows])
        lines += "".join(f"\n\n## {t['title']}\n\n{lined(t['columns'], [[number(c) for c in r] for r in t['rows']])}"
                         for t in self.tables)
        problems = "".join(f"- not measured: {p}\n" for p in self.problems)
        return (f"# {self.title} of {self.description['date']}\n\n{said}\n\nA raw limit is what the servers give on the same "
                "machine in the same run without us; a goal stands beside the ratio where there is a raw limit, else "
                f"beside the figure.\n\n{lines}\n" + (f"\n{problems}" if problems else ""))

    def json(self):
        return json.dumps({"machine": self.description, "rows": self.rows, "tables": self.tables, "problems": self.problems}, indent=1,
                          ensure_ascii=False) + "\n"

    def missed(self):
        return [r for r in self.rows if r["met"] is False]

    def keep(self, folder, stem):
        os.makedirs(folder, exist_ok=True)
        for ending, text in (("md", self.markdown()), ("json", self.json())):
            with open(os.path.join(folder, f"{stem}.{ending}"), "w", encoding="utf-8") as f:
                f.write(text)
        print(f"kept: {os.path.relpath(os.path.join(folder, stem))}.md and .json")
