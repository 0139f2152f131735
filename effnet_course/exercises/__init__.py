"""The exercises, one module a sheet: references, cases, misconceptions, other right answers, hints."""

import pkgutil
from importlib import import_module

from effnet_course.checking import Exercise


def sheets() -> tuple[str, ...]:
    """The numbers of the sheets there are, such as ("01", "02")."""
    return tuple(sorted(_modules()))


def sheet(number: str) -> tuple[Exercise, ...]:
    """The exercises of a sheet, in order. `number` is the lesson's: "01"."""
    modules = _modules()
    wanted = str(number).zfill(2)
    if wanted not in modules:
        raise LookupError(f"There is no sheet {number!r}. These are there: {', '.join(sheets())}.")
    return import_module(f"{__name__}.{modules[wanted]}").EXERCISES


def _modules() -> dict[str, str]:
    """From a sheet's number to its module: s01_convolution_cost is sheet 01."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return {name[1:3]: name for name in names if name[0] == "s" and name[1:3].isdigit()}
