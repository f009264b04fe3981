"""Where in a stranger's source things happen: the line that made the optimiser, that carries the loss back, that steps."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

LIBRARIES = tuple(
    {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {str(Path(__file__).parents[1])}
)
_is_library: dict[CodeType, bool] = {}


@dataclass(frozen=True, slots=True)
class Site:
    """A line of a file."""

    file: str
    line: int


@dataclass
class Places:
    """Lines of the watched source, by what happens there, and the names that things have there.

    Attributes:
        sites: "optimiser", "step", "backward", "loader", "loss" or "held-out loss" -> its lines, in the order in which they were reached.
        names: "model", "optimiser" or "held-out model" -> its name in the source.
        keywords: Values that the source gave, such as "clip" -> 1.0.
    """

    sites: dict[str, list[Site]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def note(self, what: str, site: Site) -> None:
        """Note that this happens there."""
        known = self.sites.setdefault(what, [])
        if site not in known:
            known.append(site)

    def name(self, what: str, value: Any, frame: FrameType | None) -> None:
        """Note what a value is called where this happens, if it has a name there."""
        if what not in self.names and frame is not None and (found := name_of(value, frame)):
            self.names[what] = found


def stranger_frame(depth: int = 1) -> FrameType | None:
    """The innermost running frame that is in no library, nor Assay's."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        is_library = _is_library.get(code)
        if is_library is None:
            is_library = _is_library[code] = code.co_filename.startswith(LIBRARIES)
        if not is_library:
            return frame
        frame = frame.f_back
    return None


def site_of(frame: FrameType | None) -> Site:
    """The line at which a frame is."""
    return Site(frame.f_code.co_filename, frame.f_lineno) if frame is not None else Site("", 0)


def name_of(value: Any, frame: FrameType) -> str:
    """What a value is called in a frame: a local name, else a global one, else an attribute of `self`; "" for none.

    Example:
        >>> import sys
        >>> net = object()
        >>> name_of(net, sys._getframe())
        'net'
    """
    spaces: tuple[Mapping[str, Any], ...] = (frame.f_locals, frame.f_globals)
    for space in spaces:
        for name, held in list(space.items()):
            if held is value and not name.startswith("_"):
                return name
    owner = frame.f_locals.get("self")
    for name, held in list(getattr(owner, "__dict__", {}).items()):
        if held is value:
            return f"self.{name}"
    return ""
