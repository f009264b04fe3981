"""The side of sources: which column the reduction of the loss came from, by SAGE on held-out rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.ledger import Booking, Side
from assay.core.seeds import seed_for
from assay.evaluate.background import choose_background
from assay.evaluate.coalition import MOST_PLAYERS, Coalitions, Player, Predict, players_of
from assay.evaluate.row_sample import most_astray, representative, two_phase_se, unit_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.objective.loss import Loss

BACKGROUND_ROWS = 64
MOST_ROWS = 1024
FEWEST_ROWS = 64
FEWEST_BACKGROUND_ROWS = 32
MOST_ORDERS = 8
MOST_PREDICTIONS = 2_000_000
ROUNDING = 1e-9


@dataclass(frozen=True)
class Plan:
    """How much is sampled.

    Attributes:
        rows: Held-out rows.
        orders: Pairs of a random order of the players and its reverse, a row.
        background: Training rows that stand in for an unknown column.
    """

    rows: int
    orders: int
    background: int

    def predictions(self, n_players: int) -> int:
        """Rows that the model must predict."""
        return 2 * self.orders * self.rows * max(0, n_players - 1) * self.background


def plan_for(n_held_out: int, n_train: int, n_players: int, seconds: float, seconds_a_prediction: float) -> Plan:
    """The usual plan, halved until it is at most two million predictions and fits the time.

    First orders are halved, then the background, then rows: on adult (linear, 600 rows) the choice of 64 background rows moves
    a line by 0.02 to 0.2 of its standard error, of 32 by 0.1 to 0.4, so that rows matter most. Where time is no bound the
    plan depends on the data alone: all machines that are fast enough give the same books.

    Example:
        >>> plan_for(5000, 20000, 10, seconds=10, seconds_a_prediction=1e-6)
        Plan(rows=1024, orders=1, background=64)
        >>> plan_for(5000, 20000, 10, seconds=10, seconds_a_prediction=3e-5)
        Plan(rows=512, orders=1, background=32)
    """
    rows = min(n_held_out, MOST_ROWS)
    plan = Plan(rows, min(MOST_ORDERS, max(1, MOST_ROWS // rows)), min(n_train, BACKGROUND_ROWS))
    while plan.predictions(n_players) > min(MOST_PREDICTIONS, seconds / max(seconds_a_prediction, 1e-12)):
        if plan.orders > 1:
            plan = Plan(plan.rows, plan.orders // 2, plan.background)
        elif plan.background > FEWEST_BACKGROUND_ROWS:
            plan = Plan(plan.rows, 1, max(FEWEST_BACKGROUND_ROWS, plan.background // 2))
        elif plan.rows > FEWEST_ROWS:
            plan = Plan(max(FEWEST_ROWS, plan.rows // 2), 1, plan.background)
        else:
            break
    return plan


def source_side(
    *,
    predict: Predict,
    loss: Loss,
    train: Rows,
    test: Rows,
    opening_prediction: NDArray[np.float64],
    seconds: float = 10.0,
    seed: int = 0,
    association_order: Sequence[str] = (),
) -> Side:
    """The reduction of the held-out loss booked to the table's columns, with standard errors and the remainder.

    SAGE: each sampled row learns the columns in a random order, and again in the reverse order; a column is booked what the
    loss falls when it becomes known. Over one order the falls add up to (loss with nothing known) - (loss of the model), so
    the lines add up to that difference on the sampled rows exactly. What remains of opening - closing is the difference
    between the sample and all held-out rows, and between the model's average prediction and the best constant.

    Args:
        predict: The model with all that is applied to its output, such as a temperature.
        loss: What the ledger counts in.
        train: Rows that lend their values to columns that are not known.
        test: Held-out rows.
        opening_prediction: The best constant of the training rows, shape (classes,) or ().
        seconds: What the sampling may take; it is thinned to fit.
        seed: Of the run.
        association_order: Columns, the most telling first; says who plays alone where there are more than 40. Without it
            that is said by what the loss rises when the column alone is not known, on a few rows.

    Returns:
        Bookings largest first; the tolerance is the most that the sample of rows can stray plus the background's effect. A line's
        standard error is over rows and orders; the choice of the background is not in it.

    Source: Covert, Lundberg and Lee 2020, algorithm 1; antithetic orders: Mitchell et al. 2022, section 4.1.
    """
    order = association_order or by_removal(predict, loss, train, test, seed_for(seed, "ledger removal"))
    players = players_of(test.data.sources, order)
    pool_seed = seed_for(seed, "ledger background")
    candidate = choose_background(predict, train, BACKGROUND_ROWS, pool_seed)
    weight = unit_weights(test.weight, test.data.rows)
    game = Coalitions(predict, loss, test, candidate, players)
    plan = plan_for(test.data.rows, train.data.rows, len(players), seconds, seconds_a_prediction(game, players, seconds))
    if plan.background < candidate.rows:
        game = Coalitions(predict, loss, test, choose_background(predict, train, plan.background, pool_seed), players)
    constant = np.broadcast_to(opening_prediction, (test.data.rows, *np.shape(opening_prediction)))
    opening = weight * loss.per_row(test.target, constant)
    gained = weight * (game.empty - game.full)
    rows = representative(gained, plan.rows, seed_for(seed, "ledger rows"))
    share = weight[rows, None] * contributions(game, len(players), rows, plan.orders, seed_for(seed, "ledger orders"))
    errors = two_phase_se(share, gained[rows], gained)
    bookings = [Booking(player.name, float(share[:, i].mean()), float(errors[i])) for i, player in enumerate(players)]
    reduction = float((opening - weight * game.full).mean())
    average_costs = float((opening - weight * game.empty).mean())
    tolerance = most_astray(gained, plan.rows) + abs(average_costs) + ROUNDING * abs(float(opening.mean()))
    method = (
        f"SAGE over {len(rows):,} of {test.data.rows:,} held-out rows, {2 * plan.orders} orders each, "
        f"{min(plan.background, train.data.rows)} background rows; "
        f"the average prediction costs {-average_costs:+.2g} against the best constant"
    )
    return Side(
        "source",
        tuple(sorted(bookings, key=lambda b: -b.held_out)),
        remainder=reduction - sum(b.held_out for b in bookings),
        method=method,
        tolerance=tolerance,
    )


def contributions(game: Coalitions, n_players: int, rows: NDArray[np.intp], n_orders: int, seed: int) -> NDArray[np.float64]:
    """What each player took off the loss of each row, averaged over random orders and their reverses.

    Returns:
        Shape (rows, players); a row's sum is its loss with nothing known less its loss with everything known.
    """
    rng = np.random.default_rng(seed)
    forward = rng.permuted(np.tile(np.arange(n_players), (n_orders, len(rows), 1)), axis=2)
    total = np.zeros((len(rows), n_players))
    batch = game.batch_rows(n_players - 1)
    for rank in (*forward, *(n_players - 1 - forward)):
        for start in range(0, len(rows), batch):
            part = slice(start, start + batch)
            total[part] += _one_order(game, rows[part], rank[part])
    # Means of equal predictions differ in their last digit; a column that the model never reads is booked 0 and not -1e-17.
    total[np.abs(total) <= ROUNDING * np.abs(game.empty).max(initial=0.0)] = 0.0
    return total / (2 * n_orders)


def _one_order(game: Coalitions, rows: NDArray[np.intp], rank: NDArray[np.intp]) -> NDArray[np.float64]:
    """`rank` says, shape (rows, players), as which each player becomes known."""
    n_players = rank.shape[1]
    ends = game.empty[rows, None], game.full[rows, None]
    if n_players < 2:
        return ends[0] - ends[1]
    known = rank[:, None, :] < np.arange(1, n_players)[:, None]
    losses = np.concatenate((ends[0], game.losses(rows, known), ends[1]), axis=1)
    return np.take_along_axis(losses[:, :-1] - losses[:, 1:], rank, axis=1)


def seconds_a_prediction(game: Coalitions, players: Sequence[Player], seconds: float) -> float:
    """The time that the model takes for one row, measured on a mixed batch of the size that will be used (at most)."""
    n_rows = min(len(game.full), max(1, min(8, game.batch_rows(len(players)))))
    known = np.arange(len(players))[None, :, None] <= np.arange(len(players))[None, None, :]
    rows = np.arange(n_rows)
    spent = []
    for _ in range(2):
        start = time.perf_counter()
        game.losses(rows, np.broadcast_to(known, (n_rows, *known.shape[1:])))
        spent.append(time.perf_counter() - start)
        if spent[-1] > seconds / 10:
            break
    return min(spent) / (n_rows * len(players) * game.n_background)


def by_removal(predict: Predict, loss: Loss, train: Rows, test: Rows, seed: int) -> tuple[str, ...]:
    """The columns by what the loss rises when each alone is unknown, on a few rows; () where all of them play alone anyway."""
    sources = test.data.sources
    if len(sources) <= MOST_PLAYERS:
        return ()
    rng = np.random.default_rng(seed)
    others, rows = (rng.choice(n, size=min(n, k), replace=False) for n, k in ((train.data.rows, 2), (test.data.rows, 32)))
    game = Coalitions(predict, loss, test, train.data.take(others), tuple(Player(name, (name,)) for name in sources))
    batch = game.batch_rows(1)
    rise = np.zeros(len(sources))
    for start in range(0, len(sources), batch):
        without = ~np.eye(len(sources), dtype=np.bool_)[start : start + batch]
        for row in rows:
            known = np.broadcast_to(without, (1, *without.shape))
            rise[start : start + batch] += game.losses(np.array([row]), known)[0] - game.full[row]
    return tuple(sources[i] for i in np.argsort(-rise, kind="stable"))
