"""The page of one run: what came of its rows, of its people, and of its messages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from xpimport.errors import Refused
from xpimport.hints import command
from xpimport.reporting import history
from xpimport.reporting.analytics import links_of
from xpimport.reporting.beside import Run, runs_beside
from xpimport.reporting.figures import Figures
from xpimport.reporting.hours import Hours, hours_of
from xpimport.reporting.pages import comparison, curves, sums
from xpimport.reporting.pages.facts import facts
from xpimport.reporting.pages.funnel import base_of_rates, funnel, reported
from xpimport.reporting.pages.headline import headline
from xpimport.reporting.pages.links import links
from xpimport.reporting.pages.page import Page, Section
from xpimport.reporting.pages.reasons import excluded, failed, rejected
from xpimport.reporting.pages.render import rendered
from xpimport.reporting.pages.words import Times, counted, number, share_of
from xpimport.rules.delivery import ACCEPTED, EXCLUDED, FAILED
from xpimport.rules.events import Kind
from xpimport.store.database import Store


def report_page(store: Store, task: int, zone: str, made: datetime) -> str:
    """The page of an import task, with the times of a zone.

    Raises:
        NotFound: no such task.
        Refused: the task is no import.
    """
    details = history.task_details(store, task)
    if details["type"] != "profile_import":
        about = details["about_task"]
        raise Refused(
            f"Task {task} is a report about task {about}. Its page: {command('report', about, '--html', 'FILE')}"
        )
    runs, times = runs_beside(store, task), Times(zone, made)
    return rendered("report.html", _page(store, details, runs, times))


def _page(store: Store, details: dict[str, Any], runs: Sequence[Run], times: Times) -> Page:
    run, trigger = runs[0], details["trigger"]
    campaign = trigger["campaign"] if trigger else None
    begun = run.row["began_at"]
    name = details["import"] or "list"
    when = begun or details["started_at"]
    page = Page(
        title=f"{campaign or name}, {times.day(when, year=True)}, task {details['id']}",
        over=f"Task {details['id']} · import {name}" + (f" · campaign {campaign}" if campaign else ""),
        heading=f"{campaign} to {name}," if campaign else f"{name},",
        heading_time=times.instant(when, year=True),
        lead=headline(details, run, times),
        command=command("report", details["id"], "--html", f"{campaign or name}-{details['id']}.html"),
        foot=[
            f"Made {times.instant(times.made, year=True)}; times are of {times.zone}",
            "Events that come in later change the figures of this run, and of no other",
        ],
    )
    page.sections = [_funnel(details, run), _facts(store, details, run, times)]
    if begun:
        page.sections += [excluded(details["id"], run.figures), failed(details["id"], run.figures)]
    page.sections.append(rejected(store, details))
    if details["rejections"]:
        page.foot.append("The lines that are shown of rejected rows are personal data")
    if begun:
        page.sections += _reading(store, run, times)
    if len(runs) > 1 or begun:
        page.sections.append(_beside(runs, times))
    page.sections.append(_sums(details, run))
    return page


def _facts(store: Store, details: dict[str, Any], run: Run, times: Times) -> Section:
    """What ran when, on which file."""
    return Section("run", "The run", facts=facts(store, details, run, times))


def _funnel(details: dict[str, Any], run: Run) -> Section:
    begun = run.row["began_at"] is not None
    title = "From rows to clicks" if begun else "From rows to people"
    table = funnel(details["rows"], run.figures if details["delivery"] else _imported(details), sends=begun)
    after = "All bars are drawn to the rows in the file."
    if begun and run.figures.fates[ACCEPTED]:
        after += f" {base_of_rates(run.figures)}"
        opened, clicked = (run.figures.of(kind).people for kind in (Kind.OPENED, Kind.CLICKED))
        if opened and clicked:
            after += f" To {number(opened)} who opened come {number(clicked)} who clicked, {share_of(clicked, opened)}."
    return Section("funnel", title, table=table, key=reported(run.figures), after=after)


def _imported(details: dict[str, Any]) -> Figures:
    return Figures(sum(details["rows"][name] for name in ("created", "updated", "unchanged")))


def _reading(store: Store, run: Run, times: Times) -> list[Section]:
    """Hour by hour, and the links."""
    found, trigger = run.figures, int(run.row["trigger_id"])
    if not reported(found):
        nobody = (
            "Opens and clicks were not tracked, and nobody else reports any. That is not to say that nobody read it."
        )
        return [Section("hours", "Hour by hour", note=nobody if found.fates[ACCEPTED] else "Nobody got it yet.")]
    hours = hours_of(store, trigger, run.row["began_at"], times.zone)
    return [_hours(hours, found, times), _links(store, trigger, found)]


def _hours(hours: Hours, found: Figures, times: Times) -> Section:
    section = Section("hours", "Hour by hour", note=curves.note(hours, times), key=True)
    if not curves.kept(hours, found):
        section.note = "The single events of this run are kept no more; its figures are."
        section.key = False
        return section
    section.charts = curves.charts(hours, times)
    if not section.charts:
        return Section("hours", "Hour by hour", note="Nobody has opened or clicked yet.")
    section.numbers = curves.numbers(hours, times)
    section.numbers_title = "The numbers of these charts"
    return section


def _links(store: Store, trigger: int, found: Figures) -> Section:
    clicked = found.of(Kind.CLICKED)
    linked = links_of(store, trigger)
    if not linked:
        nobody = "Nobody has clicked yet." if reported(found, Kind.CLICKED) else "Clicks were not tracked."
        return Section("links", "Links", note="Which links is not known." if clicked.people else nobody)
    section = Section("links", "Links", table=links(linked, clicked.people, "person|people"))
    section.note = (
        f"{counted(clicked.people, 'person', 'people')} clicked {counted(clicked.total, 'time')}, without machines. Who clicked"
        " two links stands in two lines."
    )
    return section


def _beside(runs: Sequence[Run], times: Times) -> Section:
    section = Section("beside", "Beside the runs before", note=comparison.note(runs), table=comparison.beside(runs))
    if len(runs) > 1:
        section.numbers = comparison.numbers(runs, times)
        section.numbers_title = "These runs in numbers"
    return section


def _sums(details: dict[str, Any], run: Run) -> Section:
    rows, found = details["rows"], run.figures
    people = [(rows[name], name) for name in ("created", "updated", "unchanged")]
    others = [(rows["merged"], "merged"), (rows["rejected"], "rejected"), (rows["not_imported"], "not imported")]
    checked = [sums.sum_of(rows["read"], "row read|rows read", [*people, *others])]
    rejected = {one["reason"]: one["count"] for one in details["rejections"]}
    checked += sums.by_reason(rows["rejected"], "rejected", rejected)
    if details["delivery"]:
        checked.append(sums.sum_of(found.audience, "person|people", people))
        checked.append(sums.fates(found, "person|people"))
        for fate in (EXCLUDED, FAILED):
            checked += sums.by_reason(found.fates[fate], fate, found.reasons[fate])
    return Section("sums", "The sums", note=sums.verdict(checked), sums=checked)
