"""What asv runs. The packages below this one are scripts of their own (`python -m benchmarks.NAME`), not asv's."""

import os as _os
import pkgutil as _pkgutil
import sys as _sys
from types import ModuleType as _ModuleType

from harness.bridges import asv_type as _asv_type

_asv_type.register()

if _os.environ.get("ASV"):
    # asv's discovery imports all that lies below, in an environment that holds what the harness needs and no more;
    # a module that is there already, and is no package, ends its way down
    for _found in _pkgutil.iter_modules(__path__, f"{__name__}."):
        if _found.ispkg:
            _sys.modules.setdefault(_found.name, _ModuleType(_found.name))
