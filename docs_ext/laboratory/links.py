"""Links into the laboratory: each optimizer beside its parent, on a loss that tells them apart."""

from urllib.parse import quote, urlencode

from optimizers import OPTIMIZERS

# The loss, and what is set; where an optimizer has no row, the narrow valley as it opens.
FITTING: dict[str, dict[str, str]] = {
    "Momentum": {"Gradient Descent.lr": "0.02", "Momentum.lr": "0.02"},
    "Nesterov": {"Momentum.lr": "0.02", "Nesterov.lr": "0.02"},
    "RMSprop": {"RMSprop.alpha": "0.9"},
    "Adadelta": {"RMSprop.alpha": "0.9", "Adadelta.lr": "1", "Adadelta.eps": "0.0001"},
    "AdamW": {"AdamW.weight_decay": "0.5"},
    "ADOPT": {"loss": "counterexample"},
    "AMSGrad": {"loss": "counterexample"},
    "Signum": {"loss": "saddle"},
    "Muon": {"Nesterov.lr": "0.02", "Muon.lr": "0.05"},
    "LAMB": {"LAMB.lr": "0.05"},
    "Rprop": {"Gradient Descent.lr": "0.02"},
    "LARS": {"Momentum.lr": "0.02", "LARS.lr": "10"},
}


def address(name: str) -> str:
    """Return where the laboratory shows an optimizer and its parent.

    Example:
        >>> address("ADOPT")
        '#loss=counterexample&on=Adam,ADOPT'
    """
    settings = {"loss": "ravine"} | FITTING.get(name, {})
    names = [name for name in (OPTIMIZERS[name].parent, name) if name]
    on = ",".join(quote(name) for name in names)
    others = urlencode({k: v for k, v in settings.items() if k != "loss"}, quote_via=quote)
    return f"#loss={settings['loss']}&on={on}" + (f"&{others}" if others else "")
