"""The page that `sim run --report` leaves, opened in headless Chromium at the width of a desk and
of a telephone, light and dark, in both languages: every chart is drawn, no error is told, nothing
sticks out at the side, the texts are there. Planted broken pages have to be found.

PAGES: a folder to leave screenshots in, for people to look at.
"""
import base64
import os
import subprocess
import sys
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

SCENARIO = """title: A county in two islands for six hours
title-zh: 全县六小时分成两个孤岛
because: A landslide took the cable and the road beside it.
begins: 2026-03-02 08:00
lasts: 12 h
rest: 2 h
tree: {shape: 1+3+9}
link: {rate: 64 kbit/s, latency: 80 ms, jitter: 40 ms}
work:
  - {tier: village, type: incident, records: 30 a day, change: 30 %}
  - {tier: county, type: directive, records: 8 a day}
faults:
  - {fault: cut, seats: ["1.1"], at: 2 h, lasts: 6 h}
  - {fault: kill, tier: village, count: 2, at: 4 h, lasts: 30 min}
  - {fault: pause, tier: township, count: 1, at: 9 h, lasts: 20 min}
expect:
  - {equal: 1 h}
  - {age: 1 day}
"""
CHARTS = ('states', 'lanes', 'age', 'origins', 'waiting', 'sent')
WORDS = {'en': ('What was expected', 'The slowest recoveries', 'held', 'line cut'),
         'zh': ('期望与结果', '最慢的恢复', '通过', '线路中断')}
# How many different colours a canvas shows, of some thousand points.
COLOURS = """const canvas = document.getElementById(arguments[0]);
if (!canvas) return 0;
const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
const seen = new Set();
for (let i = 0; i < data.length; i += 4)
  seen.add(data[i] << 24 | data[i + 1] << 16 | data[i + 2] << 8 | data[i + 3]);
return seen.size;"""


def start_browser():
    options = Options()
    options.binary_location = '/usr/bin/chromium'
    for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
                     '--disable-dev-shm-usage', '--disable-background-networking'):
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    return webdriver.Chrome(service=Service('/usr/bin/chromedriver'), options=options)


def open_page(browser, page, width, dark):
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
        'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': width < 600})
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [
        {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}]})
    browser.get('file://' + page)


def judge(browser, language):
    """What is wrong with the page as it stands; empty: nothing."""
    wrong = [f'the browser says: {line["message"]}' for line in browser.get_log('browser')]
    for name in CHARTS:
        colours = browser.execute_script(COLOURS, 'chart-' + name)
        if colours < 4:
            wrong.append(f'chart {name} shows {colours} colours: it is blank')
    wide, room = browser.execute_script(
        'return [document.documentElement.scrollWidth, window.innerWidth]')
    if wide > room:
        wrong.append(f'{wide} pixels wide on a screen of {room}')
    text = browser.execute_script('return document.body.innerText')
    wrong += [f'"{word}" is not on the page' for word in WORDS[language]
              if word.lower() not in text.lower()]
    loaded = browser.execute_script('return performance.getEntriesByType("resource").length')
    if loaded:
        wrong.append(f'it loads {loaded} things from outside')
    return wrong


def photograph(browser, name):
    folder = os.environ.get('PAGES')
    if not folder:
        return
    height = browser.execute_script('return document.documentElement.scrollHeight')
    width = browser.execute_script('return window.innerWidth')
    shot = browser.execute_cdp_cmd('Page.captureScreenshot', {
        'format': 'png', 'captureBeyondViewport': True,
        'clip': {'x': 0, 'y': 0, 'width': width, 'height': min(height, 9000), 'scale': 1}})
    with open(os.path.join(folder, name + '.png'), 'wb') as file:
        file.write(base64.b64decode(shot['data']))


def check_page(browser, page):
    wrong = []
    for width in (1280, 360):
        for dark in (False, True):
            open_page(browser, page, width, dark)
            for language in ('en', 'zh'):
                if language == 'zh':
                    browser.find_element('id', 'language').click()
                name = f'{width}-{"dark" if dark else "light"}-{language}'
                wrong += [f'{name}: {line}' for line in judge(browser, language)]
                photograph(browser, name)
    return wrong


def plants(html):
    """Pages that are broken on purpose, and what must be said of each."""
    yield 'a chart is not drawn', 'blank', html.replace("'chart-' + id", "'chart-x' + id")
    yield 'the script fails', 'browser says', html.replace(
        "'use strict';\n(function () {", "'use strict';\nnothing.here();\n(function () {")
    yield 'something sticks out', 'pixels wide', html.replace(
        '<h1>', '<h1 style="width:2000px">')
    yield 'a text is missing', 'not on the page', html.replace("'The slowest recoveries'", "'x'")
    yield 'something is loaded', 'the browser says', html.replace(
        '</head>', '<script src="missing.js"></script></head>')


def missed_plants(browser, page, folder, planted):
    """Broken pages of which nothing was said."""
    with open(page, encoding='utf-8') as file:
        html = file.read()
    missed = []
    for name, said, broken in planted(html):
        path = os.path.join(folder, 'broken.html')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(broken)
        open_page(browser, path, 360, False)
        if broken == html or not any(said in line for line in judge(browser, 'en')):
            missed.append(f'planted and not found: {name}')
    return missed


def main():
    terrace = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix='terrace-page-') as folder:
        scenario, page = os.path.join(folder, 's.yaml'), os.path.join(folder, 'report.html')
        with open(scenario, 'w', encoding='utf-8') as file:
            file.write(SCENARIO)
        subprocess.run([terrace, 'sim', 'run', scenario, '--report', page], check=True)
        browser = start_browser()
        try:
            wrong = check_page(browser, page)
            wrong += missed_plants(browser, page, folder, plants)
        finally:
            browser.quit()
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
