"""The families of models in one table: what each does, reads, assumes and needs. Standard library only, for help pages read it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from assay.core.errors import OptionError, nearest

BOTH_TASKS = ("classification", "regression")
TABLE = ("numbers", "categories", "text")


@dataclass(frozen=True, slots=True)
class Family:
    """One family of models.

    Attributes:
        name: As typed after --model.
        module, class_name: Where its `Model` is; imported when it is asked for.
        tasks: Of "classification" and "regression" what it does.
        reads: Of "numbers", "categories", "text", "images", "sequence" what it reads; other columns tell it nothing.
        assumes: What it takes for granted about the data, in one sentence.
        chooses: What it chooses by itself on rows that it does not learn from, or "".
        sizes: What --layers, --width and the like mean for it, or "" where it has none.
        on_ladder: Trained where no model was named.
        on_text_ladder: Trained where no model was named and the table has a text column.
        on_image_ladder: Trained where no model was named and the table has images, if its cost is bearable.
        needs_torch: Needs PyTorch.
        needs: Kind of column without which it reads nothing, such as "image", or "".
    """

    name: str
    module: str
    class_name: str
    tasks: tuple[str, ...]
    reads: tuple[str, ...]
    assumes: str
    chooses: str = ""
    sizes: str = ""
    on_ladder: bool = False
    on_text_ladder: bool = False
    on_image_ladder: bool = False
    needs_torch: bool = False
    needs: str = ""


# The simplest first: the order of the ladder, of help pages and of `assay models`.
FAMILIES = (
    Family(
        name="constant",
        module="assay.model.constant",
        class_name="Constant",
        tasks=BOTH_TASKS,
        reads=(),
        assumes="no column tells anything of the target",
        on_ladder=True,
        on_text_ladder=True,
    ),
    Family(
        name="one-rule",
        module="assay.model.one_rule",
        class_name="OneRule",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="one column, cut once or tabled, tells all there is",
        chooses="the column and its cut, by cross-fitting",
        on_ladder=True,
        on_text_ladder=True,
    ),
    Family(
        name="naive-bayes",
        module="assay.model.naive_bayes",
        class_name="NaiveBayes",
        tasks=("classification",),
        reads=TABLE,
        assumes="within a class the columns, and the words of a text, come about independently of each other",
        chooses="how words and numbers are read, and how loud their evidence is counted",
        on_text_ladder=True,
    ),
    Family(
        name="tree",
        module="assay.model.tree",
        class_name="Tree",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="few cuts, one column after the other, sort rows into groups that are alike",
        chooses="the number of leaves, at most 128",
    ),
    Family(
        name="linear",
        module="assay.model.linear",
        class_name="Linear",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="each column adds its part, in proportion to its value, whatever the other columns say",
        chooses="the strength of its L2 penalty",
        on_ladder=True,
        on_text_ladder=True,
    ),
    Family(
        name="ridge",
        module="assay.model.penalised",
        class_name="Ridge",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="as linear, and every column tells a little: columns that tell the same share their coefficient",
        chooses="the strength of its penalty on squared coefficients, four steps a decade",
    ),
    Family(
        name="lasso",
        module="assay.model.penalised",
        class_name="Lasso",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="as linear, and few columns tell all: the others get no coefficient",
        chooses="the strength of its penalty on absolute coefficients",
    ),
    Family(
        name="elastic-net",
        module="assay.model.penalised",
        class_name="ElasticNet",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="as linear, and few groups of columns tell all: columns that tell the same stay or go together",
        chooses="the strength of its penalty, half on absolute and half on squared coefficients",
    ),
    Family(
        name="polynomial",
        module="assay.model.polynomial",
        class_name="Polynomial",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="as linear, but the target may bend along the numbers and pairs or triples of them may act together",
        chooses="the degree (up to 3, of a single number up to 15) and the strength of its penalty",
    ),
    Family(
        name="k-nn",
        module="assay.model.neighbours",
        class_name="Neighbours",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="rows that are alike in all columns together have alike targets; a column that tells nothing blurs who is alike",
        chooses="the number of neighbours, and how far they are trusted; at most 10,000 rows are kept",
    ),
    Family(
        name="forest",
        module="assay.model.forest",
        class_name="Forest",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="the target changes in steps along the columns, which may act together; many columns tell something",
        chooses="the rows that a leaf has at least",
    ),
    Family(
        name="boosting",
        module="assay.model.boosting",
        class_name="Boosting",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="the target changes in steps along the columns, which may act together; of a text a few hundred terms tell enough",
        chooses="the number of trees",
        on_ladder=True,
        on_text_ladder=True,
    ),
    Family(
        name="mlp",
        module="assay.model.mlp",
        class_name="Mlp",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="the target changes smoothly with the columns, which may act together; there are rows enough to learn how",
        chooses="when to stop",
        on_ladder=True,
        on_text_ladder=True,
        needs_torch=True,
    ),
    Family(
        name="rnn",
        module="assay.model.text_recurrent",
        class_name="Rnn",
        tasks=BOTH_TASKS,
        reads=("sequence", *TABLE),
        assumes="what a text says is in the order of its words, and mostly in the last of them",
        chooses="when to stop",
        sizes="--layers: recurrent layers; --width: units of each",
        needs_torch=True,
        needs="text",
    ),
    Family(
        name="gru",
        module="assay.model.text_recurrent",
        class_name="Gru",
        tasks=BOTH_TASKS,
        reads=("sequence", *TABLE),
        assumes="what a text says is in the order of its words, and gates can keep what stood early",
        chooses="when to stop",
        sizes="--layers: recurrent layers; --width: units of each",
        needs_torch=True,
        needs="text",
    ),
    Family(
        name="lstm",
        module="assay.model.text_recurrent",
        class_name="Lstm",
        tasks=BOTH_TASKS,
        reads=("sequence", *TABLE),
        assumes="what a text says is in the order of its words, and a memory of its own keeps what stood early",
        chooses="when to stop",
        sizes="--layers: recurrent layers; --width: units of each",
        needs_torch=True,
        needs="text",
    ),
    Family(
        name="transformer",
        module="assay.model.table_transformer",
        class_name="Transformer",
        tasks=BOTH_TASKS,
        reads=("sequence", *TABLE),
        assumes="any word, or any column, may bear on any other; which ones do is learned from the rows, of which there are many",
        chooses="when to stop",
        sizes="--layers: blocks; --width: features a token; --heads: attention heads",
        needs_torch=True,
    ),
    Family(
        name="siamese",
        module="assay.model.siamese_pairs",
        class_name="SiamesePairs",
        tasks=BOTH_TASKS,
        reads=TABLE,
        assumes="each row is a pair, and how alike its two items are is told by how near one encoder puts them",
        chooses="the columns of the pair by their names, the threshold on the distance, and when to stop",
        sizes="--layers: hidden layers of the encoder; --width: features of a word, a layer and a point",
        needs_torch=True,
    ),
    Family(
        name="cnn",
        module="assay.model.cnn",
        class_name="Cnn",
        tasks=BOTH_TASKS,
        reads=("images", *TABLE),
        assumes="what a patch of an image shows means the same wherever it stands, and patches make up larger ones",
        chooses="when to stop",
        sizes="--layers: residual blocks (3); --width: channels of the first stage (16), doubled by each further stage",
        on_image_ladder=True,
        needs_torch=True,
        needs="image",
    ),
)

_BY_NAME = {one.name: one for one in FAMILIES}


def family(name: str) -> Family:
    """What is known of the family of that name, without importing it.

    Raises:
        OptionError: there is none; the nearest names are offered.

    Example:
        >>> family("mlp").needs_torch
        True
    """
    if name not in _BY_NAME:
        raise OptionError(f"no model {name!r}; {nearest(name, _BY_NAME)}")
    return _BY_NAME[name]


def refuse_unfit(name: str, task: str) -> None:
    """Refuse a family that does not do this task, and name those that do.

    Raises:
        OptionError: the family is for the other task.

    Example:
        >>> refuse_unfit("linear", "regression")
    """
    asked = family(name)
    if task not in asked.tasks:
        able = [one.name for one in FAMILIES if task in one.tasks and one.name != "constant"]
        raise OptionError(f"model {name!r} is for {', '.join(asked.tasks)}, this task is {task}; take one of {', '.join(able)}")


def refuse_without(name: str, kinds: Collection[str]) -> None:
    """Refuse a family for a table that has no column of the kind that it needs.

    Args:
        name: Of the family.
        kinds: Of the table's features.

    Raises:
        OptionError: the kind is not among them.

    Example:
        >>> refuse_without("cnn", {"number", "image"})
    """
    asked = family(name)
    if asked.needs and asked.needs not in kinds:
        there = ", ".join(sorted(kinds)) or "none"
        able = [one.name for one in FAMILIES if not one.needs and one.name not in ("constant", "one-rule")]
        raise OptionError(
            f"model {name!r} reads columns of the kind {asked.needs}, and this table has none: its features are of the kinds {there}; "
            f"take one of {', '.join(able)}"
        )
