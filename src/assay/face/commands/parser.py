"""How the command line is parsed: every refusal is one line that offers the nearest accepted word."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from typing import NoReturn

from assay.core.errors import OptionError, nearest


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises OptionError instead of printing usage, and never guesses abbreviations."""

    def __init__(self, *arguments: object, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options["allow_abbrev"] = False
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Refuse, with the help page as the next step."""
        stop = "" if message.endswith("?") else ";"
        raise OptionError(f"{message.removeprefix('argument ')}{stop} see: {self.prog} --help")


def command_of(commands: argparse._SubParsersAction[Parser], name: str, summary: str, examples: str) -> Parser:
    """Add one command with its summary and its examples.

    Args:
        commands: Where to add it.
        name: As typed.
        summary: One sentence, shown in the list of commands and on its help page.
        examples: One example a line.
    """
    epilog = "examples:\n" + textwrap.indent(textwrap.dedent(examples).strip(), "  ")
    return commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".", epilog=epilog)


def one_of(*accepted: str) -> Callable[[str], str]:
    """A type for argparse that accepts these words and offers the nearest for others.

    Example:
        >>> one_of("text", "json")("json")
        'json'
    """

    def word(text: str) -> str:
        if text not in accepted:
            raise argparse.ArgumentTypeError(f"no {text!r}; {nearest(text, accepted)}")
        return text

    return word


def refuse_unknown_words(top: Parser, words: list[str]) -> None:
    """Refuse a command or an option that there is not, before argparse complains of what is missing because of it.

    Raises:
        OptionError: with the nearest accepted words.
    """
    commands: dict[str, Parser] = next(a.choices for a in top._actions if isinstance(a, argparse._SubParsersAction))
    first = words[0]
    if first.startswith("-"):
        chosen = top
    elif first in commands:
        chosen = commands[first]
    else:
        raise OptionError(f"no command {first!r}; {nearest(first, commands, at_most=1)} see: assay --help")
    known = set(chosen._option_string_actions)
    for word in words if chosen is top else _own_words(chosen, words[1:]):
        if word == "--":
            return
        name = word.partition("=")[0]
        if word.startswith("--") and name not in known:
            raise OptionError(f"no option {name!r} of {chosen.prog}; {nearest(name, sorted(known))} see: {chosen.prog} --help")


def _own_words(chosen: Parser, words: list[str]) -> list[str]:
    """The words that are the command's own: all, but what follows the program whose arguments it passes on."""
    if not any(action.nargs == argparse.REMAINDER for action in chosen._actions):
        return words
    own: list[str] = []
    is_value = False
    for word in words:
        if not is_value and not word.startswith("-"):
            break
        own.append(word)
        option = chosen._option_string_actions.get(word)
        is_value = not is_value and option is not None and option.nargs is None
    return own
