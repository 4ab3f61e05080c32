# SPDX-License-Identifier: Apache-2.0
"""Looks at each page of a folder in headless Chromium: its console, its width, its figures, its print."""

import json
import os
import base64
import pathlib
import subprocess
import sys
import tempfile

VIEWS = [("phone", 360, 740, "light"), ("phone-dark", 360, 740, "dark"), ("laptop", 1280, 800, "light"),
         ("laptop-dark", 1280, 800, "dark")]

# Everything that reaches beyond the page and is not inside a box of its own that scrolls.
WIDTH = """(() => {
  const wide = [];
  for (const one of document.querySelectorAll('body *')) {
    if (one.closest('.wide, figure, .bars td') || one.closest('.unseen') || one.closest('svg')) continue;
    const at = one.getBoundingClientRect();
    if (at.width > 1 && at.right > document.documentElement.clientWidth + 0.5) wide.push(one.tagName + '.' + one.className);
  }
  return {scroll: document.documentElement.scrollWidth, inner: innerWidth, wide};
})()"""
FIGURES = "[...document.querySelectorAll('[data-value]')].filter(e => e.textContent.trim()).map(e => e.dataset.value)"
SMALL = """(() => { let least = 99;
  for (const one of document.querySelectorAll('svg text')) least = Math.min(least, one.getBoundingClientRect().height);
  return least; })()"""


class Browser:
    """Chromium, spoken to over a pipe: JSON messages that end in a zero byte."""

    def __init__(self, profile):
        to_read, self.write_end = os.pipe()
        self.read_end, to_write = os.pipe()

        def arrange():  # the child reads from 3 and writes to 4
            low, high = os.dup(to_read), os.dup(to_write)
            os.dup2(low, 3)
            os.dup2(high, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"],
            preexec_fn=arrange, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.count, self.rest, self.events, self.session = 0, b"", [], None

    def message(self):
        while b"\0" not in self.rest:
            piece = os.read(self.read_end, 1 << 20)
            if not piece:
                raise RuntimeError("chromium went away")
            self.rest += piece
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def ask(self, method, **params):
        self.count += 1
        words = {"id": self.count, "method": method, "params": params}
        if self.session:
            words["sessionId"] = self.session
        os.write(self.write_end, json.dumps(words).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        while True:
            for at, one in enumerate(self.events):
                if one.get("method") == method:
                    return self.events.pop(at)
            self.events.append(self.message())

    def value(self, expression):
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")


def figures_of(document):
    for verdict in json.loads(document, parse_float=str, parse_int=str)["verdicts"]:
        for key in ("measured", "expected"):
            if verdict[key]:
                yield verdict["check"], verdict[key]["value"]


def complaints(browser):
    """What the browser had to say: errors of the console, and anything that it tried to load beside the page."""
    for event in browser.events:
        method, params = event.get("method"), event.get("params", {})
        if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            yield params["entry"]["text"]
        elif method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            yield method
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith("file:"):
            yield "asked for " + params["request"]["url"]


def look(browser, page, problems):
    name = page.stem
    title = None
    for view, width, height, scheme in VIEWS:
        browser.events.clear()
        browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        browser.ask("Emulation.setEmulatedMedia", media="screen", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.ask("Page.navigate", url=page.as_uri())
        browser.wait_for("Page.loadEventFired")
        title = browser.value("document.title")
        across = browser.value(WIDTH)
        if across["scroll"] > width or across["wide"]:
            problems.append(f"{name} {view}: wider than the window: {across}")
        least = browser.value(SMALL)
        if least < 8:
            problems.append(f"{name} {view}: text of a drawing is {least:.1f} px high")
        problems += [f"{name} {view}: {one}" for one in complaints(browser)]
        shot = browser.ask("Page.captureScreenshot", captureBeyondViewport=True)
        page.with_name(f"{name}-{view}.png").write_bytes(base64.b64decode(shot["data"]))
    if not (title or "").startswith("bringup: "):
        problems.append(f"{name}: its title is '{title}'")
    document = page.with_suffix(".json")
    if document.exists():
        shown = set(browser.value(FIGURES))
        missing = [one for one in figures_of(document.read_text()) if one[1] not in shown]
        if missing:
            problems.append(f"{name}: {len(missing)} figures of the document are not in the page: {missing[:3]}")
    browser.ask("Emulation.setEmulatedMedia", media="", features=[])
    paper = browser.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
    page.with_suffix(".pdf").write_bytes(base64.b64decode(paper["data"]))


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    pages = sorted(folder.glob("*.html"))
    problems = [] if pages else ["there is no page in " + str(folder)]
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        try:
            target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
            browser.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                browser.ask(domain + ".enable")
            for page in pages:
                look(browser, page, problems)
        finally:
            browser.process.kill()
            browser.process.wait()
    for one in problems:
        print("FAILED: " + one)
    print(f"{len(pages)} pages looked at, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
