# SPDX-License-Identifier: Apache-2.0
"""The documents speak of what is there."""
import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LISTED = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False)
PAGES = [p for p in LISTED.stdout.splitlines() if os.path.exists(os.path.join(ROOT, p))]


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def anchors(path):
    """As the forges make them of headings."""
    heads = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text_of(path), flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_something(page):
    """part: S424"""
    for place, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)#?([^)\s]*)\)", re.sub(r"`[^`\n]*`", "", text_of(page))):
        target = os.path.normpath(os.path.join(os.path.dirname(page), place)) if place else page
        assert os.path.exists(os.path.join(ROOT, target)), f"{page}: {place}"
        assert not anchor or not target.endswith(".md") or anchor in anchors(target), f"{page}: {place}#{anchor}"


def test_the_tour_leads_through_files_that_are_there():
    """part: S424, S425"""
    named = [p for p in re.findall(r"`([\w./-]+)`", text_of("docs/TOUR.md")) if "/" in p and not p.startswith("/")]
    assert len(named) > 40
    missing = [p for p in named if not os.path.exists(os.path.join(ROOT, p))]
    assert missing == []


def checklist(folder=ROOT):
    done = subprocess.run([f"{folder}/tools/checklist"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def states(page):
    return {row: word.lower() for row, word in re.findall(r"^## (S\d+) .*\n\n\*\*([\w ]+)\.\*\*", page, re.MULTILINE)}


def test_the_checklist_has_each_row_and_calls_none_shown_that_is_not():
    found = states(checklist())
    assert sorted(found) == [f"S{n}" for n in range(400, 427)]
    known = {state: subprocess.run([f"{ROOT}/tools/requirements", state], capture_output=True, text=True, check=False).stdout.split()
             for state in ("proven", "unproven")}
    page = checklist()
    for row, word in found.items():
        part = page.partition(f"## {row} ")[2].partition("\n## ")[0]
        shown = row in known["proven"] or "- shown: " in part and not re.search(r"^- (shown in part|a procedure|not shown)", part, re.MULTILINE)
        assert (word == "shown") == shown, row
    if not os.path.exists(f"{ROOT}/workers/bot/main.c"):  # then nothing can have shown its commands
        assert found["S407"] == "not shown"
