"""The built site as a product: light, whole without help from elsewhere, safe, printable."""

import gzip
import html
import re
import subprocess
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import expect
from pypdf import PdfReader

from docs_ext.names import names_on, write_title
from tools.browser import FLAGS, find_chrome, serve

from .conftest import ROOT, drawn

COMPRESSED = {".woff2", ".png"}  # already, so that a server sends them as they are


def pages(site: Path) -> list[str]:
    """Return the addresses of all pages, as the sitemap has them, without the host."""
    text = (site / "sitemap.xml").read_text(encoding="utf-8")
    return [urlsplit(url).path[1:] for url in re.findall(r"<loc>(.+?)</loc>", text)]


@pytest.fixture(scope="module")
def sources(site) -> dict[str, str]:
    """The HTML of each page, by its address."""
    return {path: (site / path / "index.html").read_text(encoding="utf-8") for path in pages(site)}


def said(pattern: str, source: str) -> str:
    """Return what a pattern captures, which has to be there once."""
    (found,) = re.findall(pattern, source)
    return html.unescape(found)


def test_the_sitemap_names_every_page(site):
    assert {site / path for path in pages(site)} == {
        page.parent for page in site.rglob("index.html")
    }


def test_each_page_says_what_it_is(sources):
    texts = set()
    for path, source in sources.items():
        description = said(r'<meta name="description" content="([^"]+)">', source)
        assert 40 <= len(description) <= 260
        assert re.match(r"[A-Zآ-ی].*[.!?]$", description)
        assert said(r'<meta property="og:description" content="([^"]+)">', source) == description
        title = said(r"<title>([^<]+)</title>", source)
        assert said(r'<meta property="og:title" content="([^"]+)">', source) in title
        address = said(r'<link rel="canonical" href="([^"]+)">', source)
        assert said(r'<meta property="og:url" content="([^"]+)">', source) == address
        assert urlsplit(address).path == f"/{path}"
        texts |= {description, title}
    assert len(texts) == 2 * len(sources)


def test_each_station_of_the_first_page_leads_to_the_next(open_page):
    page = open_page("")
    stations = [
        link.get_attribute("href")
        for link in page.locator("#from-a-gradient-to-adamw ~ ol a").all()
    ]
    page.goto(f"{page.url}{stations[0]}")
    for number, station in enumerate(stations, 1):
        assert page.url.endswith(station.removeprefix("../"))
        here = page.get_by_text(f"Station {number} of {len(stations)} ").locator("visible=true")
        expect(here).to_have_count(1)
        here.get_by_role("link").last.click()
        page.wait_for_url(f"**/{stations[number] if number < len(stations) else 'choose/'}")


def test_the_html_is_correct(site):
    """As html-validate's standard rules have it."""
    checker = ROOT / "node_modules" / "html-validate" / "bin" / "html-validate.mjs"
    files = [str(file) for file in site.rglob("*.html")]
    command = ["node", str(checker), "--preset", "standard", "-f", "text", *files]
    done = subprocess.run(command, cwd=site, text=True, capture_output=True, check=False)
    assert len(files) > 5
    assert done.stdout.strip() == done.stderr.strip() == ""
    assert done.returncode == 0


def test_every_link_leads_somewhere(site, sources):
    sources = sources | {"404.html": (site / "404.html").read_text(encoding="utf-8")}
    ids = {path: set(re.findall(r'\sid="([^"]+)"', source)) for path, source in sources.items()}
    seen = 0
    for path, source in sources.items():
        for link in re.findall(r'\s(?:href|src)="([^"]*)"', source):
            url = urlsplit(urljoin(f"http://127.0.0.1:8000/{path}", html.unescape(link)))
            if url.netloc != "127.0.0.1:8000":
                continue
            file = site / unquote(url.path[1:])
            assert (file / "index.html" if file.is_dir() else file).is_file(), (path, link)
            state = "=" in url.fragment  # of the laboratory
            if url.fragment and file.is_dir() and not state:
                assert unquote(url.fragment) in ids[url.path[1:]], (path, link)
            seen += 1
    assert seen > 100


def test_links_to_other_sites_carry_no_opener(sources):
    away = [
        a for source in sources.values() for a in re.findall(r"<a [^>]*https?://[^>]*>", source)
    ]
    assert len(away) > 10
    assert [a for a in away if "noopener" not in a] == []


def test_the_markdown_of_each_page_stands_beside_it(site, sources):
    listed = (site / "llms.txt").read_text(encoding="utf-8")
    for path, source in sources.items():
        assert said(r'type="text/markdown" href="([^"]+)"', source) == "index.html.md"
        text = (site / path / "index.html.md").read_text(encoding="utf-8")
        assert f"/{path}index.html.md)" in listed
        assert not re.search(r"^ *(-+8<-+|::: (?!optimizers\.))", text, re.MULTILINE)
        assert "](figure:" not in text
        # A formula or a program stands there as it is; a page's link leads to a page.
        assert not re.search(r"\]\([^):]+\.(md|py)[)#]", text)
    adam = (site / "adam" / "index.html.md").read_text(encoding="utf-8")
    names = names_on(ROOT / "docs" / "adam.md")
    assert adam.startswith(f"{write_title(names)}\n")
    assert r"$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$" in adam
    assert "optimizer = torch.optim.Adam(" in adam
    # So do a figure's words and numbers.
    assert "    Figure: Paths of Adam, " in adam
    assert f"\n    | Iteration | {' | '.join(names)} |\n" in adam


def test_licences_are_shown(site):
    text = (site / "licences.txt").read_text(encoding="utf-8")
    for words in (
        "SIL OPEN FONT LICENSE",
        "Martin Donath",
        "STIX Fonts Project",
        "temml 0",
        "numpy 2",
    ):
        assert words in text
    assert "see its files" not in text  # a package that does not say


def test_headers_hold_what_pages_hold(site, sources):
    headers = (site / "_headers").read_text(encoding="utf-8")
    assert headers.startswith(
        "/*\n  Content-Security-Policy: default-src 'self'; script-src 'self' '"
    )
    for source in [*sources.values(), (site / "404.html").read_text(encoding="utf-8")]:
        policy = said(r'<meta http-equiv="content-security-policy" content="([^"]+)">', source)
        assert source.index(policy) < source.index("<script")
        assert "unsafe-eval" not in policy
        assert said(r"script-src ([^;]+)", policy).count("unsafe") == 0
        assert set(re.split("[; ]+", policy)) <= set(re.split("[; ]+", headers))


def test_every_page_stays_at_home_and_keeps_its_policy(site, open_page, sample):
    """Also below another folder, as GitHub serves it; `open_page` sees requests and complaints."""
    with serve(site.parent) as host:
        page = open_page(f"{site.name}/", host=host)
        for path in sample(pages(site)):
            page.goto(f"{host}/{site.name}/{path}", wait_until="networkidle")
            for label in page.locator(".tabbed-set").first.locator("label").all():
                label.click()
            assert page.evaluate("getComputedStyle(document.body).getPropertyValue('--paper')")


def test_the_policy_stops_what_a_page_was_not_built_with(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/adam/")
    ran = page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.text = "ran = 1";
            document.body.append(script);
            return "ran" in window;
        }"""
    )
    page.close()
    assert not ran


def test_the_page_of_adam_is_light(browser, address, capsys):
    page, loaded = browser.new_page(), {}
    page.context.on(
        "response", lambda response: loaded.update({response.url.removeprefix(address): response})
    )
    page.goto(f"{address}/adam/", wait_until="networkidle")
    weights = {
        url: len(
            response.body() if Path(url).suffix in COMPRESSED else gzip.compress(response.body(), 6)
        )
        for url, response in loaded.items()
    }
    page.close()
    ours = [url for url in weights if url.startswith("/javascripts/") or "/workers/search." in url]
    total, own = sum(weights.values()) / 1000, sum(weights[url] for url in ours) / 1000
    with capsys.disabled():
        print(f"\nAdam's page: {total:.1f} KB compressed, {own:.1f} KB of it scripts of ours")
    assert {"/adam/", "/stylesheets/all.css", "/javascripts/varieties.js"} <= weights.keys()
    # What all pages load, most of it Material's script and style and two fonts; and what each
    # variant adds: tabs, a row in tables, a path in figures.
    assert total <= 100 + 12 * len(names_on(ROOT / "docs" / "adam.md"))
    assert own <= 15


@pytest.mark.parametrize("name", ["adam", "nadam"])
def test_a_page_of_optimizers_is_made_of_few_elements(open_page, name):
    page, variants = open_page(f"{name}/"), names_on(ROOT / "docs" / f"{name}.md")
    # Adam 7,000, NAdam 9,700; they had 19,300 and 31,500 while formulas were spans.
    assert page.evaluate("document.querySelectorAll('*').length") <= 1100 + 2300 * len(variants)


def test_the_search_engine_comes_with_the_first_word(open_page):
    page, loaded = open_page("symbols/"), []
    page.wait_for_load_state("networkidle")
    page.context.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    page.keyboard.press("/")
    page.wait_for_function("document.activeElement.matches('.md-search__input')")
    drawn(page)
    assert loaded == []
    page.keyboard.type("AdamW", delay=10)
    page.locator(".md-search-result__link h1", has_text="Adam {AdamW}").first.wait_for()
    assert sorted(loaded) == ["engine.js", "search_index.js"]


def test_fonts_hold_what_pages_show(site, sources, open_page):
    (file,) = site.glob("vendor/vazirmatn-*.woff2")
    letters = {chr(code) for code in TTFont(file).getBestCmap()}
    persian = {
        letter for source in sources.values() for letter in source if "\u0600" <= letter <= "\u06ff"
    }
    assert persian | set("گچپژکی۰۹\u200c؟") <= letters
    page = open_page("adam/")
    page.emulate_media(media="print")  # all tabs
    page.evaluate("document.fonts.ready")
    page.evaluate(
        """() => {
            const seen = new Set();
            for (const one of document.querySelectorAll(":is(mi, mn, mo, mtext, msqrt)")) {
                const shown = one.localName + one.textContent;
                if (!seen.has(shown)) one.dataset.first = seen.add(shown);
            }
        }"""
    )
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    query = {"nodeId": root, "selector": "[data-first]"}
    glyphs = session.send("DOM.querySelectorAll", query)["nodeIds"]
    assert len(glyphs) > 30
    drawn = [session.send("CSS.getPlatformFontsForNode", {"nodeId": glyph}) for glyph in glyphs]
    fonts = {font["familyName"] for glyph in drawn for font in glyph["fonts"]}
    assert fonts == {"STIX Two Math"}


def test_it_works_from_a_folder(site, browser):
    page, faults = browser.new_page(), []
    page.on("pageerror", lambda error: faults.append(error))
    page.goto((site / "index.html").as_uri())
    page.locator(".contents__page", has_text="{AdamW}").click()
    page.wait_for_url("**/adam/index.html")
    font = "document.fonts.load('16px \"STIX Two Math\"').then(fonts => fonts.length)"
    assert page.evaluate(font) == 1
    page.click("label[for=formula-adopt]")
    assert page.locator("#description-adopt").is_checked()
    page.keyboard.press("/")
    page.keyboard.type("theorem", delay=10)
    page.locator(".md-search-result__link", has_text="is a theorem").first.click()
    page.wait_for_url("**/adam/index.html?*")
    page.close()
    assert faults == []


def test_paper_shows_all_and_cuts_nothing(site, open_page, address):
    page = open_page("", width=673)  # A4 less its margins, at 96 dots per inch
    page.emulate_media(media="print")
    for path in pages(site):
        page.goto(f"{address}/{path}")
        page.evaluate("document.fonts.ready")
        for selector in (".md-header", ".md-sidebar", ".md-footer", ".md-code__button"):
            assert not any(element.is_visible() for element in page.locator(selector).all()), (
                selector
            )
        assert all(block.is_visible() for block in page.locator(".tabbed-block").all())
        cut = page.eval_on_selector_all(
            ".md-content :is(p, pre, table, figure, div.math, .differs)",
            """all => all.filter(one => one.getBoundingClientRect().right > innerWidth + 1
                || one.scrollWidth > one.clientWidth + 1).map(one => one.outerHTML.slice(0, 99))""",
        )
        assert cut == [], path


def test_the_first_print_of_a_page_is_whole(site, browser, sample, tmp_path):
    """As a browser prints it that was asked for nothing else: all tabs, all folded programs."""
    chrome = find_chrome() or browser.browser_type.executable_path
    pdf = tmp_path / "page.pdf"
    for path in sample(pages(site)):
        own = [f"--user-data-dir={tmp_path}", f"--print-to-pdf={pdf}"]
        address = (site / path / "index.html").as_uri()
        subprocess.run([chrome, *FLAGS, *own, address], check=True, capture_output=True)
        printed = "".join(page.extract_text() for page in PdfReader(pdf).pages)
        printed = "".join(printed.split())
        source = (site / path / "index.html").read_text(encoding="utf-8")
        article = source[source.index("<article") : source.index("</article>")]
        article = re.sub(r'<details class="stepper">.*?</details>', "", article, flags=re.DOTALL)
        wanted = {
            "section": re.findall(r"<h2[^>]*>([A-Za-z][^<]*)", article),
            "tab": re.findall(r"<label [^>]*>([^<]*)</label>", article),
            # A program's last line follows all others.
            "program": [
                [line for line in re.sub(r"<[^>]*>", "", code).splitlines() if line.strip()][-1]
                for code in re.findall(r"<code>(<span.*?)</code></pre>", article, re.DOTALL)
            ],
        }
        for kind, texts in wanted.items():
            for text, times in Counter("".join(html.unescape(t).split()) for t in texts).items():
                assert printed.count(text) >= times, f"{path}: {kind} {text}"


def test_a_page_becomes_a_pdf_with_sharp_formulas(open_page):
    pdf = open_page("adam/").pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert b"+STIXTwoMath" in pdf  # as letters
    assert b"/Subtype /Image" not in pdf  # not as dots
    left, bottom, right, top = map(float, re.search(rb"/MediaBox \[([^]]+)\]", pdf)[1].split())
    assert (round((right - left) / 72 * 25.4), round((top - bottom) / 72 * 25.4)) == (210, 297)
