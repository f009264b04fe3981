"""The loop and the ladder."""

from assay.train.data import Batch, Data, TensorData, TokenData
from assay.train.fit import fit
from assay.train.run import Moment, Run
from assay.train.settings import Settings
from assay.train.stream import StreamData

__all__ = ["Batch", "Data", "Moment", "Run", "Settings", "StreamData", "TensorData", "TokenData", "fit"]
