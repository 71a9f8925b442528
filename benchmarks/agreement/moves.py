"""With which options an optimizer of another library takes the steps of ours: each one is run."""

from typing import Any, NamedTuple

import numpy as np

from .libraries import CONTENDERS, ROUNDINGS, Contender
from .rows import asked, by_schedule, ours_of, theirs_of, tried
from .variations import LR_ROUNDED


class Move(NamedTuple):
    """One row.

    Args:
        optimizer: the name of ours.
        library: whose optimizer of that name.
        theirs: their options besides those of the same meaning, as source, in which ours may stand.
        penalty: whether λ becomes an L2 penalty in the loss, and their weight decay is left out.
        ours: our options that have to change, as source.
    """

    optimizer: str
    library: str
    theirs: dict[str, str] | None = None
    penalty: bool = False
    ours: dict[str, str] | None = None

    @property
    def contender(self) -> Contender:
        pair = self.optimizer, self.library
        return next(
            contender
            for contender in CONTENDERS
            if (contender.optimizer, contender.library) == pair
        )


MOVES = (
    Move("Gradient Descent", "optax", penalty=True),
    Move("Momentum", "optax", penalty=True),
    Move("Momentum", "Keras", penalty=True),
    Move("Nesterov", "optax", penalty=True),
    Move("Nesterov", "Keras", penalty=True),
    Move("RMSprop", "optax", {"eps_in_sqrt": "False"}, penalty=True),
    Move("RMSprop", "Keras", {"epsilon": "eps**2"}, penalty=True),
    Move("RMSprop", "MLX", penalty=True),
    Move("Adagrad", "optax", {"eps": "eps**2", "initial_accumulator_value": "0.0"}, penalty=True),
    Move(
        "Adagrad", "Keras", {"epsilon": "eps**2", "initial_accumulator_value": "0.0"}, penalty=True
    ),
    Move("Adagrad", "MLX", penalty=True),
    Move("Adadelta", "Keras", penalty=True),
    Move("Adadelta", "MLX", penalty=True),
    Move("Adam", "optax", penalty=True),
    Move("Adam", "Keras", penalty=True),
    Move("Adam", "MLX", {"bias_correction": "True"}, penalty=True),
    Move("AdamW", "MLX", {"bias_correction": "True"}),
    Move("ADOPT", "optax", penalty=True),
    Move("ADOPT", "pytorch-optimizer", {"clip_lambda": "lambda step: (step - 1) ** 0.25"}),
    Move("NAdam", "optax", penalty=True, ours={"momentum_decay": "1e6"}),
    Move("NAdam", "Keras", penalty=True, ours={"momentum_decay": "1.0"}),
    Move("RAdam", "optax", penalty=True),
    Move("RAdam", "timm", penalty=True),
    Move("RAdam", "pytorch-optimizer", {"degenerated_to_sgd": "True"}, penalty=True),
    Move("AMSGrad", "Keras", penalty=True),
    Move("Adamax", "optax", penalty=True),
    Move("Adamax", "Keras", penalty=True),
    Move("AdaBelief", "optax", {"eps_root": "eps"}),
    Move("AdaBelief", "timm", {"rectify": "False"}),
    Move("LAMB", "timm", {"max_grad_norm": "None", "always_adapt": "True"}),
    Move("LARS", "timm", {"eps": "0.0", "always_adapt": "True"}),
    Move("Signum", "optax", penalty=True),
    Move("Signum", "pytorch-optimizer", {"weight_decouple": "False"}),
    Move("Muon", "timm", {"nesterov": "True", "adjust_lr_fn": "'original'"}),
)


def tried_out(move: Move, rounds: list[str]) -> dict[str, Any]:
    """The row of a move: how far it then is from ours, and how far without what they round.

    Args:
        move: which.
        rounds: what they round, as `rows.measured` has found it.
    """
    given, hyper, _ = asked(move.contender)
    values = tried(move.optimizer)
    given |= {name: eval(text, {}, values) for name, text in (move.theirs or {}).items()}
    hyper |= {name: eval(text, {}, values) for name, text in (move.ours or {}).items()}
    penalty = values["weight_decay"] if move.penalty else 0.0
    if move.penalty:
        hyper["weight_decay"] = penalty
        given.pop("weight_decay", None)
    ours = ours_of(move.optimizer, hyper)
    theirs = theirs_of(move.contender, given, penalty)
    found = {"apart": by_schedule(ours, theirs), "left": by_schedule(ours, theirs)}
    name, taken_away = ROUNDINGS.get(move.contender.path, ("", None))
    if taken_away and name in rounds:
        with taken_away():
            found["left"] = by_schedule(ours, theirs_of(move.contender, given, penalty))
    elif LR_ROUNDED in rounds:
        found["left"] = by_schedule(ours_of(move.optimizer, hyper, np.float32), theirs)
    return {**move._asdict(), **found}
