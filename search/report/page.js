// The page's only script: the thumbnail of the map's point under the pointer. Without it the map is a still picture.
(() => {
  const block = document.getElementById("map-data"), map = document.getElementById("map-picture");
  if (!block || !map) return;
  const data = JSON.parse(block.textContent), tip = document.getElementById("tip");
  const thumb = document.getElementById("thumb"), sprite = document.getElementById("sprite");
  const [label, key] = tip.querySelectorAll("b, span");
  thumb.style.backgroundImage = `url(${sprite.src})`;
  thumb.style.backgroundSize = `${100 * data.columns}% ${100 * data.rows}%`;
  const share = (place, count) => count > 1 ? `${100 * place / (count - 1)}%` : "0";
  const show = (event) => {
    const box = map.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, least = 24 * 24;
    data.points.forEach(([px, py], i) => {
      const away = (px * box.width / 1e4 - x) ** 2 + (py * box.height / 1e4 - y) ** 2;
      if (away < least) { least = away; best = i; }
    });
    tip.hidden = best < 0;
    if (best < 0) return;
    const [px, py, name, file, why] = data.points[best];
    label.textContent = name;
    key.textContent = why ? `${file} (${why})` : file;
    thumb.hidden = Boolean(why);
    const column = best % data.columns, row = Math.floor(best / data.columns);
    thumb.style.backgroundPosition = `${share(column, data.columns)} ${share(row, data.rows)}`;
    const left = map.offsetLeft + px * box.width / 1e4, top = map.offsetTop + py * box.height / 1e4;
    const room = map.offsetParent.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(room, left + 12))}px`;
    tip.style.top = `${top + 12}px`;
  };
  map.addEventListener("pointermove", show);
  map.addEventListener("pointerdown", show);
  map.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") tip.hidden = true; });
})();
