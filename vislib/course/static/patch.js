// A patch on a photograph: dragged, or moved and resized with keys; the kernel answers. Of the changes that are made
// while it computes, the manager of widgets sends the last one alone.
const MARKUP = `
<div class="photo"><img draggable="false"><div class="patch" tabindex="0" role="slider"
  aria-label="Patch over the photograph"><span></span></div></div>
<div class="panel">
<output></output>
<div class="bar" aria-hidden="true"><div></div><i></i></div>
<p class="first"></p>
<label>class <select name="class"></select></label>
<label>filled with <select name="fill"></select></label>
<label>photograph <select name="photo"></select></label>
<p>Drag the patch, or its corner. With the keyboard: arrows move it; + and −, or Shift and an arrow, resize it.</p>
</div>`;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SIZES = { "+": 1, "=": 1, "-": -1 };
const within = (value, low, high) => Math.round(Math.min(high, Math.max(low, value)));

function render({ model, el }) {
  el.innerHTML = MARKUP;
  el.classList.add("patch-explorer");
  const [photo, img, patch, corner, said, bar, clean, first] =
    [".photo", "img", ".patch", "span", "output", ".bar > div", ".bar > i", ".first"].map((name) => el.querySelector(name));
  const menu = (name) => el.querySelector(`select[name=${name}]`);
  let drag = null;

  function offer(select, names) {
    if (names.join("\n") === [...select.options].map((option) => option.text).join("\n")) return;
    select.replaceChildren(...names.map((name, i) => new Option(name, select.name === "class" ? i : name)));
  }

  function ask(change) {
    const { height, width, smallest, largest } = model.get("answer");
    const asked = { ...model.get("asked"), ...change };
    asked.size = within(asked.size, smallest, largest);
    asked.top = within(asked.top, 0, height - asked.size);
    asked.left = within(asked.left, 0, width - asked.size);
    model.set("asked", asked);
    model.save_changes();
  }

  function draw() {
    const asked = model.get("asked"), answer = model.get("answer");
    const { height, width } = answer, { top, left, size } = asked;
    img.src = model.get("picture");
    img.alt = `Photograph: ${asked.photo}`;
    Object.assign(patch.style, {
      top: `${(100 * top) / height}%`, left: `${(100 * left) / width}%`,
      width: `${(100 * size) / width}%`, height: `${(100 * size) / height}%`,
      backgroundImage: `url(${model.get("under")})`, backgroundSize: `${(100 * width) / size}% ${(100 * height) / size}%`,
      backgroundPosition: `${(100 * left) / Math.max(width - size, 1)}% ${(100 * top) / Math.max(height - size, 1)}%`,
    });
    const facts = { valuemin: answer.smallest, valuemax: answer.largest, valuenow: size };
    facts.valuetext = `row ${top}, column ${left}, ${size} pixels each way`;
    Object.entries(facts).forEach(([name, value]) => patch.setAttribute(`aria-${name}`, value));
    offer(menu("photo"), model.get("photos"));
    offer(menu("fill"), model.get("fills"));
    offer(menu("class"), answer.classes);
    menu("photo").value = asked.photo;
    menu("fill").value = asked.fill;
    const busy = Object.keys(asked).some((name) => asked[name] !== answer.asked[name]);
    said.setAttribute("aria-busy", busy);
    if (!busy) tell(answer);
  }

  function tell({ classes, now, before, says, refused }) {
    const chosen = menu("class").value;
    said.textContent = refused ?? `${classes[chosen]} ${now[chosen].toFixed(2)}, without the patch ${before[chosen].toFixed(2)}`;
    bar.style.width = `${100 * now[chosen]}%`;
    clean.style.left = `${100 * before[chosen]}%`;
    first.textContent = refused ? "" : `The network says ${says}.`;
  }

  const at = (event) => {
    const frame = photo.getBoundingClientRect(), scale = model.get("answer").width / frame.width;
    return [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale];
  };
  photo.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const [x0, y0] = at(event), { top, left, size } = model.get("asked"), { height, width } = model.get("answer");
    const [dx, dy] = event.target === patch ? [x0 - left, y0 - top] : [size / 2, size / 2]; // beside it: it comes
    const resize = ([x, y]) => ask({ size: Math.min(size + Math.max(x - x0, y - y0), width - left, height - top) });
    drag = event.target === corner ? resize : ([x, y]) => ask({ left: x - dx, top: y - dy });
    photo.setPointerCapture(event.pointerId);
    patch.focus();
    drag(at(event));
    event.preventDefault();
  });
  photo.addEventListener("pointermove", (event) => drag?.(at(event)));
  ["pointerup", "pointercancel"].forEach((name) => photo.addEventListener(name, () => (drag = null)));
  patch.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in STEPS || event.key in SIZES)) return;
    const { top, left, size } = model.get("asked"), { step } = model.get("answer");
    const [x, y] = STEPS[event.key] ?? [0, 0], more = SIZES[event.key] ?? (event.shiftKey ? x + y : 0);
    ask(more ? { size: size + more * step } : { left: left + x * step, top: top + y * step });
    event.preventDefault();
  });
  menu("class").addEventListener("change", draw);
  ["photo", "fill"].forEach((name) => menu(name).addEventListener("change", (event) => ask({ [name]: event.target.value })));
  const lost = () => (said.textContent = "The kernel has stopped. Run this cell again.");
  model.on("change", draw);
  model.on("comm_live_update", lost);
  draw();
  return () => {
    model.off("change", draw);
    model.off("comm_live_update", lost);
  };
}

export default { render };
