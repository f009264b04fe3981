"""The package's names stay what they are, whatever was imported before."""

import importlib
import subprocess
import sys


def test_room_does_not_hide_the_function_of_its_name() -> None:
    first = "import assay, assay.train.folder; from assay.train.folder import RunFolder; assay.train"
    code = f"{first}; import assay.train; print(callable(assay.train))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "True"


def test_room_can_still_be_imported_from() -> None:
    assert importlib.import_module("assay.train").__name__ == "assay.train"
    from assay.train import folder

    assert folder.RunFolder.__name__ == "RunFolder"
