// Keys and focus of a card. JupyterLab would take single keys as notebook commands ("x" cuts the cell),
// and hiding the button that was just clicked would drop the focus to the page.
const visible = (card, selector) => [...card.querySelectorAll(selector)].filter((e) => e.offsetParent && !e.disabled);
const target = (card, key) => {
  if (key === " ") return visible(card, ".fc-space")[0];
  if (/^[1-9]$/.test(key)) return visible(card, ".fc-number")[Number(key) - 1];
  return { u: visible(card, ".fc-undo")[0], ArrowLeft: visible(card, ".fc-back-one")[0], ArrowRight: visible(card, ".fc-space")[0] }[key];
};

function attach(card, model) {
  let owned = false;
  const shown = () => {
    card.setAttribute("aria-label", model.get("label"));
    card.dataset.step = model.get("step"); // who waits for the card looks here
  };
  card.dataset.lmSuppressShortcuts = "true";
  card.setAttribute("role", "group");
  card.setAttribute("aria-roledescription", "flashcard");
  card.tabIndex = 0;
  card.querySelectorAll(".fc-live").forEach((e) => e.setAttribute("aria-live", "polite"));
  shown();
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, summary, a")) return;
    if (event.key === " " && event.target.closest("button")) return; // it presses the button that has the focus
    const onCard = event.target === card && event.key === "Enter";
    const button = onCard ? visible(card, ".fc-space")[0] : target(card, event.key);
    if (!button && event.key !== " ") return;
    event.preventDefault();
    if (event.type === "keydown" && !event.repeat) button?.click();
  };
  const onDown = (event) => (owned = card.contains(event.target));
  const onIn = ({ target }) => {
    owned = true;
    target.dataset.lmSuppressShortcuts = "true"; // JupyterLab looks at what has the focus before it looks at the card
  };
  const onOut = (event) => (owned = !event.relatedTarget || card.contains(event.relatedTarget));
  const onClick = (event) => {
    // At once, not when the kernel has answered: a key pressed in between would be a command to the notebook.
    if (event.target.closest("button")) card.focus({ preventScroll: true });
    const option = event.target.closest(".fc-choices:not(.fc-solved) > li");
    if (!option || event.target.closest("a")) return;
    const at = [...option.parentNode.children].indexOf(option);
    // Letters that are hidden count as well: the choice of a prediction may change until it is committed.
    (visible(card, ".fc-option")[at] ?? card.querySelectorAll(".fc-option")[at])?.click();
  };
  // Whoever has gone on to a button with Tab stays there; what is hidden or dead cannot keep the focus.
  const kept = (e) => card.contains(e) && (e === card || (e.offsetParent && !e.disabled));
  const onStep = () =>
    requestAnimationFrame(() => {
      if (owned && !kept(document.activeElement)) card.focus({ preventScroll: true });
      shown();
    });
  // After a restart of the kernel the buttons are dead: say so instead of staying mute.
  const onLost = () => card.classList.add("fc-lost");
  const listeners = [["keydown", onKey], ["keyup", onKey], ["focusin", onIn], ["focusout", onOut], ["click", onClick]];
  listeners.forEach(([name, f]) => card.addEventListener(name, f));
  document.addEventListener("pointerdown", onDown, true);
  model.on("change:step", onStep);
  model.on("comm_live_update", onLost);
  return () => {
    listeners.forEach(([name, f]) => card.removeEventListener(name, f));
    document.removeEventListener("pointerdown", onDown, true);
    model.off("change:step", onStep);
    model.off("comm_live_update", onLost);
  };
}

export default {
  render({ model, el }) {
    let detach;
    const wait = requestAnimationFrame(function look() {
      const card = el.closest(".fc-card");
      if (card) detach = attach(card, model);
      else if (detach !== null) requestAnimationFrame(look);
    });
    return () => {
      cancelAnimationFrame(wait);
      detach?.();
      detach = null;
    };
  },
};
