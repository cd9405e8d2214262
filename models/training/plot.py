"""The calibration plot of the card: how sure a head is, and how often it is right."""

from collections.abc import Sequence

import vl_convert

SIZE = 110


def calibration_plot(points: Sequence[dict[str, object]]) -> str:
    """SVG: a small plot a head, a line a language; `points` have head, language, sure and right."""
    ends = {"values": [{"sure": 0, "right": 0}, {"sure": 1, "right": 1}]}
    line = {"mark": {"type": "line", "strokeDash": [3, 3], "color": "#888"}, "data": ends}
    dots = {"mark": {"type": "line", "point": True}, "encoding": {"color": {"field": "language", "type": "nominal"}}}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": list(points)},
        "facet": {"field": "head", "type": "nominal", "title": None},
        "columns": 4,
        "spec": {
            "width": SIZE,
            "height": SIZE,
            "encoding": {
                "x": {"field": "sure", "type": "quantitative", "scale": {"domain": [0, 1]}, "title": "sure"},
                "y": {"field": "right", "type": "quantitative", "scale": {"domain": [0, 1]}, "title": "right"},
            },
            "layer": [line, dots],
        },
    }
    drawn: str = vl_convert.vegalite_to_svg(spec)
    return drawn
