# ---
# jupyter:
#   effnet_course: {title: "Sheet 09: Transfer", minutes: 110, seconds: 20, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 09 · How do I use one on my own images?
#
# After this sheet you can say of every parameter of a network whether it learns and how fast; put a classifier on frozen features; read a confusion matrix class by
# class; and compute a map of evidence from a layer's activations and gradients. Work through lesson 09 first.
#
# Four functions and one question in words: 110 minutes, 20 points. In each function, replace the last line, then run the
# cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you are stuck,
# `hint("09.1")` gives a first hint and `hint("09.1", 2)` a second.

# %%
import numpy as np

from effnet_course.checking import check, hint

# %% [markdown]
# ## 09.1 · Who learns, and how fast?
# *25 minutes · moderate · 4 points*
#
# You take a trained network to your own photos. Its stem shall stay as it is, its blocks learn slowly, its new classifier fast. Write the bookkeeping that `train.fit(rates=...)` does.
#
# You get the parameters, `[name, number of dimensions]` each, and a table of factors: part -> factor. A part fits a parameter in two cases: it is the parameter's whole name, or the name begins with the part and a dot.
# So `"blocks.1"` fits `"blocks.1.conv.weight"`, and not `"blocks.10.conv.weight"`. Where several parts fit, the longest counts. Where none fits, the factor is 1.
#
# Return three lists. For each parameter its learning rate, factor times the recipe's. For each parameter its weight decay: the recipe's, but 0 for
# biases and normalisation (one dimension), and 0 for what is frozen (factor 0). And the batch norms that must be held in eval mode because they are frozen: the layers' names (without `.weight` and `.bias`), each once, in order.
# A parameter belongs to a batch norm if its name contains `.norm.`. (The table never separates the two parameters of a batch norm.)
#
# A frozen stem: `part_rates([["stem.norm.weight", 1], ["stem.norm.bias", 1], ["classifier.weight", 2]], {"stem": 0}, 0.1, 0.0005)` is
# `([0.0, 0.0, 0.1], [0.0, 0.0, 0.0005], ["stem.norm"])`.


# %%
def part_rates(
    parameters: list, factors: dict, rate: float, decay: float
) -> tuple[list, list, list]:
    """(the rate of each parameter, its weight decay, the batch norms that must stay in eval mode).

    parameters: [name, number of dimensions] each. factors: part -> factor of the rate.
    rate, decay: the recipe's.
    """
    ### BEGIN SOLUTION
    rates, decays, norms = [], [], {}
    for name, dimensions in parameters:
        fits = [part for part in factors if (name + ".").startswith(part + ".")]
        factor = factors[max(fits, key=len)] if fits else 1
        rates.append(factor * rate)
        decays.append(decay if factor > 0 and dimensions > 1 else 0.0)
        if ".norm." in name and factor == 0:
            norms[name.rpartition(".")[0]] = True
    return rates, decays, list(norms)
    ### END SOLUTION


# %%
check("09.1", part_rates)

# %% [markdown]
# ## 09.2 · A probe on features
# *25 minutes · moderate · 4 points*
#
# With twenty labels a class you don't train a network; you fit a linear classifier on what a frozen one sees. The lesson used logistic regression, which has no closed formula. Here take its simple
# cousin, **ridge regression** on targets of 0 and 1. Three steps:
#
# 1. Standardise each feature: subtract its mean and divide by its spread (the root of the mean squared distance to the mean), *both measured on the known images*.
# 2. Make a column of targets for each class: 1 where the image is of the class, else 0. Subtract each column's mean, the **bias**: call what is left $Y$.
# 3. With standardised features $X$ and strength $\lambda$ find the weights that make $\sum (X W - Y)^2 + \lambda \sum W^2$ smallest. They are $W = (X^T X + \lambda I)^{-1} X^T Y$.
#
# The scores of new images are their standardised features times $W$, plus the bias. Labels run from 0, and every class occurs. No feature is the same in all known images, so that no spread is 0. (In your own work, put 1 for a
# spread of 0: such a feature tells nothing.)
#
# One feature, three known images: `probe_scores([[1.0], [2.0], [4.0]], [0, 0, 1], [[3.0], [1.5]], 1.0)` is `[[0.4881, 0.5119], [0.8899, 0.1101]]`.


# %%
def probe_scores(known: list, labels: list, new: list, strength: float):
    """Scores (new images, classes) of a ridge regression on features, standardised by the known.

    known, new: a list of features for each image. labels: the class of each known image.
    strength: lambda.
    """
    ### BEGIN SOLUTION
    known, new = np.array(known), np.array(new)
    mean, spread = known.mean(0), known.std(0)
    x, targets = (known - mean) / spread, np.eye(max(labels) + 1)[labels]
    bias = targets.mean(0)
    weights = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ (targets - bias))
    return (new - mean) / spread @ weights + bias
    ### END SOLUTION


# %%
check("09.2", probe_scores)

# %% [markdown]
# ## 09.3 · A report for each class
# *20 minutes · easy · 4 points*
#
# 90 % right, and one class never found: an accuracy does not show that. A confusion matrix does. Its rows are the true classes, its columns what the network said (as in scikit-learn).
# Return a row for each class: its precision, recall and F1, in this order. **Precision**: of the images that were said to be of the class, the share that are. **Recall**: of the images
# of the class, the share that were found. **F1**: their harmonic mean, two times their product divided by their sum. Where a share would be of nothing, put 0; likewise for F1 where both are 0.
#
# Two classes, ten images: `class_report([[3, 1], [2, 4]])` is `[[0.6000, 0.7500, 0.6667], [0.8000, 0.6667, 0.7273]]`.


# %%
def class_report(confusion: list) -> list:
    """[precision, recall, F1] of each class.

    confusion: a matrix; rows are true classes, columns predicted ones.
    """
    ### BEGIN SOLUTION
    report = []
    for k, row in enumerate(confusion):
        hits, said = row[k], sum(line[k] for line in confusion)
        precision = hits / said if said else 0.0
        recall = hits / sum(row) if sum(row) else 0.0
        both = precision + recall
        report.append([precision, recall, 2 * precision * recall / both if both else 0.0])
    return report
    ### END SOLUTION


# %%
check("09.3", class_report)

# %% [markdown]
# ## 09.4 · Where is the evidence?
# *20 minutes · moderate · 4 points*
#
# Your network says "church". Because of the tower, or because of the sky behind it? Compute the Grad-CAM of one image, from a layer's maps and the gradient of the class's logit with respect to them, both of
# shape (channels, rows, columns). The weight of a channel is the mean of its gradient over all places. The maps, each times its weight, are added up over the channels, and what is negative becomes 0. Don't scale the result.
#
# Two channels on a map of 1x2: `evidence_map([[[1.0, 2.0]], [[3.0, 0.5]]], [[[1.0, 3.0]], [[-2.0, 0.0]]])` is `[[0.0, 3.5]]`.


# %%
def evidence_map(activations: list, gradients: list):
    """Grad-CAM of one image: (rows, columns).

    activations: a layer's maps. gradients: those of a class's logit. Both (channels, rows, columns).
    """
    ### BEGIN SOLUTION
    maps, slopes = np.array(activations), np.array(gradients)
    weights = slopes.mean(axis=(1, 2), keepdims=True)
    return np.maximum((weights * maps).sum(axis=0), 0)
    ### END SOLUTION


# %%
check("09.4", evidence_map)

# %% [markdown]
# ## In words: nine in ten
# *20 minutes · moderate · 4 points*
#
# A colleague takes a network trained on ImageNet, sets `requires_grad = False` for everything but a new classifier, and trains with `model.train()` on 200 chest images, half of them of ill people. On 60 others, 30 of them ill, it finds 27 of the
# ill and calls 3 of the 30 healthy ones ill. "First, I froze everything but the classifier, so the rest of the network is as it came. Second, it finds 90 % of the ill. Third, when it says *ill*, it is
# right nine times in ten; so I will use it for screening, where 1 % are ill."
#
# Explain in six to nine sentences what is wrong with each of the three (for the second and third, with numbers), and name one measurement that you would want before anybody uses it.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# Batch norm has more than weights: in training mode it normalises with each batch's own mean and variance, and writes them into its running statistics, with gradients or without. So after training the network computes other features than the one that came, and its batch norms should have been in
# eval mode. The 90 % are 27 of 30 images, and Wilson's 95 % interval for that goes from 74 to 97 %: it may miss one ill person in four. The third claim holds for these 60 images because half of them are ill. Of 10,000 people
# who are screened 100 are ill; 90 of them are called ill, and so are 990 of the 9,900 healthy ones, so that of 1,080 calls 90 are right, one in twelve. Whoever called everybody healthy would have an accuracy of 99 %, against 90 %. Before anyone uses it I would want
# precision and recall with intervals on images as they come in the screening, one person's images on one side of the split only, and from a hospital whose images it has not learned from.
# ### END SOLUTION
