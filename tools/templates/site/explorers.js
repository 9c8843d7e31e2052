// The explorers of the first page, answered from tables: by mouse, touch and keys, without a kernel.
(() => {
  const explorers = { patch, broken, holes };

  // The patch on the tripod: drag it, or move it with the arrow keys.
  function patch(box, table) {
    const photo = box.querySelector('.photo'), patch = box.querySelector('button'), fill = box.querySelector('select');
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
      patch.focus({ preventScroll: true });
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
    draw();
  }

  // A network that is made random block by block, and what is left of a method's map.
  function broken(box, table) {
    const [method, depth, maps] = [box.querySelector('select'), box.querySelector('input'), box.querySelectorAll('.map')];
    const [bar, said, under] = [box.querySelector('.bar > div'), box.querySelector('output'), box.querySelector('.now')];
    options(method, table.methods);
    depth.max = table.methods[method.value].here.length - 1;

    function show(map, n, words) {
      const rows = Math.ceil((Number(depth.max) + 1) / table.columns), part = (k, of) => `${(100 * k) / (of - 1)}%`;
      map.style.backgroundImage = `url("_static/explorers/${method.value}.webp")`;
      map.style.backgroundSize = `${100 * table.columns}% ${100 * rows}%`;
      map.style.backgroundPosition = `${part(n % table.columns, table.columns)} ${part(Math.floor(n / table.columns), rows)}`;
      map.setAttribute('aria-label', `Map of ${table.methods[method.value].name}, ${words}`);
    }

    function draw() {
      const { name, here, mean, floor } = table.methods[method.value], n = Number(depth.value);
      const random = n ? `${n} of ${depth.max} blocks random` : 'nothing random';
      show(maps[0], 0, 'trained network');
      show(maps[1], n, random);
      under.textContent = random;
      depth.setAttribute('aria-valuetext', random);
      bar.style.width = `${100 * Math.max(0, here[n])}%`;
      said.innerHTML = `<strong>${signed(here[n])}</strong> is how alike the two maps of ${name} are. `
        + `Ten photographs, five draws: ${signed(mean[n])}; two wholly random networks: ${signed(floor)}.`;
    }
    [method, depth].forEach((control) => control.addEventListener('input', draw));
    draw();
  }

  // Digits without the pixels that a method ranks highest, and how well networks still read them.
  function holes(box, table) {
    const [method, share, alone] = [box.querySelector('select'), ...box.querySelectorAll('input')];
    const [canvas, said, bars] = [box.querySelector('canvas'), box.querySelector('output'), box.querySelectorAll('.bar > div')];
    const pen = canvas.getContext('2d'), gap = 2, step = table.side + gap;
    options(method, table.methods);
    canvas.width = table.digits.length * step - gap;
    canvas.height = table.side;
    share.max = table.fractions.length - 1;

    function draw() {
      const { name, gone, retrained, alone: guessed } = table.methods[method.value], n = Number(share.value);
      const removed = `${Math.round(100 * table.fractions[n])} %`, random = table.methods.random.retrained[n];
      table.digits.forEach((digit, k) => [...digit].forEach((shade, i) => {
        const hole = Number(gone[k][i]) <= n;
        const grey = alone.checked ? (hole ? 0 : 1) : hole ? table.colour : parseInt(shade, 16) / 15;
        pen.fillStyle = `rgb(${[grey, grey, grey].map((value) => Math.round(255 * value))})`;
        pen.fillRect(k * step + (i % table.side), Math.floor(i / table.side), 1, 1);
      }));
      const shown = alone.checked ? `Black holes where ${removed} of the pixels were` : `${removed} of the pixels are grey`;
      canvas.setAttribute('aria-label', `Digits ${table.labels.join(', ')}. ${shown}, ranked by ${name}`);
      share.setAttribute('aria-valuetext', removed);
      const right = [retrained[n], guessed[n], random];
      bars.forEach((bar, k) => { bar.style.width = `${100 * right[k]}%`; });
      const [here, holesOnly, byChance] = right.map((value) => Math.round(100 * value));
      said.innerHTML = `<strong>${removed} removed.</strong> Of 100 unseen digits a network reads <strong>${here}</strong> `
        + `when it is trained on what is left, <strong>${holesOnly}</strong> when it sees the holes alone, and `
        + `<strong>${byChance}</strong> when random pixels are removed.`;
    }
    [method, share, alone].forEach((control) => control.addEventListener('input', draw));
    draw();
  }

  function options(select, methods) {
    Object.entries(methods).forEach(([key, { name }]) => select.add(new Option(name, key, key === select.dataset.first, key === select.dataset.first)));
  }

  function signed(value) {
    return value.toFixed(2).replace('-0.00', '0.00').replace('-', '−');
  }

  document.querySelectorAll('.explorer').forEach((box) => {
    explorers[box.dataset.explorer](box, JSON.parse(box.querySelector('script').textContent));
    box.hidden = false;
  });
})();
