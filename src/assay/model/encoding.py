"""What models read: a table's features as numbers, category codes and bags of n-grams, each tied to its source column."""

from assay.model.encoded import Encoded, replace_sources
from assay.model.encoder import Encoder

__all__ = ["Encoded", "Encoder", "replace_sources"]
