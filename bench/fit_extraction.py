"""Fits the weights of answer extraction and writes src/classic/extract_weights.c to stdout.

    extraction SQUAD.json 0 spans.bin && python fit_extraction.py spans.bin N_FEATURES > …/extract_weights.c

Log-linear: p(span) ~ exp(w f) among the spans of a question; the target is spread over the spans by
how much of the answer they hold (F1 to the sixth power). L2 penalty, L-BFGS.
"""
import sys

import numpy as np
from scipy.optimize import minimize

n = int(sys.argv[2])
penalty = float(sys.argv[3]) if len(sys.argv) > 3 else 0.3
rows = np.concatenate([np.fromfile(p, dtype=np.float32).reshape(-1, n + 2) for p in sys.argv[1].split(",")])
rows = rows[(rows[:, 1] > 0) | (np.arange(len(rows)) % 6 == 0)]  # a sixth of the wrong spans is enough
stands_for = np.where(rows[:, 1] > 0, 0.0, np.log(6.0))
part = np.concatenate([[0], np.cumsum(np.diff(rows[:, 0]) != 0)])
f1, x = rows[:, 1].astype(np.float64), rows[:, 2:]
target = f1 ** 6
sums = np.bincount(part, target)
known = sums[part] > 0
starts = np.flatnonzero(np.concatenate([[True], np.diff(part) != 0]))
target = np.where(known, target / np.maximum(sums[part], 1e-9), 0)
questions = (sums > 0).sum()


def loss(w):
    z = x @ w.astype(np.float32)
    z = z.astype(np.float64) + stands_for
    z -= np.maximum.reduceat(z, starts)[part]
    e = np.exp(z)
    p = e / np.add.reduceat(e, starts)[part]
    value = -(target * np.log(np.maximum(p, 1e-300))).sum() + penalty / 2 * (w ** 2).sum()
    gradient = x.T @ (np.where(known, p, 0) - target).astype(np.float32)
    return value / questions, (gradient.astype(np.float64) + penalty * w) / questions


w = minimize(loss, np.zeros(n), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
z = x @ w.astype(np.float32)
best = [s + int(np.argmax(z[s:e])) for s, e in zip(starts, list(starts[1:]) + [len(z)])]
print(f"questions {questions}, spans {len(z)}, token F1 on them {f1[best].mean():.4f}", file=sys.stderr)
print("/* Made by bench/fit_extraction.py: what each feature of extract_priv.h adds, in its order. */")
print('#include "classic/extract_priv.h"\n\nconst float EXTRACT_WEIGHTS[EXTRACT_N] = {')
for i in range(0, n, 8):
    print("    " + " ".join(f"{v:.3f}f," for v in w[i:i + 8]))
print("};")
