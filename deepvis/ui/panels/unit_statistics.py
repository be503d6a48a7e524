"""The part of the unit panel that says what a unit answers to: classes, how often, and how strongly."""

from __future__ import annotations

from deepvis.messages import UnitStatistics
from deepvis.ui import theme
from deepvis.ui.panels.controls import label
from deepvis.ui.panels.section import Section
from deepvis.ui.views.numbers import format_percent, format_value
from deepvis.ui.views.plot_view import HistogramPlot
from deepvis.ui.views.value_bars import ValueBars

_PLOT_HEIGHT = 64


class UnitStatisticsSection(Section):
    """Bars of the classes that excite a unit most, and the histogram of its maxima. UI thread only."""

    def __init__(self) -> None:
        super().__init__("statistics", "What excites it")
        self.classes = ValueBars("all pictures")
        self.classes.setAccessibleName("Classes that excite the unit most")
        self.classes.setToolTip(
            "Mean of the unit's maximum over the pictures of each class; the line marks the mean over all pictures"
        )
        self.plot = HistogramPlot(placeholder="No values yet")
        self.plot.setAccessibleName("Histogram of the unit's maxima")
        self.plot.setToolTip("How many pictures had which maximum (square root of the count)")
        self.text = label("", "figure-quiet", wrap=True)
        for part in (self.classes, self.plot, self.text):
            self.body.addWidget(part)
        theme.theme_changed.connect(self._follow_scale)
        self._follow_scale()
        self.hide()

    def show_statistics(self, statistics: UnitStatistics | None) -> None:
        """Show these; None hides the section."""
        self.setVisible(statistics is not None)
        if statistics is None:
            return
        self.classes.set_values(statistics.classes, statistics.overall)
        self.classes.setVisible(bool(statistics.classes))
        self.plot.set_histogram(statistics.counts.astype("float32"), statistics.edges)
        pictures = f"{statistics.pictures:,}".replace(",", "\u202f")
        silent = f"silent in {format_percent(statistics.silent)} of {pictures} pictures"
        self.text.setText(f"mean {format_value(statistics.mean)} · {silent}")

    def _follow_scale(self) -> None:
        self.plot.setFixedHeight(theme.scaled(_PLOT_HEIGHT))
