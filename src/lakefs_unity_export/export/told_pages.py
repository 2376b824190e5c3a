"""What a page tells those after it, as the job parameter `pages`: which descriptor files are theirs."""

from collections.abc import Sequence

import pydantic

from lakefs_unity_export.export.pages import Page
from lakefs_unity_export.export.plan import Item

# Every task of a run is given the parameter. So many bytes tell of more than thirty pages.
MAX_TOLD_BYTES = 4_000


class _Told(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")


class ToldPage(_Told):
    """One page: the full name of its last table, where its descriptor files are, and a digest of what they say.

    `files` are first and last ranks of runs of files, from 0, among all descriptor files in the order of their paths.
    """

    last: str
    files: tuple[tuple[int, int], ...]
    digest: str


class ToldPages(_Told):
    """What a page is told of itself, the first of `pages`, and of those after it, as far as there is room.

    `tables` is how many the whole export is of, `following` how many pages come after this one; `described` is what is
    kept of the commit's descriptors, see `known_tables`.
    """

    tables: int
    following: int
    described: str
    pages: tuple[ToldPage, ...] = pydantic.Field(min_length=1)

    @property
    def own(self) -> ToldPage:
        """What the page is told of itself."""
        return self.pages[0]

    def page_of(self, items: tuple[Item, ...]) -> Page:
        """The page of these items, which tells the next one what it was told of it."""
        return Page(
            items=items,
            removed=(),
            next_after=self.own.last if self.following else "",
            following=self.following,
            told=in_words(self.pages[1:], tables=self.tables, following=self.following - 1, described=self.described),
        )


def in_words(pages: Sequence[ToldPage], *, tables: int, following: int, described: str) -> str:
    """The job parameter for the first of these pages, with as many others as there is room for; empty for none."""
    for count in range(len(pages), 0, -1):
        told = ToldPages(tables=tables, following=following, described=described, pages=tuple(pages[:count]))
        text = told.model_dump_json()
        if len(text.encode()) <= MAX_TOLD_BYTES:
            return text
    return ""


def read_words(text: str) -> ToldPages | None:
    """What `in_words` wrote, None for any other text."""
    try:
        return ToldPages.model_validate_json(text)
    except pydantic.ValidationError:
        return None
