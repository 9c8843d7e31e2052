"""Sphinx's settings of the reading edition: the stored outputs, never executed, and nothing from elsewhere."""

project = "Interpreting Vision Models"
author = "The authors of Interpreting Vision Models"
copyright = f"{author}, MIT licence"
html_title = project
extensions = ["myst_nb"]
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # the plain pages beside the widgets are shown
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]
html_theme = "sphinx_book_theme"
html_theme_options = {
    "show_toc_level": 2,
    "navbar_start": [],
    "navbar_persistent": [],  # the search of the sidebar is enough
    "use_download_button": False,
    "use_fullscreen_button": False,
}
html_static_path = ["_static"]
html_extra_path = ["extra"]  # lectures and cards
html_show_search_summary = False  # a page from a disk may not read the other pages
html_use_index = False
html_copy_source = False
html_css_files = ["course.css"]
html_js_files = [("explorers.js", {"defer": "defer"})]
mathjax_path = "mathjax/es5/tex-svg.js"
html_context = {"default_mode": "auto"}
myst_mathjax_classes = "tex2jax_process|mathjax_process|math|output_area|text_html"  # the last one: the cards
