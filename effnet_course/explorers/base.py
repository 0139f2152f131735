"""Sliders. An explorer is its sliders, a state (what is computed), a picture and a sentence.

The state is a function of numbers that knows nothing of widgets; the picture and the sentence are functions
of the state. `static` gives both for a printed page; `view` puts sliders above them. The picture is SVG text
in a core HTML widget: no script, no plotting library, and slider and picture in one output, so that it works
wherever ipywidgets does. Only `view` imports ipywidgets.

    explorers.convolution()                                  # the sliders, in a notebook
    explorers.CONVOLUTION.static(kernel=5, resolution=28)    # (svg, sentence)
"""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True)
class Slider:
    """One argument of the state: the values it steps through, and how each is written beside the slider."""

    name: str
    label: str
    values: tuple
    start: Any
    readout: str = "{}"


@dataclass(frozen=True)
class Explorer:
    """Sliders, and the functions that turn their values into a state, a picture (SVG) and a sentence."""

    sliders: tuple[Slider, ...]
    state: Callable[..., Any]
    picture: Callable[[Any], str]
    sentence: Callable[[Any], str]

    def static(self, **values) -> tuple[str, str]:
        """The picture and the sentence at these values; the sliders' starts where none is given."""
        state = self.state(**({slider.name: slider.start for slider in self.sliders} | values))
        return self.picture(state), self.sentence(state)

    def view(self, **values):
        """The widget: sliders over the picture and its sentence. A value for a slider is where it starts."""
        import ipywidgets

        fixed = {name: value for name, value in values.items() if name not in {s.name for s in self.sliders}}
        controls = {
            slider.name: ipywidgets.SelectionSlider(
                options=[(slider.readout.format(value), value) for value in slider.values],
                value=values.get(slider.name, slider.start),
                description=slider.label,
                continuous_update=True,
                style={"description_width": "145px"},
                layout=ipywidgets.Layout(width="345px", margin="0"),
            )
            for slider in self.sliders
        }
        page = ipywidgets.HTML()

        def show(_change=None):
            picture, sentence = self.static(**fixed, **{name: c.value for name, c in controls.items()})
            page.value = (
                f'<div style="max-width:680px;line-height:1.35">{picture}'
                f'<p aria-hidden="true" style="margin:2px 0 0">{escape(sentence)}</p></div>'
            )

        for control in controls.values():
            control.observe(show, "value")
        show()
        rows = ipywidgets.Box(
            list(controls.values()), layout=ipywidgets.Layout(flex_flow="row wrap", max_width="700px")
        )
        return ipywidgets.VBox([rows, page])
