"""Images made worse on purpose: blur, noise, contrast and JPEG, in five steps each.

After D. Hendrycks and T. Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
2019 (arXiv 1903.12261). The strengths are those of their code for CIFAR-10-C (`make_cifar_c.py`), made for images of
32 px; for other sizes the blur is ours: its sigma, in pixels, grows with the image, so that it covers the same part of
the scene. Their other corruptions are left out. Pillow blurs with three box filters in a row, which come close to a
Gaussian; the paper's code uses a Gaussian proper.

Used in lesson 09.
"""

import io

import numpy as np

STRENGTHS = {
    "blur": (0.4, 0.6, 0.7, 0.8, 1.0),  # standard deviation in pixels, for 32 px
    "noise": (0.04, 0.06, 0.08, 0.09, 0.10),  # standard deviation, where 1 is the range from black to white
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),  # what is left of a pixel's distance to its image's mean colour
    "jpeg": (80, 65, 58, 50, 40),  # quality
}


def corrupt(pixels: np.ndarray, kind: str, severity: int, seed: int = 0) -> np.ndarray:
    """Images (N, H, W, 3), uint8, made worse: a new array of the same shape and type. Severity 0 changes nothing.

    `kind` is one of `STRENGTHS`, `severity` 1 to 5. Noise is drawn from `seed`, the same for the same images; the other
    kinds have no chance in them. Raises ValueError for another kind or severity, and for what are not such images.
    """
    if kind not in STRENGTHS:
        raise ValueError(f"There is no corruption {kind!r}. There are: {', '.join(STRENGTHS)}.")
    if severity not in range(6):
        raise ValueError(f"severity is {severity!r}; it is a whole number from 0 (unchanged) to 5.")
    if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"Images are uint8 of shape (N, H, W, 3); these are {pixels.dtype} of shape {pixels.shape}.")
    if severity == 0:
        return pixels.copy()
    strength = STRENGTHS[kind][int(severity) - 1]
    if kind == "noise":
        drawn = np.random.RandomState(seed).normal(scale=255 * strength, size=pixels.shape)  # numpy keeps this stream
        return _whole(pixels + drawn)
    if kind == "contrast":
        middle = pixels.mean((1, 2), keepdims=True)
        return _whole((pixels - middle) * strength + middle)
    change = _blurred if kind == "blur" else _compressed
    return np.stack([change(image, strength) for image in pixels]) if len(pixels) else pixels.copy()


def _whole(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    from PIL import Image, ImageFilter

    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma * image.shape[0] / 32)))


def _compressed(image: np.ndarray, quality: int) -> np.ndarray:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
