"""The hyper-parameters of each optimizer as sliders."""

from optimizers.formula import rule_of

# How a slider maps to values, by the symbol; other symbols follow their default.
SCALES = {
    r"\alpha": {"scale": "log", "min": 1e-4, "max": 10},
    r"\epsilon": {"scale": "log", "min": 1e-10, "max": 1},
    r"\lambda": {"scale": "log", "min": 1e-4, "max": 1},
    # At the end of the slider nothing is clipped.
    "c": {"scale": "linear", "min": 0, "max": 1, "none": True},
    # Evenly in the logarithm of 1 - β, from 0 to 0.9999.
    r"\beta_1": {"scale": "decay", "max": 4},
    r"\beta_2": {"scale": "decay", "max": 4},
    r"\mu": {"scale": "decay", "max": 4},
}


def scale(latex: str, default) -> dict:
    r"""Return how a hyper-parameter's slider maps to its values.

    Example:
        >>> scale(r"\delta", False), scale("k", 3.0)["max"]
        ({'scale': 'flag'}, 7.0)
    """
    if isinstance(default, bool):
        return {"scale": "flag"}
    if latex in SCALES:
        return SCALES[latex]
    if isinstance(default, int):
        return {"scale": "count", "max": 2 * default + 1}
    if default < 0:
        return {"scale": "linear", "min": 2 * default - 1, "max": 0}
    return {"scale": "linear", "min": 0, "max": 1 if default <= 1 else 2 * default + 1}


def hyperparameters(name: str) -> list[dict]:
    """Return the hyper-parameters of an optimizer's formula, as sliders and scripts need them.

    Args:
        name: the optimizer.

    Returns:
        For each: `key`, its name in the code and in the address; its symbol, meanings, default
        and scale.

    Example:
        >>> [(hyper["key"], hyper["default"]) for hyper in hyperparameters("Adam")][:3]
        [('lr', 0.001), ('betas.0', 0.9), ('betas.1', 0.999)]
    """
    rule, found = rule_of(name), []
    order = {option: place for place, option in enumerate(rule.hyperparameters)}
    for symbol in rule.symbols.values():
        if symbol.kind != "hyper-parameter":
            continue
        option, _, index = symbol.code.rstrip("]").partition("[")
        default = rule.defaults[option]
        default = default[int(index)] if index else default
        found.append(
            {
                "key": f"{option}.{index}" if index else option,
                "latex": symbol.latex,
                "meanings": {"en": symbol.meaning, "fa": symbol.fa},
                "default": default,
                **scale(symbol.latex, default),
            }
        )
    return sorted(found, key=lambda hyper: (order[hyper["key"].partition(".")[0]], hyper["key"]))
