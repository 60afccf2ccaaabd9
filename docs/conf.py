"""Sphinx configuration; `make docs` builds with warnings as errors."""

from importlib.metadata import version as installed_version

project = "sparsevae"
author = "The sparsevae developers"
copyright = f"2026, {author}"
release = installed_version("sparsevae")
version = release

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples", "sg_execution_times.rst"]
# Docstrings that scikit-learn's base classes bring along refer to its own user guide.
suppress_warnings = ["ref.ref"]

autosummary_generate = True
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
numpydoc_class_members_toctree = False
numpydoc_show_inherited_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
}

# `make links` asks every address of the pages for an answer; the links among pages are the tests' to check.
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_workers = 2
# Its pages are written by sphinx-gallery, with links among themselves.
linkcheck_exclude_documents = [r"gallery/.*"]

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["wrapping.css"]
# Pages with none below them have no list of such.
html_sidebars = {page: [] for page in ("papers", "experiments", "notation", "glossary", "architecture", "extending")}
html_title = f"sparsevae {release}"
