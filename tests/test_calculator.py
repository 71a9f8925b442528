"""The calculator counts what is really allocated, in Python and in the browser."""

import gzip
import html
import math
import random
import re
from urllib.parse import parse_qsl

import pytest
import torch
from markdown import Markdown

from docs_ext.calculator import arithmetic, form
from docs_ext.calculator.arithmetic import FLOAT32, PARTS, Setting
from docs_ext.locate import PageError
from optimizers import OPTIMIZERS, rule_of
from optimizers._kernels.printing import printed

from .conftest import drawn

HALVES = (torch.bfloat16, torch.float16)
SHAPES = ((48, 32), (16, 24))
NUMBERS = sum(math.prod(shape) for shape in SHAPES)
# torch's own class of the same algorithm, and its options.
TORCH = {
    "Momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "RMSprop": (torch.optim.RMSprop, {}),
    "Adagrad": (torch.optim.Adagrad, {}),
    "Adam": (torch.optim.Adam, {}),
    "AdamW": (torch.optim.AdamW, {}),
    "AMSGrad": (torch.optim.Adam, {"amsgrad": True}),
}


def parameters(dtype):
    params = [torch.ones(shape, dtype=dtype, requires_grad=True) for shape in SHAPES]
    for param in params:
        param.grad = torch.ones_like(param)
    return params


def allocated(optimizer, params):
    """The bytes of the states after a step, but for those that are one number for a tensor."""
    optimizer.step()
    kept = [value for param in params for value in optimizer.state[param].values()]
    return sum(value.nbytes for value in kept if torch.is_tensor(value) and value.dim())


def counted(**options):
    return arithmetic.on_each_device(Setting(millions=NUMBERS / 1e6, **options))


@pytest.mark.every
@pytest.mark.parametrize("dtype", [torch.float32, *HALVES], ids=str)
@pytest.mark.parametrize("name", arithmetic.offered())
def test_states_are_as_large_as_what_is_allocated(name, dtype):
    params = parameters(dtype)
    made = allocated(OPTIMIZERS[name].optimizer(params, lr=1e-3), params)
    weights = str(dtype).removeprefix("torch.")
    assert counted(optimizer=name, weights=weights)["states"] == made


@pytest.mark.parametrize("dtype", [torch.float32, *HALVES], ids=str)
@pytest.mark.parametrize("name", TORCH)
def test_torch_keeps_states_in_the_dtype_of_its_weights(name, dtype):
    (cls, options), params = TORCH[name], parameters(dtype)
    made = allocated(cls(params, lr=1e-3, **options), params)
    assert counted(optimizer=name, states=str(dtype).removeprefix("torch."))["states"] == made


@pytest.mark.parametrize("name", ["Momentum", "AdamW"])
def test_a_recipe_with_master_weights_takes_what_is_said(name):
    weights = parameters(torch.bfloat16)
    master = [weight.detach().float().requires_grad_() for weight in weights]
    optimizer = OPTIMIZERS[name].optimizer(master, lr=1e-3)
    for weight, copy in zip(weights, master, strict=True):
        copy.grad = weight.grad.float()
    states = allocated(optimizer, master)
    with torch.no_grad():
        for weight, copy in zip(weights, master, strict=True):
            weight.copy_(copy)
            copy.grad = None  # it was there for the step alone
    assert counted(optimizer=name) == {
        "weights": sum(weight.nbytes for weight in weights),
        "master": sum(copy.nbytes for copy in master),
        "gradients": sum(weight.grad.nbytes for weight in weights),
        "states": states,
    }


@pytest.mark.parametrize(("numbers", "shards"), [(10, 1), (10, 3), (12, 4), (5, 8)])
def test_a_share_is_the_largest_that_torch_cuts(numbers, shards):
    largest = torch.empty(numbers).chunk(shards)[0].numel()
    assert arithmetic.share(Setting(millions=numbers / 1e6, shards=shards)) == largest


def test_a_device_holds_whole_what_is_not_shared():
    """As Megatron-LM (the first two) and DeepSpeed count, where d devices share."""
    mixed, d = Setting(millions=1, gradients="float32", shards=8), 8
    single = mixed._replace(**FLOAT32)
    for setting, size in [
        (mixed._replace(split="states"), 6 + 12 / d),
        (single._replace(split="states"), 8 + 8 / d),
        (mixed._replace(split="gradients"), 2 + 16 / d),
        (mixed._replace(split="all"), 18 / d),
    ]:
        assert sum(arithmetic.on_each_device(setting).values()) == 1e6 * size, setting
        # Each updates its share alone, whatever else it holds.
        assert arithmetic.seconds(setting) == arithmetic.seconds(setting._replace(shards=1)) / d


def test_master_weights_are_moved_and_the_weights_written():
    # The gradient is read, master weights and two averages are read and written, a weight written.
    assert arithmetic.moved(Setting()) == 2 + 2 * 4 + 2 * 8 + 2
    assert arithmetic.seconds(Setting(millions=1, bandwidth=28)) == 1e-3


@pytest.mark.parametrize(
    "name", [name for name in arithmetic.offered() if rule_of(name).elementwise]
)
def test_a_step_moves_what_its_kernel_reads_and_writes(name):
    loop = printed(rule_of(name)).partition("for i in range(n):")[2]
    assert arithmetic.moved(Setting(optimizer=name, **FLOAT32)) == 4 * len(
        re.findall(r"\[i\]", loop)
    )


def test_who_keeps_rows_and_columns_is_not_offered(monkeypatch):
    class Rows(torch.optim.SGD):
        def step(self):
            for param in self.param_groups[0]["params"]:
                self.state[param]["row"] = torch.zeros(len(param))

    rows = OPTIMIZERS["Adam"]._replace(optimizer=Rows)
    monkeypatch.setitem(arithmetic.OPTIMIZERS, "Rows", rows)
    assert "Rows" not in arithmetic.offered()
    assert "Adam" in arithmetic.offered()
    assert form.calculator(Markdown(), "", [])[-1].endswith("shapes of the parameters: Rows.")


def test_the_numbers_that_are_quoted_are_those_of_the_quoted():
    rows = form.quoted(Markdown(), "", [])[2:]
    numbers = [int(re.search(r">(\d+)</a>", row)[1]) for row in rows]
    # As the sources say: 8 bytes for the states; 4 + 4 + 4 = 12 bytes; 16b for fp32; 18.
    assert numbers == [8, 8, 12, 12, 16, 16, 18]
    assert all(link(row).optimizer == "Adam" for row in rows)


def link(row):
    """The setting in a row's link."""
    values = dict(parse_qsl(html.unescape(re.search(r'href="#([^"]*)"', row)[1])))
    assert list(values) == list(Setting._fields)
    kinds = {key: type(value) for key, value in Setting()._asdict().items()}
    kinds["master"] = lambda text: text == "true"
    return Setting(**{key: kinds[key](value) for key, value in values.items()})


def test_a_table_names_what_each_number_counts():
    for row, (parts, *_) in zip(form.quoted(Markdown(), "", [])[2:], form.QUOTED, strict=True):
        total = sum(arithmetic.held(link(row))[part] for part in parts)
        assert f">{total:g}</a> |" in row


def test_what_stands_behind_the_directive_is_refused():
    with pytest.raises(PageError, match="write `::: calculator` alone"):
        form.calculator(Markdown(), "Adam", [])


# In the browser


def answer(page):
    """What the form answers: bytes of each part and in all, and the times."""
    return page.evaluate(
        """() => Object.fromEntries([".calculator-bytes", ".calculator-times"].map((place) => [
            place.split("-")[1],
            [...document.querySelector(place).rows].map((row) => {
                const data = row.querySelector("data");
                const texts = [...row.cells].slice(0, -1).map(one => one.textContent);
                return [...texts, Number(data.value), data.textContent];
            })]))"""
    )


def said(page):
    return page.locator(".calculator-said").inner_text()


def go(page, state):
    page.evaluate("hash => { location.hash = hash }", state)
    drawn(page)


def settled(page):
    """Wait until the address holds what the form shows, and return it."""
    page.wait_for_selector(".calculator-said[aria-busy=false]")
    return page.evaluate("location.hash")


def expected(setting):
    held, each = arithmetic.held(setting), arithmetic.on_each_device(setting)
    least = arithmetic.seconds(setting)
    sizes = [(f"{held[part]:g}", each[part]) for part in PARTS]
    sizes.append((f"{sum(held.values()):g}", sum(each.values())))
    factors = [("the floor: the bytes alone", 1), *form.times(setting.optimizer)]
    return sizes, [(how, f"{factor:.2f}", factor * least) for how, factor in factors]


def some_settings(count):
    choose = random.Random(0)
    for name in (*arithmetic.offered(), *choose.choices(arithmetic.offered(), k=count)):
        low, high = arithmetic.BOUNDS["millions"]
        yield Setting(
            millions=float(f"{low * (high / low) ** choose.random():.4g}"),
            optimizer=name,
            weights=choose.choice(list(arithmetic.SIZES)),
            gradients=choose.choice(list(arithmetic.SIZES)),
            states=choose.choice(list(arithmetic.SIZES)),
            master=choose.random() < 0.5,
            shards=choose.choice([1, 2, 7, 1024]),
            split=choose.choice(list(arithmetic.SPLITS)),
            bandwidth=choose.choice([0.5, 33, 3000, 8000.5]),
        )


def test_the_browser_counts_as_python_does(open_page):
    page = open_page("cost/")
    for setting in some_settings(20):
        if not arithmetic.needs_master(setting.weights):
            setting = setting._replace(master=False)
        go(page, form.address(setting))
        assert "The address" not in said(page)
        found = answer(page)
        sizes, times = expected(setting)
        assert [(row[2], row[3]) for row in found["bytes"]] == sizes, setting
        assert [tuple(row[:2]) for row in found["times"]] == [one[:2] for one in times]
        for row, (_, _, time) in zip(found["times"], times, strict=True):
            assert row[2] == pytest.approx(time, rel=1e-12)


def test_the_first_answer_is_what_the_script_answers(open_page):
    page = open_page("cost/")
    before, words = answer(page), said(page)
    assert words == form.sentence(Setting())
    assert page.evaluate("location.hash") == ""
    go(page, form.address(Setting()))
    assert (answer(page), said(page)) == (before, words)


def test_the_address_repeats_the_answer(open_page):
    page = open_page("cost/")
    page.select_option(".calculator [name=optimizer]", "Lion")
    page.select_option(".calculator [name=gradients]", "float32")
    page.get_by_role("button", name="70 B").click()
    page.fill(".calculator [name=shards]", "16")
    page.select_option(".calculator [name=split]", "states")
    page.uncheck(".calculator [name=master]")
    page.fill(".calculator [name=bandwidth]", "2000")
    setting = Setting(
        70_000, "Lion", gradients="float32", master=False, shards=16, split="states", bandwidth=2000
    )
    assert settled(page) == form.address(setting)
    shown = answer(page)
    assert shown["bytes"][-1][3] == sum(arithmetic.on_each_device(setting).values())
    other = open_page(f"cost/{form.address(setting)}")
    assert answer(other) == shown
    assert other.input_value(".calculator [name=millions]") == "70000"
    assert not other.is_checked(".calculator [name=master]")


def test_float32_weights_have_no_master_and_get_theirs_back(open_page):
    page = open_page("cost/")
    page.select_option(".calculator [name=weights]", "float32")
    assert page.is_disabled(".calculator [name=master]")
    assert "master=false" in settled(page)
    assert [row[2] for row in answer(page)["bytes"]] == ["4", "0", "2", "8", "14"]
    page.select_option(".calculator [name=weights]", "float16")
    assert page.is_checked(".calculator [name=master]")
    assert "master=true" in settled(page)


def test_nonsense_in_the_address_is_said_and_left_out(open_page):
    page = open_page("cost/")
    go(page, "#millions=7000")
    usual = answer(page)
    for wrong, why in {
        "millions=0": ", which is left out: it goes from 0.001 to 10000000.",
        "millions=1e99": ", which is left out: it goes from 0.001 to 10000000.",
        "millions=": ", which is left out: it goes from 0.001 to 10000000.",
        "millions=NaN": ", which is left out: it goes from 0.001 to 10000000.",
        "shards=0": ", which is left out: it goes from 1 to 100000.",
        "shards=2.5": ", which is left out: it goes from 1 to 100000.",
        "shards=-1": ", which is left out: it goes from 1 to 100000.",
        "bandwidth=Infinity": ", which is left out: it goes from 0.1 to 1000000.",
        "optimizer=Adamm": ", which is not here.",
        "optimizer=toString": ", which is not here.",
        "weights=float8": ", which is not here.",
        "master=yes": ", which is not here.",
        "split=length": ", which is not here.",
        "constructor=1": ", which is not here.",
        "loss=ravine": ", which is not here.",
        "<img src=x onerror=alert(1)>=1": ", which is not here.",
    }.items():
        go(page, f"#{wrong}")
        assert said(page).startswith(f"The address asks for “{wrong}”{why}"), wrong
        assert answer(page) == usual, wrong
    go(page, "#weights=float32&master=true")
    assert said(page).startswith(
        "The address asks for “master=true”, which is left out: float32 needs no more exact copy."
    )
    assert answer(page)["bytes"][1][2:] == ["0", 0, "0 bytes"]


def test_a_field_that_is_cleared_changes_nothing(open_page):
    page = open_page("cost/")
    usual = answer(page)
    for wrong in ("", "0", "-3", "2.5"):
        page.fill(".calculator [name=shards]", wrong)
        assert said(page).startswith("Devices: a number from 1 to 100000 is wanted; 1 stays.")
        assert answer(page) == usual
    page.focus(".calculator [name=optimizer]")
    assert page.input_value(".calculator [name=shards]") == "1"
    page.fill(".calculator [name=millions]", "1300")
    assert "wanted" not in said(page)
    assert answer(page)["bytes"][-1][3] == 1.3e9 * 16


def test_links_to_sections_stay_what_they_are(open_page):
    page = open_page("cost/#matrices")
    assert page.evaluate("location.hash") == "#matrices"
    assert said(page) == form.sentence(Setting())
    page.locator("a[href*='gradients=float32']").last.click()
    drawn(page)
    assert answer(page)["bytes"][-1][2] == "18"


def test_without_scripts_a_table_of_presets_stands_there(open_page):
    page = open_page("cost/", java_script_enabled=False)
    assert not page.locator(".calculator").is_visible()
    rows = [
        [cell.replace("\u00a0", " ") for cell in row.locator("td").all_inner_texts()]
        for row in page.locator(".calculator-presets tbody tr").all()
    ]
    assert [row[1:] for row in rows if "AdamW" in row[0] and "master" in row[0]] == [
        ["16", "2.00 GB", "20.8 GB", "112 GB", "1.12 TB"]
    ]
    names = {name for row in rows for name in row[0].partition(":")[0].split(", ")}
    assert names == set(arithmetic.offered())
    with_scripts = open_page("cost/")
    assert with_scripts.locator(".calculator").is_visible()
    assert not with_scripts.locator(".calculator-presets").is_visible()


def test_it_works_from_a_folder(site, browser):
    page, faults = browser.new_page(), []
    page.on("pageerror", lambda error: faults.append(error))
    page.goto(f"{(site / 'cost' / 'index.html').as_uri()}#millions=1300")
    assert answer(page)["bytes"][-1][3] == 1.3e9 * 16
    page.close()
    assert faults == []


def test_it_weighs_little_and_on_its_page_alone(site):
    texts = [path.read_bytes() for path in form.FILES.values()]
    texts.append(form.form(Setting()).encode())
    assert sum(len(gzip.compress(text)) for text in texts) < 5_000 + 60 * len(OPTIMIZERS)
    loads = [
        page.parent.name
        for page in site.rglob("index.html")
        if "calculator.js" in page.read_text(encoding="utf-8")
    ]
    assert loads == ["cost"]
