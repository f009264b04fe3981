"""Columns of the design matrix by the names that a person knows."""

import numpy as np
from scipy.sparse import csr_array

from assay.model.design import Design
from assay.model.encoding import Encoded


def test_every_column_has_a_name_and_the_source_that_it_is_made_of():
    data = Encoded(
        np.array([[1.0, np.nan], [2.0, 3.0]]),
        ("age", "date: month"),
        ("age", "date"),
        np.array([[2], [0]], np.int32),
        ("town",),
        (4,),
        (csr_array(np.eye(2, dtype=np.float32)),),
        ("review",),
        (("oslo", "rome"),),
        (("good", "bad"),),
    )
    design = Design.fit(data)
    names = [design.label(column, data) for column in range(len(design.sources))]
    assert names == [
        *("age", "date: month", "date: month missing"),
        *("town=missing", "town=rare", "town=oslo", "town=rome"),
        *("'good'", "'bad'"),
    ]
    assert design.sources == ("age", "date", "date", "town", "town", "town", "town", "review", "review")
