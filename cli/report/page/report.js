/* Draws the morning page from its data, by the pieces of page/pieces.js. */
'use strict';
(function () {
const { data, WORDS, t, told, duration, number, make, section, table, color, tierColor, faded,
  valueAxis, chart } = Page;
const FEW = 20, ON_PAPER = 7;
let all = {};

Object.assign(WORDS, {
  held: ['Complete', '数据完整'], undecided: ['Not complete', '数据不完整'],
  seatsCounted: ['seats counted', '单位已计入'], recordsAll: ['records', '条记录'],
  overdueTile: ['overdue', '项逾期'], alarmsTile: ['alarms', '项警情'],
  receiptsTile: ['receipts outstanding', '项指令未签收'], conflictsTile: ['in conflict', '项存在分歧'],
  alarms: ['Alarms', '警情'], alarmsNote: ['Not closed yet; each stands at every tier above.',
    '尚未关闭；每一级上级均可见。'],
  behind: ['Who is silent, and since when', '静默单位及时间'],
  behindNote: ['What these seats wrote since then is in no figure of this page.',
    '这些单位此后写入的内容未计入本页任何数字。'],
  types: ['Records by kind', '各类记录'], typesNote: ['Everywhere below and here; what stays in a village is a count only.',
    '本级及所有下级；留在村级的仅计数。'],
  kind: ['Kind', '类别'], value: ['Number', '数量'],
  branches: ['Below here', '下级单位'], seat: ['Seat', '单位'], seats: ['Seats', '单位数'],
  notWhole: ['Not whole', '不完整'], silentFor: ['Silent for', '静默时长'], recordsColumn: ['Records', '记录'],
  overdueColumn: ['Overdue', '逾期'], receiptsColumn: ['Receipts due', '未签收'],
  overdue: ['Overdue', '逾期事项'], overdueNote: ['The longest first.', '逾期最久的在前。'],
  overdueNone: ['Nothing is overdue.', '没有逾期事项。'],
  due: ['Due', '期限'], what: ['What', '事项'], standing: ['State', '状态'], since: ['Since', '时间'],
  asOf: ['As of', '数据截至'], missing: ['Entries missing', '缺少条目'], state: ['State', '状态'],
  directives: ['Directives of the period', '本期指令'], directivesNote: ['Who has received each, and who has not yet.',
    '各项指令的签收情况。'], directivesNone: ['None was given in this period.', '本期没有下发指令。'],
  received: ['Received', '已签收'], notYet: ['Not yet by', '尚未签收'], everybody: ['everybody has it', '全部签收'],
  silent: ['silent', '静默'], withheld: ['something is missing', '有缺失'], unknown: ['never heard of', '从未联系'],
  contradicts: ['its fold contradicts: not counted', '汇总数据相互矛盾，未计入'],
  unlisted: ['its fold counts seats not listed here', '其汇总含本级名册以外的单位'],
  folds: ['Counted as one figure each', '合并汇总的下级'],
  foldsNote: ['Each states one set of figures for all below it; those of its single seats are not known here.',
    '各单位对其所有下级只报一套汇总数据，本级不掌握其中单个单位的数字。'],
  inIt: ['Seats in it', '含单位'], standsOn: ['Documents', '依据文件'], same: ['as here', '与本级一致'],
  other: ['others than are here', '与本级不同'],
  contradict: ['not counted: it names seats that stand elsewhere', '未计入：其中有归属他处的单位'],
  final: ['no longer in force; its last figures stand', '已停用，末次数据仍有效'],
  totals: ['Totals of the period', '本期汇总'],
  totalsNote: ['By the roll-ups that the signed types declare; beside each the period before.',
    '按已签名的类型定义汇总，并与上期对比。'],
  figure: ['Figure', '指标项'], before: ['Period before', '上期'], counted: ['Counted', '已计入'],
  late: ['Corrected late', '补正'], building: ['being counted', '统计中'],
  trends: ['Trends', '趋势'], trendsNote: ['Each with its own scale.', '各图使用各自的刻度。'],
  below: ['By branch', '按下级单位'],
  belowNote: ['The arrow compares with the period before.', '箭头表示与上期相比。'], indicators: ['Indicators', '考核指标'],
  indicatorsNote: ['What each came to, against its target and the period before.',
    '各项指标的完成值、目标值与上期对比。'],
  indicatorsBelow: ['Indicators by branch', '各单位指标'],
  serial: ['No.', '序号'], target: ['Target', '目标'], reached: ['Value', '完成值'],
  verdict: ['', ''], met: ['met', '达标'], missed: ['missed', '未达标'], none: ['no value', '无数据'],
  at_least: ['at least', '不低于'], at_most: ['at most', '不高于'], below_: ['below', '低于'],
  binding: ['binding', '约束性'], expected: ['expected', '预期性'],
  noDepartment: ['without a department', '未指定部门'],
  showAll: ['show all', '显示全部'], showFew: ['show fewer', '收起'], more: ['more, see the list', '项，见列表'],
  noLink: ['no link', '链路中断'], made: ['made', '生成时间'], never: ['never', '从未'],
});

const pad = (value) => String(value).padStart(2, '0');
function clock(ms) {
  if (!ms) return t('never');
  const time = new Date(ms);
  return time.getFullYear() + '-' + pad(time.getMonth() + 1) + '-' + pad(time.getDate()) + ' ' +
    pad(time.getHours()) + ':' + pad(time.getMinutes());
}
const age = (ms) => ms ? duration(Math.max(0, data.made_ms - ms)) : t('never');
const seatOf = (row) => (row.name ? row.name + ' ' : '') + row.seat;

const isPrinting = () => document.documentElement.classList.contains('printing');
/* A table of the first rows, and a button for the others; on paper, all. */
function rows(id, columns, list, rowOf) {
  const shown = all[id] || isPrinting() ? list : list.slice(0, FEW);
  const piece = make('div', {}, table(columns, shown, rowOf));
  if (list.length > FEW)
    piece.append(make('button', { type: 'button', class: 'noprint', onclick: () => {
      all[id] = !all[id]; Page.draw(); } }, t(all[id] ? 'showFew' : 'showAll') +
      (all[id] ? '' : ' (' + list.length + ')')));
  return piece;
}
function left(count, list) {
  return count > list.length ? make('p', { class: 'note' }, '+ ' + number(count - list.length) + ' ' +
    t('more')) : null;
}
function tiles() {
  const origins = data.complete.origins[1];
  const waiting = data.directives.filter((row) => row.received[0] < row.received[1]).length;
  const list = [[number(origins - data.behind.length) + ' / ' + number(origins), 'seatsCounted'],
    [number(data.records), 'recordsAll'], [number(data.overdue_count), 'overdueTile'],
    [number(data.alarms_count), 'alarmsTile'], [number(waiting), 'receiptsTile'],
    [number(data.conflicts), 'conflictsTile']];
  return make('div', { class: 'tiles' }, ...list.map(([value, words]) => make('div', { class: 'tile' },
    make('b', {}, value), make('span', {}, t(words)))));
}
function recordRow(when) {
  return (row) => [clock(row[when]), told(row.type_label) + ' ' + row.title,
    row.state ? told(row.state) : '–', seatOf(row)];
}
function alarms() {
  if (data.alarms_count === 0) return null;
  return section('alarms', 'alarms', 'alarmsNote', rows('alarms', [['since'], ['what'], ['standing'],
    ['seat', 'seat']], data.alarms, recordRow('created')), left(data.alarms_count, data.alarms));
}
function behind() {
  if (data.behind.length === 0) return null;
  return section('behind', 'behind', 'behindNote', rows('behind', [['seat', 'seat'], ['state'], ['asOf', 'n'],
    ['silentFor', 'n'], ['missing', 'n']], data.behind, (row) => [seatOf(row), t(row.state),
    clock(row.as_of), age(row.as_of), number(row.missing || 0)]));
}
function folds() {
  if (data.folds.length === 0) return null;
  return section('folds', 'folds', 'foldsNote', rows('folds', [['seat', 'seat'], ['inIt', 'n'], ['asOf', 'n'],
    ['standsOn']], data.folds, (row) => [seatOf(row), row.origins[0] + ' / ' + row.origins[1], clock(row.as_of),
    t(row.documents)]));
}
function types() {
  const list = data.types.filter((row) => row.value > 0).sort((a, b) => b.value - a.value);
  if (list.length === 0) return null;
  const box = chart('types', 'bar', { labels: list.map((row) => told(row.label)), datasets: [{
    label: t('value'), data: list.map((row) => row.value), backgroundColor: faded(color('accent'), .8),
    maxBarThickness: 16 }] }, { indexAxis: 'y', scales: { x: valueAxis((value) => number(value)),
    y: { grid: { display: false }, ticks: { color: color('ink'), autoSkip: false } } },
    plugins: { legend: { display: false } } });
  box.style.height = 50 + list.length * 24 + 'px';
  return section('types', 'types', 'typesNote', box);
}
function branches() {
  if (data.branches.length === 0) return null;
  const most = Math.max(1, ...data.branches.map((row) => row.records || 0));
  const list = data.branches.slice().sort((a, b) => !!b.away - !!a.away || (b.behind || 0) - (a.behind || 0) ||
    (b.overdue || 0) - (a.overdue || 0) || (b.records || 0) - (a.records || 0));
  return section('branches', 'branches', null, rows('branches', [['seat', 'seat'], ['seats', 'n'],
    ['notWhole', 'n'], ['silentFor', 'n'], ['recordsColumn', 'n'], ['overdueColumn', 'n'],
    ['receiptsColumn', 'n']], list, (row) => [seatOf(row), number(row.seats || 0),
    number(row.behind || 0), row.away ? t('noLink') : row.behind ? age(row.silent_since) : '–', [number(row.records || 0),
      make('span', { class: 'bar', style: 'width:' + (100 * (row.records || 0) / most).toFixed(1) + '%' })],
    number(row.overdue || 0), number(row.receipts || 0)]));
}
/* ---- figures ---- */

function scaled(value, scale) {
  return value === null || value === undefined ? '–'
    : (value / 10 ** scale).toLocaleString(Page.language() === 'zh' ? 'zh-CN' : 'en-GB',
      { minimumFractionDigits: Math.min(scale, 2), maximumFractionDigits: Math.min(scale, 2) });
}
/* A ratio is told as per cent. */
const shown = (row, value) => row.what === 'ratio' && value !== null && value !== undefined
  ? scaled(value, row.scale - 2) + ' %' : scaled(value, row.scale) + (row.unit ? ' ' + row.unit : '');
/* Up, down or as it was; good is green, by the indicator's direction (0: neither is). */
function arrow(now, before, better) {
  if (now === null || before === null || now === undefined || before === undefined) return '';
  const up = Math.sign(now - before);
  return make('span', { class: 'arrow' + (up === 0 || better === 0 ? '' : up === better ? ' good' : ' bad') },
    up > 0 ? '▲' : up < 0 ? '▼' : '＝');
}
function totals() {
  if (data.rollups.length === 0) return null;
  return section('totals', 'totals', 'totalsNote', rows('totals', [['figure'], ['value', 'n'],
    ['before', 'n'], ['counted', 'n'], ['late', 'n']], data.rollups, (row) => [told(row.label) || row.name,
    row.building ? t('building') : [shown(row, row.value), ' ', arrow(row.value, row.former, 0)],
    row.former === undefined ? '' : shown(row, row.former),
    row.origins[0] + ' / ' + row.origins[1], number(row.late)]));
}
/* A period in which nothing was counted is told by no cell: it stands in the trend all the same. */
function filled(row) {
  const [first, last] = row.trend_range.split('..'), size = first.length, list = [];
  const held = new Map(row.trend.map((part) => [part.period, part.value]));
  const at = new Date(Date.UTC(+first.slice(0, 4), size > 4 ? first.slice(5, 7) - 1 : 0,
    size > 7 ? +first.slice(8) : 1));
  for (let name = first; name <= last && list.length < 400;) {
    list.push({ period: name, value: held.has(name) ? held.get(name) : row.what === 'count' || row.what === 'sum' ? 0 : null });
    if (size > 7) at.setUTCDate(at.getUTCDate() + 1);
    else if (size > 4) at.setUTCMonth(at.getUTCMonth() + 1);
    else at.setUTCFullYear(at.getUTCFullYear() + 1);
    name = at.toISOString().slice(0, size);
  }
  return list;
}
function trends() {
  const list = data.rollups.filter((row) => row.trend && row.trend.some((part) => part.value));
  if (list.length === 0) return null;
  return section('trends', 'trends', 'trendsNote', make('div', { class: 'small' }, ...list.map((row) => {
    const digits = row.what === 'ratio' ? row.scale - 2 : row.scale;
    const words = (value) => scaled(value * 10 ** digits, digits);
    const parts = filled(row);
    const box = chart('trend-' + row.name, 'line', { labels: parts.map((part) =>
      row.each === 'day' ? part.period.slice(5) : part.period), datasets: [{ label: told(row.label) || row.name,
      data: parts.map((part) => part.value === null ? null : part.value / 10 ** digits),
      borderColor: color('accent'), backgroundColor: faded(color('accent'), .18), borderWidth: 2,
      pointRadius: parts.length > 12 ? 0 : 2, pointHitRadius: 8, fill: 'origin', spanGaps: false }] },
    { scales: { x: { grid: { display: false }, ticks: { color: color('soft'), maxRotation: 0, autoSkipPadding: 12 } },
      y: Object.assign(valueAxis(words), { beginAtZero: true }) }, plugins: { legend: { display: false } } });
    box.querySelector('canvas').setAttribute('aria-label', told(row.label) || row.name);
    return make('div', {}, make('h3', {}, told(row.label) || row.name), box);
  })));
}
function gridTable(columns, cellOf) {
  const head = make('tr', {}, make('th', {}, t('seat')), ...columns.map((column) =>
    make('th', { class: 'n', title: column.help || '' }, column.words)));
  const body = make('tbody', {}, ...data.branches.map((branch, place) => make('tr', {},
    make('td', { class: 'seat' }, branch.name || branch.seat), ...columns.map((column) => cellOf(column.row, place)))));
  return make('div', { class: 'wide' }, make('table', { class: 'grid' }, make('thead', {}, head), body));
}
/* Branches down, figures across: too wide for a screen it is pushed sideways, for paper it is cut in
 * pieces. */
function grid(id, title, note, columns, cellOf) {
  if (data.branches.length === 0 || columns.length === 0) return null;
  const across = isPrinting() ? ON_PAPER : columns.length, tables = [];
  for (let at = 0; at < columns.length; at += across)
    tables.push(gridTable(columns.slice(at, at + across), cellOf));
  return section(id, title, note, ...tables);
}
function below() {
  return grid('below', 'below', 'belowNote', data.rollups.map((row) => ({ row, words: told(row.label) || row.name })),
    (row, place) => make('td', { class: 'n' }, shown(row, row.branches[place]), ' ',
      arrow(row.branches[place], row.former_branches[place], 0)));
}
const bounds = { at_least: 'at_least', at_most: 'at_most', below: 'below_' };
function indicators() {
  if (data.indicators.length === 0) return null;
  const departments = new Map();
  for (const row of data.indicators) {
    const name = row.department || t('noDepartment');
    departments.set(name, (departments.get(name) || []).concat(row));
  }
  const pieces = [];
  for (const [name, list] of departments) {
    pieces.push(make('h3', {}, name), table([['serial', 'n'], ['what'], ['reached', 'n'], ['before', 'n'],
      ['target', 'n'], ['verdict', 'n']], list, (row) => [String(row.serial || ''),
      called(row) + (row.duty ? ' · ' + t(row.duty) : '') + (row.wrong ? ' · ' + row.wrong : ''),
      [scaled(row.value, 2) + (row.unit ? ' ' + row.unit : ''), ' ',
        arrow(row.value, row.former, row.bound === 'at_least' ? 1 : -1)], scaled(row.former, 2),
      row.target === undefined || row.target === null ? '–' : t(bounds[row.bound] || '') + ' ' + row.target,
      pill(row.verdict)]));
  }
  return section('indicators', 'indicators', 'indicatorsNote', ...pieces);
}
const called = (row) => Page.language() === 'en' && row.english ? row.english : row.title;
const pill = (verdict) => make('span', { class: 'pill ' + ({ met: 'yes', missed: 'no' }[verdict] || 'unknown') },
  t(verdict));
function indicatorsBelow() {
  return grid('indicators-below', 'indicatorsBelow', 'belowNote', data.indicators.map((row) => ({ row,
    words: (row.serial ? row.serial + ' ' : '') + called(row), help: row.department || '' })), (row, place) => make('td',
    { class: 'n ' + ((row.branches[place] || {}).verdict || '') },
    scaled((row.branches[place] || {}).value, 2), ' ', arrow((row.branches[place] || {}).value,
      (row.branches[place] || {}).former, row.bound === 'at_least' ? 1 : -1)));
}
function overdue() {
  if (data.overdue_count === 0) return section('overdue', 'overdue', 'overdueNone');
  return section('overdue', 'overdue', 'overdueNote', rows('overdue', [['due'], ['what'], ['standing'],
    ['seat', 'seat']], data.overdue, recordRow('due')), left(data.overdue_count, data.overdue));
}
function directives() {
  if (data.directives.length === 0) return section('directives', 'directives', 'directivesNone');
  const list = data.directives.slice().sort((a, b) => (b.received[1] - b.received[0]) -
    (a.received[1] - a.received[0]) || b.created - a.created);
  return section('directives', 'directives', 'directivesNote', rows('directives', [['since'], ['what'],
    ['received', 'n'], ['notYet']], list, (row) => [clock(row.created), row.title,
    row.received[0] + ' / ' + row.received[1], row.missing.length === 0 ? t('everybody')
      : row.missing.slice(0, 6).map((seat) => seat.name || seat.seat).join(', ') +
        (row.received[1] - row.received[0] > 6 ? ' …' : '')]));
}

Page.begin(() => {
  document.getElementById('word').textContent = t(data.verdict.level);
  return [tiles(), alarms(), behind(), folds(), indicators(), totals(), trends(), overdue(), directives(), branches(),
    below(), indicatorsBelow(), types(),
    make('p', { class: 'note' }, t('made') + ' ' + clock(data.made_ms))];
});
})();
