"""Predictions before an answer shows, and questions with an explanation for every choice.

Both are made of core ipywidgets and wait for nobody: executed without anyone there, they show themselves and
the lesson goes on. What a student answers stays on their machine, one JSON line each, in `guesses.jsonl` and
`answers.jsonl` under `home()`. A saved notebook holds no right answer before its time: explanations are sent
to the page only after the student has chosen.

    guess = predict("01.macs", "Multiplications in this layer", choices=["10^5", "10^6", "10^7", "10^8"])
    guess.reveal(231_211_008, "56 * 56 * 128 outputs of 3 * 3 * 64 each.")
    ask("01.q1", "01.q2")
"""

import json
import math
import numbers
import re
import tomllib
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path

from effnet_course.home import home

QUESTIONS = Path(__file__).with_name("questions")

# ---- what is kept ------------------------------------------------------------------------------------------

_told = False


def kept(name: str) -> list[dict]:
    """The records in `home()`/name, oldest first. A line that cannot be read is passed over."""
    records = []
    try:
        lines = (home() / name).read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def _keep(name: str, record: dict) -> str:
    """Append one line in one write. Returns "", or the first time it fails, a sentence for the student."""
    global _told
    path = home() / name
    record = record | {"time": datetime.now(UTC).isoformat(timespec="seconds")}
    line = json.dumps(record, default=str).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab+", buffering=0) as file:
            if file.seek(0, 2):
                file.seek(-1, 2)
                if file.read(1) != b"\n":  # a line that was cut off: don't add to it
                    line = b"\n" + line
            file.write(line)
    except OSError as problem:
        if not _told:
            _told = True
            return f"This could not be saved ({problem}). The lesson goes on without."
    return ""


# ---- predictions -------------------------------------------------------------------------------------------


def predict(key: str, question: str, choices: list[str] | None = None, unit: str = "") -> "Prediction":
    """Ask for a guess and how sure the student is, and show the form. Choices, or else a number in `unit`.

    The first guess under a key counts: a rerun shows it again.
    """
    prediction = Prediction(key, question, choices, unit)
    prediction.show()
    return prediction


class Prediction:
    """A guess. `.value` (a choice or a number) and `.confidence` (percent) are None until it is made."""

    def __init__(self, key: str, question: str, choices: list[str] | None = None, unit: str = ""):
        if choices is not None and len(set(choices)) < 2:
            raise ValueError(f"predict({key!r}): give at least two different choices, or none for a number.")
        self.key, self.question, self.unit = key, question, unit
        self.choices = None if choices is None else [str(choice) for choice in choices]
        self.value = self.confidence = None
        self._revealed = False
        for record in kept("guesses.jsonl"):
            if record.get("key") == key and self._fits(record.get("value")):
                self.value, self.confidence = record["value"], record.get("confidence")
                break

    def __repr__(self) -> str:
        return self._said() if self.value is not None else "No guess yet."

    def _fits(self, value) -> bool:
        if self.choices is not None:
            return value in self.choices
        return isinstance(value, numbers.Real) and not isinstance(value, bool)

    def commit(self, value, confidence: int) -> str:
        """Record the guess, once. Returns "", or a sentence where it could not be saved."""
        if self.value is not None:
            return ""
        self.value, self.confidence = value, confidence
        record = {"key": self.key, "question": self.question, "value": value, "confidence": confidence}
        return _keep("guesses.jsonl", record | ({"after_answer": True} if self._revealed else {}))

    def show(self) -> None:
        """Display the form, or the guess where it has been made."""
        import ipywidgets
        from IPython.display import display

        title = ipywidgets.HTML(f"<b>{escape(self.question)}</b>")
        said = ipywidgets.HTML()
        if self.value is not None:
            said.value = escape(self._said())
            display(ipywidgets.VBox([title, said]))
            return
        # Toggle buttons, not radio buttons or a list: JupyterLab keeps the arrow keys those need for itself.
        if self.choices is None:
            hint, width = "250000, 2.5e5 or 10^5", ipywidgets.Layout(width="220px")
            guess = ipywidgets.Text(placeholder=hint, layout=width)
            field = ipywidgets.HBox([guess, ipywidgets.HTML(escape(self.unit))])
        else:
            guess = field = ipywidgets.ToggleButtons(
                options=self.choices, value=None, style={"button_width": "auto"}
            )
        sure = ipywidgets.ToggleButtons(options=self._levels(), value=None, style={"button_width": "auto"})
        scale = ipywidgets.HTML(f"How sure are you? <small>{escape(self._scale())}</small>")
        button = ipywidgets.Button(description="Commit", tooltip="Record this guess. It cannot be changed.")
        form = ipywidgets.VBox([title, field, scale, sure, button, said])

        def committed(_button):
            value = guess.value if self.choices is not None else as_number(guess.value)
            if value is None:
                wanted = "Choose one." if self.choices else "Write a number, such as 250000, 2.5e5 or 10^5."
                said.value = escape(wanted)
            elif sure.value is None:
                said.value = "Say how sure you are, too."
            else:
                problem = self.commit(value, sure.value)
                form.children = [title, said]
                said.value = escape(f"{self._said()} {problem}")

        button.on_click(committed)
        display(form)

    def _levels(self) -> list[tuple[str, int]]:
        """The confidences on offer: from a guess in the dark upwards."""
        dark = round(100 / len(self.choices)) if self.choices else 10
        return [(f"{dark} %, a pure guess", dark)] + [(f"{p} %", p) for p in (40, 60, 80, 95) if p > dark]

    def _scale(self) -> str:
        right = "right" if self.choices else "within a factor of two"
        return f"80 % means: of ten guesses you are this sure of, eight would be {right}."

    def _said(self) -> str:
        sure = "" if self.confidence is None else f", {self.confidence} % sure"
        return f"Your guess: {self._words(self.value)}{sure}."

    def _words(self, value) -> str:
        if isinstance(value, numbers.Real):
            value = f"{value:,}" if isinstance(value, numbers.Integral) else f"{value:,.6g}"
        return f"{value} {self.unit}".strip()

    def reveal(self, answer: str | float, note: str = "") -> None:
        """Show the answer beside the guess. Where choices are numbers, it may be a number near one of them.

        Raises ValueError where the answer is none of the choices.
        """
        _show_panel(self._verdict(answer), note)
        if self.value is not None and not self._revealed:
            _keep("guesses.jsonl", {"key": self.key, "answer": answer})
        self._revealed = True

    def _verdict(self, answer) -> str:
        right, said = answer, self._words(answer)
        if self.choices is not None:
            right = self._right_choice(answer)
            if right != str(answer):
                said += f", so {right}"
        if self.value is None:
            return f"No guess was made; the answer is {said}."
        return f"{self._said()} The answer: {said}. {self._distance(right)}"

    def _right_choice(self, answer) -> str:
        if str(answer) in self.choices:
            return str(answer)
        sizes = self._sizes()
        if sizes and isinstance(answer, numbers.Real) and answer > 0 and min(sizes) > 0:
            nearest = min(range(len(sizes)), key=lambda i: abs(math.log(sizes[i] / answer)))
            return self.choices[nearest]
        raise ValueError(f"The answer {answer!r} to {self.key!r} is none of the choices {self.choices}.")

    def _sizes(self) -> list[float] | None:
        """The choices as numbers, where they are numbers in order, else None."""
        sizes = [as_number(choice) for choice in self.choices]
        return sizes if None not in sizes and sorted(sizes) == sizes else None

    def _distance(self, right) -> str:
        if self.choices is not None:
            steps = self.choices.index(self.value) - self.choices.index(right)
            if steps == 0:
                return "Right."
            if not self._sizes():
                return "Not right."
            return f"{abs(steps)} step{'s' if abs(steps) > 1 else ''} too {'high' if steps > 0 else 'low'}."
        if self.value == right:
            return "Right."
        if self.value * right <= 0:
            return f"You were off by {self._words(abs(self.value - right))}."
        ratio = self.value / right
        if 0.95 <= ratio <= 1.05:
            return "Right, to within 5 %."
        word = "high" if abs(self.value) > abs(right) else "low"
        times = max(ratio, 1 / ratio)
        return f"You were {f'{times:,.0f}' if times >= 10 else f'{times:.2g}'} times too {word}."


def as_number(text: str) -> float | int | None:
    """What 250000, 250,000, 2.5e5, 10^5, 2 * 10^5 or 3 million mean; None where it is no number."""
    words = re.sub(r"[\s_]", "", text.lower()).replace("**", "^").replace("−", "-")
    if re.match(r"[-+]?\d{1,3}(,\d{3})+(?![\d,])", words):
        words = words.replace(",", "")
    factor = 1
    for word, size in (("thousand", 10**3), ("million", 10**6), ("billion", 10**9), ("%", 1)):
        if words.endswith(word):
            words, factor = words.removesuffix(word), size
    power = re.fullmatch(r"(?:([-+]?\d+(?:\.\d+)?)[*x×·])?10\^([-+]?\d+)", words)
    if power:
        words = f"{power[1] or 1}e{power[2]}"
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", words):
        return None
    value = float(words) * factor
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _show_panel(words: str, note: str = "") -> None:
    """A small panel in a notebook, plain text elsewhere; the same words both ways."""
    from IPython.display import display

    note_html = f"<br>{escape(note)}" if note else ""
    panel = f'<div style="border-left:3px solid #0072B2;padding:2px 10px">{escape(words)}{note_html}</div>'
    display({"text/plain": f"{words}\n{note}".strip(), "text/html": panel}, raw=True)


# ---- questions ---------------------------------------------------------------------------------------------


@cache
def questions(lesson: str) -> dict[str, dict]:
    """The questions of a lesson ("00", "01", ...) by id, as they stand in questions/<lesson>.toml.

    Each has `id`, `text` and `choices`; each choice `text`, `why`, and `correct` where it is the right one.
    """
    path = QUESTIONS / f"{lesson}.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))["questions"]
    except FileNotFoundError:
        there = ", ".join(sorted(p.stem for p in QUESTIONS.glob("*.toml")))
        raise ValueError(f"There are no questions for lesson {lesson!r}. There are for: {there}.") from None
    return {question["id"]: question for question in found}


def ask(*ids: str) -> None:
    """Show these questions, such as "01.q1". A press on a letter answers, and says what that choice implies.

    The first answer is recorded; the other letters then explain theirs. Raises ValueError for an unknown id.
    """
    import ipywidgets
    from IPython.display import display

    shown = []
    for place, id in enumerate(ids, start=1):
        lesson = questions(id.split(".")[0])
        if id not in lesson:
            raise ValueError(f"There is no question {id!r}. There are: {', '.join(lesson)}.")
        shown.append(_question(lesson[id], f"{place}. " if len(ids) > 1 else ""))
    display(ipywidgets.VBox(shown))


def _question(question: dict, place: str):
    import ipywidgets

    said = ipywidgets.HTML()
    first = []

    def row(letter, choice):
        button = ipywidgets.Button(
            description=letter,
            tooltip=choice["text"],
            layout=ipywidgets.Layout(width="52px", flex="0 0 auto"),
        )

        def pressed(_button):
            correct = choice.get("correct", False)
            problem = ""
            if not first:
                first.append(letter)
                answer = {"id": question["id"], "choice": choice["text"], "correct": correct}
                problem = _keep("answers.jsonl", answer)
            button.description = f"{letter} {'✓' if correct else '✗'}"
            more = " Press another letter to see what it implies." if first == [letter] else ""
            colour, verdict = ("#009E73", "right") if correct else ("#D55E00", "not this one")
            said.value = (
                f'<div style="line-height:1.4;max-width:640px;border-left:3px solid {colour};padding:0 10px">'
                f"<b>{letter}: {verdict}.</b> {escape(choice['why'])}<br>"
                f"<small>{escape(problem + more)}</small></div>"
            )

        button.on_click(pressed)
        return ipywidgets.HBox([button, ipywidgets.HTML(_wrapped(choice["text"]))])

    rows = [row(letter, choice) for letter, choice in zip("ABCDEFGH", question["choices"], strict=False)]
    title = ipywidgets.HTML(_wrapped(place + question["text"], bold=True))
    return ipywidgets.VBox([title, *rows, said], layout=ipywidgets.Layout(margin="0 0 12px 0"))


def _wrapped(words: str, bold: bool = False) -> str:
    weight = "font-weight:bold;" if bold else ""
    return f'<div style="{weight}line-height:1.4;padding-top:4px;max-width:640px">{escape(words)}</div>'
