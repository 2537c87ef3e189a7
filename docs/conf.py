"""How the documents become a site: `make docs`. What is generated is described in `_extensions/generated.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import harness

project = "agent-load-harness"
author = "the agent-load-harness contributors"
project_copyright = author
version = release = harness.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click", "generated"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_extensions", "_static"]
suppress_warnings = ["config.cache"]

smartquotes = False  # two dashes are two dashes
myst_heading_anchors = 4
myst_enable_extensions = ["fieldlist"]

default_role = "code"  # in docstrings, as in Markdown, single backticks are code
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "pydata_sphinx_theme"
html_title = "agent-load-harness"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # a page opened from disk may not fetch another one
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "agent-load-harness"},
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 4,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_nav_level": 1,
    "navigation_with_keys": False,
}
html_sidebars = {"index": [], "tutorial": []}
