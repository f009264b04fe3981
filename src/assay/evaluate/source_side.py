"""The side of sources: which column the reduction of the loss came from, by SAGE on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.core.ledger import Booking, Side
from assay.core.seeds import seed_for
from assay.evaluate.background import POOL_ROWS, choose_background
from assay.evaluate.coalition import MOST_PLAYERS, Coalitions, Player, Predict, players_of
from assay.evaluate.row_sample import most_astray, representative, two_phase_se, unit_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.objective.loss import Loss

BACKGROUND_ROWS = 64
MOST_ROWS = 1024
FEWEST_ROWS = 64
FEWEST_BACKGROUND_ROWS = 8
MOST_ORDERS = 8
FEWEST_POOL_ROWS = 256
REMOVAL_ROWS, FEWEST_REMOVAL_ROWS = 32, 4
USUAL_ROW_SECONDS = 2e-6
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


def plan_for(n_held_out: int, n_train: int, n_players: int, predictions: float) -> Plan:
    """The usual plan, thinned until it is at most so many predictions, or as small as may be.

    First orders are halved, then the background down to 8 rows, then the held-out rows. At equal cost rows are worth most: on
    adult (a network, 14 columns) the errors of 256 rows with 8 background rows are half of those of 64 with 32.
    The plan hangs on counts alone, so that every machine gives the same books.

    Example:
        >>> plan_for(5000, 20000, 10, predictions=2_000_000)
        Plan(rows=1024, orders=1, background=64)
        >>> plan_for(5000, 20000, 10, predictions=100_000)
        Plan(rows=512, orders=1, background=8)
    """
    rows = min(n_held_out, MOST_ROWS)
    plan = Plan(rows, min(MOST_ORDERS, max(1, MOST_ROWS // rows)), min(n_train, BACKGROUND_ROWS))
    while plan.predictions(n_players) > predictions:
        if plan.orders > 1:
            plan = replace(plan, orders=plan.orders // 2)
        elif plan.background > FEWEST_BACKGROUND_ROWS:
            plan = replace(plan, background=max(FEWEST_BACKGROUND_ROWS, plan.background // 2))
        elif plan.rows > FEWEST_ROWS:
            plan = replace(plan, rows=max(FEWEST_ROWS, plan.rows // 2))
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
    row_seconds: float = USUAL_ROW_SECONDS,
    prediction: NDArray[np.float64] | None = None,
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
        seconds: What the sampling may take by `row_seconds`; it is thinned to fit.
        row_seconds: What a prediction takes, as the model's `row_seconds` has it.
        prediction: For the held-out rows, where it is known already.
        seed: Of the run.
        association_order: Columns, the most telling first; says who plays alone where there are more than 40. Without it
            that is said by what the loss rises when the column alone is not known, on a few rows.

    Returns:
        Bookings largest first; the tolerance is the most that the sample of rows can stray plus the background's effect. A line's
        standard error is over rows and orders; the choice of the background is not in it.

    Source: Covert, Lundberg and Lee 2020, algorithm 1; antithetic orders: Mitchell et al. 2022, section 4.1.
    """
    most = min(MOST_PREDICTIONS, seconds / max(row_seconds, 1e-12))
    sources = test.data.sources
    order = association_order
    if not order and len(sources) > MOST_PLAYERS:
        asked = min(REMOVAL_ROWS, max(FEWEST_REMOVAL_ROWS, int(most / (8 * len(sources)))))
        order = by_removal(predict, loss, train, test, seed_for(seed, "ledger removal"), asked)
    players = players_of(sources, order)
    plan = plan_for(test.data.rows, train.data.rows, len(players), most)
    pool = min(POOL_ROWS, max(FEWEST_POOL_ROWS, int(most / 4)))
    background = choose_background(predict, train, plan.background, seed_for(seed, "ledger background"), pool)
    game = Coalitions(predict, loss, test, background, players, prediction)
    weight = unit_weights(test.weight, test.data.rows)
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
        f"{game.n_background} background rows, standard errors up to {errors.max(initial=0.0):.2g}; "
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


def by_removal(predict: Predict, loss: Loss, train: Rows, test: Rows, seed: int, n_rows: int = REMOVAL_ROWS) -> tuple[str, ...]:
    """The columns by what the loss rises when each alone is unknown, on a few held-out rows."""
    sources = test.data.sources
    rng = np.random.default_rng(seed)
    others, rows = (rng.choice(n, size=min(n, k), replace=False) for n, k in ((train.data.rows, 2), (test.data.rows, n_rows)))
    game = Coalitions(predict, loss, test, train.data.take(others), tuple(Player(name, (name,)) for name in sources))
    batch = game.batch_rows(1)
    rise = np.zeros(len(sources))
    for start in range(0, len(sources), batch):
        without = ~np.eye(len(sources), dtype=np.bool_)[start : start + batch]
        for row in rows:
            known = np.broadcast_to(without, (1, *without.shape))
            rise[start : start + batch] += game.losses(np.array([row]), known)[0] - game.full[row]
    return tuple(sources[i] for i in np.argsort(-rise, kind="stable"))
