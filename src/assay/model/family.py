"""The families of models in one table: what each does, reads, assumes and needs. Standard library only, for help pages read it."""

from __future__ import annotations

from dataclasses import dataclass

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
        needs_torch: Needs PyTorch.
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
    needs_torch: bool = False


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
)
