"""What asv runs. Its discovery imports everything below: a script here works only where it is `__main__`."""

from harness.bridges import asv_type as _asv_type

_asv_type.register()
