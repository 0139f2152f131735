"""Helper package of effnet-course, a hands-on course on efficient networks."""

__version__ = "0.1.0"
