/* Draws the report of a run from its data, by the pieces of page/pieces.js. */
'use strict';
(function () {
const { data, WORDS, t, duration, bytes, number, make, section, table, color, tierColor, faded, legend,
  valueAxis, chart } = Page;
const STATES = ['cut', 'offline', 'down', 'paused', 'behind'];
const LANES = 40;
let allLanes = false;

Object.assign(WORDS, {
  held: ['Held', '通过'], violated: ['Not held', '未通过'],
  not_converged: ['Did not come to rest', '未恢复一致'], crashed: ['Crashed', '程序崩溃'],
  undecided: ['Undecided', '未得出结论'], unchecked: ['Unchecked', '未作检查'],
  nodes: ['nodes', '个节点'], virtual: ['lived through', '模拟时长'],
  records: ['records', '条记录'], equalAfter: ['until all equal', '恢复一致用时'],
  oldest: ['oldest figures', '顶层数据最大滞后'], bytes: ['over the links', '链路总流量'],
  faults: ['faults', '次故障'], never: ['never', '从未'],
  expected: ['What was expected', '期望与结果'],
  expectation: ['Expectation', '期望'], value: ['Came to', '结果'], limit: ['Limit', '上限'],
  verdict: ['', ''], met: ['met', '满足'], missed: ['missed', '未满足'], open: ['not measured', '未测得'],
  kind_equal: ['Everybody equal and complete after the last healing',
    '最后一次恢复后，所有节点一致且完整'],
  kind_age: ['Age of the figures at the top', '顶层汇总数据的滞后'],
  kind_backlog: ['Entries waiting at a link', '单条链路上等待的条目'],
  kind_bytes: ['Bytes over the links', '链路流量'],
  kind_urgent: ['A directive at every seat within reach', '指令到达所有可达节点'],
  noExpectation: ['The scenario names none beside the invariants, which always must hold.',
    '本情景没有额外期望；不变量必须始终成立。'],
  course: ['Outages and recovery', '中断与恢复'],
  courseNote: ['How many nodes were out of order or catching up, at each moment.',
    '各时刻处于异常或追赶状态的节点数。'],
  healedMark: ['dotted line: the last fault had ended', '虚线：最后一次故障结束'],
  restedMark: ['dotted line: everybody equal again', '虚线：全部恢复一致'],
  lanes: ['Node by node', '逐个节点'],
  lanesNote: ['Those that had the worst of it first.', '受影响最大的节点在前。'],
  lanesAll: ['show all', '显示全部'], lanesFew: ['show the worst only', '只显示受影响最大的'],
  lanesNone: ['No node was out of order.', '没有节点出现异常。'],
  lanesLarge: ['The tree is too large to show each node; the tiers are above.',
    '节点过多，不逐个显示，见上面的分层统计。'],
  cut: ['line cut', '线路中断'], offline: ['no session', '无会话'], down: ['node down', '节点停机'],
  paused: ['node stands still', '节点停顿'], behind: ['catching up', '追赶中'],
  figures: ['How old the figures at the top were', '顶层汇总数据的滞后'],
  figuresNote: ['For each origin: the time since the top was last complete from it, as its own signed statement says. The oldest origin and the middle one are drawn.',
    '对每个来源：距顶层最近一次从该来源获得完整数据的时间（以来源签名的声明为准）。图中为最旧的来源与中位数。'],
  oldestOrigin: ['oldest origin', '最旧的来源'], medianOrigin: ['middle origin', '中位来源'],
  completeness: ['Complete from how many origins', '数据完整的来源数'],
  complete: ['complete', '完整'], silent: ['silent for a day', '一天无消息'],
  withheld: ['something is withheld', '有数据缺失'], unknown: ['never heard of', '尚无消息'],
  backlog: ['What waited at the links', '链路积压'],
  backlogNote: ['Entries that one end of a link held and the other, who should, did not, by the tier below the link.',
    '链路一端已有而另一端应有但尚未收到的条目数，按链路下端的层级统计。'],
  up: ['up', '上行'], downward: ['down', '下行'], entries: ['entries', '条'],
  traffic: ['What crossed the links', '链路流量'],
  trafficNote: ['By the tier below the link.', '按链路下端的层级统计。'],
  busiest: ['The busiest links', '流量最大的链路'], linkOf: ['Link of', '链路（下端）'],
  upBytes: ['Up', '上行'], downBytes: ['Down', '下行'], sessions: ['Sessions', '会话数'],
  waitingMax: ['Longest queue', '最大积压'],
  recoveries: ['The slowest recoveries', '最慢的恢复'],
  recoveriesNote: ['From the moment nothing stood in the way any more until both ends of the link held the same.',
    '从障碍消除起，到链路两端数据相同为止。'],
  noRecoveries: ['Nobody had anything to catch up with.', '没有需要追赶的节点。'],
  seat: ['Node', '节点'], outage: ['After', '起因'], away: ['Away for', '中断时长'],
  took: ['Level after', '追平用时'], waited: ['Waiting', '待传条目'], crossed: ['Crossed', '传输量'],
  why: ['Why it took so long', '原因'], further: ['more', '条未列出'],
  found: ['What the checkers found', '检查发现'], foundNone: ['Nothing.', '没有问题。'],
  counted: ['What went wrong on purpose', '注入的故障'],
  refused: ['What nodes refused', '节点拒绝的消息'], refusedNone: ['Nothing was refused.', '没有拒绝任何消息。'],
  alarms: ['Alarms', '告警'], alarmsNone: ['None was raised.', '没有告警。'],
  cost: ['Where the time went', '耗时分布'], times: ['times faster than real time', '倍于真实时间'],
  again: ['To see the same again', '重现方法'],
  againNote: ['The same scenario and seed give the same run, event by event, on any machine.',
    '相同的情景与种子在任何机器上都会逐个事件地得到相同的运行结果。'],
  scenario: ['The scenario', '情景文件'], seed: ['seed', '种子'], trace: ['trace', '轨迹'],
  about: ['What was simulated, and what was not', '模拟了什么，没有模拟什么'],
  is1: ['Every node ran the very core that real nodes run, with real signatures, over a store with the crash behaviour of the real one.',
    '每个节点运行的都是真实节点的同一内核，使用真实的签名；存储的崩溃行为与真实存储一致。'],
  is2: ['Links carried the real bytes in virtual time, with the rates, delays, losses and hours that the scenario gives.',
    '链路在虚拟时间中传送真实的字节，带宽、时延、丢包和开放时段按情景设定。'],
  is3: ['A model outside the core kept its own books of every write and compared every store with them.',
    '内核之外的模型独立记录每一次写入，并与每个节点的存储逐一比对。'],
  not1: ['Not simulated: the encryption of links (a few bytes and no waiting), the operating system, real disks and real radio.',
    '没有模拟：链路加密（只增加少量字节）、操作系统、真实磁盘与真实无线信道。'],
  not2: ['A measured processor time is that of one process on the machine that ran this; it says nothing of a village’s computer.',
    '处理器耗时是运行模拟的那台机器上单个进程的耗时，不代表村级设备的速度。'],
  time: ['time', '时间'], tier: ['tier', '层级'],
});
/* ---- words of numbers ---- */

/* Steps of an axis that are round in the unit that is shown. */
function byteStep(most) {
  let step = 1;
  while (most / step > 6) step *= 2;
  return step;
}
const HOUR = 3600000;
const END = data.result.ends_ms || 1;
function clock(ms) {
  if (END > 4 * 24 * HOUR) {
    const day = (ms / (24 * HOUR)).toFixed(ms % (24 * HOUR) ? 1 : 0);
    return Page.language() === 'zh' ? day + ' 天' : 'day ' + day;
  }
  if (END > 4 * HOUR) return (ms / HOUR).toFixed(ms % HOUR ? 1 : 0) + ' h';
  if (END > 300000) return (ms / 60000).toFixed(ms % 60000 ? 1 : 0) + ' min';
  return (ms / 1000).toFixed(0) + ' s';
}
const STEP = [1000, 2000, 5000, 10000, 30000, 60000, 120000, 300000, 600000, 1800000, HOUR, 2 * HOUR,
  3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR, 120 * HOUR, 240 * HOUR, 720 * HOUR];
const timeStep = () => STEP.find((step) => END / step <= (innerWidth < 640 ? 5 : 10)) || END / 10;
const seatNames = new Map(data.nodes.map((node) => [node.seat, node.name]));
const seatName = (seat) => seatNames.get(seat) ? seatNames.get(seat) + ' ' + seat : seat;

/* ---- charts ---- */

function timeAxis() {
  const step = timeStep();
  return { type: 'linear', min: 0, max: END, grid: { color: color('grid') },
    afterBuildTicks: (axis) => { axis.ticks = Array.from({ length: Math.floor(END / step) + 1 },
      (_, place) => ({ value: place * step })); },
    ticks: { color: color('soft'), maxRotation: 0, autoSkip: false, callback: clock } };
}
/* Where the last fault had ended, and where everything was equal again. */
const marks = { id: 'marks', afterDatasetsDraw(drawn) {
  const { ctx, chartArea: area, scales: { x } } = drawn, result = data.result;
  for (const [at, name] of [[result.healed_ms, 'soft'], [result.rested_ms, 'held']]) {
    if (!at || at > END) continue;
    const place = x.getPixelForValue(at);
    ctx.save();
    ctx.strokeStyle = color(name);
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(place, area.top);
    ctx.lineTo(place, area.bottom);
    ctx.stroke();
    ctx.restore();
  }
} };
function overTime(id, sets, words, stacked, step) {
  const at = data.samples.at_ms || [];
  return chart(id, 'line', { datasets: sets.map((set) => ({
    label: set.label, data: at.map((x, place) => ({ x, y: set.values[place] })),
    borderColor: set.color, backgroundColor: faded(set.color, set.fill || .18),
    borderDash: set.dash || [], borderWidth: set.width || 2, pointRadius: at.length > 1 ? 0 : 3,
    pointHitRadius: 6, stepped: set.stepped || false, fill: set.fill !== 0 && (stacked ? 'stack' : 'origin') })) },
  { scales: { x: timeAxis(), y: Object.assign(valueAxis(words, step), { stacked: !!stacked }) },
    plugins: { legend: { labels: { color: color('ink'), boxWidth: 12, boxHeight: 12, usePointStyle: false } },
      tooltip: { callbacks: { title: (hits) => clock(hits[0].parsed.x),
        label: (hit) => hit.dataset.label + ': ' + words(hit.parsed.y) } } } });
}
const sumTiers = (name) => (data.samples.at_ms || []).map((_, place) =>
  data.tiers.reduce((sum, tier) => sum + (tier.samples[name] ? tier.samples[name][place] : 0), 0));

/* ---- sections ---- */

function tiles() {
  const result = data.result;
  const rested = result.rested_ms === null ? null : Math.max(0, result.rested_ms - result.healed_ms);
  const ages = data.samples.age_oldest_ms || [];
  const seats = data.tiers.reduce((sum, tier) => sum + tier.seats, 0);
  const faults = Object.values(data.faults).reduce((sum, count) => sum + count, 0);
  const rows = [[number(seats), 'nodes'], [duration(result.ends_ms), 'virtual'],
    [number(result.records), 'records'], [number(faults), 'faults'],
    [rested === null ? t('never') : duration(rested), 'equalAfter'],
    [duration(ages.reduce((a, b) => Math.max(a, b), 0)), 'oldest'],
    [bytes(sumTiers('bytes').reduce((a, b) => a + b, 0)), 'bytes']];
  return make('div', { class: 'tiles' }, ...rows.map(([value, words]) => make('div',
    { class: 'tile' }, make('b', {}, value), make('span', {}, t(words)))));
}
function valueOf(kind, value) {
  if (value === null) return '–';
  if (kind === 'bytes') return bytes(value);
  return kind === 'backlog' ? number(value) : duration(value);
}
function expectations() {
  if (data.expectations.length === 0)
    return section('expected', 'expected', 'noExpectation');
  return section('expected', 'expected', null, table(
    [['expectation'], ['value', 'n'], ['limit', 'n'], ['verdict', 'n']], data.expectations, (row) => [
      t('kind_' + row.kind), valueOf(row.kind, row.value), valueOf(row.kind, row.limit),
      make('span', { class: 'pill ' + (row.held ? 'yes' : row.value === null ? 'unknown' : 'no') },
        t(row.held ? 'met' : row.value === null ? 'open' : 'missed'))]));
}
function lanesChart() {
  const hurt = (node) => STATES.reduce((sum, state) =>
    sum + (node.states[state] ? node.states[state].total_ms : 0), 0);
  const nodes = data.nodes.filter((node) => node.spans.length > 0).sort((a, b) => hurt(b) - hurt(a));
  if (nodes.length === 0)
    return make('p', { class: 'note' }, t(data.nodes_left_out > 0 ? 'lanesLarge' : 'lanesNone'));
  const shown = allLanes ? nodes : nodes.slice(0, LANES);
  const sets = STATES.map((state, place) => ({ label: t(state), backgroundColor: color(state),
    grouped: false, barThickness: state === 'behind' ? 4 : state === 'offline' ? 10 : 7, order: state === 'offline' ? 2 : 1,
    minBarLength: 2, data: shown.flatMap((node) => node.spans.filter((span) => span[2] === place)
      .map((span) => ({ x: [span[0], span[1]], y: seatName(node.seat) }))) }));
  const box = chart('lanes', 'bar', { labels: shown.map((node) => seatName(node.seat)), datasets: sets },
    { indexAxis: 'y', interaction: { mode: 'nearest', intersect: true },
      scales: { x: timeAxis(), y: { grid: { color: color('grid') },
        ticks: { color: color('ink'), autoSkip: false, font: { size: 11 } } } },
      plugins: { legend: { display: false }, tooltip: { callbacks: { title: (hits) => hits[0].raw.y,
        label: (hit) => hit.dataset.label + ': ' + clock(hit.raw.x[0]) + ' – ' + clock(hit.raw.x[1]) +
          ' (' + duration(hit.raw.x[1] - hit.raw.x[0]) + ')' } } } });
  box.style.height = Math.max(120, 46 + shown.length * 19) + 'px';
  const piece = make('div', {}, make('h3', {}, t('lanes')), make('p', { class: 'note' }, t('lanesNote')),
    legend(STATES.map((state) => [color(state), t(state)])), box);
  if (nodes.length > LANES)
    piece.append(make('button', { type: 'button', class: 'noprint', onclick: () => {
      allLanes = !allLanes; Page.draw(); } }, t(allLanes ? 'lanesFew' : 'lanesAll') +
      (allLanes ? '' : ' (' + nodes.length + ')')));
  return piece;
}
function course() {
  return section('course', 'course', 'courseNote', legend([[color('soft'), t('healedMark')],
    [color('held'), t('restedMark')]]), overTime('states', STATES.map((state) => ({
    label: t(state), values: sumTiers(state), color: color(state), fill: .55, width: 1, stepped: true })),
  (value) => number(value), true), lanesChart());
}
WORDS.states = WORDS.course;
function figures() {
  const sets = [{ label: t('oldestOrigin'), values: data.samples.age_oldest_ms || [], color: color('cut') },
    { label: t('medianOrigin'), values: data.samples.age_median_ms || [], color: color('tier0') }];
  const limit = data.expectations.find((row) => row.kind === 'age');
  if (limit)
    sets.push({ label: t('limit'), values: sets[0].values.map(() => limit.limit), color: color('soft'),
      fill: 0, dash: [6, 5], width: 1.5 });
  const oldest = Math.max(1, ...sets[0].values, limit ? limit.limit : 0);
  const step = STEP.find((each) => oldest / each <= 6) || oldest / 6;
  const kinds = ['complete', 'silent', 'withheld', 'unknown'];
  const hues = { complete: 'held', silent: 'offline', withheld: 'cut', unknown: 'soft' };
  return section('figures', 'figures', 'figuresNote', overTime('age', sets, duration, false, step),
    make('h3', {}, t('completeness')), overTime('origins', kinds.map((kind) => ({ label: t(kind),
      values: data.samples[kind] || [], color: color(hues[kind]), fill: .6, width: 1, stepped: true })),
    (value) => number(value), true));
}
WORDS.age = WORDS.figures; WORDS.origins = WORDS.completeness;
function backlog() {
  const sets = [];
  data.tiers.forEach((tier, place) => {
    for (const [column, words, dash] of [['waiting_up', 'up', []], ['waiting_down', 'downward', [5, 4]]]) {
      if (place > 0 && tier.samples[column] && tier.samples[column].some((value) => value > 0))
        sets.push({ label: t(tier.name) + ' ' + t(words), values: tier.samples[column],
          color: tierColor(place), dash, fill: dash.length ? 0 : .18 });
    }
  });
  if (sets.length === 0)
    sets.push({ label: t('entries'), values: sumTiers('waiting_up'), color: tierColor(1) });
  return section('backlog', 'backlog', 'backlogNote',
    overTime('waiting', sets, (value) => number(value)));
}
WORDS.waiting = WORDS.backlog;
function traffic() {
  const sets = data.tiers.map((tier, place) => ({ label: t(tier.name), color: tierColor(place),
    values: tier.samples.bytes || [], fill: .5, width: 1, place })).filter((set) => set.place > 0);
  const busiest = data.nodes.filter((node) => node.parent !== null)
    .sort((a, b) => b.bytes_up + b.bytes_down - a.bytes_up - a.bytes_down).slice(0, 10);
  return section('traffic', 'traffic', 'trafficNote', overTime('sent', sets, bytes, true, byteStep(Math.max(1, ...sumTiers('bytes')))),
    make('h3', {}, t('busiest')), table([['linkOf', 'seat'], ['upBytes', 'n'], ['downBytes', 'n'],
      ['sessions', 'n'], ['waitingMax', 'n']], busiest, (node) => [seatName(node.seat),
      bytes(node.bytes_up), bytes(node.bytes_down), number(node.sessions), number(node.waiting_max)]));
}
WORDS.sent = WORDS.traffic;
function recoveries() {
  if (data.recoveries.length === 0)
    return section('recoveries', 'recoveries', 'noRecoveries');
  const shown = data.recoveries.slice(0, 25);
  const slowest = Math.max(1, ...shown.map((row) => row.took_ms || 0));
  const left = data.recoveries_left_out + data.recoveries.length - shown.length;
  return section('recoveries', 'recoveries', 'recoveriesNote', table([['seat', 'seat'], ['outage'],
    ['away', 'n'], ['took', 'n'], ['waited', 'n'], ['crossed', 'n'], ['why']], shown, (row) => [
    seatName(row.seat), t(row.outage), duration(row.healed_ms - row.broken_ms),
    row.took_ms === null ? t('never') : [duration(row.took_ms), make('span', { class: 'bar',
      style: 'width:' + (100 * row.took_ms / slowest).toFixed(1) + '%' })],
    number(row.entries), bytes(row.bytes), row.cause_words[Page.language()]]),
  left > 0 ? make('p', { class: 'note' }, '+ ' + number(left) + ' ' + t('further')) : null);
}
for (const [name, chinese] of [['parent away', '上级不可用'], ['half-open', '半开连接'], ['kill', '进程被杀'],
  ['power-cut', '断电'], ['pause', '停顿'], ['wipe', '数据清空'], ['restore', '恢复旧数据'],
  ['link', '线路变差'], ['clone', '克隆节点'], ['disk', '磁盘故障'], ['point', '内核故障点'], ['clock', '时钟错误'],
  ['conduct', '节点作弊'], ['inject', '注入坏消息'], ['types', '类型升级'], ['poison', '签出无法解码的块'], ['repaired', '存储修复']])
  WORDS[name] = [name, chinese];
function counted(title, none, object) {
  const rows = Object.entries(object).sort((a, b) => b[1] - a[1]);
  return make('div', {}, make('h3', {}, t(title)), rows.length === 0
    ? make('p', { class: 'note' }, t(none)) : make('ul', {}, ...rows.map(([name, count]) =>
      make('li', {}, number(count) + ' × ' + t(name)))));
}
function found() {
  const kinds = data.findings.kinds.length === 0 ? make('p', { class: 'note' }, t('foundNone'))
    : make('ul', {}, ...data.findings.kinds.map((row) =>
      make('li', {}, number(row.count) + ' × ' + row.kind + ' – ' + row.meaning)));
  return section('found', 'found', null, kinds,
    data.findings.text ? make('pre', {}, data.findings.text) : null,
    make('div', { class: 'two' }, counted('counted', 'foundNone', data.faults),
      counted('refused', 'refusedNone', data.refusals)),
    make('h3', {}, t('alarms')), data.alarms.length === 0 ? make('p', { class: 'note' }, t('alarmsNone'))
      : make('ul', {}, ...data.alarms.map((line) => make('li', {}, line))));
}
function cost() {
  const spent = data.result.cpu_ms, parts = data.profile || [];
  const fast = spent > 0 ? Math.round(data.result.ends_ms / spent) : null;
  const most = Math.max(1, ...parts.map((part) => part.cpu_ms));
  return section('cost', 'cost', null, make('p', {}, duration(spent) +
    (fast ? ' · ' + number(fast) + ' ' + t('times') : '')), parts.length === 0 ? null
    : table([['part'], ['share', 'n']], parts, (part) => [[t('cost_' + part.part), make('span', { class: 'bar',
      style: 'width:' + (100 * part.cpu_ms / most).toFixed(1) + '%' })], duration(part.cpu_ms)]));
}
for (const [name, english, chinese] of [['world', 'links, agenda, trace', '链路、日程与轨迹'],
  ['core', 'the nodes’ core', '节点内核'], ['store', 'the nodes’ stores', '节点存储'],
  ['crypto', 'hashes and signatures', '散列与签名'], ['pack', 'compression', '压缩'],
  ['model', 'the model and its checks', '模型与检查'], ['watch', 'the report', '报告']])
  WORDS['cost_' + name] = [english, chinese];
WORDS.part = ['Part', '部分']; WORDS.share = ['Processor time', '处理器时间'];
function again() {
  const scenario = data.scenario;
  return section('again', 'again', 'againNote', make('pre', { class: 'command' }, scenario.command),
    make('p', { class: 'note' }, t('seed') + ' ' + scenario.seed + ' · ' + t('trace') + ' ' +
      data.result.trace.slice(0, 16)),
    make('details', {}, make('summary', {}, t('scenario')), make('pre', {}, scenario.yaml)),
    make('h3', {}, t('about')), make('ul', { class: 'note' },
      ...['is1', 'is2', 'is3', 'not1', 'not2'].map((key) => make('li', {}, t(key)))));
}

/* ---- the page ---- */

Page.begin(() => {
  document.getElementById('word').textContent = t(data.result.unchecked ? 'unchecked' : data.outcome);
  return [tiles(), expectations(), course(), figures(), backlog(), traffic(), recoveries(), found(),
    cost(), again()];
}, [marks]);
})();
