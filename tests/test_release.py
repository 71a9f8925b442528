"""What is released is described, comes from one version, and goes on with what was saved before."""

import json
import re

import pytest
import torch
import yaml

from optimizers import OPTIMIZERS, __version__
from tools.release_notes import notes

from .conftest import ROOT

# What each class had saved after 8 steps in version 0.1.0, and its parameter one step later. This
# file is never written anew: what users have saved is not either.
FIRST = json.loads((ROOT / "tests" / "state_0_1.json").read_text("utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")


def as_saved(value):
    """Return what JSON has kept with tensors and tuples in it, as `state_dict` returns them."""
    if isinstance(value, dict) and value.keys() == {"dtype", "values"}:
        return torch.tensor(value["values"], dtype=getattr(torch, value["dtype"]))
    if isinstance(value, dict):
        return {int(key) if key.isdigit() else key: as_saved(item) for key, item in value.items()}
    return value


def saved_by(name: str) -> dict:
    saved = as_saved(FIRST[name]["saved"])
    for group in saved["param_groups"]:
        group |= {key: tuple(group[key]) for key in ("betas",) if key in group}
    return saved


@pytest.mark.parametrize("name", FIRST)
def test_a_state_of_the_first_release_is_continued(name):
    weight = torch.tensor(FIRST[name]["weight"], dtype=torch.float64, requires_grad=True)
    optimizer = OPTIMIZERS[name].optimizer([weight])
    optimizer.load_state_dict(saved_by(name))
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    after = torch.tensor(FIRST[name]["after"], dtype=torch.float64)
    torch.testing.assert_close(weight.detach(), after, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FIRST)
def test_the_layout_of_a_state_is_that_of_the_first_release(name):
    weight = torch.tensor(FIRST[name]["weight"], dtype=torch.float64, requires_grad=True)
    optimizer = OPTIMIZERS[name].optimizer([weight])
    for _ in range(2):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
    (now,), (then,) = optimizer.state_dict()["state"].values(), saved_by(name)["state"].values()
    assert {key: (tensor.dtype, tensor.shape) for key, tensor in now.items()} == {
        key: (tensor.dtype, tensor.shape) for key, tensor in then.items()
    }


def test_the_changelog_begins_with_what_is_not_released_or_with_this_version():
    headings = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    released = [heading for heading in headings if heading != "[Unreleased]"]
    dated = re.compile(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d")
    assert all(map(dated.fullmatch, released))
    if headings[0] != "[Unreleased]":
        assert headings[0].startswith(f"[{__version__}]")
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == __version__
    dates = re.findall(rf"^## \[{re.escape(__version__)}\] - (.+)$", CHANGELOG, re.MULTILINE)
    assert [str(date) for date in [citation.get("date-released")] if date] == dates


@pytest.mark.parametrize(
    ("tag", "changelog", "message"),
    [
        ("v0.2.0", "## [0.1.0] - 2026-12-01", r"_distribution\.py: VERSION is 0\.1\.0, the tag is"),
        ("v0.1.0", "## [Unreleased]\n\nAll.", r"CHANGELOG\.md: rename \[Unreleased\]"),
        ("v0.1.0", "## [0.1.0]\n\nAll.", r"CHANGELOG\.md: .*\[0\.1\.0\] - YEAR-MONTH-DAY"),
    ],
)
def test_a_release_without_notes_or_of_another_version_is_refused(tag, changelog, message):
    with pytest.raises(SystemExit, match=message):
        notes(tag, changelog, "0.1.0")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_uses_pinned_actions_and_no_secret(path):
    text = path.read_text("utf-8")
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    used = re.findall(r"uses: (\S+) # v[\d.]+$", text, re.MULTILINE)
    assert len(used) == text.count("uses: ")
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used)
    assert "secrets." not in text


def test_what_is_published_is_what_was_tested():
    site = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text("utf-8"))
    checkout = site["jobs"]["build"]["steps"][0]
    assert checkout["with"]["ref"] == "${{ github.event.workflow_run.head_sha }}"
    assert "conclusion == 'success'" in site["jobs"]["build"]["if"]
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))
    needs = {name: job.get("needs") for name, job in release["jobs"].items()}
    assert needs == {"test": None, "build": "test", "publish": "build", "announce": "publish"}
    hosted = (ROOT / ".readthedocs.yaml").read_text("utf-8")
    assert "make build" in hosted
    assert "make test" not in hosted
