"""The Markdown of the decks: what becomes HTML, what becomes plain text, and what a cloze hides."""

from __future__ import annotations

import pytest

from flashcards.parsing import checks, markdown

DOLLAR = "<span>$</span>"  # begins no formula

# source: its HTML, and its plain text
INLINE: dict[str, tuple[str, str]] = {
    "a *b* **c**": ("a <em>b</em> <strong>c</strong>", "a b c"),
    "`c<d`": ("<code>c&lt;d</code>", "c<d"),
    "$x<y$": ("\\(x&lt;y\\)", "$x<y$"),
    "$ a$": (f"{DOLLAR} a{DOLLAR}", "$ a$"),
    "1$x$2": (f"1{DOLLAR}x{DOLLAR}2", "1$x$2"),
    "$x$ of 2": ("\\(x\\) of 2", "$x$ of 2"),  # the last character is not the one before the first
    "~~a~~ b": ("<s>a</s> b", "a b"),
    "a $$x^2$$": ("a \\[x^2\\]", "a $x^2$"),
    "a $x$ b $y$": ("a \\(x\\) b \\(y\\)", "a $x$ b $y$"),
    "$a*b$ and *c*": ("\\(a*b\\) and <em>c</em>", "$a*b$ and c"),
    "\\$5 \\* \\<": (f"{DOLLAR}5 * &lt;", "$5 * <"),
    "<b>now</b> &amp; &lt;": ("&lt;b&gt;now&lt;/b&gt; &amp; &lt;", "<b>now</b> & <"),
    "![What it *shows*](p.png)": ('<img src="p.png" alt="What it shows" />', "What it shows"),
    "[here](http://e.org/?a=1&b=2)": (
        '<a href="http://e.org/?a=1&amp;b=2" target="_blank" rel="noopener">here</a>',
        "here",
    ),
    "a  \nb\nc": ("a<br />\nb\nc", "a b c"),
    "  a  ": ("a", "a"),
}

BLOCKS: dict[str, tuple[str, str]] = {
    "One *two*\nthree.\n\n\nFour.": ("<p>One <em>two</em>\nthree.</p>\n<p>Four.</p>", "One two three.\nFour."),
    "$$\nx < y\n$$": ("<p>\\[x &lt; y\\]</p>", "$$x < y$$"),
    "$$\nx\n$$\n\nAfter.": ("<p>\\[x\\]</p>\n<p>After.</p>", "$$x$$\nAfter."),
    "- a\n- b\n\n1. c": ("<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<ol>\n<li>c</li>\n</ol>", "a\nb\nc"),
    "| h |\n| - |\n| $x$ |": (
        "<table>\n<thead>\n<tr>\n<th>h</th>\n</tr>\n</thead>\n"
        "<tbody>\n<tr>\n<td>\\(x\\)</td>\n</tr>\n</tbody>\n</table>",
        "h\n$x$",
    ),
    "```py\na<b\n\nc\n```": ('<pre><code class="language-py">a&lt;b\n\nc\n</code></pre>', "a<b\n\nc"),
    "    code\n\nAfter.": ("<pre><code>code\n</code></pre>\n<p>After.</p>", "code\nAfter."),
    "> quote": ("<blockquote>\n<p>quote</p>\n</blockquote>", "quote"),
    "<div>raw</div>": ("<p>&lt;div&gt;raw&lt;/div&gt;</p>", "<div>raw</div>"),
    "$$x$$ (1)": ("<p>\\[x\\] (1)</p>", "$x$ (1)"),  # no label of an equation
    "![](p.png)": ('<p><img src="p.png" alt="" /></p>', ""),
    "": ("", ""),
}

# source: plain text with the clozes hidden, and HTML with the clozes shown; empty where there is none
CLOZES: dict[str, tuple[str, str]] = {
    "a {{b}}.": ("a […].", 'a <mark class="fc-cloze">b</mark>.'),
    "{{a}} and {{b *c*}}": (
        "[…] and […]",
        '<mark class="fc-cloze">a</mark> and <mark class="fc-cloze">b <em>c</em></mark>',
    ),
    "{{$x$}} of $y_{{1}}$": ("[…] of $y_{{1}}$", '<mark class="fc-cloze">\\(x\\)</mark> of \\(y_{{1}}\\)'),
    "{{`x`}} of `{{y}}`": (
        "[…] of {{y}}",
        '<mark class="fc-cloze"><code>x</code></mark> of <code>{{y}}</code>',
    ),
    "*a {{b}} c*": ("a […] c", '<em>a <mark class="fc-cloze">b</mark> c</em>'),
    "{{ a }}": ("[…]", '<mark class="fc-cloze"> a </mark>'),
    "a {b} c": ("", ""),
    "`{{a}}` and $b_{{c}}$": ("", ""),
}

WRONG_CLOZES = {
    "a {{b": "the cloze opened with '{{' is never closed with '}}'",
    "a }}b{{ c": "a cloze closes with '}}' that was never opened with '{{'",
    "{{a}} b}}": "a cloze closes with '}}' that was never opened with '{{'",
    "{{a {{b}}}}": "a cloze opens inside another cloze",
    "{{}}": "the cloze is empty",
    "{{a}} {{ }}": "the cloze is empty",
    "*{{a* b}}": "a cloze begins inside an emphasis or a link and ends outside of it",
    "{{a *b}} c*": "a cloze begins inside an emphasis or a link and ends outside of it",
}

MATH = {
    "a $x$": [],
    "a $x": [(7, "unbalanced math: a lone '$' in 'a $x'; expected '$…$', or '\\$' for a dollar")],
    " a $\nb $\n": [
        (7, "unbalanced math: a lone '$' in 'a $'; expected '$…$', or '\\$' for a dollar"),
        (8, "unbalanced math: a lone '$' in 'b $'; expected '$…$', or '\\$' for a dollar"),
    ],
    "a  \nb\n$x\n+ y$ \\$ `$`\nc $": [
        (11, "unbalanced math: a lone '$' in 'c $'; expected '$…$', or '\\$' for a dollar")
    ],
    "a\n$$x{$$": [(8, "unbalanced math: 1 '{' but 0 '}' in 'x{'")],
    "$\\{ x$ and $\\\\{ x$": [(7, "unbalanced math: 1 '{' but 0 '}' in '\\\\\\\\{ x'")],
    "$\\left( x \\right)$ and $\\leftarrow x$": [],
    "$\\left( x$": [(7, "unbalanced math: 1 '\\left' but 0 '\\right' in '\\\\left( x'")],
    "$\\left( \\left( x \\right) ) }$": [
        (7, "unbalanced math: 0 '{' but 1 '}' in '\\\\left( \\\\left( x \\\\right) ) }'"),
        (7, "unbalanced math: 2 '\\left' but 1 '\\right' in '\\\\left( \\\\left( x \\\\right) ) }'"),
    ],
}


@pytest.mark.parametrize("source", INLINE)
def test_a_line(source):
    tokens = markdown.inline(source)
    assert (markdown.render_inline(tokens), markdown.plain(tokens)) == INLINE[source]


@pytest.mark.parametrize("source", BLOCKS)
def test_a_text(source):
    tokens = markdown.blocks(source)
    assert (markdown.render(tokens), markdown.plain_blocks(tokens)) == BLOCKS[source]


@pytest.mark.parametrize("source", CLOZES)
def test_a_cloze(source):
    pair = markdown.clozes(markdown.inline(source))
    plain, html = CLOZES[source]
    if not html:
        assert pair is None
        return
    assert pair is not None
    hidden, shown = pair
    assert (markdown.plain(hidden), markdown.render_inline(shown)) == (plain, html)
    gap = '<span class="fc-gap" aria-label="blank">[…]</span>'
    assert markdown.render_inline(hidden).count(gap) == plain.count("[…]") > 0


@pytest.mark.parametrize("source", WRONG_CLOZES)
def test_a_cloze_that_cannot_be_meant(source):
    with pytest.raises(markdown.ClozeError) as error:
        markdown.clozes(markdown.inline(source))
    assert str(error.value) == WRONG_CLOZES[source]


@pytest.mark.parametrize("source", MATH)
def test_math_that_does_not_close_is_told_at_its_line(source):
    told: list[tuple[int, str]] = []
    checks.check_math(markdown.inline(source), 7, lambda line, message: told.append((line, message)))
    assert told == MATH[source]
