"""Shapes stand in annotations, and tests execute them: torch layer files of `assay` are checked by jaxtyping and beartype.

A file that imports jaxtyping under TYPE_CHECKING costs nothing where it is used. Here a finder loads such files as always, then runs their
TYPE_CHECKING imports and wraps every function whose annotations name a shape. A conftest calls `execute_shapes()` first.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

DTYPES = ("Float", "Int", "Bool", "Shaped", "Num")
AXES = {
    *("batch", "rows", "features", "classes", "vocab", "tokens", "context", "layers", "heads", "steps", "channels", "height", "width"),
    *("parameters", "key_heads", "head_width", "inputs", "outputs", "places", "feed"),
}


def names_a_shape(function: FunctionType) -> bool:
    """Whether an annotation of the function is of jaxtyping's."""
    return any(isinstance(a, str) and any(f"{d}[" in a for d in DTYPES) for a in function.__annotations__.values())


def functions_of(module: ModuleType) -> list[tuple[object, str, FunctionType]]:
    """(owner, name, function) of every function and plain method that is defined in the module."""
    found = []
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            found.append((module, name, value))
        if inspect.isclass(value) and value.__module__ == module.__name__:
            found += [(value, n, f) for n, f in vars(value).items() if isinstance(f, FunctionType)]
    return found


def run_type_imports(module: ModuleType) -> None:
    """Import into the module what it imports only for its annotations."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module.__file__ or "", "exec"), vars(module))  # noqa: S102


def described(value: object) -> object:
    """What decides whether a value was checked before: a tensor's shape and type, which module it is, else its type."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return tuple(value.shape), value.dtype
    return (type(value), id(value)) if hasattr(value, "named_parameters") else type(value)


def once_a_shape(checked: Callable[..., Any], plain: FunctionType) -> Callable[..., Any]:
    """Calls `checked` for every new combination of shapes, `plain` for those that passed: a training repeats one thousands of times."""
    passed: set[object] = set()

    @functools.wraps(plain)
    def call(*args: Any, **named: Any) -> Any:
        key = (*map(described, args), *((name, described(value)) for name, value in named.items()))
        if key in passed:
            return plain(*args, **named)
        result = checked(*args, **named)
        passed.add(key)
        return result

    return call


def check(module: ModuleType) -> None:
    """Wrap every function of the module that names a shape, so that a call with another shape raises."""
    from beartype import beartype
    from jaxtyping import jaxtyped

    run_type_imports(module)
    for owner, name, function in functions_of(module):
        if names_a_shape(function):
            setattr(owner, name, once_a_shape(jaxtyped(typechecker=beartype)(function), function))


class CheckingLoader(SourceFileLoader):
    """Loads a file as always, then wraps its functions."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        check(module)


class CheckingFinder(MetaPathFinder):
    """Finds modules of `assay` that name jaxtyping."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not fullname.startswith("assay."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        if "from jaxtyping import" in Path(spec.origin).read_text(encoding="utf-8"):
            spec.loader = CheckingLoader(fullname, spec.origin)
            return spec
        return None


def execute_shapes() -> None:
    """From here on, check the shapes of every file of `assay` that is imported and names them; those imported already, at once."""
    if any(isinstance(f, CheckingFinder) for f in sys.meta_path):
        return
    sys.meta_path.insert(0, CheckingFinder())
    for name, module in list(sys.modules.items()):
        if name.startswith("assay.") and hasattr(module, "__file__") and "from jaxtyping import" in inspect.getsource(module):
            check(module)
