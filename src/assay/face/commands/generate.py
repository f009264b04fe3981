"""`assay generate`: what a language model writes."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import chain
from pathlib import Path

from assay.core.errors import OptionError
from assay.face.commands.parser import Parser, command_of, one_of

EXAMPLES = """
assay generate runs/poems "Once upon a "
assay generate runs/poems "ROMEO:" --tokens 500 --temperature 0.7 --top-p 0.9
assay generate runs/poems "ROMEO:" --greedy
assay generate runs/poems "ROMEO:" --format json | jq '.pieces[0]'
assay generate ~/models/gpt2 "The capital of France is" --tokens 20
"""


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `generate`."""
    command = command_of(commands, "generate", "let a trained language model go on with a text", EXAMPLES)
    command.add_argument("folder", metavar="RUN", help="folder of a run on a text, or a Hugging Face folder of GPT-2 weights")
    command.add_argument("prompt", metavar="PROMPT", help="the text to go on from")
    command.add_argument("--model", metavar="NAME", help="another model of the run than the recommended one, such as n-gram")
    command.add_argument("--tokens", metavar="N", type=int, default=200, help="how many tokens to write (default 200)")
    command.add_argument("--temperature", metavar="T", type=float, help="above 1 bolder, below 1 surer, 0 the likeliest (default 0.8)")
    command.add_argument("--top-k", metavar="K", type=int, help="draw only from the K likeliest")
    command.add_argument("--top-p", metavar="P", type=float, help="draw only from the fewest likeliest that together have probability P")
    command.add_argument("--greedy", action="store_true", help="always the likeliest token, as --temperature 0")
    command.add_argument("--beam", metavar="N", type=int, help="look for the likeliest text, keeping the N likeliest on the way")
    command.add_argument("--seed", metavar="N", type=int, default=0, help="fixes what is drawn (default 0)")
    command.add_argument(
        "--format", metavar="FORM", type=one_of("text", "json"), default="text", help="text (default), as it comes; or json"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write."""
    from assay.face.generation import open_writer, text_pieces
    from assay.face.terminal.layout import printable
    from assay.model.language_generate import Sampling

    _refuse_contradictions(arguments)
    temperature = 0.0 if arguments.greedy else 0.8 if arguments.temperature is None else arguments.temperature
    writer = open_writer(Path(arguments.folder), arguments.model)
    unknown = writer.tokenizer.unknown
    sampling = Sampling(temperature, arguments.top_k, arguments.top_p, () if unknown is None else (unknown,))
    pieces = text_pieces(writer, arguments.prompt, arguments.tokens, sampling, beams=arguments.beam, seed=arguments.seed)
    if arguments.format == "json":
        found = list(pieces)
        parts = [{"text": p.text, "tokens": list(p.tokens), "probability": [round(c, 6) for c in p.probability]} for p in found]
        told = {"model": writer.model.name, "prompt": arguments.prompt, "text": "".join(p.text for p in found), "pieces": parts}
        print(json.dumps(told, indent=1))
        return 0
    first = next(pieces, None)  # what cannot be used is refused before anything is printed
    sys.stdout.write(printable(arguments.prompt))
    for piece in chain([] if first is None else [first], pieces):
        sys.stdout.write(printable(piece.text))
        sys.stdout.flush()
    sys.stdout.write("\n")
    return 0


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    if arguments.tokens < 1:
        raise OptionError(f"--tokens {arguments.tokens} writes nothing; give 1 or more")
    drawing = [name for name in ("temperature", "top_k", "top_p") if getattr(arguments, name) is not None]
    for option in ("greedy", "beam"):
        if getattr(arguments, option) and drawing:
            named = "--" + drawing[0].replace("_", "-")
            raise OptionError(f"--{option} draws nothing, so {named} has no meaning beside it; give one of them")
    if arguments.greedy and arguments.beam:
        raise OptionError("--greedy and --beam contradict each other; --beam 1 is greedy")
