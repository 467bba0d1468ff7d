"""Figures of a run of the discrete family: every stage has its own curve."""

from ctsigprop.analysis.plots.layers import layers_figure


def test_every_stage_has_its_own_curve() -> None:
    losses = {"layer 1": (2.0, 1.0), "output": (0.5, 0.25)}
    errors = {"layer 1": (9.0, 8.0), "output": (7.0, 6.0)}
    metrics = [
        {
            "epoch": epoch + 1,
            "losses": {stage: values[epoch] for stage, values in losses.items()},
            "exits": {stage: {"validation_error": values[epoch]} for stage, values in errors.items()},
        }
        for epoch in range(2)
    ]
    panels = layers_figure(metrics).get_axes()
    for axes, expected in zip(panels, (losses, errors), strict=True):
        assert {str(line.get_label()): tuple(line.get_ydata()) for line in axes.get_lines()} == expected
