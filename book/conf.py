"""Sphinx's configuration. book/make_book.py calls Sphinx and says where things are, by way of the environment."""

import os
import re
from pathlib import Path

BUILD = Path(os.environ["EFFNET_BOOK"])

project = "Efficient networks, by hand"
author = "the authors of effnet-course"
copyright = "2026, the authors of effnet-course; text and figures CC BY 4.0, code MIT"
language = "en"  # Sphinx has en_GB, too, but its search breaks on a plural that is missing there

extensions = ["myst_nb", "sphinx.ext.mathjax"]
root_doc = "index"
exclude_patterns = ["jupyter_execute", "**.ipynb_checkpoints"]
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_dmath_double_inline = True  # as in JupyterLab: a formula on lines of its own need not be a paragraph of its own
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_cache_path = os.environ["EFFNET_BOOK_CACHE"]
nb_execution_excludepatterns = ["exercises/*"]
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # what libraries log while they are imported; an error stops the build
nb_ipywidgets_js = {}

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static", str(BUILD / "vendored")]
html_css_files = ["book.css"]
html_js_files = [("explorers.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_favicon = "static/favicon.svg"
html_theme_options = {
    "navbar_persistent": [],  # the search is in the sidebar; the theme would add a bar with another
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
}
mathjax_path = "mathjax/tex-svg.js"


def setup(app) -> None:
    """A table's empty corner is no heading; a figure too wide for a phone can be moved, by keyboard as well."""

    def mended(app, pagename, templatename, context, doctree) -> None:
        body = re.sub(r"<th[^>]*><p></p></th>", "<td></td>", context.get("body", ""))
        frame = '<div class="figure" tabindex="0" role="group" aria-label="Figure">'
        context["body"] = re.sub(r'<img style="max-width:100%"[^>]*>', rf"{frame}\g<0></div>", body)

    app.connect("html-page-context", mended)
