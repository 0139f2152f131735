"""Problem sheet 08: the recipe in numbers.

Images, logits and weights come to a student's function as nested lists.
"""

import math
import random
from dataclasses import replace
from functools import partial

from effnet_course.checking import Case, Exercise, Misconception, Varies
from effnet_course.exercises.drawing import cases, numbers

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off


# 08.1


def rate_at(epoch: int, batch: int, epochs: int, batches: int, warmup: int, peak: float) -> float:
    """The learning rate of one step: up in a straight line, then down as half a cosine."""
    step, steps, rise = epoch * batches + batch, epochs * batches, warmup * batches
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


RATE = ("epoch", "batch", "epochs", "batches", "warmup", "peak")


def rate_cases(seed: int) -> list[Case]:
    """The last epoch's last batch, the first batch, the ends of the warm-up, the middle of the cosine."""
    rows = [
        (0, 0, 2, 4, 1, 1.0), (0, 1, 2, 4, 1, 1.0), (0, 3, 2, 4, 1, 0.5), (1, 0, 2, 4, 1, 0.5), (1, 2, 3, 4, 1, 1.0),
        (2, 3, 3, 4, 1, 0.4), (0, 0, 3, 5, 0, 0.2), (1, 1, 3, 5, 0, 0.2), (2, 0, 5, 10, 2, 0.8), (4, 9, 5, 10, 2, 0.8),
        (1, 5, 5, 10, 2, 0.8),
    ]
    draw = random.Random(f"08.rate {seed}")
    while len(rows) < 22:
        epochs, batches = draw.randint(3, 30), draw.randint(5, 400)
        warmup = draw.randint(1, epochs // 3)
        rows.append((draw.randrange(epochs), draw.randrange(1, batches), epochs, batches, warmup,
                     draw.choice([0.05, 0.1, 0.2, 0.256, 0.4])))
    return cases(RATE, rows)


def _rate(step=lambda e, b, n: e * n + b, steps=lambda es, n: es * n, rise=lambda w, n: w * n,
          up=lambda s, r: (s + 1) / (r + 1), down=lambda s, r, n: 0.5 * (1 + math.cos(math.pi * (s - r) / (n - r)))):
    """rate_at with one of its parts replaced."""

    def answer(epoch, batch, epochs, batches, warmup, peak):
        s, n, r = step(epoch, batch, batches), steps(epochs, batches), rise(warmup, batches)
        return peak * (up(s, r) if s < r else down(s, r, n))

    return answer


def _rate_with_numpy(epoch, batch, epochs, batches, warmup, peak):
    import numpy as np

    along = np.arange(epochs * batches, dtype=float)
    rise = warmup * batches
    rising = (along + 1) / (rise + 1)
    falling = np.cos(np.pi / 2 * (along - rise) / (epochs * batches - rise)) ** 2
    return peak * np.where(along < rise, rising, falling)[epoch * batches + batch]


def _rate_in_epochs(epoch, batch, epochs, batches, warmup, peak):
    now = epoch + batch / batches
    if now < warmup:
        return peak * (batches * now + 1) / (batches * warmup + 1)
    return peak * (1 + math.cos(math.pi * (now - warmup) / (epochs - warmup))) / 2


SCHEDULE = Exercise(
    id="08.1", title="The rate of a step", points=4, minutes=15, difficulty="moderate",
    reference=rate_at, cases=rate_cases, helpers=("recipe", "train"),
    misconceptions=(
        Misconception("once an epoch, counted in epochs",
            _rate(step=lambda e, b, n: e, steps=lambda es, n: es, rise=lambda w, n: w),
            "All batches of an epoch get the same rate from you. Try two batches of one epoch: which argument changes "
            "nothing?"),
        Misconception("the epoch's first step for all of its batches", _rate(step=lambda e, b, n: e * n),
            "You count steps, but only up to the epoch's first. Which argument says how far into the epoch we are?"),
        Misconception("the batch's number taken for the step", _rate(step=lambda e, b, n: b),
            "Your rate begins anew in every epoch. How many steps have been made before this epoch began?"),
        Misconception("epochs counted from 1", _rate(step=lambda e, b, n: (e + 1) * n + b),
            "You are a whole epoch ahead. What is the number of the very first epoch, and how many steps lie before "
            "it?"),
        Misconception("warm-up from zero", _rate(up=lambda s, r: s / r),
            "Your first step has a rate of exactly 0: it is wasted. The line should be above 0 at the first step and "
            "reach the peak at the first step after the warm-up."),
        Misconception("warm-up from zero, to the peak", _rate(up=lambda s, r: s / (r + 1)),
            "Your first step has a rate of exactly 0: it is wasted. How many rises has the first step made already?"),
        Misconception("the peak reached one step early", _rate(up=lambda s, r: (s + 1) / r),
            "Your last step of the warm-up has the peak already, and the one after it has it again. Into how many "
            "equal rises does the line divide the way to the first step after the warm-up?"),
        Misconception("cosine not shifted by the warm-up",
            _rate(down=lambda s, r, n: 0.5 * (1 + math.cos(math.pi * s / n))),
            "Where the warm-up ends, your rate jumps down: the cosine has been running since the first step. How far "
            "along its own way should it be there?"),
        Misconception("cosine shifted, but as long as the whole run",
            _rate(down=lambda s, r, n: 0.5 * (1 + math.cos(math.pi * (s - r) / n))),
            "Your cosine starts at the right place and is not finished at the end. How many steps are left for it?"),
        Misconception("the last step set to 0",
            _rate(down=lambda s, r, n: 0.5 * (1 + math.cos(math.pi * (s - r) / (n - r - 1)))),
            "Your last step has a rate of 0: it is wasted. Is the end of the run the last step, or what would come "
            "after it?"),
        Misconception("steps counted from 1", _rate(step=lambda e, b, n: e * n + b + 1),
            "You are one step ahead, up and down: your first step has two rises, your last one a rate of 0. What is "
            "the number of the very first step?"),
        Misconception("steps counted from 1, the peak one step early",
            _rate(up=lambda s, r: (s + 1) / r,
                  down=lambda s, r, n: 0.5 * (1 + math.cos(math.pi * (s - r + 1) / (n - r)))),
            "The last step of your warm-up has the peak already, and your last step of all a rate of 0. Which step "
            "should be the first with the peak?"),
        Misconception("steps of the cosine counted from 1",
            _rate(down=lambda s, r, n: 0.5 * (1 + math.cos(math.pi * (s - r + 1) / (n - r)))),
            "The first step after your warm-up is below the peak, and your last one has a rate of 0. How far along the "
            "cosine is the step that begins it?"),
        Misconception("a whole cosine",
            _rate(down=lambda s, r, n: 0.5 * (1 + math.cos(2 * math.pi * (s - r) / (n - r)))),
            "Your rate comes down to 0 half-way and climbs up again. How much of the cosine's period is wanted?"),
        Misconception("a cosine that goes below zero",
            _rate(down=lambda s, r, n: math.cos(math.pi * (s - r) / (n - r))),
            "In the second half your rate is negative: such a step climbs. A cosine runs from 1 to minus 1, and a "
            "rate should run from the peak to 0."),
        Misconception("a quarter of a cosine",
            _rate(down=lambda s, r, n: math.cos(math.pi / 2 * (s - r) / (n - r))),
            "Your rate falls steeply into its end. A half of a cosine is flat at both ends: which part did you take?"),
        Misconception("degrees for radians",
            _rate(down=lambda s, r, n: 0.5 * (1 + math.cos(180 * (s - r) / (n - r)))),
            "After the warm-up your rate jumps up and down from step to step. In which unit does the cosine take its "
            "angle?"),
        Misconception("no warm-up", _rate(up=lambda s, r: 1.0),
            "During the warm-up your rate is the peak from the start. What is a warm-up meant to spare the network?"),
        Misconception("warm-up in steps, not in epochs", _rate(rise=lambda w, n: w),
            "Your warm-up is over after a few steps. In which unit is its length given?"),
        Misconception("a straight line down", _rate(down=lambda s, r, n: 1 - (s - r) / (n - r)),
            "Your rate falls by the same amount at each step. A cosine stays near the peak at first: where is it in "
            "yours?"),
    ),
    other_answers=(_rate_with_numpy, _rate_in_epochs),
    hints=(
        "First find three numbers, all in steps: where we are, how long the run is, how long the warm-up is.",
        "At the first step after the warm-up both rules should give the peak. Test yours there, and at the very last "
        "step.",
    ),
    remark="A schedule counts steps. Called once an epoch it has no warm-up to speak of, and does not come down to 0.",
)


# 08.2


def mixed_loss(images: list, labels: list[int], logits: list, share: float, smoothing: float) -> tuple[list, float]:
    """Mixup with the batch read backwards, and the loss of the logits that the network gave for the mixed images."""
    import numpy as np

    x, z = np.array(images, dtype=float), np.array(logits, dtype=float)
    logs = z - np.log(np.exp(z).sum(1, keepdims=True))
    own = np.eye(z.shape[1])[labels] * (1 - smoothing) + smoothing / z.shape[1]
    target = share * own + (1 - share) * own[::-1]
    return (share * x + (1 - share) * x[::-1]).tolist(), float(-(target * logs).sum(1).mean())


MIXED = ("images", "labels", "logits", "share", "smoothing")


def mixed_cases(seed: int) -> list[Case]:
    """Two images of two pixels: plain, then smoothing, then mixing, then all of it; larger batches last."""
    two, logits = [[0.0, 4.0], [2.0, -2.0]], [[2.0, 0.0, 1.0], [0.0, 0.0, -1.0]]
    rows = [
        (two, [0, 2], logits, 1.0, 0.0), (two, [0, 2], logits, 1.0, 0.3), (two, [0, 2], logits, 0.75, 0.0),
        (two, [1, 0], logits, 0.75, 0.1),
    ]
    draw = random.Random(f"08.mixed {seed}")
    for count in (3, 3, 4, 4, 5, 6, 6, 8):
        classes = draw.randint(3, 6)
        rows.append((numbers(draw, count, 3), [draw.randrange(classes) for _ in range(count)],
                     numbers(draw, count, classes, low=-3, high=3), draw.choice([0.6, 0.7, 0.8, 0.9]),
                     draw.choice([0.05, 0.1, 0.2])))
    return cases(MIXED, rows)


def _mixed(spread=lambda hot, q: hot * (1 - q) + q / hot.shape[1], partner=lambda a: a[::-1],
           image_share=lambda s: (s, 1 - s), label_share=lambda s: (s, 1 - s), log=None, scores=lambda z: z,
           add_up=lambda losses: losses.mean(), sign=-1.0, label_partner=None):
    """mixed_loss with one of its parts replaced."""

    def answer(images, labels, logits, share, smoothing):
        import numpy as np

        x, z = np.array(images, dtype=float), scores(np.array(logits, dtype=float))
        logs = z - np.log(np.exp(z).sum(1, keepdims=True)) if log is None else log(z)
        own = spread(np.eye(z.shape[1])[labels], smoothing)
        (a, b), (c, d) = image_share(share), label_share(share)
        target = c * own + d * (label_partner or partner)(own)
        return (a * x + b * partner(x)).tolist(), float(sign * add_up((target * logs).sum(1)))

    return answer


def _softmax(z):
    import numpy as np

    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def _log_softmax(z):
    import numpy as np

    return z - np.log(np.exp(z).sum(1, keepdims=True))


def _mixed_logits(log):
    """mixed_loss where the logits (or their logarithms) are mixed like the images."""

    def answer(images, labels, logits, share, smoothing):
        import numpy as np

        z = log(np.array(logits, dtype=float))
        mixed = share * z + (1 - share) * z[::-1]
        own = np.eye(z.shape[1])[labels] * (1 - smoothing) + smoothing / z.shape[1]
        target = share * own + (1 - share) * own[::-1]
        logs = mixed if log is _log_softmax else _log_softmax(mixed)
        return mixed_loss(images, labels, logits, share, smoothing)[0], float(-(target * logs).sum(1).mean())

    return answer


def _mixed_inside(images, labels, logits, share, smoothing):
    import numpy as np

    p = _softmax(np.array(logits, dtype=float))
    own = np.eye(p.shape[1])[labels] * (1 - smoothing) + smoothing / p.shape[1]
    target = share * own + (1 - share) * own[::-1]
    return mixed_loss(images, labels, logits, share, smoothing)[0], float(-np.log((target * p).sum(1)).mean())


def _log_with(function):
    return lambda z: function(_softmax(z))


def _log2(p):
    import numpy as np

    return np.log2(p)


def _log10(p):
    import numpy as np

    return np.log10(p)


def _mixed_with_torch(images, labels, logits, share, smoothing):
    import torch

    x = torch.tensor(images, dtype=torch.float64)
    loss = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    z, y = torch.tensor(logits, dtype=torch.float64), torch.tensor(labels)
    return share * x + (1 - share) * x.flip(0), share * loss(z, y) + (1 - share) * loss(z, y.flip(0))


def _mixed_with_loops(images, labels, logits, share, smoothing):
    mixed = [[share * p + (1 - share) * q for p, q in zip(mine, other, strict=True)]
             for mine, other in zip(images, reversed(images), strict=True)]
    total = 0.0
    for z, mine, other in zip(logits, labels, reversed(labels), strict=True):
        log_sum = math.log(sum(math.exp(value) for value in z))
        for label, weight in ((mine, share), (other, 1 - share)):
            total += weight * (1 - smoothing) * (log_sum - z[label])
            total += weight * smoothing * (log_sum - sum(z) / len(z))
    return mixed, total / len(logits)


MIXUP = Exercise(
    id="08.2", title="The loss of a mixed, smoothed batch", points=5, minutes=25, difficulty="moderate",
    reference=mixed_loss, cases=mixed_cases, helpers=("ingredients", "train"), returns=("the mixed images", "the loss"),
    misconceptions=(
        Misconception("softmax before the cross-entropy", _mixed(scores=_softmax),
            "Your loss stays high however sure and right the logits are: they go through a softmax twice. How many "
            "softmaxes are there between a logit and the logarithm?"),
        Misconception("logits taken for log-probabilities", _mixed(log=lambda z: z),
            "Your loss can be negative. You took the logits themselves for logarithms of probabilities: what turns "
            "one into the other?"),
        Misconception("target above 1: the right class keeps everything",
            _mixed(spread=lambda hot, q: hot + q / hot.shape[1]),
            "Add up your target over the classes: it is more than 1. From whom is the share taken that you hand out?"),
        Misconception("target below 1: nobody is given what is taken", _mixed(spread=lambda hot, q: hot * (1 - q)),
            "Add up your target over the classes: it is less than 1. You take a share from the right class: who gets "
            "it?"),
        Misconception("target below 1: the right class gets nothing back",
            _mixed(spread=lambda hot, q: hot * (1 - q) + (1 - hot) * q / hot.shape[1]),
            "Add up your target over the classes: it falls a little short of 1. The share is handed out to all "
            "classes. Is the right class one of them?"),
        Misconception("share handed out to the other classes only",
            _mixed(spread=lambda hot, q: hot * (1 - q) + (1 - hot) * q / (hot.shape[1] - 1)),
            "Your target sums to 1, but the right class has less than it should. In the lesson, ten classes and a "
            "smoothing of 0.1 left it 0.91: what do you leave it?"),
        Misconception("the whole smoothing to each other class",
            _mixed(spread=lambda hot, q: hot * (1 - q) + (1 - hot) * q),
            "Each wrong class has the whole share in your target. Add the target up over the classes: among how many "
            "is one share divided?"),
        Misconception("smoothing forgotten", _mixed(spread=lambda hot, q: hot),
            "One of the five arguments changes nothing in your answer. Compare two cases that differ in it alone."),
        Misconception("images mixed, labels not", _mixed(label_share=lambda s: (1.0, 0.0)),
            "The network sees part of another image, and you ask for the one label alone. What should it say of the "
            "part that is not its own?"),
        Misconception("labels mixed half and half", _mixed(label_share=lambda s: (0.5, 0.5)),
            "You ask for both labels alike, however much of each image is there. How much of the image is its own?"),
        Misconception("labels mixed, images not", _mixed(image_share=lambda s: (1.0, 0.0)),
            "Your images come back as they were. What does the network see of the second label's image?"),
        Misconception("the share is the other's",
            _mixed(image_share=lambda s: (1 - s, s), label_share=lambda s: (1 - s, s)),
            "With a share of 1 nothing should change. With yours, each image becomes its partner."),
        Misconception("the share of the images upside down", _mixed(image_share=lambda s: (1 - s, s)),
            "The loss is right, the images are not: with a share of 1 nothing should change, and each of yours becomes "
            "its partner."),
        Misconception("the share of the labels upside down", _mixed(label_share=lambda s: (1 - s, s)),
            "The images are right. But the label of the image that is mostly there has the smaller part in your loss."),
        Misconception("the next image is the partner",
            _mixed(partner=lambda a: a[list(range(1, len(a))) + [0]]),
            "With two images all is well. With three, look at the partner of the first one: which image should it be "
            "when the batch is read backwards?"),
        Misconception("pixels read backwards, images not",
            _mixed(partner=lambda a: a[:, ::-1], label_partner=lambda a: a[::-1]),
            "Each image is mixed with itself, mirrored: you reversed the pixels. Which of the two axes holds the "
            "images?"),
        Misconception("pixels read backwards as well",
            _mixed(partner=lambda a: a[::-1, ::-1], label_partner=lambda a: a[::-1]),
            "The partner is the right image, but mirrored: you reversed two axes. Which of the two holds the images?"),
        Misconception("logits mixed as well", _mixed_logits(lambda z: z),
            "You mixed the logits, too. They are what the network said of the mixed images: is anything left to mix in "
            "them?"),
        Misconception("log-probabilities mixed as well", _mixed_logits(_log_softmax),
            "You mixed the log-probabilities, too, and so your loss has its mixture twice. Which one thing of the loss "
            "is mixed?"),
        Misconception("probabilities mixed inside the logarithm", _mixed_inside,
            "You mixed the two probabilities and took one logarithm. A cross-entropy takes the logarithm of each class "
            "first: what is then added up?"),
        Misconception("summed over the batch", _mixed(add_up=lambda losses: losses.sum()),
            "Your loss grows with the number of images, and so would the steps. What is taken over a batch?"),
        Misconception("divided by the classes as well", lambda images, labels, logits, share, smoothing: (
            mixed_loss(images, labels, logits, share, smoothing)[0],
            mixed_loss(images, labels, logits, share, smoothing)[1] / len(logits[0])),
            "Your loss becomes smaller when there are more classes. One sum is over classes, one mean over images: "
            "which of the two did you make a mean that should be a sum?"),
        Misconception("logarithm to the base 2", _mixed(log=_log_with(_log2)),
            "Your loss is about 1.44 times the right one. Which logarithm belongs to the softmax?"),
        Misconception("logarithm to the base 10", _mixed(log=_log_with(_log10)),
            "Your loss is about 0.43 times the right one. Which logarithm belongs to the softmax?"),
        Misconception("minus forgotten", _mixed(sign=1.0),
            "Your loss is negative, and becomes larger as the answers get better. Logarithms of probabilities lie "
            "below 0: what makes a loss of them?"),
    ),
    other_answers=(_mixed_with_torch, _mixed_with_loops),
    hints=(
        "Build one target for each image, of as many numbers as there are classes: smoothed first, then mixed with "
        "its partner's. It must add up to 1.",
        "A cross-entropy asks for log-probabilities, and a logit is none yet: the exponentials of an image's "
        "log-probabilities add up to 1. By how much must its logits be lowered?",
    ),
    remark="However it is smoothed and mixed, a target adds up to 1. That is the first thing to test.",
)


# 08.3


AVERAGE = ("weights", "decay")


def average_cases(seed: int) -> list[Case]:
    rows = [([4.0], 0.9), ([0.0, 11.0], 0.9), ([2.0, 13.0], 0.9), ([1.0, 2.0, 4.0], 0.9), ([1.0, 2.0, 4.0], 0.1),
            ([3.0, -1.0, 2.0, 8.0], 0.22), ([1.0, 3.0, 2.0, 5.0], 0.2)]
    draw = random.Random(f"08.average {seed}")
    for count in (5, 8, 12, 20, 30, 60):
        rows.append((numbers(draw, count, low=1, high=6), draw.choice([0.5, 0.6, 0.7])))
    rows.append((numbers(draw, 120, low=1, high=6), 0.999))
    return cases(AVERAGE, rows)


def _averaged(lag=10, keep=None, start=lambda w: w[0], skip=1, first=1, swapped=False,
              last=lambda average, n, d: average):
    """moving_average with one of its parts replaced; `first` is the number of the first update."""
    keep = keep or (lambda d, n: min(d, (1 + n) / (lag + n)))

    def answer(weights, decay):
        average, made = start(weights), first
        for weight in weights[skip:]:
            k = keep(decay, made)
            average = (1 - k) * average + k * weight if swapped else k * average + (1 - k) * weight
            made += 1
        return last(average, len(weights), decay)

    return answer


def _average_by_shares(weights, decay, lag):
    left, total = 1.0, 0.0
    for made in range(len(weights) - 1, 0, -1):
        keep = min(decay, (1 + made) / (lag + made))
        total += left * (1 - keep) * weights[made]
        left *= keep
    return total + left * weights[0]


def _average_with_torch(weights, decay, lag):
    import torch

    average = torch.tensor(weights[0], dtype=torch.float64)
    for made in range(1, len(weights)):
        average.lerp_(torch.tensor(weights[made], dtype=torch.float64), 1 - min(decay, (1 + made) / (lag + made)))
    return average


def average_exercise(lag: int = 10) -> Exercise:
    """Exercise 08.3 with a warm-up that keeps at most (1 + n) / (lag + n)."""
    averaged = partial(_averaged, lag)

    def moving_average(weights: list[float], decay: float) -> float:
        """The moving average of a weight, given its value after each step, with a warm-up of the decay."""
        average = weights[0]
        for made, weight in enumerate(weights[1:], 1):
            keep = min(decay, (1 + made) / (lag + made))
            average = keep * average + (1 - keep) * weight
        return average

    return Exercise(
        id="08.3", title="A moving average that forgets its start", points=4, minutes=15, difficulty="moderate",
        reference=moving_average, cases=average_cases, helpers=("ingredients",),
        misconceptions=(
            Misconception("no warm-up of the decay", averaged(keep=lambda d, n: d),
                "Your average keeps the same share at every step, the first ones included. With a decay of 0.999, "
                "how much of the first weight is in it after a hundred steps?"),
            Misconception("started from zeros, no warm-up", averaged(keep=lambda d, n: d, start=lambda w: 0.0, skip=0),
                "If the weight never moves, its average should be the weight. Yours is smaller, for part of it is "
                "the zero that you began with."),
            Misconception("started from zeros", averaged(start=lambda w: 0.0, skip=0),
                "If the weight never moves, its average should be the weight. Try it with one single step: what is "
                "your average then?"),
            Misconception("started from zeros, updates counted from 0", averaged(start=lambda w: 0.0, skip=0, first=0),
                "If the weight never moves, its average should be the weight. Try it with one single step: what is "
                "your average then?"),
            Misconception("started from zeros, the first weight left out", averaged(start=lambda w: 0.0),
                "Your average begins at zero and never sees the first weight. After one step, before any update: what "
                "is the average?"),
            Misconception("started from zeros and divided by what has gathered",
                averaged(keep=lambda d, n: d, start=lambda w: 0.0, skip=0,
                         last=lambda average, n, d: average / (1 - d**n)),
                "You correct for a start at zeros, as Adam does. This average starts from the first weight and lets "
                "its decay grow instead: compare the two for a case of two steps."),
            Misconception("the larger of the two decays", averaged(keep=lambda d, n: max(d, (1 + n) / (lag + n))),
                "You keep the larger share of the two, so the warm-up never makes you forget faster. What should it "
                "do at the first steps?"),
            Misconception("warm-up only, the decay is no limit", averaged(keep=lambda d, n: (1 + n) / (lag + n)),
                "Your average gets slower without end: one of the two arguments changes nothing in your answer."),
            Misconception("old and new swapped", averaged(swapped=True),
                "A decay near 1 should hardly let the average move. Yours jumps to each new weight."),
            Misconception("updates counted from 0", averaged(first=0),
                "Your first update keeps too little of what was there. How many steps have been made when the second "
                "weight arrives?"),
            Misconception("updates counted from 2", averaged(first=2),
                "Your first update keeps too much of what was there. How many steps have been made when the second "
                "weight arrives?"),
            Misconception("plain mean", lambda weights, decay: sum(weights) / len(weights),
                "All steps count alike in your average, the first as much as the last, and the decay not at all."),
            Misconception("the last weight", lambda weights, decay: weights[-1],
                "Your answer is what is there without any average."),
        ),
        other_answers=(partial(_average_by_shares, lag=lag), partial(_average_with_torch, lag=lag)),
        hints=(
            "After the first step there is nothing to average: it is the weight itself. Each further weight is one "
            "update.",
            "At each update find the share that is kept first: the smaller of two numbers, one of which grows with the "
            "steps made.",
        ),
        remark="With the warm-up the random start is gone after a few dozen steps, whatever the decay.",
    )


# In a variant the average forgets its start more slowly, or faster.
EMA = replace(average_exercise(), varies=Varies(
    average_exercise,
    values=tuple({"lag": lag} for lag in (8, 12, 15, 20, 25)),
    phrases=(
        ("$(1 + n)/(10 + n)$", "$(1 + n)/({lag} + n)$"),
        ("(1 + made) / (10 + made)", "(1 + made) / ({lag} + made)"),
    ),
))


# 08.4


def group_norm(x: list, groups: int, eps: float) -> list:
    """One image's channels, normalised in groups of neighbours, without a learned scale and shift."""
    import numpy as np

    x = np.array(x, dtype=float)
    y = x.reshape(groups, -1)
    y = (y - y.mean(1, keepdims=True)) / np.sqrt(y.var(1, keepdims=True) + eps)
    return y.reshape(x.shape)


GROUP = ("x", "groups", "eps")


def group_cases(seed: int) -> list[Case]:
    """One pixel in two channels, then one group, then several groups of several channels and pixels."""
    rows = [
        ([[[1.0]], [[3.0]]], 1, 0.5),
        ([[[1.0, 3.0]], [[5.0, 9.0]]], 1, 0.5),
        ([[[1.0, 3.0]], [[5.0, 9.0]]], 2, 0.5),
        ([[[1.0, 2.0]], [[4.0, 7.0]], [[-2.0, 0.0]], [[0.0, 5.0]]], 2, 0.25),
    ]
    draw = random.Random(f"08.group {seed}")
    for groups, each in ((2, 2), (2, 3), (3, 2), (4, 2), (2, 4), (3, 3)):
        rows.append((numbers(draw, groups * each, 2, 3, low=-3, high=5), groups, draw.choice([0.001, 0.01, 0.1])))
    return cases(GROUP, rows)


def _grouped(cut=lambda x, g: x.reshape(g, -1), back=lambda y, shape: y.reshape(shape),
             scale=lambda y, eps: (y.var(1, keepdims=True) + eps) ** 0.5, centre=lambda y: y.mean(1, keepdims=True)):
    """group_norm with one of its parts replaced."""

    def answer(x, groups, eps):
        import numpy as np

        x = np.array(x, dtype=float)
        y = cut(x, groups)
        return back((y - centre(y)) / scale(y, eps), x.shape)

    return answer


def _interleaved_back(y, shape):
    each = shape[0] // y.shape[0]
    return y.reshape(y.shape[0], each, *shape[1:]).swapaxes(0, 1).reshape(shape)


def _by_pixel(x, groups, eps):
    import numpy as np

    x = np.array(x, dtype=float)
    y = x.reshape(groups, -1, *x.shape[1:])
    return ((y - y.mean(1, keepdims=True)) / np.sqrt(y.var(1, keepdims=True) + eps)).reshape(x.shape)


def _group_with_torch(x, groups, eps):
    import torch

    return torch.nn.functional.group_norm(torch.tensor(x, dtype=torch.float64)[None], groups, eps=eps)[0]


def _group_with_loops(x, groups, eps):
    each, out = len(x) // groups, []
    for start in range(0, len(x), each):
        values = [v for channel in x[start : start + each] for row in channel for v in row]
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values) + eps)
        out += [[[(v - mean) / spread for v in row] for row in channel] for channel in x[start : start + each]]
    return out


def _unbiased(y, eps):
    return (y.var(1, ddof=1, keepdims=True) + eps) ** 0.5


GROUPS = Exercise(
    id="08.4", title="Group norm of one image", points=4, minutes=15, difficulty="moderate",
    reference=group_norm, cases=group_cases, helpers=("model",),
    misconceptions=(
        Misconception("each channel by itself", _grouped(cut=lambda x, g: x.reshape(x.shape[0], -1)),
            "Each of your channels has mean 0 by itself, so the number of groups changes nothing. What is added up "
            "over the channels of a group?"),
        Misconception("all channels together", _grouped(cut=lambda x, g: x.reshape(1, -1)),
            "Your answer does not change with the number of groups. How many means should there be?"),
        Misconception("so many channels in a group, not so many groups",
            _grouped(cut=lambda x, g: x.reshape(x.shape[0] // g if x.shape[0] % g == 0 else 1, -1)),
            "You took the number of groups for the number of channels in each. Count your means."),
        Misconception("every so-manieth channel in a group",
            _grouped(cut=lambda x, g: x.reshape(-1, g, *x.shape[1:]).swapaxes(0, 1).reshape(g, -1),
                     back=_interleaved_back),
            "Your groups are dealt out like cards: channels that lie apart share a mean. A group is made of "
            "neighbours."),
        Misconception("each pixel by itself", _by_pixel,
            "You normalise each pixel over the channels of its group. Where do the other pixels of the group enter "
            "its mean?"),
        Misconception("eps outside the root",
            _grouped(scale=lambda y, eps: y.std(1, keepdims=True) + eps),
            "Your numbers are off, the more, the larger eps is. Is eps added to the standard deviation or to "
            "something else?"),
        Misconception("no eps", _grouped(scale=lambda y, eps: y.std(1, keepdims=True)),
            "One of the three arguments changes nothing in your answer. What would you divide by where all pixels of a "
            "group are equal?"),
        Misconception("divided by the variance", _grouped(scale=lambda y, eps: y.var(1, keepdims=True) + eps),
            "You divide by something in squares of the pixels' unit. Which measure of spread is in the unit of the "
            "pixels themselves?"),
        Misconception("variance of a sample", _grouped(scale=_unbiased),
            "Your numbers are a little too small everywhere, the more, the fewer pixels a group has. By how many do "
            "you divide when you take the variance?"),
        Misconception("left in the shape of the groups", _grouped(back=lambda y, shape: y),
            "The numbers are right, in another shape: yours has a row for each group. Which shape came in?"),
        Misconception("each channel left as one row", _grouped(back=lambda y, shape: y.reshape(shape[0], -1)),
            "The numbers are right, in another shape: yours has a row for each channel, and a channel came in as rows "
            "of pixels."),
        Misconception("a batch axis left on", _grouped(back=lambda y, shape: y.reshape(1, *shape)),
            "The numbers are right, in one axis too many: yours is a batch of one image. One image came in."),
        Misconception("mean not taken off", _grouped(centre=lambda y: 0.0),
            "Your groups keep their means. What should the sum over a group be?"),
        Misconception("mean taken off, nothing divided", _grouped(scale=lambda y, eps: 1.0),
            "Your groups have mean 0 and keep their contrast. What is divided by?"),
    ),
    other_answers=(_group_with_torch, _group_with_loops),
    hints=(
        "Channels times height times width numbers; how many of them belong to one group? Reshape so that each group "
        "is a row.",
        "Mean and variance of each row, then back to the shape that came in.",
    ),
    remark="No other image is in it: that is why it does not care for the batch.",
)


# 08.5


def batch_for_noise(means: list[float], batch: int, target: float) -> tuple[float, int]:
    """(noise of a channel's batch mean at this batch size, the least batch whose noise is at most `target`)."""
    import numpy as np

    spread = np.std(means, ddof=1)
    return float(spread / math.sqrt(batch)), max(1, math.ceil((spread / target) ** 2))


NOISE = ("means", "batch", "target")


def noise_cases(seed: int) -> list[Case]:
    """(spread / target) squared is far from a whole number, or exactly one in floats: 0 and 4. Rounding is idle."""
    rows = [([1.0, 3.0], 1, 0.9), ([2.5, 2.5, 2.5], 4, 0.1), ([1.0, 3.0, 5.0], 4, 1.0), ([1.0, 3.0, 2.0], 2, 0.4),
            ([1.0, 3.0, 5.0, 3.0], 4, 0.3),
            ([2.0, 2.5, 3.0, 1.0, 4.0], 16, 2.5), ([0.0, -1.0, 4.0, 2.0, 2.0, -3.0], 9, 0.5)]
    draw = random.Random(f"08.noise {seed}")
    while len(rows) < 14:
        means = numbers(draw, draw.randint(5, 12), low=-3, high=5)
        row = means, draw.choice([2, 4, 8, 16, 32, 64, 128]), draw.choice([0.05, 0.1, 0.15, 0.2, 0.3])
        need = (_spread(means) / row[2]) ** 2 if len(set(means)) > 2 else 0
        biased = need * (len(means) - 1) / len(means)
        if 3 < need and 0.02 < need % 1 < 0.4 and math.ceil(biased) != math.ceil(need):
            rows.append(row)
    return cases(NOISE, rows)


def _spread(means):
    mean = sum(means) / len(means)
    return math.sqrt(sum((m - mean) ** 2 for m in means) / (len(means) - 1))


def _noise(spread=_spread, at=lambda s, n, count: s / math.sqrt(n), need=lambda s, t: (s / t) ** 2, whole=math.ceil,
           least=1):
    """batch_for_noise with one of its parts replaced."""

    def answer(means, batch, target):
        s = spread(means)
        return at(s, batch, len(means)), max(least, whole(need(s, target)))

    return answer


def _population(means):
    mean = sum(means) / len(means)
    return math.sqrt(sum((m - mean) ** 2 for m in means) / len(means))


def _noise_from_the_first(means, batch, target):
    noise = _spread(means) / math.sqrt(batch)
    return noise, max(1, math.ceil((noise / target) ** 2))


def _noise_of_all(means, batch, target):
    s = _spread(means) / math.sqrt(len(means))
    return s / math.sqrt(batch), max(1, math.ceil((s / target) ** 2))


def _noise_by_search(means, batch, target):
    variance, n = _spread(means) ** 2, 1
    while variance / n > target**2:
        n += 1
    return (variance / batch) ** 0.5, n


def _noise_with_statistics(means, batch, target):
    import statistics

    spread = statistics.stdev(means)
    return spread * batch**-0.5, max(1, math.ceil(spread**2 / target**2))


BATCH = Exercise(
    id="08.5", title="How large must a batch be?", points=3, minutes=15, difficulty="moderate",
    reference=batch_for_noise, cases=noise_cases, returns=("noise at this batch", "least batch"),
    misconceptions=(
        Misconception("variance in place of standard deviation",
            _noise(at=lambda s, n, count: s**2 / n, need=lambda s, t: s**2 / t),
            "Your noise is in squares of the unit of the means. It should be in their own unit: what is missing at the "
            "end?"),
        Misconception("variance in the first number only", _noise(at=lambda s, n, count: s**2 / n),
            "Your first number is a variance, in squares of the unit of the means. What is missing at the end?"),
        Misconception("noise falls with n, in the first number only", _noise(at=lambda s, n, count: s / n),
            "By your first number four times the batch has a quarter of the noise. The variance has: what about the "
            "standard deviation?"),
        Misconception("least batch without the square", _noise(need=lambda s, t: s / t),
            "Put your batch back into your first formula: it does not come out at the target. To halve the noise, how "
            "many times the images does it take?"),
        Misconception("no batch at all", _noise(least=0),
            "All images agree, and you ask for a batch of none. What is the smallest batch that there is?"),
        Misconception("least batch from the noise at the given batch", _noise_from_the_first,
            "Your second number changes with the batch that is given, and it should not: it begins from the noise of "
            "that batch. From how many images' spread should it begin?"),
        Misconception("divided by both counts", _noise_of_all,
            "You divided by how many images were measured, and then by the batch. The first tells how well the mean "
            "of all of them is known: which batch norm never asks."),
        Misconception("noise falls with n, not with its root",
            _noise(at=lambda s, n, count: s / n, need=lambda s, t: s / t),
            "By your formula four times the batch has a quarter of the noise. The variance has: what about the "
            "standard deviation?"),
        Misconception("noise does not fall with the batch", _noise(at=lambda s, n, count: s),
            "Your first number is that of one image, whatever the batch. What does averaging over a batch do?"),
        Misconception("divided by the number of images that were measured",
            _noise(at=lambda s, n, count: s / math.sqrt(count)),
            "You divided by how many images were measured. That would tell how well their mean is known. Over how many "
            "images does batch norm average?"),
        Misconception("divided by the population's count", _noise(spread=_population),
            "Your spread is a little too small. These images are a sample: from how many independent differences to "
            "their own mean is the spread known?"),
        Misconception("one image more where the target is just met", _noise(whole=lambda need: math.floor(need) + 1),
            "Put your batch less one into your first formula, in the case above: is that noise above the target?"),
        Misconception("batch rounded down", _noise(whole=math.floor),
            "At the batch you give, the noise is still above the target. Put it back into your first formula."),
        Misconception("batch rounded to the nearest", _noise(whole=round),
            "At the batch you give, the noise is still above the target in the case above. Put it back into your first "
            "formula."),
        Misconception("least batch scaled up from the given one without a square",
            lambda means, batch, target: (_spread(means) / math.sqrt(batch), max(1, math.ceil(
                batch * _spread(means) / math.sqrt(batch) / target))),
            "Your second number changes with the batch that is given, and it should not. To halve the noise, how many "
            "times the images does it take?"),
        Misconception("range in place of standard deviation", _noise(spread=lambda means: max(means) - min(means)),
            "You took the distance from the smallest to the largest mean. More images would make that larger and "
            "larger: which measure of spread does not grow so?"),
    ),
    other_answers=(_noise_by_search, _noise_with_statistics),
    hints=(
        "How far apart are single images? That is a sample's standard deviation. A mean over a batch varies less: by "
        "which factor?",
        "For the second number ask when the first formula reaches the target. Batches are whole.",
    ),
    remark="Half the noise takes four times the images. For a few images take a norm without a batch.",
)


# 08.6


def report(logits: list, labels: list, k: int) -> tuple[float, float, float, float, list[int]]:
    """(mean loss, top-k in percent, low and high end of its 95 % interval, images of each class)."""
    import numpy as np

    z, y = np.concatenate([np.array(b, dtype=float) for b in logits]), np.concatenate([np.array(b) for b in labels])
    losses = np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]
    share = (np.argsort(-z, 1)[:, :k] == y[:, None]).any(1).mean()
    half = 1.96 * math.sqrt(share * (1 - share) / len(y))
    return (float(losses.mean()), 100 * float(share), 100 * float(share - half), 100 * float(share + half),
            np.bincount(y, minlength=z.shape[1]).tolist())


REPORT = ("logits", "labels", "k")


def report_cases(seed: int) -> list[Case]:
    """One batch of two images; then a last batch that is smaller; logits of an image are all different."""
    rows = [
        ([[[2.0, 0.0, 1.0], [0.0, 3.0, 1.0]]], [[0, 2]], 1),
        ([[[2.0, 0.0, 1.0], [0.0, 3.0, 1.0]]], [[1, 2]], 2),
        ([[[2.0, 0.0, 1.0], [0.0, 3.0, 1.0]], [[1.0, 0.0, 2.0]]], [[0, 2], [2]], 1),
        ([[[2.0, 0.0, 1.0], [0.0, 3.0, 1.0]], [[1.0, 0.0, 2.0]]], [[0, 0], [1]], 2),
    ]
    draw = random.Random(f"08.report {seed}")
    while len(rows) < 14:
        classes, k = draw.randint(4, 6), draw.randint(1, 3)
        sizes = [draw.randint(3, 5)] * draw.randint(2, 3) + [draw.randint(1, 2)]
        logits = [[draw.sample([v / 4 for v in range(-12, 17)], classes) for _ in range(n)] for n in sizes]
        labels = [[draw.randrange(classes) for _ in range(n)] for n in sizes]
        row = logits, labels, k
        values = [_report()(*row)[1], _report(hits=_hits_first)(*row)[1], _report(mean=_of_means)(*row)[1]]
        if 0 < values[0] < 100 and (k == 1 or values[1] != values[0]) and abs(values[2] - values[0]) > 0.1:
            rows.append(row)
    return cases(REPORT, rows)


def _hits(z, y, k):
    return [label in sorted(range(len(row)), key=lambda c: -row[c])[:k] for row, label in zip(z, y, strict=True)]


def _hits_first(z, y, k):
    return _hits(z, y, 1)


def _hits_last(z, y, k):
    return [label in sorted(range(len(row)), key=lambda c: row[c])[:k] for row, label in zip(z, y, strict=True)]


def _losses(z, y):
    return [math.log(sum(map(math.exp, row))) - row[label] for row, label in zip(z, y, strict=True)]


def _off_logits(z, y):
    return [-row[label] for row, label in zip(z, y, strict=True)]


def _after_softmax(z, y):
    soft = []
    for row in z:
        total = sum(map(math.exp, row))
        soft.append([math.exp(v) / total for v in row])
    return _losses(soft, y)


def _over_images(batches):
    values = [v for batch in batches for v in batch]
    return sum(values) / len(values)


def _of_means(batches):
    return sum(sum(batch) / len(batch) for batch in batches) / len(batches)


def _report(losses=_losses, hits=_hits, mean=_over_images, loss_mean=None, factor=1.96,
            error=lambda p, n, sizes: math.sqrt(p * (1 - p) / n), percent=100, counted=lambda labels: labels):
    """report with one of its parts replaced."""

    def answer(logits, labels, k):
        lost = [losses(z, y) for z, y in zip(logits, labels, strict=True)]
        hit = [hits(z, y, k) for z, y in zip(logits, labels, strict=True)]
        share, count = mean(hit), sum(map(len, labels))
        half = factor * error(share, count, [len(batch) for batch in labels])
        supports = [sum(batch.count(c) for batch in counted(labels)) for c in range(len(logits[0][0]))]
        return (loss_mean or mean)(lost), *(percent * v for v in (share, share - half, share + half)), supports

    return answer


def _predicted(logits, labels, k):
    right = _report()(logits, labels, k)
    tops = [max(range(len(row)), key=lambda c: row[c]) for batch in logits for row in batch]
    return *right[:4], [tops.count(c) for c in range(len(logits[0][0]))]


def _supports(count):
    """report with another count of the classes: from all labels and the number of classes."""

    def answer(logits, labels, k):
        return *report(logits, labels, k)[:4], count([y for batch in labels for y in batch], len(logits[0][0]))

    return answer


def _clipped(logits, labels, k):
    loss, top, low, high, supports = report(logits, labels, k)
    return loss, top, max(low, 0.0), min(high, 100.0), supports


# In the printed loop `labels` is, at the end, the last batch's: one batch is counted, and n is its size.
def _n_of_the_last(p, n, sizes):
    return math.sqrt(p * (1 - p) / sizes[-1])


OVERWRITTEN = {"counted": lambda labels: labels[-1:], "error": _n_of_the_last}


def _report_with_torch(logits, labels, k):
    import torch

    z = torch.cat([torch.tensor(batch, dtype=torch.float64) for batch in logits])
    y = torch.cat([torch.tensor(batch) for batch in labels])
    share = (z.topk(k).indices == y[:, None]).any(1).double().mean().item()
    half = 1.96 * (share * (1 - share) / len(y)) ** 0.5
    return (torch.nn.functional.cross_entropy(z, y), 100 * share, 100 * (share - half), 100 * (share + half),
            torch.bincount(y, minlength=z.shape[1]))


REPORTED = Exercise(
    id="08.6", title="Mend an evaluation as it stands in print", points=5, minutes=30, difficulty="hard",
    reference=report, cases=report_cases, helpers=("train",),
    returns=("the loss", "top-k", "its low end", "its high end", "images of each class"),
    misconceptions=(
        Misconception("all of the printed faults",
            _report(losses=_off_logits, hits=_hits_first, mean=_of_means, **OVERWRITTEN),
            "Those are the printed loop's numbers. Begin with the loss, on the case above, with a pencil: can a "
            "cross-entropy be below 0?"),
        Misconception("printed faults but for the loss", _report(hits=_hits_first, mean=_of_means, **OVERWRITTEN),
            "Your loss of one batch is mended, the rest is the printed loop's. Which of the three arguments changes "
            "nothing in your answer?"),
        Misconception("printed faults but for the loss and k", _report(mean=_of_means, **OVERWRITTEN),
            "Loss and top-k of one batch are mended. Now take two batches of different size: how much does each "
            "image count, and what does the name `labels` hold after the loop?"),
        Misconception("printed faults but for the name",
            _report(losses=_off_logits, hits=_hits_first, mean=_of_means),
            "The name `labels` is mended, the rest is the printed loop's. Take the loss of the case above with a "
            "pencil: can a cross-entropy be below 0?"),
        Misconception("loss off the logits, mean of the batches' means",
            _report(losses=_off_logits, mean=_of_means),
            "Your loss can fall below 0, which no cross-entropy does: what stands between a logit and the logarithm of "
            "a probability? And how much does each image of a smaller batch count?"),
        Misconception("labels overwritten", _report(**OVERWRITTEN),
            "Loss and top-k are right. Interval and counts know the last batch alone: which name is overwritten at "
            "every turn of the printed loop?"),
        Misconception("interval with the last batch's images", _report(error=_n_of_the_last),
            "Your interval is too wide where there are several batches: it has the images of the last one. How many "
            "were judged?"),
        Misconception("loss read off the logits", _report(losses=_off_logits),
            "Your loss can fall below 0, which no cross-entropy does. Between a logit and the logarithm of a "
            "probability a step is missing."),
        Misconception("softmax before the cross-entropy", _report(losses=_after_softmax),
            "Your loss is too careful: the most certain answer still costs much. How often do your logits go through a "
            "softmax?"),
        Misconception("mean of the batches' means", _report(mean=_of_means),
            "With batches of one size all is well. In the case above the last batch is smaller: how much does each of "
            "its images count in your result, compared with the others'?"),
        Misconception("mean of the batches' means for top-k alone", _report(mean=_of_means, loss_mean=_over_images),
            "Your loss is right, your top-k is not once the last batch is smaller. How much does each of its images "
            "count?"),
        Misconception("mean of the batches' means for the loss alone", _report(loss_mean=_of_means),
            "Your top-k is right, your loss is not once the last batch is smaller. How much does each of its images "
            "count?"),
        Misconception("top-1 whatever k", _report(hits=_hits_first),
            "One of the three arguments changes nothing in your answer. When is an image right if two guesses are "
            "allowed?"),
        Misconception("the k smallest logits", _report(hits=_hits_last),
            "Your order of the classes begins at the wrong end: which logit belongs to the likeliest class?"),
        Misconception("supports of the last batch", _report(counted=lambda labels: labels[-1:]),
            "Add up your images of each class: it is the size of the last batch. In the printed loop one name stands "
            "for two things. Which is overwritten at every turn?"),
        Misconception("supports of the predictions", _predicted,
            "You counted how often each class was answered. A support says how often it was there."),
        Misconception("supports of the classes that are there", _supports(
            lambda y, classes: [y.count(c) for c in sorted(set(y))]),
            "Your list has no place for a class without images. How many classes do the logits have?"),
        Misconception("supports up to the largest label", _supports(
            lambda y, classes: [y.count(c) for c in range(max(y) + 1)]),
            "Your list ends at the largest label that is there. How many classes do the logits have?"),
        Misconception("interval with the number of batches",
            _report(error=lambda p, n, sizes: math.sqrt(p * (1 - p) / len(sizes))),
            "Your interval is too wide: you count batches as if each were one trial. What is one trial here, right or "
            "wrong?"),
        Misconception("interval without the root", _report(error=lambda p, n, sizes: p * (1 - p) / n),
            "Your interval shrinks as fast as the images grow in number. The variance does that: what is its unit?"),
        Misconception("one standard error only", _report(factor=1.0),
            "Your interval has one standard error on each side. Which share of cases does that cover, and which was "
            "asked for?"),
        Misconception("interval of 90 percent", _report(factor=1.645),
            "Your interval is somewhat too narrow: it leaves one case in ten outside, not one in twenty."),
        Misconception("two standard errors", _report(factor=2.0),
            "Your interval is a little too wide: two is a round number near the one that was asked for."),
        Misconception("interval cut off at 0 and 100", _clipped,
            "You cut the interval off where the scale ends. Was that asked for?"),
        Misconception("shares, not percent", _report(percent=1),
            "Your top-k lies between 0 and 1. In which unit was it asked for?"),
        Misconception("interval as a half width",
            lambda logits, labels, k: (lambda r: (*r[:2], r[1] - r[2], r[3] - r[1], r[4]))(report(logits, labels, k)),
            "You give how far the ends lie from the middle. Asked for are the ends themselves."),
    ),
    other_answers=(_report(), _report_with_torch),
    hints=(
        "Put all batches into one list of images first. Then no batch can count more than another.",
        "Take the faults one by one: the loss, what counts as right, what is averaged over what, and which name holds "
        "the labels at the end.",
    ),
    remark="Sums over images, a loss from logits, one name for one thing, and never a share without its interval.",
)

EXERCISES = (SCHEDULE, MIXUP, EMA, GROUPS, BATCH, REPORTED)
