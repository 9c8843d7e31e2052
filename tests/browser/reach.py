"""What the keyboard does not reach in a part of a page, or reaches without a sign; and what moves although it should not."""

from playwright.sync_api import Locator

CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0'], [contenteditable=true]"
SEEN = f"""(box) => [box, ...box.querySelectorAll("*")].filter((e) => e.matches({CONTROLS!r})
  && e.checkVisibility({{ visibilityProperty: true }}) && !e.disabled && e.getBoundingClientRect().width > 1)"""
# Three parts of the page may show the focus: the control, what is drawn into it, and the frame around it.
LOOK = """(e) => [e.parentElement, e, ...e.children].filter(Boolean).map((part) => {
  const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, borderWidth } = getComputedStyle(part);
  return [outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, borderWidth].join();
}).join("; ")"""
NAME = "(e) => e.outerHTML.slice(0, e.outerHTML.indexOf('>') + 1).slice(0, 160)"


def unreached(box: Locator) -> list[str]:
    """Return the visible controls in a part of a page that Tab does not come to, or that look no other when it has come."""
    page = box.page
    controls = box.evaluate_handle(SEEN)
    count = controls.evaluate("(all) => all.length")
    assert count, "nothing to reach"
    page.evaluate("() => document.activeElement?.blur()")
    before = controls.evaluate(f"(all) => all.map({LOOK})")
    controls.evaluate("(all) => all[0].focus()")
    unseen, missing = [], set(range(count))
    for _ in range(count):
        at = controls.evaluate("(all) => all.indexOf(document.activeElement)")
        if at in missing:
            missing.remove(at)
            if controls.evaluate(f"(all, i) => ({LOOK})(all[i])", at) == before[at]:
                unseen.append(f"no sign of the focus: {controls.evaluate(f'(all, i) => ({NAME})(all[i])', at)}")
        page.keyboard.press("Tab")
    return unseen + [f"not reached: {controls.evaluate(f'(all, i) => ({NAME})(all[i])', i)}" for i in sorted(missing)]


def moving(box: Locator) -> list[str]:
    """Return what is animated, or would be at a change, in a part of a page."""
    script = f"""(box) => [box, ...box.querySelectorAll("*")].filter((e) => {{
      const {{ animationName, transitionDuration }} = getComputedStyle(e);
      return animationName !== "none" || transitionDuration.split(", ").some((time) => parseFloat(time) > 0);
    }}).map({NAME})"""
    return list(box.evaluate(script))
