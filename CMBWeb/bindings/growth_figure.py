"""The growth curve as plotly draws it: voxels against tolerance, the chosen one marked."""

from __future__ import annotations

from typing import Any

from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion, growth_curve, voxels_at


def _layout() -> dict[str, Any]:
    axis = {"color": "#aeb7c2", "gridcolor": "#262d36", "zeroline": False, "fixedrange": True}
    return {
        "height": 150,
        "margin": {"l": 44, "r": 8, "t": 6, "b": 34},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Roboto, sans-serif", "size": 12, "color": "#aeb7c2"},
        "xaxis": {**axis, "title": {"text": "tolerance, % of intensity range", "standoff": 4}},
        "yaxis": {**axis, "title": {"text": "voxels", "standoff": 4}, "rangemode": "tozero"},
        "showlegend": False,
    }


def growth_figure(lesion: LinkedLesion | None) -> dict[str, Any]:
    """Draw a lesion's growth curve, its tolerance marked on it; nothing without a lesion whose curve is known.

    Returns
    -------
    dict
        ``data`` and ``layout``, as plotly takes them.
    """
    if lesion is None or lesion.tolerance_percent is None or not lesion.strokes:
        return {"data": [], "layout": _layout()}
    percent, voxels = growth_curve(lesion)
    at = voxels_at(lesion, percent[:1] * 0 + lesion.tolerance_percent)
    line = {"x": percent.tolist(), "y": voxels.tolist(), "mode": "lines", "line": {"color": "#6cb2ff", "width": 2}}
    dot = {
        "x": [lesion.tolerance_percent],
        "y": at.tolist(),
        "mode": "markers",
        "marker": {"color": "#ffb84d", "size": 11},
    }
    common = {"type": "scatter", "hovertemplate": "%{x:.1f} %: %{y} voxels<extra></extra>"}
    return {"data": [{**line, **common}, {**dot, **common}], "layout": _layout()}
