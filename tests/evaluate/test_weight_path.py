"""The weight-path integral against brute force, closed forms and its own promise."""

from __future__ import annotations

import numpy as np
import pytest

from assay.evaluate.weight_path import book_path


def cubic(point):
    x, y = point
    return np.array([x**3 * y + y**2]), np.array([[3 * x**2 * y, x**3 + 2 * y]])


def test_a_polynomial_is_booked_exactly():
    books = book_path([np.array([0.0, 1.0]), np.array([1.0, 0.0])], {"x": np.array([0]), "y": np.array([1])}, cubic)
    # along s: x = s, y = 1 - s; the integral of 3 s^2 (1 - s) is 1/4; of -(s^3 + 2 (1 - s)) it is -5/4
    assert books.booked[0, 0] == pytest.approx([-0.25, 1.25])
    assert books.remainder == pytest.approx(np.zeros((1, 1)))
    assert books.n_gradients == 2 + 3


def test_a_kink_is_closed_in_on():
    def kinked(point):
        return np.array([abs(point[0] - 0.3)]), np.array([[np.sign(point[0] - 0.3)]])

    books = book_path([np.array([0.0]), np.array([1.0])], {"x": np.array([0])}, kinked, remainder_share=0.01)
    assert abs(books.remainder[0, 0]) <= 0.01 * 0.4
    assert books.worst_remainder[0] <= 0.01 * 0.4
    assert books.n_gradients > 2 + 3 + 6


def test_a_spent_allowance_is_told_in_the_remainder_not_hidden():
    def kinked(point):
        return np.array([abs(point[0] - 0.3)]), np.array([[np.sign(point[0] - 0.3)]])

    books = book_path([np.array([0.0]), np.array([1.0])], {"x": np.array([0])}, kinked, most_gradients=5)
    assert books.n_gradients == 5
    assert books.booked[0, 0, 0] + books.remainder[0, 0] == pytest.approx(0.3 - 0.7)
    assert abs(books.remainder[0, 0]) > 0.01


def test_several_sets_of_rows_and_segments_are_booked_apart():
    def two(point):
        return np.array([point[0] ** 2, 2 * point[0] ** 2]), np.array([[2 * point[0]], [4 * point[0]]])

    books = book_path([np.array([2.0]), np.array([1.0]), np.array([0.0])], {"x": np.array([0])}, two)
    assert books.booked[:, :, 0] == pytest.approx(np.array([[3.0, 1.0], [6.0, 2.0]]))
    assert books.losses == pytest.approx(np.array([[4.0, 1.0, 0.0], [8.0, 2.0, 0.0]]))


def test_parameters_that_no_group_owns_are_left_to_the_remainder():
    books = book_path([np.array([0.0, 1.0]), np.array([1.0, 0.0])], {"y": np.array([1])}, cubic, most_gradients=6)
    assert books.booked[0, 0] == pytest.approx([1.25])
    assert books.remainder[0, 0] == pytest.approx(-0.25)


def test_a_jump_that_gradients_do_not_see_is_booked_by_moving_the_groups():
    def stepped(point):
        return np.array([float(point[0] > 0.3) + point[1]]), np.array([[0.0, 1.0]])

    points, groups = [np.array([0.0, 0.0]), np.array([1.0, 1.0])], {"x": np.array([0]), "y": np.array([1])}
    books = book_path(points, groups, stepped, most_gradients=5, losses_at=lambda point: stepped(point)[0])
    assert books.booked[0, 0] == pytest.approx([-1.0, -1.0])
    assert books.remainder[0, 0] == pytest.approx(0.0)
    assert books.n_moved == 1


def test_moved_pieces_leave_what_no_group_owns_to_the_remainder():
    points = [np.array([0.0, 1.0]), np.array([1.0, 0.0])]
    books = book_path(points, {"y": np.array([1])}, cubic, most_gradients=5, losses_at=lambda point: cubic(point)[0])
    assert books.booked.sum() + books.remainder.sum() == pytest.approx(1.0)


def test_moving_the_groups_tends_to_the_integral_as_pieces_shrink():
    ends = np.array([0.0, 1.0]), np.array([1.0, 0.0])

    def booked(n_pieces):
        points = [ends[0] + share * (ends[1] - ends[0]) for share in np.linspace(0, 1, n_pieces + 1)]
        groups = {"x": np.array([0]), "y": np.array([1])}

        # gradients of nothing, so that no piece closes by itself
        def blind(point):
            return cubic(point)[0], np.zeros((1, 2))

        return book_path(points, groups, blind, remainder_share=1e-9, most_gradients=0, losses_at=lambda p: cubic(p)[0]).booked.sum(
            axis=(0, 1)
        )

    errors = [abs(booked(n)[0] + 0.25) for n in (2, 4, 8)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
