"""The hyper-parameters of each optimizer as sliders."""

from optimizers import rule_of
from optimizers._options import OPTIONS

SLIDERS = {option.name: option.slider for option in OPTIONS if option.slider}


def scale(option: str, default) -> dict:
    """Return how a hyper-parameter's slider maps to its values.

    Example:
        >>> scale("decouple", False), scale("unheard_of", 3.0)["max"]
        ({'scale': 'flag'}, 7.0)
    """
    if isinstance(default, bool):
        return {"scale": "flag"}
    if option in SLIDERS:
        return SLIDERS[option]
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
                **scale(option, default),
            }
        )
    return sorted(found, key=lambda hyper: (order[hyper["key"].partition(".")[0]], hyper["key"]))
