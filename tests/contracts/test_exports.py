"""What `assay` exports exists, is documented, and is all there is."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import assay

ROOMS = sorted(m.name for m in pkgutil.iter_modules(assay.__path__) if m.ispkg)


@pytest.mark.parametrize("name", assay.__all__)
def test_export_exists_and_is_documented(name):
    value = getattr(assay, name)
    if name == "__version__":
        assert value.count(".") == 2
        return
    doc = inspect.getdoc(value)
    assert doc, name
    assert len(doc.partition("\n")[0].split()) >= 3
    if inspect.isclass(value):
        members = {k: m for k, m in vars(value).items() if not k.startswith("_") and (inspect.isfunction(m) or isinstance(m, property))}
        undocumented = [k for k, m in members.items() if not inspect.getdoc(m)]
        assert undocumented == []


def test_dir_and_all_agree():
    assert dir(assay) == sorted(assay.__all__)


def test_absent_name_says_what_there_is():
    with pytest.raises(AttributeError, match="has no attribute 'chekc'; it has AssayError"):
        assay.chekc  # noqa: B018


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_export_what_they_name(room):
    module = importlib.import_module(f"assay.{room}")
    assert module.__doc__, room
    for name in getattr(module, "__all__", ()):
        assert hasattr(module, name), f"{room}.{name}"


def test_typed():
    assert (Path(assay.__file__).parent / "py.typed").is_file()
