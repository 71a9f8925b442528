"""Other people's training loops do with the classes what they do with those of torch.optim.

The loops come with an extra of their own, `pip install '.[ecosystem]'`; those that are missing are
skipped, and what needs nothing but torch is tested in any case.
"""

import copy
import gc
import inspect
import runpy
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from optimizers import OPTIMIZERS, AdamW, Muon
from tests import cases

from .conftest import ROOT

# A run makes 8 updates, each from 2 batches, and is resumed from what it saved after the fourth.
UPDATES, ACCUMULATED, SAVED = 8, 2, 4
# A kernel, and pseudo-code that is followed line by line, round a few times less or more in each
# update: 3e-7 was the most that was seen, of weights that move by up to 0.5.
ROUNDINGS = 1e-6

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
pytestmark = [
    # transformers 5.24 asks its own models for an attribute that it has deprecated.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    # pytorch-lightning 2.6 looks at trees in a way that torch 2.13 has deprecated,
    pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated"),
    # advises to read data in more processes where there are more than two cores,
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    # and warns whoever resumes that there is something in the folder.
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


@pytest.fixture(autouse=True)
def _little_garbage():
    """The Trainer of transformers collects garbage at its end, among all that there is by then."""
    gc.freeze()
    yield
    gc.unfreeze()


def library(name):
    return pytest.importorskip(name, reason=f"{name} is missing: pip install '.[ecosystem]'")


def ours(name, **flags):
    """A class and its keywords: every option is off its default."""
    return partial(OPTIMIZERS[name].optimizer, **cases.RICH[name][0], **flags)


def theirs(name):
    """The same of the witness, which need not know what a closure is, but is given one."""
    if name not in cases.WITNESSES:
        return ours(name)  # only resuming can be looked at
    make = partial(cases.WITNESSES[name], **cases.RICH[name][0])
    if "closure" in inspect.signature(make.func.step).parameters:
        return make

    class Witness(make.func):
        def step(self, closure=None):
            loss = None if closure is None else closure()
            super().step()
            return loss

    return partial(Witness, **make.keywords)


def movable(name, model):
    """A model of which everything is frozen that the optimizer does not take."""
    for param in model.parameters():
        param.requires_grad_(cases.takes(name, param))
    return model


def moving(model):
    return [param for param in model.parameters() if param.requires_grad]


def network(name, seed):
    torch.manual_seed(seed)
    # Tanh: at a kink such as ReLU's, a difference in the last bit becomes one that can be seen.
    return movable(name, nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)))


def batches():
    x = torch.randn(2 * UPDATES * ACCUMULATED, 4, generator=torch.Generator().manual_seed(0))
    data = torch.utils.data.TensorDataset(x, x[:, :2] * x[:, 2:])
    return torch.utils.data.DataLoader(data, batch_size=2)


def language_model(seed):
    transformers = library("transformers")
    torch.manual_seed(seed)
    sizes = dict(vocab_size=16, hidden_size=8, intermediate_size=12)
    config = transformers.LlamaConfig(num_hidden_layers=1, num_attention_heads=2, **sizes)
    return transformers.LlamaForCausalLM(config)


def train(model, folder, bf16, resume, **optimizer):
    """Run the Trainer of transformers."""
    transformers = library("transformers")
    generator = torch.Generator().manual_seed(0)
    texts = torch.randint(16, (2 * UPDATES * ACCUMULATED, 6), generator=generator)
    length = dict(max_steps=UPDATES, save_steps=SAVED, gradient_accumulation_steps=ACCUMULATED)
    # This schedule looks for lr in the defaults of the optimizer.
    update = dict(max_grad_norm=0.5, weight_decay=0.1, lr_scheduler_type="polynomial")
    machine = dict(use_cpu=True, bf16=bool(bf16), dataloader_pin_memory=False, report_to="none")
    arguments = transformers.TrainingArguments(
        folder, per_device_train_batch_size=2, **length, **update, **machine
    )
    data = [{"input_ids": text, "labels": text} for text in texts]
    trainer = transformers.Trainer(model, arguments, train_dataset=data, **optimizer)
    trainer.train(resume_from_checkpoint=f"{folder}/checkpoint-{SAVED}" if resume else None)
    return model, trainer.optimizer.optimizer


def in_transformers(name, make, folder, bf16, resume):
    model = movable(name, language_model(seed=resume))
    return train(model, folder, bf16, resume, optimizer_cls_and_kwargs=(make.func, make.keywords))


def in_peft(name, make, folder, bf16, resume):
    peft = library("peft")
    lora = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"])
    model = peft.get_peft_model(language_model(seed=0), lora)
    # It makes four groups with two learning rates; some are empty.
    create = library("peft.optimizers").create_loraplus_optimizer
    optimizer = create(model, make.func, loraplus_lr_ratio=4.0, **make.keywords)
    return train(model, folder, bf16, resume, optimizers=(optimizer, None))


def in_accelerate(name, make, folder, bf16, resume):
    accelerate = library("accelerate")
    # It keeps for the whole process the precision in which it was started first.
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = accelerate.Accelerator(
        cpu=True,
        mixed_precision="bf16" if bf16 else "no",
        gradient_accumulation_steps=ACCUMULATED,
    )
    model = network(name, seed=resume)
    optimizer = make(moving(model))
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)
    model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, batches(), schedule)
    if resume:
        accelerator.load_state(folder / "saved")
        loader = accelerator.skip_first_batches(loader, SAVED * ACCUMULATED)
    for index, (x, y) in enumerate(loader, start=1):
        with accelerator.accumulate(model):
            accelerator.backward(nn.functional.mse_loss(model(x), y))
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        if index == SAVED * ACCUMULATED and not resume:
            accelerator.save_state(folder / "saved")
    return accelerator.unwrap_model(model), optimizer.optimizer


def in_lightning(name, make, folder, bf16, resume):
    lightning = library("pytorch_lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = network(name, seed=resume)

        def training_step(self, batch):
            return nn.functional.mse_loss(self.network(batch[0]), batch[1])

        def configure_optimizers(self):
            optimizer = make(moving(self))
            schedule = lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)
            return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    module = Module()
    # It saves at the end of an epoch, so that an epoch is one half of a run.
    length = dict(max_epochs=UPDATES // SAVED, limit_train_batches=SAVED * ACCUMULATED)
    update = dict(accumulate_grad_batches=ACCUMULATED, gradient_clip_val=0.5)
    machine = dict(accelerator="cpu", precision=bf16 or "32-true")
    quiet = dict(logger=False, enable_model_summary=False, enable_progress_bar=False)
    keep = lightning.callbacks.ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1)
    trainer = lightning.Trainer(**length, **update, **machine, **quiet, callbacks=[keep])
    trainer.fit(module, batches(), ckpt_path=folder / "epoch=0.ckpt" if resume else None)
    return module, trainer.optimizers[0]


def in_torch(name, make, schedule, saved=None):
    model = network(name, seed=0)
    optimizer = make(moving(model))
    parts, data = (model, optimizer, schedule(optimizer)), list(batches())
    for part, state in zip(parts, saved or [], strict=False):
        part.load_state_dict(state)
    for update in range(SAVED if saved else 0, UPDATES):
        if update == SAVED:
            saved = copy.deepcopy([part.state_dict() for part in parts])

        def closure(data=data[update * ACCUMULATED :][:ACCUMULATED]):
            optimizer.zero_grad()
            loss = sum(nn.functional.mse_loss(model(x), y) for x, y in data)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            return loss

        optimizer.step(closure)
        parts[-1].step()
    return model, optimizer, saved


def check_resumed(whole, resumed):
    """Two runs have ended with the same weights, state and options, to the last bit."""
    check_weights(whole, resumed, 0)
    a, b = (run[1].state_dict() for run in (whole, resumed))
    torch.testing.assert_close(a["state"], b["state"], rtol=0, atol=0)
    assert a["param_groups"] == b["param_groups"]


def check_weights(one, other, tolerance):
    for a, b in zip(one[0].parameters(), other[0].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("bf16", [False, "bf16-mixed"], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("loop", [in_transformers, in_peft, in_accelerate, in_lightning])
@every_optimizer
def test_a_loop_resumes_to_the_bit_and_ends_where_the_witness_does(name, loop, bf16, tmp_path):
    # Rounded to bfloat16, a last bit may become a large one: there it has to be the original's, as
    # it is on the plain path.
    make, tolerance = (ours(name, fused=False), 0) if bf16 else (ours(name), ROUNDINGS)
    whole = loop(name, make, tmp_path, bf16, resume=False)
    check_resumed(whole, loop(name, make, tmp_path, bf16, resume=True))
    if name in (cases.ORIGINALS if bf16 else cases.WITNESSES):
        witness = loop(name, theirs(name), tmp_path / "theirs", bf16, resume=False)
        check_weights(whole, witness, tolerance)


@every_optimizer
def test_lightning_resumes_weights_in_bfloat16_with_their_state_in_float32(name, tmp_path):
    whole, (model, optimizer) = (
        in_lightning(name, ours(name), tmp_path, "bf16-true", resume) for resume in (False, True)
    )
    check_resumed(whole, (model, optimizer))
    assert all(param.dtype == torch.bfloat16 for param in model.parameters())
    for state in optimizer.state.values():
        assert all(value.dtype == torch.float32 for value in state.values())


@pytest.mark.parametrize("loop", [in_accelerate, in_lightning])
def test_the_two_optimizers_of_the_page_of_questions_are_resumed_to_the_bit(loop, tmp_path):
    together = runpy.run_path(str(ROOT / "snippets" / "together.py"))["Together"]

    def make(params):
        matrices, vectors = ([p for p in params if (p.dim() == 2) == wanted] for wanted in (1, 0))
        return together(Muon(matrices, lr=0.02), AdamW(vectors, lr=0.01))

    whole, resumed = (loop("AdamW", make, tmp_path, False, resume) for resume in (False, True))
    check_weights(whole, resumed, 0)
    assert whole[1].state_dict()["optimizers"][0]["param_groups"][0]["lr"] < 0.02
    start = network("AdamW", seed=0)
    assert not torch.equal(next(start.parameters()), next(whole[0].parameters()))


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimization, arXiv 2010.01412: its option lies in groups that both share."""

    def __init__(self, params, make, rho):
        super().__init__(params, dict(rho=rho))
        self.base = make(self.param_groups)  # the very same groups: nobody copies them

    @torch.no_grad()
    def first_step(self):
        params = [(param, group["rho"]) for group in self.param_groups for param in group["params"]]
        norm = torch.stack([param.grad.norm() for param, _ in params]).norm()
        for param, rho in params:
            self.state[param]["start"] = param.clone()
            param.add_(rho * param.grad / norm)

    @torch.no_grad()
    def second_step(self):
        for param, state in self.state.items():
            param.copy_(state["start"])
        self.base.step()

    def step(self, closure):
        closure()
        self.first_step()
        closure()
        self.second_step()

    def state_dict(self):
        return self.base.state_dict()

    def load_state_dict(self, state_dict):
        self.base.load_state_dict(state_dict)
        self.param_groups = self.base.param_groups


@every_optimizer
def test_a_wrapper_keeps_an_option_of_its_own_in_the_groups(name):
    schedule = partial(lr_scheduler.StepLR, step_size=3)
    whole = in_torch(name, partial(SAM, make=ours(name), rho=0.05), schedule)
    # The option that was saved is the one that counts.
    resumed = in_torch(name, partial(SAM, make=ours(name), rho=0.5), schedule, whole[2])
    check_resumed(whole, resumed)
    assert [group["rho"] for group in resumed[1].param_groups] == [0.05]
    witness = in_torch(name, partial(SAM, make=theirs(name), rho=0.05), schedule)
    check_weights(whole, witness, ROUNDINGS)


# Those that tests/test_contract_state.py does not try.
SCHEDULES = [
    partial(lr_scheduler.LambdaLR, lr_lambda=lambda step: 0.9**step),
    partial(lr_scheduler.MultiplicativeLR, lr_lambda=lambda step: 0.9),
    partial(lr_scheduler.MultiStepLR, milestones=[2, 5]),
    partial(lr_scheduler.ConstantLR, total_iters=5),
    partial(lr_scheduler.PolynomialLR, total_iters=6, power=2),
    partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=3),
    partial(lr_scheduler.CyclicLR, base_lr=0.01, max_lr=0.1, step_size_up=3, cycle_momentum=False),
    partial(torch.optim.swa_utils.SWALR, swa_lr=0.01, anneal_epochs=6),
    lambda optimizer: lr_scheduler.ChainedScheduler([lr_scheduler.LinearLR(optimizer)] * 2),
]


@every_optimizer
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_is_resumed_to_the_bit_and_ends_where_the_witness_does(name, schedule):
    whole = in_torch(name, ours(name), schedule)
    check_resumed(whole, in_torch(name, ours(name), schedule, whole[2]))
    check_weights(whole, in_torch(name, theirs(name), schedule), ROUNDINGS)
