// A slide of 1280 x 720. What is much too tall is cut between two cells into slides below one another; what is a little
// too tall becomes smaller; what is still too tall, one cell with a long output, can be scrolled.
const HEIGHT = 720;
const SMALLEST = 0.6;
const FULL = HEIGHT / 0.8; // fill a slide so far that it becomes smaller by a fifth at most

const heading = (slide) => slide.querySelector('h1, h2, h3');
const isNote = (element) => element.matches('aside.notes');

// Cut a slide's cells into parts that fit; each part but the first repeats the heading and the notes.
function parts(slide) {
  const cells = [...slide.children].filter((child) => !isNote(child));
  const cut = [[]];
  let height = 0;
  for (const cell of cells) {
    const room = cell.getBoundingClientRect().height;
    const lonely = height < 170 && height + room <= HEIGHT / 0.65; // one sentence is no slide
    if (height + room > FULL && cut.at(-1).length && !lonely) {
      // A heading, or a line that announces what comes, stays with what it announces.
      const last = cut.at(-1).at(-1);
      const carried = cut.at(-1).length > 1 && last.getBoundingClientRect().height < 90 && !last.querySelector('pre') ? [cut.at(-1).pop()] : [];
      cut.push(carried);
      height = 60 + carried.reduce((sum, some) => sum + some.getBoundingClientRect().height, 0);
    }
    cut.at(-1).push(cell);
    height += room;
  }
  return cut;
}

// Notes may stand inside a fragment, which a cut would carry away; they belong to the slide.
function lift(slide) {
  slide.append(...slide.querySelectorAll('aside.notes'));
}

function split(slide) {
  const cut = parts(slide);
  const notes = [...slide.children].filter(isNote);
  const title = heading(slide);
  let before = slide;
  const plans = cut.slice(1).map((cells) => {
    const below = document.createElement('section');
    if (title && !cells.some((cell) => heading(cell))) {
      const again = document.createElement('h2');
      again.className = 'again';
      again.textContent = title.textContent;
      below.append(again);
    }
    below.append(...cells, ...notes.map((note) => note.cloneNode(true)));
    return below;
  });
  for (const below of plans) {
    before.after(below);
    before = below;
  }
}

function wrap(slide) {
  const page = document.createElement('div');
  page.className = 'fitted';
  for (const child of [...slide.childNodes]) if (!child.matches?.('aside.notes')) page.append(child);
  slide.prepend(page);
}

function fit(slide) {
  const page = slide?.querySelector(':scope > .fitted');
  if (!page) return;
  const height = () => page.getBoundingClientRect().height / Reveal.getScale();
  page.style.zoom = 1;
  slide.dataset.tall = (height() / HEIGHT).toFixed(2);
  let zoom = 1;
  // Smaller letters make longer lines and so a flatter page: try, do not compute.
  while (height() > HEIGHT && zoom > SMALLEST) page.style.zoom = zoom = Math.max(zoom - 0.05, SMALLEST);
  slide.dataset.zoom = zoom.toFixed(2);
  slide.classList.toggle('scrolls', height() > HEIGHT + 1);
}

window.ready = (async () => {
  if (document.readyState !== 'complete') await new Promise((done) => addEventListener('load', done));
  await MathJax.startup.promise;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  const leaves = () => [...document.querySelectorAll('.slides section')].filter((slide) => !slide.querySelector('section'));
  const reveal = document.querySelector('.reveal');
  reveal.classList.add('no-code', 'measured'); // C shows the code
  leaves().forEach(lift);
  leaves().forEach(split);
  reveal.classList.remove('measured');
  leaves().forEach(wrap);
  const now = () => fit(Reveal.getCurrentSlide());
  function showCode() {
    reveal.classList.toggle('no-code');
    now();
  }
  await Reveal.initialize({
    width: 1280,
    height: HEIGHT,
    margin: 0.03,
    center: false,
    hash: true,
    slideNumber: 'c/t',
    transition: 'none',
    keyboard: { 67: showCode },
    plugins: [RevealNotes],
  });
  Reveal.on('slidechanged', now);
  document.addEventListener('toggle', now, true); // what unfolds has another height
  now();
})();
