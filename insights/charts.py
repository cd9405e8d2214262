"""Charts as Vega-Lite specifications in plain dicts, drawn to SVG without a browser.

Colours are names of CSS variables: a page that puts the SVG inline paints it in its own theme, light or dark.
A chart is decoration for numbers that the page shows as a table too; it carries no text that is not there.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import vl_convert

from insights.trends import Compared, FirstAnswers, Trends

Spec = dict[str, Any]
Labels = Mapping[str, str]

INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
BAD, CALM, ACCENT, SIGNAL = "var(--chart-bad)", "var(--chart-calm)", "var(--accent)", "var(--signal)"
WIDE, HALF, NARROW = 1000, 480, 320
FONT = "system-ui, sans-serif"
_STYLE = re.compile(r'\sstyle="[^"]*"')

CONFIG: Spec = {
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "labelFontSize": 12,
        "titleColor": MUTED,
        "titleFontSize": 12,
        "titleFontWeight": 400,
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
    },
    "legend": {
        "labelColor": INK,
        "labelFontSize": 12,
        "symbolStrokeWidth": 0,
        "symbolOpacity": 1,
        "orient": "top",
        "title": None,
        "columnPadding": 16,
        "offset": 8,
        "padding": 0,
    },
}


def volume(trends: Trends, days: Sequence[str], labels: Labels, width: int = WIDE) -> Spec:
    """Posts about the brand a day, unhappy ones below, bursts marked, the previous period as a dashed line.

    `days` are the readable names of the days; `labels` names unhappy, other, previous and burst.
    """
    rows = [
        {"day": name, "kind": labels[kind], "count": count, "layer": layer}
        for name, day in zip(days, trends.days, strict=True)
        for layer, (kind, count) in enumerate((("unhappy", day.unhappy), ("other", day.about - day.unhappy)))
    ]
    before = [
        {"day": name, "count": None if day.gap else day.about, "kind": labels["previous"]}
        for name, day in zip(days, trends.previous, strict=True)
    ]
    bursts = [
        {"day": name, "count": day.about, "kind": labels["burst"]}
        for name, day in zip(days, trends.days, strict=True)
        if day.burst
    ]
    gaps = [{"day": name, "count": 0} for name, day in zip(days, trends.days, strict=True) if day.gap]
    shown = [("unhappy", BAD), ("other", CALM)]
    shown += [("previous", MUTED)] if any(not day.gap for day in trends.previous) else []
    shown += [("burst", SIGNAL)] if bursts else []
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": [labels[kind] for kind, _ in shown], "range": [paint for _, paint in shown]},
        "legend": {"symbolType": "square"} if width > NARROW else {"columns": 2, "symbolType": "square"},
    }
    x, y = _day_axis(days, width), _count_axis("count")
    return _chart(
        width,
        200,
        layer=[
            {
                "data": {"values": rows},
                "mark": {"type": "bar", "width": {"band": 0.72}},
                "encoding": {"x": x, "y": {**y, "stack": "zero"}, "color": colour, "order": {"field": "layer"}},
            },
            {
                "data": {"values": before},
                "mark": {
                    "type": "line",
                    "strokeDash": [4, 3],
                    "strokeWidth": 1.5,
                    "invalid": "break-paths-show-domains",
                },
                "encoding": {"x": x, "y": y, "color": colour},
            },
            {
                "data": {"values": bursts},
                "mark": {"type": "point", "shape": "triangle-down", "filled": True, "size": 90, "yOffset": -10},
                "encoding": {"x": x, "y": y, "color": colour},
            },
            {
                "data": {"values": gaps},
                "mark": {"type": "text", "text": "×", "color": MUTED, "dy": -8, "fontSize": 14},
                "encoding": {"x": x, "y": y},
            },
        ],
    )


def share(trends: Trends, days: Sequence[str], width: int = WIDE) -> Spec:
    """The unhappy share a day with its Wilson interval; the share of the previous period as a dashed rule."""
    rows = [
        {
            "day": name,
            "share": day.share,
            "low": (day.interval or (None, None))[0],
            "high": (day.interval or (None,) * 2)[1],
        }
        for name, day in zip(days, trends.days, strict=True)
        if day.share is not None
    ]
    x = _day_axis(days, width)
    y = {
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"format": ".0%", "values": [0, 0.25, 0.5, 0.75, 1], "title": None},
    }
    about, unhappy = trends.about.previous, trends.unhappy.previous
    before = [{"share": unhappy / about}] if about else []
    return _chart(
        width,
        150,
        layer=[
            {
                "data": {"values": before},
                "mark": {"type": "rule", "strokeDash": [4, 3], "color": MUTED, "strokeWidth": 1.5},
                "encoding": {"y": {**y, "field": "share"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "rule", "color": BAD, "opacity": 0.35, "strokeWidth": 5, "strokeCap": "round"},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "size": 48, "color": BAD, "opacity": 1},
                "encoding": {"x": x, "y": {**y, "field": "share"}},
            },
        ],
    )


def bars(lines: Sequence[Compared], names: Labels, width: int = WIDE) -> Spec:
    """A bar a name, longest first, with a tick where the previous period stood."""
    rows = [{"name": names[line.name], "count": line.count, "previous": line.previous} for line in lines]
    y = {
        "field": "name",
        "type": "nominal",
        "sort": [row["name"] for row in rows],
        "axis": {"title": None, "labelColor": INK, "labelLimit": 150},
    }
    x = {**_count_axis("count"), "scale": {"nice": True, "zero": True}}
    bar = {
        "mark": {"type": "bar", "color": BAD, "height": {"band": 0.62}, "cornerRadiusEnd": 2},
        "encoding": {"y": y, "x": x},
    }
    tick = {
        "mark": {"type": "tick", "color": INK, "thickness": 2, "height": {"band": 0.86}, "orient": "vertical"},
        "encoding": {"y": y, "x": {"field": "previous", "type": "quantitative"}},
    }
    # Where nothing was listened to before, a tick at zero would tell of a calm that nobody knows of.
    layers = [bar, tick] if any(line.previous for line in lines) else [bar]
    return _chart(width, max(1, len(rows)) * 26, data={"values": rows}, layer=layers)


def answer_times(answers: FirstAnswers, names: Labels, width: int = WIDE) -> Spec:
    """How many cases were first answered within each span."""
    rows = [{"name": names[name], "count": count} for name, count in answers.buckets.items()]
    x = {
        "field": "name",
        "type": "nominal",
        "sort": [row["name"] for row in rows],
        "axis": {"title": None, "labelAngle": 0, "labelLimit": width // 5},
    }
    return _chart(
        width,
        130,
        data={"values": rows},
        mark={"type": "bar", "color": ACCENT, "width": {"band": 0.6}, "cornerRadiusEnd": 2},
        encoding={"x": x, "y": _count_axis("count")},
    )


def svg(spec: Spec) -> str:
    """The chart as SVG text without scripts, inline styles or references to anything outside."""
    return _svg(json.dumps(spec, sort_keys=True))


@lru_cache(maxsize=128)
def _svg(spec: str) -> str:
    drawn = vl_convert.vegalite_to_svg(json.loads(spec))
    return _STYLE.sub("", drawn)


def _chart(width: int, height: int, **parts: Any) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": width,
        "height": height,
        "background": None,
        "padding": {"left": 10, "right": 6, "top": 4, "bottom": 4},
        "autosize": {"type": "fit", "contains": "padding"} if "layer" not in parts else "fit-x",
        "config": CONFIG,
        **parts,
    }


def _day_axis(days: Sequence[str], width: int) -> Spec:
    step = max(1, round(len(days) * 62 / width))
    shown = [name for place, name in enumerate(reversed(days)) if place % step == 0]
    return {
        "field": "day",
        "type": "ordinal",
        "sort": list(days),
        "scale": {"domain": list(days)},
        "axis": {"title": None, "labelAngle": 0, "values": shown[::-1], "labelOverlap": True},
    }


def _count_axis(name: str) -> Spec:
    return {
        "field": name,
        "type": "quantitative",
        "axis": {"title": None, "tickMinStep": 1, "tickCount": 4, "format": "d"},
    }
