"""Predictions before an answer shows, and questions with an explanation for every choice.

Both are made of core ipywidgets and wait for nobody: executed without anyone there, they show themselves and
the lesson goes on. What a student answers stays on their machine, one JSON line each, in `guesses.jsonl` and
`answers.jsonl` under `home()`. A saved notebook holds no right answer before its time: explanations are sent
to the page only after the student has chosen.

    guess = predict("01.macs", "Multiplications in this layer", choices=["10^5", "10^6", "10^7", "10^8"])
    guess.reveal(231_211_008, "56 * 56 * 128 outputs of 3 * 3 * 64 each.")
    ask("01.q1", "01.q2")
    calibration()          # at the end: how sure you were, and how often right
"""

import csv
import io
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
from effnet_course.shares import wilson

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


def keep(name: str, record: dict) -> None:
    """Add a record, with the time, to `home()`/name: one line in one write. Raises OSError."""
    path = home() / name
    record = record | {"time": datetime.now(UTC).isoformat(timespec="seconds")}
    line = json.dumps(record, default=str).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+", buffering=0) as file:
        if file.seek(0, 2):
            file.seek(-1, 2)
            if file.read(1) != b"\n":  # a line that was cut off: don't add to it
                line = b"\n" + line
        file.write(line)


def _keep(name: str, record: dict) -> str:
    """As `keep`. Returns "", or the first time it fails, a sentence for the student."""
    global _told
    try:
        keep(name, record)
    except OSError as problem:
        if not _told:
            _told = True
            return f"This could not be saved ({problem}). The lesson goes on without."
    return ""


class Shown:
    """HTML in a notebook, and words that say the same elsewhere."""

    def __init__(self, html: str, text: str):
        self.html, self.text = html, text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


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
        self._revealed = self._late = False
        for record in kept("guesses.jsonl"):
            if record.get("key") == key and self._fits(record.get("value")):
                self.value, self.confidence = record["value"], record.get("confidence")
                self._late = bool(record.get("after_answer"))
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
        self.value, self.confidence, self._late = value, confidence, self._revealed
        record = {"key": self.key, "question": self.question, "value": value, "confidence": confidence}
        return _keep("guesses.jsonl", record | ({"after_answer": True} if self._late else {}))

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
            record = {"key": self.key, "answer": answer}
            if not self._late:  # a guess made with the answer in sight says nothing about the guesser
                record |= {"right": self._is_right(answer), "confidence": self.confidence}
            _keep("guesses.jsonl", record)
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

    def _is_right(self, answer) -> bool:
        """As the form says: the right choice, or within a factor of two."""
        if self.choices is not None:
            return self.value == self._right_choice(answer)
        return bool(self.value == answer or (self.value * answer > 0 and 0.5 <= self.value / answer <= 2))

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


# ---- calibration -------------------------------------------------------------------------------------------

BINS = (0, 35, 55, 70, 90, 101)  # percent: the edges between which confidences are counted together
ENOUGH = 10  # guesses, before anything is said of a pattern


def judged() -> dict[str, tuple[float, bool]]:
    """By key: how sure the student was, in percent, and whether the guess was right. Guesses whose answer has shown."""
    found: dict[str, tuple[float, bool]] = {}
    for record in kept("guesses.jsonl"):
        right, sure = record.get("right"), record.get("confidence")
        if isinstance(right, bool) and isinstance(sure, numbers.Real) and 0 <= sure <= 100:
            found.setdefault(str(record.get("key")), (float(sure), right))
    return found


def calibration() -> Shown:
    """How sure you were, and how often right: a picture over all guesses whose answer has shown, and a sentence.

    A choice is right or not; a number is right within a factor of two. The bars are Wilson's 95 % intervals. Lesson 13.
    """
    found = judged()
    bins = []
    for low, high in zip(BINS, BINS[1:], strict=False):
        inside = [(sure, right) for sure, right in found.values() if low <= sure < high]
        if inside:
            right = sum(right for _, right in inside)
            bins.append((sum(sure for sure, _ in inside) / len(inside), right, len(inside)))
    sentence = _calibrated(list(found.values()))
    missed = _surest_misses(found)
    picture = _calibration_picture(bins, sentence) if found else ""
    items = "".join(f"<li>{escape(line)}</li>" for line in missed)
    told = f"<p>Where you were surest and wrong; these are worth another look:</p><ul>{items}</ul>" if missed else ""
    rows = [f"{sure:3.0f} % sure: right in {right} of {count}" for sure, right, count in bins]
    return Shown(f"{picture}<p>{escape(sentence)}</p>{told}", "\n".join([sentence, *rows, *missed]))


def _calibrated(pairs: list[tuple[float, bool]]) -> str:
    if not pairs:
        return "No guess of yours has met its answer yet: make one in a lesson, then look here again."
    count, right = len(pairs), sum(right for _, right in pairs)
    sure, share = sum(sure for sure, _ in pairs) / count, 100 * right / count
    guesses = f"{count} guess{'es' if count > 1 else ''}"
    was = "was" if right == 1 else "were"
    said = f"Of {guesses} {right} {was} right, {share:.0f} %; on average you said {sure:.0f} %."
    if count < ENOUGH:
        return f"{said} That is too few to show a pattern; from about twenty on it does."
    low, high = _percent(right, count)
    said += f" The 95 % interval of the share is {low:.0f} to {high:.0f} %"
    if low <= sure <= high:
        return f"{said}: it holds what you said, so there is no sign that you are too sure or too careful."
    word = "too sure" if sure > high else "too careful"
    return f"{said}, and what you said lies outside: you are {word}, by about {abs(sure - share):.0f} points."


def _percent(right: int, count: int) -> tuple[float, float]:
    low, high = wilson(right, count)
    return 100 * low, 100 * high


def _surest_misses(found: dict[str, tuple[float, bool]], most: int = 3) -> list[str]:
    asked = {}
    for record in kept("guesses.jsonl"):
        if "question" in record:
            asked.setdefault(str(record.get("key")), str(record["question"]))
    wrong = sorted(((sure, key) for key, (sure, right) in found.items() if not right and sure >= 60), reverse=True)
    return [f"{key}, {sure:.0f} % sure: {asked.get(key, '')}".rstrip(": ") for sure, key in wrong[:most]]


def _calibration_picture(bins: list[tuple[float, int, int]], sentence: str) -> str:
    from effnet_course import svg

    x, y = svg.Scale(0, 100, 62, 392), svg.Scale(0, 100, 300, 24)
    marks = [svg.bottom_axis(x, 300, "how sure you were, %", top=24), svg.left_axis(y, 62, "share right, %", right=392)]
    marks.append(svg.line([(x(0), y(0)), (x(100), y(100))], dash="5 4", opacity=0.6))
    marks.append(svg.text(8, 352, "Dashes: right as often as said. Below them: too sure; above: too careful.", size=11))
    for sure, right, count in bins:
        low, high = _percent(right, count)
        marks.append(svg.line([(x(sure), y(low)), (x(sure), y(high))], svg.BLUE, 2, opacity=0.6))
    for sure, right, count in bins:
        at, height = x(sure), y(100 * right / count)
        marks.append(svg.point(at, height, svg.BLUE))
        marks.append(svg.text(at, y(_percent(right, count)[1]) - 6, f"{right} of {count}", anchor="middle", size=11))
    return svg.picture(460, 362, sentence, *marks, title="How sure you were, and how often right")


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


def bank() -> dict[str, dict]:
    """Every question of the course by id, in the order of the lessons."""
    return {id: q for path in sorted(QUESTIONS.glob("*.toml")) for id, q in questions(path.stem).items()}


def flash_cards() -> str:
    """Every question as a card, in the text format that Anki imports: id, front, back, tags; HTML, UTF-8.

    The id keeps a card's history when the file is imported again. Format: the Anki manual, "Text Files".
    """
    rows = io.StringIO()
    cards = csv.writer(rows, lineterminator="\n")
    for id, question in bank().items():
        lettered = list(zip("ABCDEFGH", question["choices"], strict=False))
        front = [escape(question["text"])] + [f"{letter}. {escape(choice['text'])}" for letter, choice in lettered]
        right = next((letter, choice) for letter, choice in lettered if choice.get("correct"))
        back = [f"<b>{right[0]}. {escape(right[1]['text'])}</b>", escape(right[1]["why"])]
        back += [f"<i>{letter}:</i> {escape(choice['why'])}" for letter, choice in lettered if letter != right[0]]
        cards.writerow([f"effnet-{id}", "<br>".join(front), "<br><br>".join(back), f"effnet::lesson-{id[:2]}"])
    head = ("#separator:Comma", "#html:true", "#notetype:Basic", "#deck:Efficient networks",
            "#columns:Id,Front,Back,Tags", "#guid column:1", "#tags column:4")  # fmt: skip
    return "\n".join([*head, rows.getvalue()])


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
