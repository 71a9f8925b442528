"""Answers are short and stand on something; the functions that they offer hold elsewhere, too."""

import json
import re
import runpy

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.optim.lr_scheduler import LambdaLR

from optimizers import ADOPT, OPTIMIZERS, Adam, AdamW, Lion, Momentum, Muon
from tests import cases

from .conftest import ROOT

PAGE = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^### (.+)\n((?:(?!##+ ).*\n)*)", PAGE, re.MULTILINE)
every_question = pytest.mark.parametrize(
    "answer", [pytest.param(answer, id=question) for question, answer in QUESTIONS]
)


@pytest.fixture(scope="session")
def offered(tmp_path_factory):
    """Return the functions of a snippet, which is run once."""
    kept = {}

    def offered(name: str, what: str):
        if name not in kept:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path_factory.mktemp("offered"))
                with torch.random.fork_rng():
                    kept[name] = runpy.run_path(str(ROOT / "snippets" / f"{name}.py"))
        return kept[name][what]

    return offered


@pytest.mark.every
@every_question
def test_an_answer_has_at_most_150_english_words(answer):
    prose = re.sub(r"^ *```.*?^ *```$|^\?\?\? .*$|<!--.*?-->", "", answer, flags=re.M | re.DOTALL)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)  # where a link leads
    prose = re.sub(r"^\s*[\u0600-\u06ff].*$", "", prose, flags=re.MULTILINE)  # Persian
    assert len(re.findall(r"[A-Za-z`$0-9{][^\s]*", prose)) <= 150


@pytest.mark.every
@every_question
def test_an_answer_stands_on_a_run_or_on_a_source(answer):
    assert re.search(r'--8<-- "snippets/|\{value: |\]\(https://', answer)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))


def gradients(model, step):
    """Fill in the gradients of a batch, and return the loss."""
    inputs = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
    model.zero_grad()
    loss = mse_loss(model(inputs), inputs[:, :2] * inputs[:, 2:])
    loss.backward()
    return loss


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in cases.MATRICES])
def test_states_carried_over_go_on_as_if_nothing_had_happened(name, offered):
    carry_over = offered("carry_over", "carry_over")
    make, ends = OPTIMIZERS[name].optimizer, []
    for interrupted in (False, True):
        model = network()
        optimizer = make(model.named_parameters(), lr=0.01)
        for step in range(20):
            if interrupted and step == 10:
                saved = optimizer.state_dict()
                # In another order, which load_state_dict would take for the old one.
                optimizer = make(list(model.named_parameters())[::-1], lr=0.01)
                assert carry_over(saved, optimizer) == []
            gradients(model, step)
            optimizer.step()
        ends.append([param.detach() for param in model.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))


def test_what_changed_its_shape_or_has_no_state_starts_anew(offered):
    model = network()
    optimizer = Adam(model.named_parameters())
    gradients(model, 0)
    model[0].bias.grad = None
    optimizer.step()
    saved = optimizer.state_dict()
    model[4] = nn.Linear(8, 3)
    model.append(nn.Linear(3, 1))
    other = Adam(model.named_parameters())
    anew = offered("carry_over", "carry_over")(saved, other)
    assert anew == ["0.bias", "4.weight", "4.bias", "5.weight", "5.bias"]
    model(torch.ones(1, 4)).sum().backward()
    other.step()
    assert int(other.state[model[0].weight]["step"]) == 2
    assert int(other.state[model[5].bias]["step"]) == 1
    # What was saved is not written to.
    assert int(saved["state"][0]["step"]) == 1


def both(model):
    hidden = [model[2].weight]
    rest = [param for param in model.parameters() if param is not model[2].weight]
    return Muon(hidden, lr=0.02), AdamW(rest, lr=0.01)


def halving(step):
    return 0.5**step


@pytest.mark.parametrize("scaled", [False, True], ids=["plain", "GradScaler"])
def test_two_optimizers_together_are_two_optimizers_apart(scaled, offered):
    together = offered("together", "Together")
    apart, joined = network(), network()
    parts = both(apart)
    schedules = [LambdaLR(part, halving) for part in parts]
    optimizer = together(*both(joined))
    schedule = LambdaLR(optimizer, halving)
    scaler = torch.amp.GradScaler("cpu", enabled=scaled, init_scale=2.0**10)
    for step in range(12):
        if step == 6:  # a file, and new objects
            saved = optimizer.state_dict(), schedule.state_dict()
            optimizer = together(*both(joined))
            schedule = LambdaLR(optimizer, halving)
            optimizer.load_state_dict(saved[0])
            schedule.load_state_dict(saved[1])
        gradients(apart, step)
        for part in (*parts, *schedules):
            part.step()
        optimizer.zero_grad()
        inputs = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
        scaler.scale(mse_loss(joined(inputs), inputs[:, :2] * inputs[:, 2:])).backward()
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        assert schedule.get_last_lr() == [one.get_last_lr()[0] for one in schedules]
        assert [group["lr"] for group in optimizer.param_groups] == schedule.get_last_lr()
        for one, other in zip(apart.parameters(), joined.parameters(), strict=True):
            assert torch.equal(one, other)


def test_together_calls_a_closure_once_and_returns_its_loss(offered):
    model = network()
    optimizer, calls = offered("together", "Together")(*both(model)), []

    def closure():
        calls.append(1)
        return gradients(model, 0)

    assert optimizer.step(closure) == gradients(network(), 0)
    assert calls == [1]


def test_spared_modules_have_no_decay_also_where_they_are_shared(offered):
    decay_groups = offered("no_decay", "decay_groups")
    model = nn.ModuleDict(
        {"words": nn.Embedding(5, 4), "inner": nn.Linear(4, 4), "out": nn.Linear(4, 5, bias=False)}
    )
    model["out"].weight = model["words"].weight
    names = [
        [name for name, _ in group["params"]] for group in decay_groups(model, weight_decay=0.1)
    ]
    assert names == [["inner.weight"], ["words.weight", "inner.bias"]]
    decayed, others = decay_groups(model, 0.1, spared=())
    assert [name for name, _ in decayed["params"]] == ["words.weight", "inner.weight"]
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    moved = nn.Embedding(5, 4)
    optimizer = AdamW(decay_groups(moved, 0.1), lr=0.1)
    before, moved.weight.grad = moved.weight.detach().clone(), torch.zeros(5, 4)
    optimizer.step()
    assert torch.equal(moved.weight, before)


@pytest.mark.parametrize("make", [Adam, AdamW, torch.optim.AdamW])
def test_the_ratio_is_that_of_the_step_and_the_surprise_that_of_the_gradient(make, offered):
    step_and_look = offered("update_ratio", "step_and_look")
    model = network()
    model.register_parameter("unused", nn.Parameter(torch.ones(1)))
    optimizer = make(model.parameters(), lr=0.01)
    plain = network()
    of_plain = make(plain.parameters(), lr=0.01)
    for step in range(30):
        gradients(model, step)
        gradients(plain, step)
        for parts in (model, plain):
            for param in parts.parameters():
                if param.grad is not None:
                    param.grad.fill_(7.0 if step == 29 else 1.0)
        before = {name: param.detach().clone() for name, param in plain.named_parameters()}
        seen = step_and_look(model, optimizer)
        of_plain.step()
        # The gradient has been 1 all the time, and is 7 at last.
        for _, surprise in seen.values():
            if step:
                assert surprise == pytest.approx(7 if step == 29 else 1, rel=1e-4)
            else:
                assert surprise is None
        assert set(seen) == set(before)
        for name, param in plain.named_parameters():
            moved = (param.detach() - before[name]).norm() / before[name].norm()
            assert seen[name][0] == pytest.approx(moved.item(), rel=1e-5)
    for name, param in plain.named_parameters():
        assert torch.equal(model.get_parameter(name), param)


def test_rounding_at_random_keeps_the_mean_and_what_is_exact(offered):
    rounded = offered("lost_updates", "rounded_at_random")
    torch.manual_seed(0)
    exact = torch.tensor([1.0, -0.5, 0.0, 3.0, -256.0, 2.0**-130])
    assert torch.equal(rounded(exact).float(), exact)
    for value in (1.001, -1.001, 1e-6, -300.7):
        found = rounded(torch.full((200_000,), value)).float()
        neighbours = set(found.tolist())
        assert len(neighbours) == 2
        low, high = min(neighbours), max(neighbours)
        assert low < value < high
        # Six standard deviations of the mean.
        assert abs(found.double().mean().item() - value) < 6 * (high - low) / 2 / 200_000**0.5


def test_the_rule_for_larger_batches_refuses_what_it_has_no_betas_for(offered):
    rule = offered("batch_size", "for_a_larger_batch")
    assert rule(4, lr=0.1, eps=1e-8) == {
        "lr": pytest.approx(0.2),
        "betas": pytest.approx((0.6, 0.996)),
        "eps": pytest.approx(5e-9),
    }
    assert rule(1, lr=0.1)["betas"] == pytest.approx((0.9, 0.999))
    with pytest.raises(ValueError, match="no betas for a batch 20 times as large"):
        rule(20, lr=0.1)


def test_the_memory_of_weights_is_that_of_other_optimizers_with_decoupled_decay(offered):
    decay_for = offered("remembered_weights", "weight_decay_for")
    for make in (AdamW, Lion, lambda *args, **options: ADOPT(*args, decouple=True, **options)):
        weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
        optimizer = make([weight], lr=0.01, weight_decay=decay_for(0.01, 1000))
        for _ in range(1000):
            weight.grad = torch.zeros_like(weight)
            optimizer.step()
        assert weight.item() == pytest.approx(torch.tensor(-1.0).exp().item(), abs=1e-3)


def test_bytes_of_state_are_those_of_a_real_model(offered):
    state_bytes = offered("memory", "state_bytes")
    for make in (AdamW, Lion, Momentum, torch.optim.AdamW):
        for dtype in (torch.float32, torch.bfloat16):
            model = nn.Linear(100, 300, dtype=dtype)
            optimizer = make(model.parameters(), lr=0.1)
            model(torch.ones(1, 100, dtype=dtype)).sum().backward()
            optimizer.step()
            kept = sum(
                value.nbytes
                for state in optimizer.state.values()
                for value in state.values()
                if torch.is_tensor(value) and value.dim()
            )
            count = sum(param.numel() for param in model.parameters())
            assert state_bytes(make, dtype) * count == kept


def test_torch_accepts_a_state_of_another_shape_and_fails_in_the_step():
    saver, model = nn.Linear(8, 2), nn.Linear(4, 2)
    optimizer = torch.optim.AdamW(saver.parameters())
    saver(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    other = torch.optim.AdamW(model.parameters())
    other.load_state_dict(optimizer.state_dict())
    model(torch.ones(1, 4)).sum().backward()
    with pytest.raises(RuntimeError, match="size"):
        other.step()


def test_float16_with_a_small_eps_and_no_gradient_is_no_number_in_torch():
    weight = torch.ones(1, dtype=torch.float16, requires_grad=True)
    optimizer = torch.optim.AdamW([weight], eps=1e-8)
    weight.grad = torch.zeros_like(weight)
    optimizer.step()
    assert weight.isnan().all()


# From AdamW to ADOPT.
def test_the_recipe_changes_the_optimizer_and_its_options_alone():
    before, after = (
        (ROOT / "snippets" / name).read_text(encoding="utf-8").splitlines()
        for name in ("from_adamw.py", "to_adopt.py")
    )
    removed = {line.strip() for line in before} - {line.strip() for line in after}
    added = {line.strip() for line in after} - {line.strip() for line in before}
    assert removed == {
        "from optimizers import AdamW",
        "optimizer = AdamW(",
        "betas=(0.9, 0.95),",
        "eps=1e-8,",
        'print(f"AdamW, lr {lr}: {train(lr):.3f}")',
    }
    assert added == {
        "from optimizers import ADOPT",
        "optimizer = ADOPT(",
        "decouple=True,",
        'print(f"ADOPT, lr {lr}: {train(lr):.3f}")',
    }


@pytest.mark.parametrize(
    ("shown", "other"), [("from_adamw", "to_adopt"), ("to_adopt", "from_adamw")]
)
def test_what_the_recipe_changes_is_highlighted(shown, other):
    page = (ROOT / "docs" / "adamw-to-adopt.md").read_text(encoding="utf-8")
    marked = re.search(rf'hl_lines="([\d ]+)" }}\n +--8<-- "snippets/{shown}.py"', page)[1]
    lines, kept = (
        (ROOT / "snippets" / f"{name}.py").read_text(encoding="utf-8").splitlines()
        for name in (shown, other)
    )
    changed = [number for number, line in enumerate(lines, 1) if line not in kept]
    assert changed[-1] == len(lines)  # the name in what is printed
    assert list(map(int, marked.split())) == changed[:-1]


def test_the_authors_class_takes_adamw_s_options_over_and_fails_in_the_step():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.123)
    gradients(model, 0)
    optimizer.step()
    other = cases.OfficialADOPT(model.parameters(), decouple=True)
    other.load_state_dict(optimizer.state_dict())
    (group,) = other.param_groups
    for option in ("lr", "betas", "eps", "weight_decay"):
        assert group[option] == optimizer.param_groups[0][option]
    with pytest.raises(KeyError, match="decouple"):
        other.step()


def test_a_parameter_that_is_unfrozen_later_has_its_own_first_step():
    first, later = (torch.ones(1, requires_grad=True) for _ in range(2))
    optimizer = ADOPT([first, later], lr=0.1)
    for step in range(4):
        first.grad = torch.ones(1)
        later.grad = torch.ones(1) if step >= 2 else None
        optimizer.step()
        moved = first.item() < 1, later.item() < 1
        assert moved == [(False, False), (True, False), (True, False), (True, True)][step]


def test_adopt_s_best_rate_is_adamw_s_or_lower():
    best = {}
    for file in ("experiment.json", "experiment-gpu.json"):
        ends = {}
        for run in json.loads((ROOT / "benchmarks" / file).read_text(encoding="utf-8"))["runs"]:
            if run["losses"][-1] is not None:
                ends.setdefault((run["optimizer"], run["lr"]), []).append(run["losses"][-1])
        for name in ("AdamW", "ADOPT"):
            medians = {lr: torch.tensor(ends[who, lr]).median() for who, lr in ends if who == name}
            best[file, name] = min(medians, key=medians.get)
    assert best["experiment.json", "ADOPT"] == best["experiment.json", "AdamW"]
    assert best["experiment-gpu.json", "ADOPT"] < best["experiment-gpu.json", "AdamW"]
