"""The course's widgets on a page without a kernel. Standard library and effnet_course only.

While the book is built, `install` puts this in the place of what needs a kernel: an explorer becomes its picture,
its sentence, a table of sentences, and a call that `answer` can repeat; a question becomes its choices, each opening
on what it implies; a guess becomes the question. In the reader's browser `answer` runs under Pyodide: worker.js asks
it for the picture at other places of the sliders.
"""

import ast
import json
from functools import wraps
from html import escape

from effnet_course import explorers

ROWS = 6
"""Rows of the table for each slider, at most."""


class Printed:
    """A piece of a page."""

    def __init__(self, html: str):
        self.html = html

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return "(shown in the page)"


def install() -> None:
    """From now on, explorers, questions and guesses print themselves. Called in the kernels that execute the book."""
    import tqdm.auto

    from effnet_course import asking

    tqdm.auto.tqdm = _unseen(tqdm.std.tqdm)

    for name in explorers.__all__:
        made = getattr(explorers, name)
        if callable(made) and not isinstance(made, type) and not name.endswith("_explorer"):
            setattr(explorers, name, _printed(name, made))
    explorers.Explorer.view = _held
    asking.ask = ask
    asking.Prediction.show = show
    said = asking.Prediction._verdict
    asking.Prediction._verdict = lambda self, answer: said(self, answer).removeprefix("No guess was made; t").replace(
        "he answer is", "The answer is", 1
    )  # fmt: skip


def _unseen(bar: type) -> type:
    """A progress bar is a widget, and on a page nothing progresses."""

    class Unseen(bar):
        def __init__(self, *args, **named):
            super().__init__(*args, **named | {"disable": True})

    return Unseen


def _held(explorer: explorers.Explorer, **values) -> tuple:
    """In place of a widget: the explorer, and the values that it would have opened with."""
    return explorer, values


def _printed(name, function):
    @wraps(function)
    def show(*args, **values) -> Printed:
        explorer, given = function(*args, **values)
        return Printed(explorer_html(explorer, given, call_text(name, args, values)))

    return show


def call_text(name: str, args: tuple, values: dict) -> dict | None:
    """A call as text that `answer` can repeat; None where an argument is no plain data."""
    call = {"name": name, "args": repr(_plain(args)), "values": repr(_plain(values))}
    try:
        ast.literal_eval(call["args"]), ast.literal_eval(call["values"])
    except (ValueError, SyntaxError):
        return None
    return call


def _plain(value):
    if hasattr(value, "tolist"):  # an array's, a tensor's, a numpy number's
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _start(slider: explorers.Slider, given: dict) -> int:
    return list(slider.values).index(given.get(slider.name, slider.start))


def explorer_html(explorer: explorers.Explorer, given: dict, call: dict | None) -> str:
    """The explorer as it opens: picture, sentence, table; and what the page's script needs to make sliders of it."""
    picture, sentence = explorer.static(**given)
    sliders = [
        {"label": s.label, "texts": [s.readout.format(value) for value in s.values], "start": _start(s, given)}
        for s in explorer.sliders
    ]
    live = ""
    if call:
        data = json.dumps({"call": call, "sliders": sliders}).replace("</", "<\\/")
        live = f'<script type="application/json">{data}</script><div class="sliders"></div>'
    return (
        f'<div class="printed-explorer">{live}<div class="explorer-picture" tabindex="0" role="group" '
        f'aria-label="Picture">{picture}</div><p class="explorer-sentence">{escape(sentence)}</p>'
        f"{_table(explorer, given)}</div>"
    )


def _table(explorer: explorers.Explorer, given: dict) -> str:
    rows = []
    for slider in explorer.sliders:
        last = len(slider.values) - 1
        places = sorted({round(i * last / (ROWS - 1)) for i in range(ROWS)})
        for place in places:
            value = slider.values[place]
            _, sentence = explorer.static(**{**given, slider.name: value})
            words = slider.label, slider.readout.format(value), sentence
            rows.append("<tr>" + "".join(f"<td>{escape(word)}</td>" for word in words) + "</tr>")
    head = "<tr><th>slider</th><th>at</th><th>what the picture then says</th></tr>"
    about = "One slider at a time, the others where they start."
    return (
        f'<details><summary>The same in words, as a table</summary><p>{about}</p><div class="wide" tabindex="0" '
        f'role="group" aria-label="Table"><table>{head}{"".join(rows)}</table></div></details>'
    )


_made: dict = {}


def answer(request: str) -> str:
    """The picture and the sentence of an explorer, as JSON.

    The request, JSON as well: `box` (which explorer of the page), `call` (see `call_text`), and `places`, for each of
    its sliders the index of its value.
    """
    asked = json.loads(request)
    explorers.Explorer.view = _held
    if asked["box"] not in _made:
        call = asked["call"]
        made = getattr(explorers, call["name"])
        _made[asked["box"]] = made(*ast.literal_eval(call["args"]), **ast.literal_eval(call["values"]))
    explorer, given = _made[asked["box"]]
    values = {s.name: s.values[place] for s, place in zip(explorer.sliders, asked["places"], strict=True)}
    picture, sentence = explorer.static(**{**given, **values})
    return json.dumps({"picture": picture, "sentence": sentence})


def ask(*ids: str) -> None:
    """The questions; each choice opens on whether it is right and what it implies."""
    from IPython.display import display

    from effnet_course.asking import questions

    display(Printed("".join(question_html(questions(id.split(".")[0])[id], n) for n, id in enumerate(ids, start=1))))


def question_html(question: dict, place: int) -> str:
    choices = []
    for letter, choice in zip("ABCDEFGH", question["choices"], strict=False):
        verdict = "right" if choice.get("correct") else "not this one"
        kind = "right" if choice.get("correct") else "wrong"
        choices.append(
            f'<details class="choice {kind}"><summary>{letter}. {escape(choice["text"])}</summary>'
            f"<p><b>{letter}: {verdict}.</b> {escape(choice['why'])}</p></details>"
        )
    return f'<div class="question"><p><b>{place}. {escape(question["text"])}</b></p>{"".join(choices)}</div>'


def show(prediction) -> None:
    """The question of a guess."""
    from IPython.display import display

    offered = f" ({prediction.unit})" if prediction.unit else ""
    if prediction.choices:
        offered = (" " if prediction.question[-1] in ":?." else ": ") + " · ".join(prediction.choices)
    display(
        Printed(
            f'<div class="question"><p><b>{escape(prediction.question)}</b>{escape(offered)}</p>'
            "<p>Write your guess down, and how sure you are, before you read on.</p></div>"
        )
    )
