"""`assay models`: the families of models, and one of them whole."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from assay.face.commands.parser import Parser, command_of, one_of


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `models`."""
    models = command_of(
        commands,
        "models",
        "list the families of models, what each assumes about the data and needs; or tell one whole",
        "assay models\nassay models forest\nassay models --format json | jq '.[].name'",
    )
    models.add_argument("name", metavar="NAME", nargs="?", help="a family to tell whole; all of them in a table if left out")
    models.add_argument("--format", metavar="FORM", type=one_of("text", "json"), default="text", help="text (default) or json")
    models.set_defaults(run=run_models)


def run_models(arguments: argparse.Namespace) -> int:
    """Print the families.

    Raises:
        OptionError: there is no family of that name; the nearest are offered.
    """
    from assay.model.family import FAMILIES, family

    chosen = FAMILIES if arguments.name is None else (family(arguments.name),)
    if arguments.format == "json":
        listed = [as_dict(one) for one in chosen]
        print(json.dumps(listed if arguments.name is None else listed[0], indent=1))
        return 0
    from assay.face.terminal import families_text, family_text

    if arguments.name is not None:
        print(family_text(chosen[0]))
        return 0
    print(families_text(chosen))
    print(f"{len(chosen)} families; * is trained without --model, (*) where there is a text column; assay models NAME says more of one.")
    return 0


def as_dict(one: Any) -> dict[str, Any]:
    """A family as JSON data, without where its code is."""
    return {name: value for name, value in dataclasses.asdict(one).items() if name not in {"module", "class_name"}}
