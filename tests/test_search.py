"""What a reader types into the search field, and what must come first."""

import json

import pytest

from .conftest import drawn

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
    "weight_decay": "notebooks/decay_is_not_l2/",
    "exp_avg": "symbols/",
    "exp_avg_sq": "symbols/",
    "momentum_buffer": "gradient-descent/",
    "clip_exp": "notebooks/adam_can_fail/",
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
    "decay is not": "notebooks/decay_is_not_l2/",
    "learning rate": "notebooks/which_hyperparameter_matters/",
    "choose": "choose/",
    "checkpo": "many-gpus/",
    "mutants checks notice": "checked/#would-the-checks-notice",
    "symbols": "symbols/",
    "a theorem": "adam/#description",
    # Persian: with a half-space, a space, or neither.
    "آزمایشگاه": "lab-fa/",
    "نمی‌کند": "adam/#description",
    "نمی کند": "adam/#description",
    "نمیکند": "adam/#description",
    "جست‌وجو": "choose/#in-words",
    "جستوجو": "choose/#in-words",
    "تکنیک های": "adam/#formula",
    "تکنیک‌های": "adam/#formula",
    # Letters, marks and digits of an Arabic keyboard.
    "نرخ یادگیری": "symbols/",
    "نرخ يادگيري": "symbols/",
    "كمينه": "adam/#description",
    "کمینه": "adam/#description",
    "اندازه": "adam/#description",
    "یادداشت‌های فارسی": "",
    "یادداشتهای فارسي": "",
    "۱۴۱۲.۶۹۸۰": "adam/#references",
    "٢٤١١": "adam/#references",
}
NOTHING = ["frac", "mathvariant", "symbol-", "annotation", "msub"]
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
    assert {query: search(query) for query in NOTHING} == {query: [] for query in NOTHING}


def test_persian_results_read_from_the_right_and_formulas_as_text(search):
    search("اندازه")
    title = search.page.locator(".md-search-result__item p", has_text="جملهٔ بالا").first
    assert title.evaluate(SIDES) == "right"
    assert title.locator("mark").all_inner_texts()[0].startswith("انداز")
    search("gradient")
    assert search.page.locator(".md-search-result__item p").first.evaluate(SIDES) == "left"
    search("L2 regularization")
    excerpts = search.page.locator(".md-search-result__list").inner_text()
    assert "dW := dW + λ W" in excerpts


def test_a_hit_typed_without_half_spaces_opens_its_tab(search):
    search("ميانگينگيري")
    search.page.locator(".md-search-result__link", has_text="میانگین‌گیری").first.click()
    search.page.wait_for_function("() => document.querySelector('#description-adopt')?.checked")
