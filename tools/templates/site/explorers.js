// The patch on the tripod, answered from a table: drag it, or move it with the arrow keys.
(() => {
  const box = document.querySelector('.patch-explorer');
  if (!box) return;
  const table = JSON.parse(box.querySelector('script').textContent);
  const photo = box.querySelector('.photo'), patch = box.querySelector('.patch'), fill = box.querySelector('select');
  const bar = box.querySelector('.bar > div'), said = box.querySelector('output');
  const last = table.fills[fill.value].left.length - 1;
  const at = { x: last, y: 0 };
  const inside = (value) => Math.min(last, Math.max(0, Math.round(value)));

  function draw() {
    const { colour, left } = table.fills[fill.value];
    const share = (pixels) => `${(100 * pixels) / table.side}%`;
    Object.assign(patch.style, { left: share(at.x * table.step), top: share(at.y * table.step), background: colour });
    patch.style.width = patch.style.height = share(table.patch);
    const probability = left[at.y][at.x];
    bar.style.width = `${100 * probability}%`;
    said.textContent = `tripod ${probability.toFixed(2)}`;
  }

  function follow(event) {
    const frame = photo.getBoundingClientRect(), scale = table.side / frame.width / table.step, half = table.patch / 2 / table.step;
    at.x = inside((event.clientX - frame.left) * scale - half);
    at.y = inside((event.clientY - frame.top) * scale - half);
    draw();
  }
  photo.addEventListener('pointerdown', (event) => {
    photo.setPointerCapture(event.pointerId);
    patch.focus();
    follow(event);
    event.preventDefault();
  });
  photo.addEventListener('pointermove', (event) => event.buttons && follow(event));
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  patch.addEventListener('keydown', (event) => {
    if (!(event.key in steps)) return;
    at.x = inside(at.x + steps[event.key][0]);
    at.y = inside(at.y + steps[event.key][1]);
    draw();
    event.preventDefault();
  });
  fill.addEventListener('change', draw);
  box.hidden = false;
  draw();
})();
