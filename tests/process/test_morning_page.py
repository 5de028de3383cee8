"""The page that `report county --html` leaves, opened in headless Chromium at the width of a desk
and of a telephone, light and dark, in both languages: as test_report_page.py looks at a
simulation's report. Planted broken pages have to be found.

PAGES: a folder to leave screenshots in, for people to look at.
"""
import os
import subprocess
import sys
import tempfile

import test_report_page as look

TREE = """code,name,tier,parent
C,永顺县,county,
D,应急管理局,department,C
T,石堤镇,township,C
S,芙蓉镇,township,C
V,大明村,village,T
W,团结村,village,T
X,名字长得足以在窄屏幕上换行的一个社区居民委员会,village,S
"""
CHARTS = ('types', 'trend-incident_days')
WORDS = {'en': ('Alarms', 'Directives of the period', 'Below here', '石堤镇', 'no link',
                'Indicators', 'Totals of the period', 'Trends',
                'The arrow compares with the period before'),
         'zh': ('警情', '本期指令', '下级单位', '石堤镇', '链路中断', '考核指标', '本期汇总',
                '趋势', '箭头表示与上期相比')}


def plants(html):
    """Pages that are broken on purpose, and what must be said of each."""
    yield 'a chart is not drawn', 'blank', html.replace("'chart-' + id", "'chart-x' + id")
    yield 'the script fails', 'browser says', html.replace(
        '</body>', '<script>nothing.here();</script></body>')
    yield 'something sticks out', 'pixels wide', html.replace('<h1>', '<h1 style="width:2000px">')
    yield 'a text is missing', 'not on the page', html.replace("'Below here'", "'x'")


# On paper: how many totals there are and are shown, and the most columns of a table by branch.
PRINTED = """dispatchEvent(new Event('beforeprint'));
const shown = [Page.data.rollups.length, document.querySelectorAll('#totals tbody tr').length,
  Math.max(...[...document.querySelectorAll('#below tr')].map((row) => row.children.length))];
dispatchEvent(new Event('afterprint'));
return shown;"""


def judge_print(browser, page):
    look.open_page(browser, page, 1000, False)
    totals, shown, columns = browser.execute_script(PRINTED)
    wrong = []
    if totals < 21 or shown != totals:
        wrong.append(f'print: {shown} totals of {totals} are on paper')
    if columns > 8:
        wrong.append(f'print: {columns} columns by branch are too wide for paper')
    return wrong


def missed_print(browser, page, folder):
    """Pages that print badly, of which nothing was said."""
    with open(page, encoding='utf-8') as file:
        html = file.read()
    path, missed = os.path.join(folder, 'broken.html'), []
    for was, now in (('all[id] || isPrinting()', 'all[id]'),
                     ('isPrinting() ? ON_PAPER :', 'false ? ON_PAPER :')):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(html.replace(was, now))
        if html.count(was) != 1 or not judge_print(browser, path):
            missed.append(f'planted and not found: without {was}')
    return missed


def make_page(terrace, folder):
    def run(*words):
        subprocess.run([terrace, *words], check=True, stdout=subprocess.DEVNULL)

    tree, drill = os.path.join(folder, 'tree.csv'), os.path.join(folder, 'drill')
    page = os.path.join(folder, 'morning.html')
    with open(tree, 'w', encoding='utf-8') as file:
        file.write(TREE)
    run('drill', 'up', '--tree', tree, '--dir', drill)
    try:
        run('drill', 'load', '--profile', 'county-day', '--dir', drill)
        county = os.path.join(drill, 'C')
        run('-d', county, 'put', 'zero_occurrence', 'title=桥面坍塌', 'kind=death')
        for serial, bound in enumerate(('at_least', 'at_most', 'below'), 1):
            run('-d', county, 'put', 'indicator', f'serial={serial}', 'title=事件办结率',
                f'bound={bound}', 'target=50', 'unit=%', 'department=应急管理局',
                'formula=incident_closed / incident_all * 100')
        run('drill', 'check', '--dir', drill, '--wait', '300')
        run('drill', 'cut', '--dir', drill, 'T')
        run('-d', county, 'report', 'county', '--html', page)
    finally:
        run('drill', 'down', '--dir', drill)
    return page


def main():
    terrace = sys.argv[1]
    look.CHARTS, look.WORDS = CHARTS, WORDS
    with tempfile.TemporaryDirectory(prefix='terrace-morning-') as folder:
        page = make_page(terrace, folder)
        browser = look.start_browser()
        try:
            wrong = look.check_page(browser, page)
            wrong += look.missed_plants(browser, page, folder, plants)
            wrong += judge_print(browser, page)
            wrong += missed_print(browser, page, folder)
        finally:
            browser.quit()
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
