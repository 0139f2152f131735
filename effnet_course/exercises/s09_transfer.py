"""Problem sheet 09: rates for the parts of a network, a probe on features, a report for each class, Grad-CAM."""

import math
import random

from effnet_course.checking import Case, Exercise, Misconception

ROUNDED = 6e-5  # what four digits after the point leave out; float32 leaves out less

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off

# 09.1


def part_rates(parameters: list, factors: dict, rate: float, decay: float) -> tuple[list, list, list]:
    """(the rate of each parameter, its weight decay, the batch norms that must stay in eval mode)."""
    return _parts()(parameters, factors, rate, decay)


def _whole_parts(name, part):
    return name == part or name.startswith(part + ".")


def _parts(fits=_whole_parts, choose=lambda found, factors: factors[max(found, key=len)], other=1.0,
           scale=lambda factor, rate: factor * rate,
           shrink=lambda factor, size, decay: decay if factor and size > 1 else 0.0,
           held=lambda factor: factor == 0, layer=lambda name: name.rpartition(".")[0],
           norm=lambda name, size: ".norm." in name, order=lambda *three: three):
    def answer(parameters, factors, rate, decay):
        rates, decays, norms = [], [], []
        for name, size in parameters:
            found = [part for part in factors if fits(name, part)]
            factor = choose(found, factors) if found else other
            rates.append(scale(factor, rate))
            decays.append(shrink(factor, size, decay))
            if norm(name, size) and held(factor) and layer(name) not in norms:
                norms.append(layer(name))
        return order(rates, decays, norms)

    return answer


def _parts_by_walking(parameters, factors, rate, decay):
    """From the whole name upwards, one dot at a time."""
    found = []
    for name, _ in parameters:
        part = name
        while part and part not in factors:
            part = part.rpartition(".")[0]
        found.append(factors.get(part, 1))
    decays = [decay * (n > 1) * (f > 0) for (_, n), f in zip(parameters, found, strict=True)]
    norms = [name[:-7] for (name, _), f in zip(parameters, found, strict=True)
             if f == 0 and name.endswith(".norm.weight")]
    return [[f * rate for f in found], decays, norms]


def _parts_sorted(parameters, factors, rate, decay):
    """The shortest parts first, so that longer ones write over them."""
    table = {name: 1 for name, _ in parameters}
    for part in sorted(factors, key=lambda p: p.count(".")):
        for name in table:
            if name.split(".")[: part.count(".") + 1] == part.split("."):
                table[name] = factors[part]
    decays = [decay if size > 1 and table[name] else 0 for name, size in parameters]
    held = [name for name in table if ".norm." in name and not table[name]]
    norms = dict.fromkeys(name.removesuffix(".weight").removesuffix(".bias") for name in held)
    return [rate * f for f in table.values()], decays, list(norms)


def _norms_twice(parameters, factors, rate, decay):
    rates, decays, norms = part_rates(parameters, factors, rate, decay)
    names = [name.rpartition(".")[0] for name, _ in parameters]
    return rates, decays, [name for name in names if name in norms]


def part_cases(seed: int) -> list[Case]:
    draw = random.Random(f"09.parts {seed}")

    def block(part):
        return [[f"{part}.conv.weight", 4], [f"{part}.norm.weight", 1], [f"{part}.norm.bias", 1]]

    classifier = [["classifier.weight", 2], ["classifier.bias", 1]]
    fixed = [
        (classifier, {"classifier.bias": 0}),
        (classifier, {"classifier": 0}),
        (block("stem"), {"stem": 0.5}),
        (block("stem") + classifier, {"stem": 0, "classifier": 1}),
        (block("stem") + classifier, {"stem": 0.1}),
        (block("blocks.1") + block("blocks.10") + classifier, {"blocks.1": 0, "blocks.10": 0.25}),
        (block("blocks.1") + block("blocks.12") + classifier, {"blocks.1": 0.0}),
        (block("stem") + block("blocks.0") + block("blocks.1"), {"blocks": 0, "blocks.1": 0.5}),
        (block("stem") + block("blocks.0") + block("blocks.1"), {"blocks.1": 0, "blocks": 0.5, "stem": 0}),
        (block("stem") + block("head") + classifier, {"stem.norm": 0, "head": 0.5}),
        (block("blocks.0.steps.stem") + block("stem") + classifier, {"stem": 0}),
    ]
    cases = [dict(parameters=p, factors=f, rate=r, decay=d)
             for (p, f), r, d in zip(fixed, (0.2, 0.1, 0.1, 0.2, 0.05, 0.1, 0.4, 0.1, 0.2, 0.1, 0.3),
                                     (5e-4, 1e-3, 5e-4, 1e-3, 1e-4, 5e-4, 1e-3, 1e-4, 5e-4, 1e-3, 1e-4),
                                     strict=True)]
    for _ in range(4):
        parameters = block("stem") + [row for n in (0, 1, 2, 10) for row in block(f"blocks.{n}")] + classifier
        factors = {"stem": draw.choice([0, 0.1]), "blocks": draw.choice([0.2, 0.3]), "blocks.1": draw.choice([0, 0.5]),
                   f"blocks.{draw.choice([2, 10])}": 0.7}
        cases.append(dict(parameters=parameters, factors=factors, rate=draw.choice([0.05, 0.3]), decay=2e-4))
    return cases


PARTS = Exercise(
    id="09.1", title="Who learns, and how fast?", points=4, minutes=25, difficulty="moderate",
    reference=part_rates, cases=part_cases, returns=("rates", "decays", "norms held"),
    helpers=("ingredients", "transfer"),
    misconceptions=(
        Misconception("names compared letter by letter", _parts(fits=lambda name, part: name.startswith(part)),
            "On the case above, a part has taken another one along whose name begins with the same letters. Where does "
            "the name of a part end?"),
        Misconception("the part anywhere in the name", _parts(fits=lambda name, part: part in name),
            "You look for the part anywhere in the name. On the case above you find it where it is no beginning, or in "
            "the middle of a longer number."),
        Misconception("the name itself does not fit",
            _parts(fits=lambda name, part: name.startswith(part + ".")),
            "A part of the case above is a parameter's whole name. You look for a dot after it."),
        Misconception("only the first word of a name", _parts(fits=lambda name, part: part == name.split(".")[0]),
            "You compare a part with the first word of a name only. On the case above a part says more than one word."),
        Misconception("the first part that fits", _parts(choose=lambda found, factors: factors[found[0]]),
            "Two parts fit a parameter of the case above, and you take the one that comes first in the table. Which of "
            "the two says more about it?"),
        Misconception("the last part that fits", _parts(choose=lambda found, factors: factors[found[-1]]),
            "Two parts fit a parameter of the case above, and you take the one that comes last in the table. Which of "
            "the two says more about it?"),
        Misconception("the shortest part", _parts(choose=lambda found, factors: factors[min(found, key=len)]),
            "Two parts fit a parameter of the case above, and you take the coarser one. What was the finer one for?"),
        Misconception("all factors that fit multiplied",
            _parts(choose=lambda found, factors: math.prod(factors[part] for part in found)),
            "Two parts fit a parameter of the case above, and you apply both. One of them is to count."),
        Misconception("factors for rates", _parts(scale=lambda factor, rate: factor),
            "Your rates don't change with the recipe's rate."),
        Misconception("a factor of 0 taken for none",
            _parts(choose=lambda found, factors: factors[max(found, key=len)] or 1.0),
            "The table of the case above has a factor of 0, and what it names learns with you. To Python, 0 counts as "
            "False: does an `or` or an `if` of yours lose it?"),
        Misconception("rates and decays exchanged", _parts(order=lambda rates, decays, norms: (decays, rates, norms)),
            "Your first list holds the weight decays, and your second the rates. In which order were they asked for?"),
        Misconception("what is not named is frozen", _parts(other=0.0),
            "A parameter that no part fits does not learn with you. What does the table say of it?"),
        Misconception("frozen, and still decaying", _parts(shrink=lambda f, size, decay: decay if size > 1 else 0.0),
            "You freeze a weight and let it shrink. After some thousand steps, what is left of it?"),
        Misconception("decay for every parameter", _parts(shrink=lambda f, size, decay: decay if f else 0.0),
            "You pull biases and normalisation towards zero as well."),
        Misconception("no decay where a part has its own rate",
            _parts(shrink=lambda f, size, decay: decay if f == 1 and size > 1 else 0.0),
            "With you, a part that learns more slowly has no weight decay any more. The factor was one of the rate."),
        Misconception("the decay scaled as well", _parts(shrink=lambda f, size, decay: f * decay if size > 1 else 0.0),
            "You scale the weight decay by the factor. It is multiplied by the rate in each step anyway."),
        Misconception("norms named once for each parameter", _norms_twice,
            "Rates and decays are right. Your list names a layer as often as it has parameters. How often does one hold?"),
        Misconception("no batch norm held", _parts(held=lambda factor: False),
            "You freeze the weights of a batch norm and let it go on. In training mode, which numbers does it "
            "normalise with, and which does it overwrite?"),
        Misconception("whatever is frozen and has one dimension held",
            _parts(norm=lambda name, size: size == 1),
            "You hold a layer of the case above that is no batch norm: that a bias has one dimension does not make its "
            "layer one."),
        Misconception("whatever is frozen held", _parts(norm=lambda name, size: True),
            "You hold every layer that is frozen. Which of them would do something else in eval mode?"),
        Misconception("every batch norm held", _parts(held=lambda factor: True),
            "You hold every batch norm, those that learn as well."),
        Misconception("slow batch norms held", _parts(held=lambda factor: factor < 1),
            "You hold batch norms that learn, only more slowly."),
        Misconception("parameters in place of layers", _parts(layer=lambda name: name),
            "You name the weights of a batch norm. A mode is something that a layer has."),
    ),
    other_answers=(_parts_by_walking, _parts_sorted),
    hints=(
        "For each parameter, list the parts that fit: the name itself, or a beginning of it up to a dot. Then choose.",
        "Three answers hang on one number, the factor: the rate, whether there is any decay, and whether a norm is "
        "held.",
    ),
    remark="`train.fit(rates=...)` does this, and holds the norms by itself. In a loop of your own you have to.",
)

# 09.2


def probe_scores(known: list, labels: list, new: list, strength: float):
    """Scores (new images, classes) of a ridge regression on features, standardised by the known images."""
    return _probe()(known, labels, new, strength)


def _probe(measure=lambda x, z: (x.mean(0), x.std(0)), penalty=lambda s, n, k: s, bias="free", target=None,
           report=lambda np, scores: scores, new_measure=None, spread_out=lambda np, k: np.eye(k)):
    def answer(known, labels, new, strength):
        import numpy as np

        x, z, labels = np.array(known, float), np.array(new, float), np.array(labels)
        mean, spread = measure(x, z)
        one, two = (new_measure or (lambda x, z: (mean, spread)))(x, z)
        x, z = (x - mean) / spread, (z - one) / two
        y = np.eye(labels.max() + 1)[labels] if target is None else target(np, labels)
        middle = y.mean(0) if bias == "free" else 0 * y.mean(0)
        if bias == "penalised":
            x, z = (np.column_stack([a, np.ones(len(a))]) for a in (x, z))
        added = penalty(strength, *x.shape) * spread_out(np, x.shape[1])
        return report(np, z @ np.linalg.solve(x.T @ x + added, x.T @ (y - middle)) + middle)

    return answer


def _probe_by_stacking(known, labels, new, strength):
    """Ridge as least squares with extra rows; the bias a column that the extra rows don't touch."""
    import numpy as np

    x, z = np.array(known, float), np.array(new, float)
    mean, spread = x.mean(0), x.std(0)
    x, z = ((a - mean) / spread for a in (x, z))
    n, k = x.shape
    table = np.block([[x, np.ones((n, 1))], [math.sqrt(strength) * np.eye(k), np.zeros((k, 1))]])
    y = np.vstack([np.eye(max(labels) + 1)[labels], np.zeros((k, max(labels) + 1))])
    fit, *_ = np.linalg.lstsq(table, y, rcond=None)
    return (np.column_stack([z, np.ones(len(z))]) @ fit).tolist()


def _probe_by_sklearn(known, labels, new, strength):
    import numpy as np
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(known)
    targets = np.eye(max(labels) + 1)[labels]
    return Ridge(alpha=strength).fit(scaler.transform(known), targets).predict(scaler.transform(new))


def _softmax(np, scores):
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def probe_cases(seed: int) -> list[Case]:
    draw = random.Random(f"09.probe {seed}")
    cases = [dict(known=[[1.0], [2.0], [4.0]], labels=[0, 0, 1], new=[[3.0], [1.5]], strength=1.0),
             dict(known=[[1.0, 20.0], [2.0, 10.0], [4.0, 40.0], [5.0, 10.0]], labels=[0, 0, 0, 1],
                  new=[[3.0, 20.0], [0.0, 50.0], [1.0, 15.0]], strength=0.5)]
    for size, width, classes in ((6, 2, 3), (9, 3, 3), (12, 4, 2), (5, 6, 2)):
        known = [[round(draw.gauss(3 * k, 1 + k), 1) for k in range(width)] for _ in range(size)]
        labels = [*range(classes)] + [draw.choice([0, 0, *range(classes)]) for _ in range(size - classes)]
        new = [[round(draw.gauss(3 * k + 1, 2 + k), 1) for k in range(width)] for _ in range(4)]
        cases.append(dict(known=known, labels=labels, new=new, strength=draw.choice([0.3, 2.0, 7.5])))
    return cases


PROBE = Exercise(
    id="09.2", title="A probe on features", points=4, minutes=25, difficulty="moderate",
    reference=probe_scores, cases=probe_cases, helpers=("transfer",), tolerance=1e-5, absolute=ROUNDED,
    misconceptions=(
        Misconception("new images standardised by themselves",
            _probe(new_measure=lambda x, z: (z.mean(0), z.std(0) + (z.std(0) == 0))),
            "You standardise the new images by their own mean and spread. Then the score of a photo depends on which "
            "others came with it."),
        Misconception("known and new standardised together",
            _probe(measure=lambda x, z: (_both(x, z).mean(0), _both(x, z).std(0))),
            "Your mean and spread know the new images. In an honest test, what may be measured on those?"),
        Misconception("new images not standardised",
            _probe(new_measure=lambda x, z: (0 * x.mean(0), 0 * x.mean(0) + 1)),
            "You fit on standardised features and read the new images' features as they come. In which unit do your "
            "weights expect them?"),
        Misconception("one mean and spread for all features", _probe(measure=lambda x, z: (x.mean(), x.std())),
            "You take one mean and one spread over all features together. Then a feature with large numbers still "
            "outweighs the others. Along which axis are the images?"),
        Misconception("a mean and a spread for each image",
            _probe(measure=lambda x, z: (x.mean(1, keepdims=True), x.std(1, keepdims=True) + (x.shape[1] == 1)),
                   new_measure=lambda x, z: (z.mean(1, keepdims=True), z.std(1, keepdims=True) + (z.shape[1] == 1))),
            "You standardise each image over its features. A mean was asked for of each feature, over the images."),
        Misconception("not standardised", _probe(measure=lambda x, z: (0 * x.mean(0), 0 * x.mean(0) + 1)),
            "A feature with large numbers needs small weights, and so escapes your penalty. What brings all features "
            "to one scale?"),
        Misconception("only centred", _probe(measure=lambda x, z: (x.mean(0), 0 * x.mean(0) + 1)),
            "Your features have the mean 0, and spreads of their own. Which of them does the penalty hold down most?"),
        Misconception("only scaled", _probe(measure=lambda x, z: (0 * x.mean(0), x.std(0))),
            "Your features have the spread 1, and means of their own, so that the weights have to make up for these."),
        Misconception("divided by the variance", _probe(measure=lambda x, z: (x.mean(0), x.var(0))),
            "You divide by the variance. In which unit is a feature then?"),
        Misconception("spread with n less 1", _probe(measure=lambda x, z: (x.mean(0), x.std(0, ddof=1))),
            "Your spread is a little larger than that asked for: it was to be the root of the mean squared distance."),
        Misconception("no bias", _probe(bias="none"),
            "An image with the mean of every feature gets the score 0 for each class from you. How often does each "
            "class occur?"),
        Misconception("the bias held down, too", _probe(bias="penalised"),
            "Your penalty pulls the bias towards 0, so that all scores come out too low. How often a class occurs is "
            "no matter for the penalty."),
        Misconception("no penalty", _probe(penalty=lambda s, n, k: s * 1e-9),
            "Your scores don't change with the strength."),
        Misconception("the strength added everywhere", _probe(spread_out=lambda np, k: np.ones((k, k))),
            "You add the strength to every place of the matrix. Only a weight's own square is to be held down, not its "
            "product with another: on which places does the identity have its ones?"),
        Misconception("the penalty times the images", _probe(penalty=lambda s, n, k: s * n),
            "Your penalty grows with the number of images. The squared misses were added up, not averaged."),
        Misconception("the strength squared", _probe(penalty=lambda s, n, k: s * s),
            "Your penalty is right where the strength is 1. What of the weights is squared, and what is not?"),
        Misconception("the strength upside down", _probe(penalty=lambda s, n, k: 1 / s),
            "With you, a larger strength lets the weights grow. (scikit-learn's C does so, here it is the other way.)"),
        Misconception("class numbers as the target",
            _probe(target=lambda np, labels: labels[:, None].astype(float)),
            "You fit the number of the class. Is class 2 twice as much of something as class 1?"),
        Misconception("targets of 1 and -1", _probe(target=lambda np, labels: 2 * np.eye(labels.max() + 1)[labels] - 1),
            "Your targets are 1 and below 0. The order of the scores is the same then, the numbers are not."),
        Misconception("softmax of the scores", _probe(report=_softmax),
            "You make shares of the scores by a softmax, as logistic regression does. Here the scores are asked for as "
            "the fit gives them."),
        Misconception("classes in place of scores", _probe(report=lambda np, scores: scores.argmax(1)),
            "You give back the winner. What was asked for are all scores."),
    ),
    other_answers=(_probe_by_stacking, _probe_by_sklearn),
    hints=(
        "Mean and spread of each feature over the known images; the same two for the new ones. Then one column of "
        "targets for each class, with a 1 where the image is of it.",
        "With standardised features the bias is known at once: the mean of the targets. Fit what is left of them, by "
        "the formula in the text.",
    ),
    remark="Standardising is part of the probe: measured on what it learns from, kept, applied to whatever comes.",
)


def _both(x, z):
    import numpy as np

    return np.vstack([x, z])


# 09.3


def class_report(confusion: list) -> list:
    """[precision, recall, F1] of each class; rows of the matrix are true classes, columns predicted ones."""
    return _report()(confusion)


def _report(turn=lambda m: m, precision=lambda hit, row, column, total: _share(hit, column),
            recall=lambda hit, row, column, total: _share(hit, row),
            f1=lambda p, r, hit, row, column: _share(2 * p * r, p + r),
            order=lambda p, r, f: (p, r, f), whole=lambda report: report):
    def answer(confusion):
        m = turn([list(row) for row in confusion])
        total, found = sum(map(sum, m)), []
        for k in range(len(m)):
            hit, row, column = m[k][k], sum(m[k]), sum(line[k] for line in m)
            p, r = precision(hit, row, column, total), recall(hit, row, column, total)
            found.append(list(order(p, r, f1(p, r, hit, row, column))))
        return whole(found)

    return answer


def _share(part, whole, empty=0.0):
    return part / whole if whole else empty


def _precision_or(empty):
    return lambda hit, row, column, total: _share(hit, column, empty)


def _recall_or(empty):
    return lambda hit, row, column, total: _share(hit, row, empty)


def _transposed(m):
    return [list(line) for line in zip(*m, strict=True)]


def _report_of_the_whole(confusion):
    share = sum(confusion[k][k] for k in range(len(confusion))) / sum(map(sum, confusion))
    return [[share] * 3 for _ in confusion]


def _report_by_numpy(confusion):
    import numpy as np

    m = np.array(confusion, float)
    hit, rows, columns = m.diagonal(), m.sum(1), m.sum(0)

    def over(part, whole):
        return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)

    return np.column_stack([over(hit, columns), over(hit, rows), over(2 * hit, rows + columns)])


def _report_by_sklearn(confusion):
    import numpy as np
    from sklearn.metrics import precision_recall_fscore_support

    n = len(confusion)
    true = np.repeat(np.repeat(range(n), n), np.array(confusion).ravel())
    said = np.repeat(np.tile(range(n), n), np.array(confusion).ravel())
    found = precision_recall_fscore_support(true, said, labels=range(n), zero_division=0)
    return np.stack(found[:3], axis=1).tolist()


def report_cases(seed: int) -> list[Case]:
    draw = random.Random(f"09.report {seed}")
    fixed = [[[3, 1], [2, 4]], [[8, 2], [0, 10]], [[90, 5], [3, 2]], [[5, 0, 1], [3, 0, 2], [1, 0, 6]],
             [[4, 2, 1], [0, 0, 0], [3, 1, 5]], [[4, 0, 1], [0, 0, 0], [2, 0, 3]], [[0, 3], [4, 0]]]
    for size in (3, 3, 4, 5):
        matrix = [[draw.randint(0, 5) for _ in range(size)] for _ in range(size)]
        for k in range(size):
            matrix[k][k] += draw.randint(3, 20)
        fixed.append(matrix)
    return [dict(confusion=m) for m in fixed]


REPORT = Exercise(
    id="09.3", title="A report for each class", points=4, minutes=20, difficulty="easy",
    reference=class_report, cases=report_cases, absolute=ROUNDED,
    misconceptions=(
        Misconception("rows and columns, or precision and recall, exchanged", _report(turn=_transposed),
            "The first number that you give a class is the share of its images that were found, the second that of its "
            "calls that are right. If you meant that, it is the order: precision comes first. If not, which of row and "
            "column holds what the network said?"),
        Misconception("F1 in another place", _report(order=lambda p, r, f: (f, p, r)),
            "Those are the right numbers in another order: F1 comes last."),
        Misconception("F1 in another place, and the two exchanged", _report(order=lambda p, r, f: (f, r, p)),
            "Those are the right numbers in the opposite order."),
        Misconception("a row for each measure", _report(whole=_transposed),
            "You give a row for each measure. What was asked for is a row for each class."),
        Misconception("percent", _report(order=lambda p, r, f: (100 * p, 100 * r, 100 * f)),
            "A class of which all is found has 100 with you. A share, or a percentage?"),
        Misconception("rounded to two digits", _report(order=lambda *three: tuple(round(v, 2) for v in three)),
            "Those are the right numbers, rounded to two digits. Return them as they come."),
        Misconception("the mean of precision and recall", _report(f1=lambda p, r, *_: (p + r) / 2),
            "With you, a class that is always said, for every image, has an F1 of more than a half, however rare it "
            "is."),
        Misconception("the geometric mean", _report(f1=lambda p, r, *_: math.sqrt(p * r)),
            "Your F1 is too high wherever precision and recall differ. There is a mean that punishes the smaller one "
            "more."),
        Misconception("the smaller of the two", _report(f1=lambda p, r, *_: min(p, r)),
            "Your F1 does not move when the larger of precision and recall does."),
        Misconception("F1 without the two", _report(f1=lambda p, r, *_: _share(p * r, p + r)),
            "With you a perfect class would have an F1 of a half."),
        Misconception("hits over the union", _report(f1=lambda p, r, hit, row, column: _share(hit, row + column - hit)),
            "Your third number is hits over all images that are of the class or were said to be. That measure exists, "
            "under another name; it counts a hit once, F1 twice."),
        Misconception("divided by all images",
            _report(precision=lambda hit, row, column, total: hit / total,
                    recall=lambda hit, row, column, total: hit / total),
            "You divide by all images. A class that makes up a tenth of them then can't have a recall above a tenth."),
        Misconception("accuracy of class against rest in place of recall",
            _report(recall=lambda hit, row, column, total: (total - row - column + 2 * hit) / total),
            "You count an image as found that is not of the class and was not said to be. For a rare class nearly all "
            "images are of that kind."),
        Misconception("accuracy of class against rest in place of precision",
            _report(precision=lambda hit, row, column, total: (total - row - column + 2 * hit) / total),
            "Your precision counts images that are not of the class and were not said to be. Of which images is it a "
            "share?"),
        Misconception("one number for all classes", _report_of_the_whole,
            "Your numbers are the same for each class. That is the accuracy; which class pays for it, it does not "
            "say."),
        Misconception("perfect where nothing was said", _report(precision=_precision_or(1.0)),
            "A class that the network never names has a precision of 1 with you. The text says what to put there."),
        Misconception("perfect where there is nothing to find", _report(recall=_recall_or(1.0)),
            "A class that has no images has a recall of 1 with you. The text says what to put there."),
        Misconception("perfect where there is nothing",
            _report(precision=_precision_or(1.0), recall=_recall_or(1.0)),
            "A share of nothing is 1 with you. The text says what to put there."),
        Misconception("perfect where there is nothing, F1 counted anew",
            _report(precision=_precision_or(1.0), recall=_recall_or(1.0),
                    f1=lambda p, r, hit, row, column: _share(2 * hit, row + column)),
            "A share of nothing is 1 with you, though not in F1. The text says what to put there."),
        *(Misconception(f"not a number where nothing was said: {which}",
            _report(precision=_precision_or(math.nan), recall=_recall_or(empty), f1=f1),
            "You put nan where a class was never named, or has no image. The text says what to put there.")
          for which, empty, f1 in (
              ("all three", math.nan, lambda p, r, *_: _share(2 * p * r, p + r, math.nan)),
              ("all but F1 of 0 and 0", math.nan, lambda p, r, *_: _share(2 * p * r, p + r)),
              ("recall and F1 guarded", 0.0, lambda p, r, *_: _share(2 * p * r, p + r)),
              ("F1 of 0 and 0 fails", 0.0, lambda p, r, *_: 2 * p * r / (p + r)),
              ("both, and F1 of 0 and 0 fails", math.nan, lambda p, r, *_: 2 * p * r / (p + r)),
              ("F1 counted anew", math.nan, lambda p, r, hit, row, column: _share(2 * hit, row + column)),
              ("precision alone", 0.0, lambda p, r, hit, row, column: _share(2 * hit, row + column)),
          )),
    ),
    other_answers=(_report_by_numpy, _report_by_sklearn),
    hints=(
        "For class k there are three sums: its own cell, its row, its column. Precision and recall each use two of "
        "them.",
        "Try the first case with your finger on the cells. Then a class whose column, or whose row, is empty.",
    ),
    remark="scikit-learn's `classification_report` prints the same. With few images, put an interval on each number.",
)

# 09.4


def evidence_map(activations: list, gradients: list):
    """Grad-CAM of one image: (h, w), from a layer's maps and the gradient of a class's logit, both (C, h, w)."""
    return _cam()(activations, gradients)


def _cam(weigh=lambda np, a, g: g.mean((1, 2), keepdims=True), combine=lambda np, a, w, g: (w * a).sum(0),
         cut=lambda np, m: np.maximum(m, 0)):
    def answer(activations, gradients):
        import numpy as np

        a, g = np.array(activations, float), np.array(gradients, float)
        return cut(np, combine(np, a, weigh(np, a, g), g))

    return answer


def _scaled(np, m):
    m = np.maximum(m, 0)
    return m / m.max() if m.max() > 0 else m


def _softmaxed(np, a, g):
    w = np.exp(g.mean((1, 2), keepdims=True))
    return w / w.sum()


def _cam_by_einsum(activations, gradients):
    import numpy as np

    a, g = np.array(activations, float), np.array(gradients, float)
    return np.einsum("c,chw->hw", g.mean((1, 2)), a).clip(min=0)


def _cam_by_loops(activations, gradients):
    height, width = len(activations[0]), len(activations[0][0])
    weights = [sum(map(sum, g)) / (height * width) for g in gradients]
    return [[max(0.0, sum(w * a[i][j] for w, a in zip(weights, activations, strict=True))) for j in range(width)]
            for i in range(height)]


def cam_cases(seed: int) -> list[Case]:
    draw = random.Random(f"09.cam {seed}")
    cases = [dict(activations=[[[1.0, 2.0]], [[3.0, 0.5]]], gradients=[[[1.0, 3.0]], [[-2.0, 0.0]]]),
             dict(activations=[[[1.0, 0.0], [0.0, 2.0]], [[2.0, 1.0], [-0.5, 0.0]]],
                  gradients=[[[0.4, 0.4], [0.4, -0.4]], [[-0.1, -0.3], [0.1, -0.1]]])]
    for channels, height, width in ((3, 2, 2), (3, 2, 3), (4, 3, 3), (5, 4, 2)):
        def maps(middle, channels=channels, height=height, width=width):
            return [[[round(draw.gauss(middle, 1), 2) for _ in range(width)] for _ in range(height)]
                    for _ in range(channels)]
        cases.append(dict(activations=maps(0.4), gradients=maps(0.1)))
    return cases


CAM = Exercise(
    id="09.4", title="Where is the evidence?", points=4, minutes=20, difficulty="moderate",
    reference=evidence_map, cases=cam_cases, helpers=("explain",), tolerance=1e-5, absolute=ROUNDED,
    misconceptions=(
        Misconception("the negative kept", _cam(cut=lambda np, m: m),
            "Your map has negative places. They speak for other classes; what becomes of them here?"),
        Misconception("absolute values", _cam(cut=lambda np, m: np.abs(m)),
            "What speaks against the class is as bright in your map as what speaks for it."),
        Misconception("each channel cut before the sum",
            _cam(combine=lambda np, a, w, g: np.maximum(w * a, 0).sum(0)),
            "You drop what speaks against the class channel by channel, before it could be set off against the rest."),
        Misconception("channels with a negative weight left out",
            _cam(weigh=lambda np, a, g: np.maximum(g.mean((1, 2), keepdims=True), 0)),
            "You leave out channels that speak against the class. A place that is full of those then looks like "
            "evidence for it."),
        Misconception("negative gradients cut",
            _cam(weigh=lambda np, a, g: np.maximum(g, 0).mean((1, 2), keepdims=True)),
            "You drop negative gradients before you average. A channel whose gradients cancel gets a weight with you."),
        Misconception("gradient times activation, place by place", _cam(weigh=lambda np, a, g: g),
            "You weight each place by its own gradient. In Grad-CAM a channel has one weight for the whole map."),
        Misconception("one weight for all channels", _cam(weigh=lambda np, a, g: g.mean()),
            "Your mean goes over channels and places together, so that all channels have the same weight."),
        Misconception("the mean over channels in place of places", _cam(weigh=lambda np, a, g: g.mean(0)),
            "Your mean goes over the channels, so that each place has a weight. What was asked for is a weight for "
            "each channel, over all places."),
        Misconception("not added up over channels", _cam(combine=lambda np, a, w, g: w * a),
            "You give back a map for each channel. They are to be added up to one."),
        Misconception("a list around the map", _cam(cut=lambda np, m: np.maximum(m, 0)[None]),
            "Your numbers are right, with a pair of brackets too many around them: the answer is one map, without an "
            "axis for images or channels."),
        Misconception("gradients summed", _cam(weigh=lambda np, a, g: g.sum((1, 2), keepdims=True)),
            "Your weights grow with the size of the map. Is it the sum or the mean that is asked for?"),
        Misconception("the largest gradient", _cam(weigh=lambda np, a, g: g.max((1, 2), keepdims=True)),
            "One pixel's gradient decides on a whole channel with you."),
        Misconception("absolute gradients", _cam(weigh=lambda np, a, g: np.abs(g).mean((1, 2), keepdims=True)),
            "In your map a channel that lowers the logit counts like one that raises it."),
        Misconception("weights made into shares", _cam(weigh=_softmaxed),
            "Your weights are all positive and add up to 1. May a channel not speak against a class?"),
        Misconception("the mean over channels", _cam(combine=lambda np, a, w, g: (w * a).mean(0)),
            "Your map gets weaker with every channel that has nothing to say."),
        Misconception("the channels' means weighted, not their maps",
            _cam(combine=lambda np, a, w, g: (a.mean((1, 2), keepdims=True) * g).sum(0)),
            "You have exchanged the two: each map's mean times its gradient. Which of them says where in the image "
            "something is?"),
        Misconception("the activations alone", _cam(combine=lambda np, a, w, g: a.sum(0)),
            "Your map would be the same for each class."),
        Misconception("scaled to 1", _cam(cut=_scaled),
            "The brightest place of your map is always 1. Two classes could then not be compared. Scale it when you "
            "draw it, not here."),
    ),
    other_answers=(_cam_by_einsum, _cam_by_loops),
    hints=(
        "One weight for each channel, from the gradients. Then the weighted maps, added up. Then one more step.",
        "With arrays: which axes does the mean go over, and which the sum? Give the weights a shape that multiplies.",
    ),
    remark="The map is as coarse as the layer. A bright place says that the network uses it, not that it is right to.",
)


EXERCISES = (PARTS, PROBE, REPORT, CAM)
