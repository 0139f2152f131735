# ---
# jupyter:
#   effnet_course: {title: "Sheet 08: the recipe in numbers", minutes: 135, seconds: 20, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 08 · What does it take to train one well?
#
# After this sheet you can compute the rate of any step; build a target that sums to 1, smoothed and mixed, and its loss; average weights without their random start; normalise one image in
# groups; say how large a batch a norm needs; and mend an evaluation as it stands in print. Work through lesson 08 first.
#
# Six functions and one question in words: 135 minutes, 29 points. In each function, replace the last line, then run the
# cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you are stuck,
# `hint("08.1")` gives a first hint and `hint("08.1", 2)` a second.
#
# Images, logits and weights come as nested lists; `np.array(x)` makes an array of one. Nothing is trained here.

# %%
import math

import numpy as np

from effnet_course.checking import check, hint

# %% [markdown]
# ## 08.1 · The rate of a step
# *15 minutes · moderate · 4 points*
#
# A schedule is a few lines in every training loop, and wrong in many. Return the learning rate of one step. During the warm-up it rises in a straight line: the first step has one rise
# already, and the first step *after* the warm-up has the peak. From there it falls as half a cosine; the cosine would reach 0 one step *after* the last, so that no step is wasted on a rate of 0. A step is given by its epoch and its batch in the epoch, both counted from 0.
#
# Five epochs of ten batches, one epoch of warm-up, peak 0.4, the first epoch's last batch: `rate_at(0, 9, 5, 10, 1, 0.4)` is `0.3636`.
# In the same run the first step after the warm-up has 0.4, and the very last step, number 49, has 0.0006: at step 50, which is never made, the cosine would be 0.


# %%
def rate_at(epoch: int, batch: int, epochs: int, batches: int, warmup: int, peak: float) -> float:
    """The learning rate of one step.

    epoch, batch: which step, both from 0. epochs: of the run. batches: in an epoch. warmup: in whole epochs, may be 0.
    peak: the highest rate.
    """
    ### BEGIN SOLUTION
    step, steps, rise = epoch * batches + batch, epochs * batches, warmup * batches
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))
    ### END SOLUTION


# %%
check("08.1", rate_at)

# %% [markdown]
# ## 08.2 · The loss of a mixed, smoothed batch
# *25 minutes · moderate · 5 points*
#
# Mixup: the partner of an image is found by reading the batch backwards (first with last). Return the mixed images (an array or nested lists, in the shape of `images`), and the loss. The logits are given: they are what the network
# said of the mixed images. The target of an image starts as 1 for its label; it is smoothed (a share `smoothing` is taken from the label and handed out to *all* classes alike); then mixed with its partner's. The loss
# is the cross-entropy, natural logarithm, mean over the images.
#
# Two images of two pixels, labels 0 and 2: `mixed_loss([[0, 4], [2, -2]], [0, 2], [[2, 0, 1], [0, 0, -1]], 0.75, 0.1)` is `([[0.50, 2.50], [1.50, -0.50]], 1.1515)`.


# %%
def mixed_loss(images: list, labels: list[int], logits: list, share: float, smoothing: float) -> tuple[list, float]:
    """(the mixed images, in the shape of `images`; the loss of their logits).

    images: one list of pixels each. labels: a class each, from 0. logits: one list over the classes for each mixed
    image. share: what an image keeps of itself. smoothing: between 0 and 1.
    """
    ### BEGIN SOLUTION
    x, z = np.array(images, dtype=float), np.array(logits, dtype=float)
    logs = z - np.log(np.exp(z).sum(1, keepdims=True))
    own = np.eye(z.shape[1])[labels] * (1 - smoothing) + smoothing / z.shape[1]
    target = share * own + (1 - share) * own[::-1]
    return share * x + (1 - share) * x[::-1], -(target * logs).sum(1).mean()
    ### END SOLUTION


# %%
check("08.2", mixed_loss)

# %% [markdown]
# ## 08.3 · A moving average that forgets its start
# *15 minutes · moderate · 4 points*
#
# One weight, its value after each step. Return its moving average at the end. After the first step the average *is* the weight. Each further weight is one update: when $n$ steps have been made before it, the
# average keeps the smaller of the decay and $(1 + n)/(10 + n)$ of itself, and takes the rest from the new weight.
#
# Three steps: `moving_average([0, 11, 4], 0.9)` is `5.2500`.


# %%
def moving_average(weights: list[float], decay: float) -> float:
    """The moving average of a weight at the end of training.

    weights: its value after each step, at least one. decay: the largest share that is kept at an update.
    """
    ### BEGIN SOLUTION
    average = weights[0]
    for made, weight in enumerate(weights[1:], 1):
        keep = min(decay, (1 + made) / (10 + made))
        average = keep * average + (1 - keep) * weight
    return average
    ### END SOLUTION


# %%
check("08.3", moving_average)

# %% [markdown]
# ## 08.4 · Group norm of one image
# *15 minutes · moderate · 4 points*
#
# Where memory leaves room for only two images in a batch, group norm replaces batch norm. Cut the channels into `groups` groups of neighbours, as many in each. From each group, all its channels and pixels together, take off the mean and divide by
# $\sqrt{\text{variance} + \text{eps}}$. The variance is the mean of the squared distances. No scale and shift are learned here. Return an array or nested lists, in the shape that
# came in: channels of rows of pixels, with no axis for a batch.
#
# Two channels of two pixels, each its own group: `group_norm([[[1, 3]], [[5, 9]]], 2, 0.5)` is `[[[-0.8165, 0.8165]], [[-0.9428, 0.9428]]]`.


# %%
def group_norm(x: list, groups: int, eps: float) -> list:
    """One image, normalised in groups of channels: an array or nested lists, in the shape of x.

    x: channels, each a list of rows of pixels. groups: divides the number of channels. eps: above 0.
    """
    ### BEGIN SOLUTION
    x = np.array(x, dtype=float)
    y = x.reshape(groups, -1)
    y = (y - y.mean(1, keepdims=True)) / np.sqrt(y.var(1, keepdims=True) + eps)
    return y.reshape(x.shape)
    ### END SOLUTION


# %%
check("08.4", group_norm)

# %% [markdown]
# ## 08.5 · How large must a batch be?
# *15 minutes · moderate · 3 points*
#
# You have measured a channel's mean on some single images, drawn at random. Batch norm uses the mean over a batch. Return the standard deviation of *that* mean over batches of the given size: the noise. And
# return the least batch (a whole number, at least 1) whose noise is at most `target`. The measured images are a sample: estimate their spread as such.
#
# Three images, batches of 2: `batch_for_noise([1, 3, 2], 2, 0.4)` is `(0.7071, 7)`.


# %%
def batch_for_noise(means: list[float], batch: int, target: float) -> tuple[float, int]:
    """(standard deviation of the batch's mean, the least batch at which it is at most `target`).

    means: of one channel on single images, at least two of them. batch: images in a batch. target: above 0.
    """
    ### BEGIN SOLUTION
    spread = np.std(means, ddof=1)
    return spread / math.sqrt(batch), max(1, math.ceil((spread / target) ** 2))
    ### END SOLUTION


# %%
check("08.5", batch_for_noise)

# %% [markdown]
# ## 08.6 · Mend an evaluation as it stands in print
# *30 minutes · hard · 5 points*
#
# This loop is put together from faults that can be found in print. `topk` was asked for, `k` is never used; there is more.
#
# ```python
# losses, tops = [], []
# for images, labels in loader:            # labels of the whole test set were in `labels` before
#     logits = model(images)
#     losses.append(-logits[range(len(labels)), labels].mean())
#     tops.append((logits.argmax(1) == labels).float().mean())
# loss, topk = sum(losses) / len(losses), 100 * sum(tops) / len(tops)
# error = 196 * math.sqrt(topk / 100 * (1 - topk / 100) / len(labels))
# supports = [(labels == c).sum() for c in range(classes)]
# ```
#
# You are given what was logged: logits and labels, batch by batch; the last batch may be smaller. Return the right numbers: the mean cross-entropy; top-k in percent (an image is right if its label is among the $k$ largest logits; no two are
# equal); both ends of the 95 % interval, in percent: share plus or minus $1.96\sqrt{p(1-p)/n}$, not cut off at 0 or 100; and how many images there are of each class.
#
# `report([[[2, 0, 1], [0, 3, 1]], [[1, 0, 2]]], [[0, 2], [2]], 1)` is `(0.9950, 66.67, 13.32, 120.01, [1, 0, 2])`. (Three images: an interval so wide leaves the scale.)


# %%
def report(logits: list, labels: list, k: int) -> tuple[float, float, float, float, list[int]]:
    """(mean loss, top-k in percent, low end, high end of its interval, images of each class).

    logits: for each batch a list of images, for each image a list over the classes. labels: for each batch a list. k: 1
    or more.
    """
    ### BEGIN SOLUTION
    z = np.concatenate([np.array(b, dtype=float) for b in logits])
    y = np.concatenate([np.array(b) for b in labels])
    losses = np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]
    share = (np.argsort(-z, 1)[:, :k] == y[:, None]).any(1).mean()
    half = 196 * math.sqrt(share * (1 - share) / len(y))
    counts = np.bincount(y, minlength=z.shape[1]).tolist()
    return losses.mean(), 100 * share, 100 * share - half, 100 * share + half, counts
    ### END SOLUTION


# %%
check("08.6", report)

# %% [markdown]
# ## In words: a loop that trains, badly
# *20 minutes · moderate · 4 points*
#
# A colleague's loop runs without an error, and her network with batch norm ends at 71 % where yours, same architecture, has 80 %.
#
# ```python
# for epoch in range(10):
#     for images, labels in loader:
#         probabilities = model(images).softmax(1)
#         loss = cross_entropy(probabilities, labels)
#         loss.backward()
#         optimizer.step()
#     scheduler.step()        # made for len(loader) * 10 steps
#     accuracy = evaluate(model, test_images)
#     if accuracy > best: best, kept = accuracy, deepcopy(model)
# ```
#
# `evaluate` does not change the model's mode. Name the five faults. For each say in a sentence what it does to the training or to the number that is reported, and for two of them a measurement that would show it.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# First, `cross_entropy` does a softmax itself, so that here it is done twice: with ten classes the loss cannot fall under 1.46, and gradients stay small. Printing the least loss of any batch shows it. Second, the gradients are never set to zero: each step
# uses the sum of all gradients so far, so that old ones push on. Comparing the gradient of the second step with one computed from that batch alone shows it. Third, the scheduler is stepped once an epoch, though it counts steps: after ten
# epochs it has made ten of its thousands of steps, the rate is still in its warm-up, or hardly below the peak. Printing the rate at the start and end shows it. Fourth, `model.eval()` is missing: batch norm uses the statistics of the test batch at hand, so that an image's
# answer depends on its neighbours, and the running statistics take in test images. Evaluating twice with other batch sizes would give two numbers. Fifth, the epoch is chosen by its accuracy on the test images, so that the reported best is too
# good; the choice belongs to validation images, and the test images are read once.
# ### END SOLUTION
