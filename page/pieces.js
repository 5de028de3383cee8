/* What the pages have in common: words in two languages, numbers, tables, charts, and drawing it all
 * again when the language, the theme or the width changes. Everything that comes from the data goes
 * in as text, never as markup. A page's own script adds its words and says what stands on it. */
'use strict';
const Page = (function () {
const data = JSON.parse(document.getElementById('data').textContent);
const page = document.getElementById('page');
let language = document.body.className === 'zh' ? 'zh' : 'en';
let charts = [], marks = [], show = null;

const WORDS = {
  nation: ['nation', '国家'], province: ['province', '省'], prefecture: ['prefecture', '市州'],
  city: ['city', '市'], county: ['county', '县'], department: ['department', '部门'],
  township: ['township', '乡镇'], village: ['village', '村'],
  program: ['made by', '生成程序'], charts: ['charts', '图表'],
};
/* Of a key in WORDS; of anything else itself. */
const t = (key) => (WORDS[key] || [key, key])[language === 'zh' ? 1 : 0];

/* Of {en, zh}, as labels of a schema are; what is missing is said in the other language. */
const told = (label) => label[language] || label.en || label.zh || '';

/* ---- words of numbers ---- */

const UNITS = [[86400000, ' d', ' 天'], [3600000, ' h', ' 小时'], [60000, ' min', ' 分钟'],
  [1000, ' s', ' 秒'], [1, ' ms', ' 毫秒']];
function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms === 0) return '0';
  const word = language === 'zh' ? 2 : 1;
  let unit = UNITS.findIndex((row) => ms >= row[0]);
  if (unit < 0) unit = 4;
  const whole = Math.floor(ms / UNITS[unit][0]);
  const part = unit < 3 ? Math.floor((ms % UNITS[unit][0]) / UNITS[unit + 1][0]) : 0;
  return whole + UNITS[unit][word] + (part > 0 ? ' ' + part + UNITS[unit + 1][word] : '');
}
function bytes(count) {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let place = 0;
  while (count >= 1024 && place < 4) { count /= 1024; place++; }
  return (place === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)) + ' ' + names[place];
}
const number = (count) => count.toLocaleString(language === 'zh' ? 'zh-CN' : 'en-GB');

/* ---- pieces ---- */

function make(tag, attributes, ...inside) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === 'style') node.style.cssText = value;
    else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  for (const piece of inside) {
    if (piece !== null && piece !== undefined) node.append(piece);
  }
  return node;
}
const section = (id, title, note, ...inside) => make('section', { id }, make('h2', {}, t(title)),
  note ? make('p', { class: 'note' }, t(note)) : null, ...inside);
function table(columns, rows, rowOf) {
  const head = make('tr');
  for (const [title, kind] of columns) head.append(make('th', { class: kind || '' }, t(title)));
  const body = make('tbody');
  for (const row of rows) {
    const line = make('tr');
    rowOf(row).forEach((cell, place) => {
      const inside = Array.isArray(cell) ? cell : [cell];
      line.append(make('td', { class: columns[place][1] || '', 'data-label': t(columns[place][0]) },
        ...inside));
    });
    body.append(line);
  }
  return make('div', { class: 'wide' }, make('table', { class: 'cards' }, make('thead', {}, head),
    body));
}
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
const tierColor = (tier) => color('tier' + tier % 6);
const faded = (hex, share) => hex + Math.round(share * 255).toString(16).padStart(2, '0');
function legend(rows) {
  return make('div', { class: 'legend' }, ...rows.map(([name, words]) => make('span', {},
    make('i', { style: 'background:' + name }), words)));
}

/* ---- charts ---- */

function valueAxis(words, step) {
  const ticks = { color: color('soft'), callback: words, maxTicksLimit: 7 };
  if (step) ticks.stepSize = step;
  else ticks.precision = 0;
  return { beginAtZero: true, grid: { color: color('grid') }, ticks };
}
/* One chart into a box of its own; `words` tells a value. */
function chart(id, kind, sets, options, tall) {
  const canvas = make('canvas', { id: 'chart-' + id, role: 'img', 'aria-label': t(id) });
  const box = make('div', { class: 'chart' + (tall ? ' tall' : '') }, canvas);
  charts.push(() => new Chart(canvas, { type: kind, data: sets, plugins: marks, options: Object.assign({
    responsive: true, maintainAspectRatio: false, animation: false, normalized: true,
    interaction: { mode: 'index', intersect: false } }, options) }));
  return box;
}

/* ---- the page ---- */

function draw() {
  for (const canvas of page.querySelectorAll('canvas')) {
    const old = Chart.getChart(canvas);
    if (old) old.destroy();
  }
  charts = [];
  document.body.className = language;
  document.documentElement.lang = language;
  document.getElementById('language').textContent = language === 'zh' ? 'English' : '中文';
  document.getElementById('foot').textContent = t('program') + ' ' + data.program + ' · ' + t('charts') +
    ': Chart.js ' + Chart.version + ' (MIT)';
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.color = color('soft');
  page.replaceChildren(...show().filter((piece) => piece !== null));
  for (const begin of charts) begin();
  document.body.dataset.drawn = String(charts.length);
}
/* `sections` gives the page's parts anew each time; `drawnOver` are Chart.js plugins of each chart. */
function begin(sections, drawnOver) {
  show = sections;
  marks = drawnOver || [];
  document.getElementById('language').addEventListener('click', () => {
    language = language === 'zh' ? 'en' : 'zh';
    draw();
  });
  const print = (begins) => {
    document.documentElement.classList.toggle('printing', begins);
    draw();
  };
  addEventListener('beforeprint', () => print(true));
  addEventListener('afterprint', () => print(false));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  let width = innerWidth;
  addEventListener('resize', () => {
    if ((innerWidth < 640) !== (width < 640)) draw();
    width = innerWidth;
  });
  draw();
}
return { data, WORDS, t, told, duration, bytes, number, make, section, table, color, tierColor, faded,
  legend, valueAxis, chart, begin, draw, language: () => language };
})();
