"""`make experiment` goes on where it stopped, and refuses a result that it cannot go on with."""

import json
import re

import pytest

from benchmarks import experiment

SIZES = dict(steps=4, every=2, seeds=2, width=16, layers=1, heads=2, context=16, batch=4)
TOY = [f"--{name}={value}" for name, value in SIZES.items()]


def run(path, workers=1):
    experiment.main([f"--output={path}", f"--workers={workers}", *TOY])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The result of an experiment that nobody stopped, made by two processes."""
    path = tmp_path_factory.mktemp("experiment") / "result.json"
    run(path, workers=2)
    return path


def test_every_run_is_there_and_learns_by_its_own_optimizer_rate_and_seed(whole):
    result = experiment.read(whole)
    assert experiment.missing(result) == []
    assert len(result["runs"]) == 3 * 4 * 2
    assert all(start > end for start, _, end in (run["losses"] for run in result["runs"]))
    # In four steps a decay of 0.1 moves a loss in the fourth decimal, and only at large rates.
    differing = {tuple(run["losses"]) for run in result["runs"] if run["lr"] >= 0.01}
    assert len(differing) == 3 * 2 * 2


def test_an_interrupted_experiment_goes_on_where_it_stopped(whole, tmp_path, monkeypatch):
    path, made, train = tmp_path / "result.json", [], experiment.train

    def interrupted(settings, run):
        if len(made) == 5:
            raise KeyboardInterrupt
        made.append(run)
        return train(settings, run)

    monkeypatch.setattr(experiment, "train", interrupted)
    with pytest.raises(SystemExit, match="the same command"):
        run(path)
    assert len(experiment.read(path)["runs"]) == 5

    def counted(settings, run):
        made.append(run)
        return train(settings, run)

    monkeypatch.setattr(experiment, "train", counted)
    run(path)
    assert len(made) == len(set(made)) == 3 * 4 * 2
    # Whether in one go or in two, by one process or by two: the same text.
    assert path.read_text(encoding="utf-8") == whole.read_text(encoding="utf-8")
    run(path)
    assert len(made) == 3 * 4 * 2


def cut(text):
    return text[: text.index('"runs"') + 200]


def edit(change):
    def edited(text):
        result = json.loads(text)
        change(result)
        return json.dumps(result)

    return edited


BROKEN = {
    "cut short": (cut, r"result\.json:\d\d+: not JSON"),
    "something else": (lambda text: "[1, 2]", "not the result of an experiment"),
    "no runs": (edit(lambda result: result.pop("runs")), "KeyError: 'runs'"),
    "a run without losses": (edit(lambda result: result["runs"][3].pop("losses")), "'losses'"),
    "a loss too few": (edit(lambda result: result["runs"][3]["losses"].pop()), "its runs are not"),
    "a foreign run": (edit(lambda result: result["runs"][3].update(lr=7)), "its runs are not"),
    "other settings": (
        edit(lambda result: result["settings"].update(every=1, steps=2)),
        "made with (every = 1, not 2|steps = 2, not 4); name another file with --output",
    ),
    "another machine": (
        edit(lambda result: result["made_with"].update(torch="1.0")),
        r"made with torch = 1\.0, not .*; name another file with --output",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_result_is_refused_and_left_alone(fault, whole, tmp_path):
    change, message = BROKEN[fault]
    path = tmp_path / "result.json"
    path.write_text(change(whole.read_text(encoding="utf-8")), encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=message):
        run(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--steps=0", "--steps: at least 1, not 0"),
        ("--heads=3", "--width has to be a multiple of --heads"),
        ("--device=cuda", "torch sees no GPU"),
        ("--learning-rate=1", "unrecognized arguments"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused(
    argument, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit):
        experiment.main([f"--output={tmp_path / 'result.json'}", argument])
    assert re.search(message, capsys.readouterr().err)


def test_a_run_that_diverges_says_so():
    losses = experiment.train(
        experiment.SETTINGS | SIZES | {"options": experiment.OPTIONS}, ("Adam", 1e30, 0)
    )["losses"]
    assert losses[0] > 4
    assert losses[1:] == [None, None]
