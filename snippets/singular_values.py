# First, in a copy of this site's source: pip install .
import numpy as np

from optimizers import muon_step

rng = np.random.default_rng(0)
left, _ = np.linalg.qr(rng.standard_normal((4, 4)))
right, _ = np.linalg.qr(rng.standard_normal((4, 4)))
gradient = left @ np.diag([10.0, 1.0, 0.1, 0.01]) @ right

weights = np.zeros((4, 4))
moved, _ = muon_step(weights, gradient, {}, lr=1.0)
shorter, _ = muon_step(weights, gradient / 1000, {}, lr=1.0)

print("gradient     ", np.linalg.svd(gradient).S.round(2))
print("step         ", np.linalg.svd(moved).S.round(2))
print("a thousandth ", np.linalg.svd(shorter).S.round(2))
