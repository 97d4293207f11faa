"""The public names of asymboot under the distribution's own name: the same objects as those of `sim`.

>>> import asymboot, sim
>>> asymboot.boot is sim.boot
True
"""

from sim import __all__ as __all__
from sim import __dir__ as __dir__
from sim import __getattr__ as __getattr__
