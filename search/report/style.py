"""The page's style: one column that a phone of 360 pixels shows without scrolling sideways, light and fit for print.

A wide screen shows figures side by side and as many cards in a row as fit.
"""

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 44rem; padding: 1rem; background: #fff; color: #111;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; padding-top: .5rem; border-top: 1px solid #ddd; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: .5rem 0; }
.note, figcaption, .card p { color: #555; font-size: .85rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0; margin: .5rem 0; }
a { color: #1f5fae; }
figure { margin: .75rem 0; }
img { display: block; max-width: 100%; height: auto; }
section > figure > img, .half > figure > img { width: 100%; max-width: 30rem; margin: 0 auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .2rem .5rem .2rem 0; border-bottom: 1px solid #e5e5e5; }
.wide { display: block; overflow-x: auto; overflow-wrap: normal; }
.facts th { width: 38%; font-weight: normal; color: #555; }
.numbers th { width: 65%; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem; }
.card { border: 1px solid #ddd; border-radius: .4rem; padding: .5rem; break-inside: avoid; }
.card p { margin: .25rem 0 0; line-height: 1.3; font-size: .8rem; }
.card small { font-size: .7rem; }
.card b { color: #111; }
.pair { display: flex; gap: .4rem; align-items: stretch; }
.pair > * { flex: 1 1 0; min-width: 0; aspect-ratio: 1; width: 0; object-fit: contain; background: #f2f2f2; }
.none { display: flex; align-items: center; justify-content: center; text-align: center; color: #666;
  font-size: .7rem; line-height: 1.2; padding: .2rem; }
.bad { color: #b3261e; }
.map { position: relative; }
#tip { position: absolute; z-index: 1; width: 8rem; padding: .4rem; background: #fff; border: 1px solid #888;
  border-radius: .4rem; box-shadow: 0 2px 8px #0003; font-size: .75rem; line-height: 1.25; pointer-events: none; }
#tip[hidden], #sprite { display: none; }
#thumb { width: 100%; aspect-ratio: 1; background-color: #f2f2f2; image-rendering: pixelated; margin-bottom: .3rem; }
@media (min-width: 64rem) {
  body { max-width: 84rem; padding: 1rem 2rem; }
  header, p { max-width: 60rem; }
  section { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 2rem; align-items: start; }
  section > * { grid-column: 1 / -1; }
  section > figure, section > .half { grid-column: auto; }
  section > .map { grid-column: 1 / -1; max-width: 48rem; width: 100%; justify-self: center; }
  section > figure > img, .half > figure > img { max-width: 38rem; }
  section > .map > img { max-width: none; }
  .facts { max-width: 60rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 11pt; }
  nav, .hint, #tip { display: none; }
  h2 { break-after: avoid; }
  section > figure > img { max-width: 25rem; }
  figure, tr { break-inside: avoid; }
  .pair > * { print-color-adjust: exact; }
}
"""
