// Copyright (c) 2026, headroom.libvirt contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The texts whose contrast is below the 4.5 of WCAG 2.1 (1.4.3, AA), of the colours that are laid over each other.
const parse = text => { const n = text.match(/[\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const over = (top, below) => below.map((c, i) => i === 3 ? 1 : top[i] * top[3] + c * (1 - top[3]));
const ground = e => { const layers = []; for (; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
  return layers.reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ratio = e => { const below = ground(e), text = over(parse(getComputedStyle(e).color), below);
  const [a, b] = [light(text), light(below)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && own(e) && ratio(e) < 4.5)
  .map(e => `${ratio(e).toFixed(2)} ${e.outerHTML.slice(0, 90)}`);
