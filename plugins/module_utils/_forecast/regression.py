# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Regression learns linear weights as samples come: ``learn`` one, ``predict`` the next. Pure."""

from __future__ import annotations

import math
import typing as t
from operator import mul, truediv

# A pivot below this share of its diagonal is rounding.
_SINGULAR: t.Final = 1e-9
# Bounds the memory and the weights of what waits; summing up more at once is hardly faster.
_MOST_WAITING: t.Final = 1024


class Regression:
    """Ridge regression with exponential forgetting on ``width`` features.

    Instead of the covariance matrix of recursive least squares, which loses its footing when the features stand still
    for long (Åström, Borisson, Ljung and Wittenmark, 1977), it sums up the normal equations, O(width²) a sample, and
    solves them now and then, when a prediction is asked for. Until then samples wait, since many at once are summed up
    several times as fast. The ridge counts as ``PRIOR`` samples in which no feature had an effect.
    """

    # Chosen with the first version; no run is recorded.
    PRIOR: t.Final = 10.0

    def __init__(
        self, width: int, span_samples: float, patience: int, state: dict[str, t.Any] | None = None
    ) -> None:
        """Take up ``state`` again, if given. ``span_samples`` is the samples after which one counts e times less;
        ``patience`` is the most samples between two solutions.
        """
        self._growth = math.exp(1 / span_samples)
        self._patience = patience
        state = state or {
            "products": [[0.0] * (row + 1) for row in range(width)],
            "targets": [0.0] * width,
            "weight": 1.0,
            "total": 0.0,
            "count": 0,
            "due": 1,
            "coefficients": [0.0] * width,
            "waiting": [],
        }
        self._products: list[list[float]] = state["products"]
        self._targets: list[float] = state["targets"]
        self._weight: float = state["weight"]
        self._total: float = state["total"]
        self._count: int = state["count"]
        self._due: int = state["due"]
        self._coefficients: list[float] = state["coefficients"]
        self._waiting: list[tuple[float, float, t.Sequence[float]]] = state["waiting"]

    def dump_state(self) -> dict[str, t.Any]:
        """Return what a new regression needs to go on from here, as JSON can hold it."""
        return {
            "products": self._products,
            "targets": self._targets,
            "weight": self._weight,
            "total": self._total,
            "count": self._count,
            "due": self._due,
            "coefficients": self._coefficients,
            "waiting": self._waiting,
        }

    def predict(self, features: t.Sequence[float]) -> float:
        """Return the target that ``features`` lead to; 0 before anything is learned."""
        if self._count >= self._due:
            self._solve()
        return float(sum(map(mul, self._coefficients, features)))

    def learn(self, features: t.Sequence[float], target: float, times: int = 1) -> None:
        """Take in one sample, which stands for so many in a row."""
        weight = self._weight * times
        self._waiting.append((weight, target, features))
        self._total += weight
        self._weight *= self._growth**times
        self._count += times
        # Weights grow while samples wait, and must not overflow where nobody asks.
        if len(self._waiting) == _MOST_WAITING:
            self._solve()

    def _add_up(self) -> None:
        weights, targets, rows = zip(*self._waiting)
        self._waiting = []
        columns = list(zip(*rows))
        for row, column in enumerate(columns):
            if any(column):
                weighted = list(map(mul, weights, column))
                # zip stops at the diagonal: a row holds no more.
                self._products[row] = [
                    sum_ + sum(map(mul, weighted, other))
                    for sum_, other in zip(self._products[row], columns)
                ]
                self._targets[row] += sum(map(mul, weighted, targets))

    def _solve(self) -> None:
        self._add_up()
        # Samples get heavier instead of the past lighter, which saves a pass; here both are brought back to scale.
        for row, products in enumerate(self._products):
            self._products[row] = [value / self._weight for value in products]
        self._targets = [value / self._weight for value in self._targets]
        self._total /= self._weight
        self._weight = 1.0
        self._due = self._count + min(self._patience, 1 + self._count // 16)
        self._coefficients = solve(self._products, self._targets, ridge=self.PRIOR / self._total)


def solve(products: list[list[float]], targets: list[float], ridge: float) -> list[float]:
    """Return x of ``products · x = targets`` for a symmetric positive semi-definite matrix, by Cholesky (LDLᵀ).

    Only the lower triangle is read. The diagonal is raised by the share ``ridge`` of itself, so that the units of the
    features don't matter; a feature that says nothing new gets 0.
    """
    lower: list[list[float]] = []
    pivots: list[float] = []
    solution: list[float] = []
    for row, target in enumerate(targets):
        # A row of the factor holds what is left of the diagonal, so that the maps below stop there.
        scaled: list[float] = []
        factors: list[float] = []
        for column in range(row):
            scaled.append(products[row][column] - sum(map(mul, scaled, lower[column])))
            factors.append(scaled[column] / pivots[column])
        raised = products[row][row] * (1 + ridge)
        pivot = raised - sum(map(mul, scaled, factors))
        pivots.append(pivot if pivot > _SINGULAR * raised else math.inf)
        solution.append(target - sum(map(mul, solution, factors)))
        lower.append(factors)
    solution = list(map(truediv, solution, pivots))
    for row in range(len(targets) - 1, 0, -1):
        for column, factor in enumerate(lower[row]):
            solution[column] -= factor * solution[row]
    return solution
