"""Labels of figures, where they cover neither a curve nor one another.

All is measured in points, of which a figure's address and its SVG have the same.
"""

import itertools

import numpy as np
from matplotlib.axes import Axes

# The height of a line of text; browsers' fonts differ, and a phone enlarges them.
HIGH = 15
# The mean width of a letter, likewise.
WIDE = 7.2
# How far a label stands from what it names, at most and at least.
NEAR = (6, 9, 13, 18, 26)
# More room than this around a label makes it no better.
ROOM = 4


def in_points(axes: Axes, places) -> np.ndarray:
    """Return places of the data as they stand in the figure."""
    return axes.transData.transform(np.atleast_2d(places)) * 72 / axes.figure.dpi


def beside_paths(axes: Axes, paths: dict[str, tuple], marks: list[tuple]) -> None:
    """Write beside each path its name, and beside each mark its words, where there is most room.

    Args:
        axes: where the paths are drawn.
        paths: by name, the points and the colour.
        marks: words, the point that they name, and their colour.
    """
    axes.figure.draw_without_rendering()  # which finds out where the axes stand
    curves = {name: dense(in_points(axes, points)) for name, (points, _) in paths.items()}
    box = axes.get_window_extent().extents * 72 / axes.figure.dpi
    crowd = np.concatenate([*curves.values(), *(in_points(axes, at) for _, at, _ in marks)])
    taken: list[np.ndarray] = []
    wanted = [(text, np.atleast_2d(at), colour, "normal") for text, at, colour in marks]
    wanted += [(name, points, colour, "bold") for name, (points, colour) in paths.items()]
    for text, points, colour, weight in wanted:
        half = np.array([WIDE * len(text) / 2, HIGH / 2])
        others = [curve for name, curve in curves.items() if name != text]
        rest = np.concatenate(others) if others else crowd
        best = (-np.inf, points[0], (0, 0))
        for point, at in zip(points, in_points(axes, points), strict=True):
            # Where others are near, nobody could say whom a name belongs to.
            alone = np.linalg.norm(rest - at, axis=1).min() if weight == "bold" and others else 0
            for away in NEAR:
                for across, up in (
                    (0, 1),
                    (0, -1),
                    (1, 0),
                    (-1, 0),
                    (1, 1),
                    (-1, 1),
                    (1, -1),
                    (-1, -1),
                ):
                    offset = np.array([across * (half[0] + away), up * (half[1] + away - 5)])
                    middle = at + offset
                    most = ROOM * 8 + min(alone, 40) / 2 - away
                    if most <= best[0]:
                        continue
                    if (middle - half < box[:2]).any() or (middle + half > box[2:]).any():
                        continue
                    room = gap(middle, half, crowd)
                    if any(overlap(middle, half, other) for other in taken):
                        room -= 100
                    value = most - (ROOM - min(room, ROOM)) * 8
                    if value > best[0]:
                        best = (value, point, offset)
        _, point, offset = best
        taken.append(np.array([in_points(axes, point)[0] + offset, half]))
        written = axes.annotate(
            text,
            point,
            tuple(offset),
            textcoords="offset points",
            ha="center",
            va="center",
            color=colour,
            weight=weight,
        )
        written.set_in_layout(False)


def dense(points: np.ndarray) -> np.ndarray:
    """Return the points of a path, and so many between them that no label slips through."""
    pieces = []
    for start, end in itertools.pairwise(points):
        count = max(2, int(np.linalg.norm(end - start) / 3))
        pieces.append(np.linspace(start, end, min(count, 400)))
    return np.concatenate(pieces)


def gap(middle: np.ndarray, half: np.ndarray, points: np.ndarray) -> float:
    """Return how far a label's box is from the nearest point, below 0 if points lie in it."""
    outside = np.abs(points - middle) - half
    return float(outside.max(axis=1).min())


def overlap(middle: np.ndarray, half: np.ndarray, other: np.ndarray) -> bool:
    """Say whether two boxes have anything in common."""
    return bool((np.abs(middle - other[0]) < half + other[1]).all())


def at_ends(axes: Axes, ends: dict[str, tuple]) -> None:
    """Write each curve's name to the right of its end, lines apart.

    Args:
        axes: where the curves are drawn.
        ends: by name, the last point and the colour.
    """
    axes.figure.draw_without_rendering()
    heights = {name: in_points(axes, point)[0, 1] for name, (point, _) in ends.items()}
    order = sorted(heights, key=heights.get)
    for name, height in zip(order, apart([heights[name] for name in order]), strict=True):
        point, colour = ends[name]
        axes.annotate(
            name,
            point,
            (6, height - heights[name]),
            textcoords="offset points",
            va="center",
            color=colour,
            weight="bold",
        )


def apart(heights: list[float]) -> list[float]:
    """Move sorted heights so that a line of text fits between each two, as little as can be.

    Example:
        >>> apart([0, 1, 40])
        [-7.0, 8.0, 40.0]
    """
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and middle(groups[-2]) + reach(groups[-2], groups[-1]) > middle(
            groups[-1]
        ):
            last = groups.pop()
            groups[-1] += last
    return [
        middle(group) + HIGH * (place - (len(group) - 1) / 2)
        for group in groups
        for place in range(len(group))
    ]


def middle(group: list[float]) -> float:
    return sum(group) / len(group)


def reach(below: list[float], above: list[float]) -> float:
    """Return how far apart the middles of two groups of lines have to be."""
    return HIGH * (len(below) + len(above)) / 2
