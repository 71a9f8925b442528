"""What a reader types into the search field, and what must come first."""

import json
import re
import unicodedata

import pytest
from playwright.sync_api import expect

from docs_ext.names import names_on, tab_id

from .conftest import ROOT, drawn

# What is typed, the page that comes first, and (after #) the section of it, where it matters.
QUERIES = {
    # Names, as they stand in titles, in code and in papers.
    "Adam": "adam/",
    "AdamW": "adam/",
    "{AdamW}": "adam/",
    "{ADOPT}": "adam/",
    "adopt": "adam/",
    "Lion": "lion/",
    "RMSprop": "rmsprop/",
    "Momentum": "gradient-descent/",
    "{Nesterov}": "gradient-descent/",
    "gradient descent": "gradient-descent/",
    "Kingma": "adam/#references",
    "Loshchilov": "adam/#references",
    "Taniguchi": "adam/#references",
    "Hinton": "rmsprop/#references",
    "2411.02853": "adam/#references",
    # What stands in code.
    "weight_decay": "adam/#formula-adamw",
    "exp_avg": "symbols/",
    "exp_avg_sq": "adam/#formula-adam",
    "momentum_buffer": "symbols/",
    "clip_exp": "adam/#formula-adopt",
    "decouple=True": "adam/",
    "ZeroRedundancyOptimizer": "many-gpus/",
    "fully_shard": "many-gpus/",
    "torchrun --nproc-per-node": "many-gpus/",
    "Laboratory": "lab/",
    "orthogonalize": "muon/",
    "Dozat": "nadam/",
    # What is talked of, whole and half typed.
    "bias correction": "adam/",
    "L2 penalty": "notebooks/decay_is_not_l2/",
    "decay is not L2": "notebooks/decay_is_not_l2/",
    "learning rate": "notebooks/which_hyperparameter_matters/",
    "choose": "choose/",
    "checkpo": "many-gpus/",
    # What people ask.
    "batch size": "questions/#how-does-the-learning-rate-go-with-the-batch-size",
    "accumulation": "questions/#does-gradient-accumulation-equal-a-large-batch",
    "spike": "questions/#the-loss-spikes-what-do-i-look-at-first",
    "lost updates": "questions/",
    "resume": "questions/#how-do-i-stop-and-resume-training",
    "fine-tuning": "questions/#fine-tuning-with-muon-what-adamw-has-trained",
    "mutants checks notice": "checked/#would-the-checks-notice",
    "symbols": "symbols/",
    "a theorem": "adam/#description-adopt",
    # Persian: with a half-space, a space, or neither.
    "آزمایشگاه": "lab-fa/",
    "نمی‌کند": "adam/#description-adam",
    "نمی کند": "adam/#description-adam",
    "نمیکند": "adam/#description-adam",
    "جست‌وجو": "choose/#in-words",
    "جستوجو": "choose/#in-words",
    "تکنیک های": "adam/#formula-adam",
    "تکنیک‌های": "adam/#formula-adam",
    # Letters, marks and digits of an Arabic keyboard.
    "نرخ یادگیری": "symbols/",
    "نرخ يادگيري": "symbols/",
    "كمينه": "adam/#description-adam",
    "کمینه": "adam/#description-adam",
    "اندازه": "adam/#description-adam",
    "یادداشت‌های فارسی": "",
    "یادداشتهای فارسي": "",
    "۱۴۱۲.۶۹۸۰": "adam/#references",
    "٢٤١١": "adam/#references",
    # One letter wrong, too many, or at the wrong place; or more letters than any word has.
    "adamm": "adam/",
    "adotp": "adam/",
    "Loschilov": "adam/#references",
    "bias corection": "adam/",
    "regularizaton": "adam/",
    "آزمایشکاه": "lab-fa/",
    "وزن‌دهی": "symbols/",
    "وزندهی": "symbols/",
}
# What is meant alike, and a part of what is found.
ALIKE = [
    (["Schulz", "schulz"], "muon/#description"),
    (["Newton–Schulz", "Newton-Schulz", "newton schulz"], "muon/#description"),
    (["theoretical", "THEORETICAL—", "…theoretical→"], "adam/#description-adopt"),
    (["warmup", "warm-up", "warm up", "warm‐up"], "nadam/#description-radam"),
    (["weight decay", "weight_decay", "weight-decay"], "adam/#formula-adamw"),
    (["exp avg sq", "exp_avg_sq"], "symbols/"),
    (["0.9", "۰٫۹", "۰.۹", "٠٫٩"], "adam/#worked-numbers-adam"),
    (["1000", "1,000", "1_000", "۱٬۰۰۰", "۱۰۰۰"], "rmsprop/#how-long-the-steps-are"),
    (["epsilon", "ε", "ϵ"], "symbols/"),
    (["beta2", "beta_2", "β₂", "β_2", "beta 2"], "symbols/"),
    (["alpha", "α"], "adam/"),
    (["lambda", "λ", "Lambda"], "questions/"),
    (["میانگین‌گیری", "میانگین گیری", "ميانگينگيري"], "adam/#description-adopt"),
    (["گرادیان‌ها", "گرادیان ها", "گرادیانها"], "symbols/"),
]
NOTHING = ["mathvariant", "symbol-", "annotation", "msub"]
# Whether a text's first letter stands at the left or the right of its lines.
SIDES = """element => {
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    range.setStart(texts.nextNode(), 0);
    range.setEnd(texts.currentNode, 1);
    const letter = range.getBoundingClientRect(), box = element.getBoundingClientRect();
    return letter.left - box.left < box.right - letter.right ? "left" : "right";
}"""
# Counts what is asked of the search engine, and what it has answered.
COUNT = """
    const tell = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message) {
        if (window.asked === undefined) {
            window.asked = window.answered = 0;
            this.addEventListener("message", () => setTimeout(() => answered++, 30)); // is drawn
        }
        asked++;
        window.last = message.data;
        tell.call(this, message);
    };
"""


@pytest.fixture
def search(browser, address):
    """Type a query, and return the pages that are found, each with its sections, best first."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    context.add_init_script(COUNT)
    page = context.new_page()
    page.goto(address, wait_until="networkidle")
    page.keyboard.press("/")
    page.keyboard.type("adam")  # the first time, the engine comes and answers the last key only
    page.wait_for_selector(".md-search-result__item")
    page.wait_for_function("last === 'adam' && answered > 0")
    drawn(page)
    page.evaluate("asked = answered = 0")

    def search(query: str) -> list[list[str]]:
        page.keyboard.press("Control+A")
        page.keyboard.type(query)
        page.wait_for_function("query => last === query && asked === answered", arg=query)
        return page.eval_on_selector_all(
            ".md-search-result__item",
            """items => items.map(item => [...item.querySelectorAll(".md-search-result__link")].map(
                link => link.pathname.slice(1) + link.hash))""",
        )

    search.page = page
    yield search
    context.close()


def test_what_is_typed_is_found_first(search):
    wrong = {}
    for query, expected in QUERIES.items():
        found = search(query)
        page, _, section = expected.partition("#")
        first = found[0] if found else []
        if not first or first[0].partition("#")[0] != page:
            wrong[query] = [links[0] for links in found]
        elif section and expected not in first:
            wrong[query] = first
    assert wrong == {}, json.dumps(wrong, ensure_ascii=False, indent=1)
    for query in NOTHING:  # words that are like them may be
        search(query)
        found = search.page.locator(".md-search-result__list mark").all_inner_texts()
        assert [word for word in found if query.lower() in word.lower()] == []


def test_persian_results_read_from_the_right_and_formulas_as_text(search):
    search("اندازه")
    sentence = search.page.locator(".md-search-result__item p:has(mark)").first
    assert sentence.evaluate(SIDES) == "right"
    assert sentence.locator("mark").all_inner_texts()[0].startswith("انداز")
    search("gradient")
    assert search.page.locator(".md-search-result__item p").first.evaluate(SIDES) == "left"
    search("L2 regularization")
    excerpts = search.page.locator(".md-search-result__list").inner_text()
    assert "dW := dW + λ W" in excerpts


def test_what_is_meant_alike_finds_the_same(search):
    for queries, page in ALIKE:
        found = {query: search(query) for query in queries}
        first = found[queries[0]]
        assert any(page in links for links in first), (queries[0], first)
        assert {query: links for query, links in found.items() if links != first} == {}


def test_every_dash_ellipsis_and_arrow_parts_words(search):
    dashes = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == "Pd"]
    parting = [*dashes, "−", "_", "\u200c", "…", "...", "→", "←", "⇒", "↦", "->", "/", "،", "؛"]
    search.page.add_script_tag(path=ROOT / "docs_ext" / "search" / "spellings.js")
    forms = search.page.evaluate(
        "parting => parting.map(mark => `one${mark}two`.split(SEPARATOR).flatMap(formsOf))", parting
    )
    assert [mark for mark, found in zip(parting, forms, strict=True) if "two" not in found] == []


def test_a_hit_shows_a_sentence(search):
    results = search.page.locator(".md-search-result__item")
    for query in (
        "adam_step",
        "learning rate",
        "weight_decay",
        "subplots",
        "گرادیان",
        "0.9",
        "beta2",
    ):
        search(query)
        shown = results.locator(
            "article:has(mark) p:not(.md-search-result__terms)"
        ).all_inner_texts()
        assert shown
        assert [text for text in shown if len(text) > 300 or "\n" in text.strip()] == []
        assert results.locator("pre").count() == 0


# What is marked, as text; only what is in the window.
SEEN = """() => [...CSS.highlights.get("sought") ?? []].filter(mark => {
    const range = document.createRange();
    range.setStart(mark.startContainer, mark.startOffset);
    range.setEnd(mark.endContainer, mark.endOffset);
    mark.text = range.toString();
    const { top, bottom, left, right, width } = range.getBoundingClientRect();
    const header = document.querySelector(".md-header").getBoundingClientRect().bottom;
    return width && top >= header && bottom <= innerHeight && left >= 0 && right <= innerWidth;
}).map(mark => mark.text)"""
MARKED = """() => [...CSS.highlights.get("sought")].map(mark => {
    const range = document.createRange();
    range.setStart(mark.startContainer, mark.startOffset);
    range.setEnd(mark.endContainer, mark.endOffset);
    return range.toString();
})"""
PAGES = [file for file in sorted((ROOT / "docs").glob("*.md")) if len(names_on(file)) > 1]


def test_a_name_and_enter_open_the_tab_of_that_name(open_page, sample):
    names = {name: file.stem for file in PAGES for name in names_on(file)}
    for number, (name, stem) in enumerate(sample(names.items(), 4)):
        page = open_page("symbols/")
        page.keyboard.press("/")
        page.wait_for_function("document.activeElement.matches('.md-search__input')")
        if number % 2:  # what was typed before has its answer, the name has not
            page.keyboard.type(name[:-1])
            page.wait_for_selector(".md-search-result__link")
            page.keyboard.insert_text(name[-1])
        else:  # no answer has come yet
            page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{stem}/?h=*")
        expect(page.locator(f"#{tab_id('Description', name)}")).to_be_checked()
        expect(page.locator(f"#{tab_id('Formula', name)}")).to_be_checked()
        page.wait_for_function(f"({SEEN})().length > 0")
        assert name in page.evaluate(SEEN)
        page.close()


# What is typed, a part of the address that is clicked, and what is then marked.
HITS = [
    ("theorem", "#description-adopt", "theorem"),
    ("ميانگينگيري", "#description-adopt", "میانگین‌گیری"),
    ("نمیکند", "#description-adam", "نمی‌کند"),
    ("تکنیک‌های", "#formula-adam", "های"),
    ("كمينه", "#description-adam", "کمینه"),
    ("beta_2", "#worked-numbers-adopt", "β"),
    ("clip_exp", "#formula-adopt", "clip_exp"),
    ("۱۴۱۲.۶۹۸۰", "#references", "1412.6980"),
    ("Schulz", "muon/?h=schulz#description", "Newton–Schulz"),
    ("warmup", "#description-radam", "warm-up"),
    ("epsilom", "symbols/", "ϵ"),
    ("by_beta2", "#learning-rate-and", "by_beta2"),
    ("subplots", "adam_can_fail", "subplots"),
]


@pytest.mark.parametrize(("width", "most"), [(390, 3), (1280, 6)])
def test_after_the_click_the_word_is_marked_and_in_view(open_page, sample, width, most):
    page = open_page("lion/", width=width)
    for query, address, word in sample(HITS, most):
        page.goto(page.url.partition("?")[0])
        page.evaluate("document.querySelector('[data-md-toggle=search]').click()")
        page.locator(".md-search__input").focus()
        page.keyboard.type(query)
        hit = page.locator(f".md-search-result__link[href*='{address}']").first
        hit.wait_for(state="attached")
        page.eval_on_selector_all(
            ".md-search-result details", "all => all.forEach(d => (d.open = true))"
        )
        hit.click()
        page.wait_for_url("**/*?h=*")
        page.wait_for_load_state("load")
        page.evaluate("document.fonts.ready")
        drawn(page, 10)
        seen = page.evaluate(SEEN)
        assert any(word in text for text in seen), (query, seen)


def test_a_mark_is_painted_and_changes_no_element(open_page, address):
    page = open_page("adam/?h=beta2#formula-adam")
    page.wait_for_function("CSS.highlights.has('sought')")
    marked = page.evaluate(MARKED)
    assert [text for text in marked if not re.search("β2|β₂|beta2", text)] == []
    assert page.locator("article mark").count() == 0
    formulas = "() => [...document.querySelectorAll('math')].map(one => one.outerHTML)"
    assert page.evaluate(formulas) == open_page("adam/#formula-adam").evaluate(formulas)
    with_marks = page.screenshot(animations="disabled")
    page.evaluate("CSS.highlights.clear()")
    assert with_marks != page.screenshot(animations="disabled")


def test_an_index_that_failed_to_load_is_asked_for_again_with_the_next_key(browser, address):
    context = browser.new_context()
    page, refused = context.new_page(), []

    def refuse(route):
        refused.append(route.request.url)
        route.abort() if len(refused) == 1 else route.continue_()

    context.route("**/search_index.js", refuse)
    page.goto(f"{address}/symbols/", wait_until="networkidle")
    page.keyboard.press("/")
    with page.expect_event("requestfailed"):
        page.keyboard.type("ada")
    drawn(page)
    page.keyboard.type("m")
    page.locator(".md-search-result__link h1", has_text="Adam {AdamW}").first.wait_for()
    assert len(refused) == 2
    context.close()
