from importlib.metadata import packages_distributions

from adopt import ADOPT

print(ADOPT.__module__, "was installed by:", *packages_distributions()["adopt"])
