"""Which descriptors a further page reads: those of its own tables, where the page before could tell it which they are.

A page that read every descriptor knows the tables of all pages, and tells those after it. The commit does not change,
so what was found once holds for all of its pages.

Only an export that begins anew is told of: its pages are all tables, whatever they show. Whatever is unusual, or does
not fit, leads to every descriptor being read; the page that read them tells again.
"""

from collections.abc import Sequence
from itertools import pairwise

from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.descriptor_files import read_ranks
from lakefs_unity_export.commit.descriptors import DescriptorSet
from lakefs_unity_export.export import told_pages
from lakefs_unity_export.export.branch_schemas import shown_commits
from lakefs_unity_export.export.differences import DescribedCommit, begins_anew
from lakefs_unity_export.export.known_tables import digest, registered_tables
from lakefs_unity_export.export.pages import Page, pages_after
from lakefs_unity_export.export.plan import Item, RemovedItem, SchemaState, Snapshot, Tables
from lakefs_unity_export.export.request import NamedRequest
from lakefs_unity_export.export.told_pages import ToldPage
from lakefs_unity_export.ports import LakeFSReader

# Of one page's descriptor files. Beyond that, files of other pages that lie between them are read too.
MAX_RUNS = 20


def tell_pages(
    described: DescribedCommit,
    states: Sequence[SchemaState],
    tables: Tables,
    removed: Sequence[RemovedItem],
    page: Page,
    kept: str,
) -> str:
    """What the pages after this one are told; empty where they have to read every descriptor, or there are none.

    `kept` is what is kept of the commit, empty where anything is to be said of its descriptors.
    """
    request, following = described.request, _pages_of_tables(tables, removed, page)
    is_usual = kept and described.contents and not tables.refused and _is_plain(request, states)
    if not (following and is_usual):
        return ""
    by_name = {each.name.quoted: each for each in described.found.tables}
    ranks = {file: rank for rank, file in enumerate(sorted(described.contents))}
    about = _about(request, described.snapshot, states)
    told, after = list[ToldPage](), page.next_after
    for left, items in zip(reversed(range(len(following))), following, strict=True):
        own, last = [by_name[item.table] for item in items], items[-1].name
        files = _runs(sorted(ranks[each.file] for each in own))
        of_own = digest(request, own, after, last, len(tables.items), left, kept, *about)
        told.append(ToldPage(last=last, files=files, digest=of_own))
        after = last
    return told_pages.in_words(told, tables=len(tables.items), following=len(told) - 1, described=kept)


def _pages_of_tables(tables: Tables, removed: Sequence[RemovedItem], page: Page) -> list[list[Item | RemovedItem]]:
    """The pages after this one; none where a registration is still to be dropped in any of them."""
    following = pages_after(tables.items, removed, page.next_after) if page.next_after else []
    return [] if any(isinstance(item, RemovedItem) for items in following for item in items) else following


def _is_plain(request: NamedRequest, states: Sequence[SchemaState]) -> bool:
    """Whether each page of the export is of all tables after those of the page before, in one schema."""
    return len(states) == 1 and begins_anew(request, states[0]) and not request.descriptor_names


def _runs(ranks: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """The ascending ranks as runs, which hold others where there would be too many runs."""
    widest = sorted(pairwise(ranks), key=lambda gap: gap[0] - gap[1])[: MAX_RUNS - 1]
    gaps = sorted((before, after) for before, after in widest if after - before > 1)
    firsts = [ranks[0], *(after for _, after in gaps)]
    lasts = [*(before for before, _ in gaps), ranks[-1]]
    return tuple(zip(firsts, lasts, strict=True))


def _about(request: NamedRequest, snapshot: Snapshot, states: Sequence[SchemaState]) -> list[str]:
    """What the digests hold besides: the commit, and what others have in the schema.

    A name may have been taken since of which another page knows the table, and the last page has to say so.
    """
    ours = {each.name.full_name for each in registered_tables(request, states)}
    names = {f"{state.full_name}.{name}" for state in states for name in state.registered}
    return [snapshot.commit.id, *sorted(names - ours)]


def told_page(
    request: NamedRequest, snapshot: Snapshot, states: Sequence[SchemaState], lakefs: LakeFSReader
) -> DescribedCommit | None:
    """The tables of this page alone, from their descriptors; None where it was not told of them, or that does not fit.

    `states` are the schemas of every catalog that had tables of the branch. Raises what `lakefs` raises.
    """
    told = told_pages.read_words(request.pages)
    others = shown_commits(states, but=snapshot.commit.id)
    if told is None or request.base_commit != others or not _is_plain(request, states):
        return None
    runs = [range(first, last + 1) for first, last in told.own.files]
    contents = read_ranks(snapshot.commit.id, runs, request.rules, lakefs)
    found = descriptors.read_descriptors(contents, request.rules)
    own = tuple(each for each in found.tables if request.page_after < each.name.full_name <= told.own.last)
    about = _about(request, snapshot, states)
    limits = (request.page_after, told.own.last)
    of_own = digest(request, own, *limits, told.tables, told.following, told.described, *about)
    if found.problems or of_own != told.own.digest:
        return None
    only_own = DescriptorSet(tables=own)
    return DescribedCommit(request=request, snapshot=snapshot, contents=contents, found=only_own, told=told)
